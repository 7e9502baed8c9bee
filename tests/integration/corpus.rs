//! Every file of the fuzz corpora through what its target calls.

use std::fs;
use std::path::Path;

use verimem_driver::hostile::TARGETS;

#[test]
fn the_fuzz_corpora_are_replayed() -> std::io::Result<()> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, check) in TARGETS {
        let mut files = 0;
        for file in fs::read_dir(corpora.join(target))? {
            let path = file?.path();
            println!("{}", path.display());
            check(&fs::read(&path)?);
            files += 1;
        }
        assert!(files > 0, "no corpus of {target}");
    }
    Ok(())
}

#[test]
fn every_corpus_has_a_target() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for folder in fs::read_dir(root.join("corpus"))? {
        let name = folder?.file_name();
        let known = |target: &str| name.to_str() == Some(target);
        assert!(TARGETS.iter().any(|(target, _)| known(target)), "{name:?}");
    }
    for (target, _) in TARGETS {
        assert!(
            root.join(format!("fuzz_targets/{target}.rs")).exists(),
            "{target}"
        );
    }
    Ok(())
}

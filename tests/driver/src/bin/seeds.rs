//! Writes the corpora that fuzzing starts from: `seeds <folder>`, usually `fuzz/corpus`.

use std::path::PathBuf;
use std::{env, fs, io};

use verimem_driver::{hostile, seeds};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args().nth(1).unwrap_or_else(|| "fuzz/corpus".into()));
    for (target, _) in hostile::TARGETS {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        for (index, bytes) in seeds::corpus(target).into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{index:02}")), bytes)?;
        }
    }
    Ok(())
}

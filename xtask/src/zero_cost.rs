//! `cargo xtask zero-cost`: the production backend of the `sync` module costs
//! nothing. `examples/zero_cost.rs` is compiled twice, with the module and with
//! plain atomics, and the instructions of every probe must be the same.

use std::collections::BTreeMap;
use std::fs;

use crate::process;
use crate::table::Table;
use crate::workspace::Workspace;

/// Fewer probes than this were not all found.
const PROBES_MIN: usize = 11;

/// The instructions of each probe.
type Probes = BTreeMap<String, Vec<String>>;

pub fn run(workspace: &Workspace) -> Result<(), String> {
    let shim = probes(&compile(workspace, "shim", &[])?);
    let plain = probes(&compile(workspace, "plain", &["--cfg", "zero_cost_plain"])?);
    let mut table = Table::new(&["probe", "instructions", "verdict"]);
    for (name, instructions) in &shim {
        let same = plain.get(name) == Some(instructions);
        let verdict = if same { "the same" } else { "DIFFERENT" };
        table.row(vec![
            name.clone(),
            instructions.len().to_string(),
            verdict.into(),
        ]);
    }
    println!("{}", table.render());
    compare(&shim, &plain)
}

fn compile(workspace: &Workspace, name: &str, flags: &[&str]) -> Result<String, String> {
    let folder = workspace.target_dir("zero-cost");
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let assembly = folder.join(format!("{name}.s"));
    let mut command = process::cargo(workspace);
    command
        .args(["rustc", "--quiet", "--release", "--package", "xtask"])
        .args(["--example", "zero_cost", "--"])
        .args(["-C", "codegen-units=1", "-C", "debuginfo=0"])
        .arg(format!("--emit=asm={}", assembly.display()))
        .args(flags)
        // Of its own: what is compiled for one must not stand in for the other.
        .env("CARGO_TARGET_DIR", folder.join(name))
        // A checker's cfg would put another backend in place.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut command)?;
    fs::read_to_string(&assembly).map_err(|e| format!("cannot read {}: {e}", assembly.display()))
}

fn compare(shim: &Probes, plain: &Probes) -> Result<(), String> {
    if shim.len() < PROBES_MIN || !shim.keys().eq(plain.keys()) {
        return Err(format!(
            "{} and {} probes were found, at least {PROBES_MIN} were to be",
            shim.len(),
            plain.len()
        ));
    }
    for (name, instructions) in shim {
        if instructions.is_empty() {
            return Err(format!("no instruction of {name} was found"));
        }
        if plain.get(name) != Some(instructions) {
            let plain = plain.get(name).map(|lines| lines.join("\n"));
            return Err(format!(
                "{name} differs.\nwith the shim:\n{}\nplain:\n{}",
                instructions.join("\n"),
                plain.unwrap_or_default()
            ));
        }
    }
    Ok(())
}

/// The instructions of every function whose name begins with `probe_`.
fn probes(assembly: &str) -> Probes {
    let mut found = Probes::new();
    let mut current: Option<(String, Vec<String>, Labels)> = None;
    for line in assembly.lines() {
        let text = line.trim();
        if let Some(label) = line.strip_suffix(':').filter(|l| !is_local(l)) {
            if let Some((name, lines, _)) = current.take() {
                found.insert(name, lines);
            }
            let name = label.trim_start_matches('_');
            if name.starts_with("probe_") {
                current = Some((name.to_owned(), Vec::new(), Labels::default()));
            }
        } else if let Some((_, lines, labels)) = &mut current {
            let directive = text.starts_with('.') && !text.ends_with(':');
            let comment = text.starts_with(['#', ';']) || text.starts_with("//");
            if !(text.is_empty() || directive || comment) {
                lines.push(labels.normalise(text));
            }
        }
    }
    if let Some((name, lines, _)) = current {
        found.insert(name, lines);
    }
    // A trailing label only marks where the function ends.
    for lines in found.values_mut() {
        lines.retain(|line| !line.ends_with(':') || mentions(line));
    }
    found
}

/// A label that was jumped to is numbered; one that was not stays at `L?`.
fn mentions(line: &str) -> bool {
    line != "L?:"
}

fn is_local(label: &str) -> bool {
    let dotted = [
        ".L",
        "LBB",
        "Lfunc",
        "Ltmp",
        "Lloh",
        "Lanon",
        "l_anon",
        "GCC_except",
    ];
    dotted.iter().any(|prefix| label.starts_with(prefix))
}

/// Local labels in the order in which a function mentions them.
#[derive(Default)]
struct Labels(Vec<String>);

impl Labels {
    fn normalise(&mut self, line: &str) -> String {
        let mut text = String::new();
        let mut rest = line;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if is_local(name) {
                text.push_str(&self.number(name));
            } else {
                text.push_str(name);
            }
            let gap = after.find(is_name).unwrap_or(after.len());
            text.push_str(&after[..gap]);
            rest = &after[gap..];
        }
        text
    }

    fn number(&mut self, name: &str) -> String {
        // The end of a function is numbered by the file, and nobody jumps to it.
        if name.contains("func_end") || name.contains("func_begin") {
            return "L?".into();
        }
        let known = self.0.iter().position(|label| label == name);
        let index = known.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        format!("L{index}")
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._$".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "\t.globl\tprobe_a\nprobe_a:\n\t.cfi_startproc\n\tmov\teax, 1\n.LBB3_1:\n\tjne\t.LBB3_1\n\tret\n.Lfunc_end3:\n\t.size\tprobe_a, 1\nmain:\n\tnop\n";

    #[test]
    fn labels_are_numbered_and_directives_dropped() {
        let lines = &probes(ONE)["probe_a"];
        assert_eq!(lines, &["mov\teax, 1", "L0:", "jne\tL0", "ret"]);
        let renamed = ONE.replace("LBB3", "LBB7").replace("end3", "end9");
        assert_eq!(probes(ONE), probes(&renamed));
        let apple = ONE.replace("probe_a", "_probe_a").replace(".LBB", "LBB");
        assert_eq!(probes(ONE), probes(&apple));
    }

    #[test]
    fn one_more_instruction_is_noticed() {
        let named = |text: &str| {
            let numbered = |n| text.replace("probe_a", &format!("probe_{n}"));
            probes(&(0..PROBES_MIN).map(numbered).collect::<String>())
        };
        let same = named(ONE);
        assert_eq!(compare(&same, &same), Ok(()));
        let longer = named(&ONE.replace("\tret", "\tnop\n\tret"));
        assert!(compare(&longer, &same).is_err());
        let other = named(&ONE.replace("eax, 1", "eax, 2"));
        assert!(compare(&same, &other).is_err());
    }

    #[test]
    fn nothing_found_is_a_failure() {
        assert!(compare(&probes(""), &probes("")).is_err());
        let empty = named_empty();
        assert!(compare(&empty, &empty).is_err());
    }

    fn named_empty() -> Probes {
        let name = |n: usize| (format!("probe_{n}"), Vec::new());
        (0..PROBES_MIN).map(name).collect()
    }
}

//! `cargo xtask orderings`: every atomic ordering is named, justified and,
//! where it is stronger than Relaxed, shown necessary by weakening it.

mod hunt;
mod ledger;
mod mutants;
mod report;
mod scan;

use std::sync::Mutex;
use std::time::Instant;

use crate::checker::{Binary, Checker};
use crate::process;
use crate::tidy::Tree;
use crate::workspace::Workspace;
use crate::{Format, OrderingsArgs};
use hunt::{Hunter, Quarry};
use ledger::Site;
use report::Report;

/// How many mutants run at once.
const JOBS: usize = 2;

pub fn run(workspace: &Workspace, args: &OrderingsArgs) -> Result<(), String> {
    let started = Instant::now();
    let tree = Tree::load(workspace.root())?;
    let sites = placed_sites(&tree)?;
    let chosen = choose(&sites, args.site.as_deref())?;
    let mutants = mutants::of_sites(&chosen);
    let faults = if args.faults {
        ledger::faults()
    } else {
        Vec::new()
    };
    if mutants.is_empty() && faults.is_empty() {
        return Err("every chosen site is Relaxed: there is nothing to weaken".into());
    }

    let loom = Hunter::new(Binary::build(workspace, Checker::Loom)?);
    let shuttle = if faults.iter().any(|f| f.checker == Checker::Shuttle) {
        Some(Hunter::new(Binary::build(workspace, Checker::Shuttle)?))
    } else {
        None
    };
    let mut quarries: Vec<(&Hunter, Quarry)> = Vec::new();
    for mutant in &mutants {
        quarries.push((&loom, Quarry::mutant(mutant)));
    }
    for fault in &faults {
        let hunter = match fault.checker {
            Checker::Loom => Some(&loom),
            Checker::Shuttle => shuttle.as_ref(),
        };
        let hunter = hunter.ok_or("the shuttle models were not built")?;
        quarries.push((hunter, Quarry::fault(fault)));
    }
    baselines(&quarries)?;
    let hunts = hunt_all(&quarries);
    let (of_mutants, of_faults) = hunts.split_at(mutants.len());

    let report = Report::new(&chosen, &mutants, of_mutants, &faults, of_faults);
    match args.format {
        Format::Text => print!("{}", report.text()),
        Format::Json => println!("{}", report.json()?),
    }
    eprintln!("orderings: {:.0} s in all", started.elapsed().as_secs_f64());
    report.verdict()
}

/// The ledger's rows, each with its one place in the source.
fn placed_sites(tree: &Tree) -> Result<Vec<Site>, String> {
    if let Some(broken) = tree.unreadable.first() {
        return Err(broken.message.clone());
    }
    let uses = scan::uses(&tree.sources);
    let mut problems = scan::raw_orderings(&tree.sources);
    let sites = ledger::sites();
    problems.extend(ledger::problems(&sites));
    let sites = ledger::place(sites, &uses, &mut problems);
    if sites.is_empty() && problems.is_empty() {
        problems.push("the ledger has no row: nothing was checked".into());
    }
    if problems.is_empty() {
        Ok(sites)
    } else {
        Err(format!(
            "the ledger and the source disagree:\n  {}",
            problems.join("\n  ")
        ))
    }
}

fn choose(sites: &[Site], name: Option<&str>) -> Result<Vec<Site>, String> {
    let Some(name) = name else {
        return Ok(sites.to_vec());
    };
    match sites.iter().find(|site| site.name == name) {
        Some(site) => Ok(vec![site.clone()]),
        None => Err(format!("the ledger has no site `{name}`")),
    }
}

/// Every listed model must exist, and pass while nothing is broken.
fn baselines(quarries: &[(&Hunter, Quarry)]) -> Result<(), String> {
    let mut pairs: Vec<(&Hunter, &str)> = Vec::new();
    for (hunter, quarry) in quarries {
        for &test in &quarry.listed {
            if !hunter.knows(test) {
                return Err(format!(
                    "{}: the ledger lists `{test}`, which is no test",
                    quarry.label
                ));
            }
            if !pairs
                .iter()
                .any(|(h, t)| *t == test && std::ptr::eq(*h, *hunter))
            {
                pairs.push((hunter, test));
            }
        }
    }
    eprintln!("orderings: baseline of {} models", pairs.len());
    let failures: Vec<String> =
        process::in_parallel(&pairs, JOBS, |(hunter, test)| hunter.baseline(test).err())
            .into_iter()
            .flatten()
            .collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "the baseline fails, so no kill would count:\n  {}",
            failures.join("\n  ")
        ))
    }
}

fn hunt_all(quarries: &[(&Hunter, Quarry)]) -> Vec<hunt::Hunt> {
    let done = Mutex::new(0usize);
    process::in_parallel(quarries, JOBS, |(hunter, quarry)| {
        let hunt = hunter.hunt(quarry);
        if let Ok(mut done) = done.lock() {
            *done += 1;
            let how = match &hunt.killed_by {
                Some(test) => format!("killed by {test}"),
                None => "SURVIVED".to_owned(),
            };
            eprintln!(
                "  [{}/{}] {} {how} ({:.1} s)",
                *done,
                quarries.len(),
                quarry.label,
                hunt.seconds
            );
        }
        hunt
    })
}

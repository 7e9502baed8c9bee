//! Running models against one mutant or fault until one of them notices.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::ledger::Fault;
use super::mutants::Mutant;
use crate::checker::{Binary, Checker, Ending, Verdict, verdict};
use crate::process;

/// A model that has not noticed by then counts as one that does not.
const LIMIT: Duration = Duration::from_secs(120);

/// The unbroken models take their full time; they only have to end.
const BASELINE_LIMIT: Duration = Duration::from_secs(1800);

/// What is switched on, and which models ought to notice.
pub struct Quarry<'a> {
    pub label: String,
    variable: &'static str,
    value: String,
    pub listed: Vec<&'a str>,
}

impl<'a> Quarry<'a> {
    pub fn mutant(mutant: &'a Mutant) -> Self {
        let value = format!("{}={:?}", mutant.site.name, mutant.weakened);
        Self {
            label: value.clone(),
            variable: "VERIMEM_WEAKEN",
            value,
            listed: mutant.site.killed_by.iter().map(String::as_str).collect(),
        }
    }

    pub fn fault(fault: &'a Fault) -> Self {
        Self {
            label: format!("fault {}", fault.name),
            variable: "VERIMEM_FAULT",
            value: fault.name.clone(),
            listed: fault.killed_by.iter().map(String::as_str).collect(),
        }
    }
}

/// How the hunt ended.
#[derive(Debug, Clone)]
pub struct Hunt {
    pub killed_by: Option<String>,
    /// Whether the ledger lists the model that killed.
    pub listed: bool,
    /// The first panic of the killing model; of a survivor, what the listed
    /// models said.
    pub evidence: String,
    pub seconds: f64,
}

/// One checker's binary, with what is known about its unbroken models.
pub struct Hunter {
    binary: Binary,
    baselines: Mutex<HashMap<String, Result<Duration, String>>>,
}

impl Hunter {
    pub fn new(binary: Binary) -> Self {
        Self {
            binary,
            baselines: Mutex::new(HashMap::new()),
        }
    }

    pub fn checker(&self) -> Checker {
        self.binary.checker()
    }

    pub fn knows(&self, test: &str) -> bool {
        self.binary.tests().iter().any(|t| t == test)
    }

    /// Runs a model with nothing broken, once. It must pass: a model that
    /// fails anyway kills nothing.
    pub fn baseline(&self, test: &str) -> Result<Duration, String> {
        if let Some(known) = self.known_baseline(test) {
            return known;
        }
        let result = match process::capture(&mut self.binary.command(test), BASELINE_LIMIT) {
            Err(message) => Err(message),
            Ok(captured) => match verdict(&captured) {
                Verdict::Passed => Ok(captured.elapsed),
                Verdict::NotRun => Err(format!("{test}: it did not run")),
                Verdict::Failed(ending) => Err(format!("{test}: {ending}")),
            },
        };
        if let Ok(mut baselines) = self.baselines.lock() {
            baselines.insert(test.to_owned(), result.clone());
        }
        result
    }

    fn known_baseline(&self, test: &str) -> Option<Result<Duration, String>> {
        self.baselines.lock().ok()?.get(test).cloned()
    }

    /// Tries the listed models in their order, then every other one.
    pub fn hunt(&self, quarry: &Quarry) -> Hunt {
        let started = Instant::now();
        let mut said = Vec::new();
        let others = self.others(quarry);
        let all = quarry.listed.iter().map(|t| (*t, true));
        for (test, listed) in all.chain(others.iter().map(|t| (t.as_str(), false))) {
            if !listed && self.baseline(test).is_err() {
                continue;
            }
            match self.attempt(quarry, test) {
                Attempt::Killed(evidence) => {
                    return Hunt {
                        killed_by: Some(test.to_owned()),
                        listed,
                        evidence,
                        seconds: started.elapsed().as_secs_f64(),
                    };
                }
                Attempt::Missed(why) if listed => said.push(format!("{test} {why}")),
                Attempt::Missed(_) => {}
            }
        }
        said.push(format!(
            "and no other of {} {} models failed",
            others.len(),
            self.checker().name()
        ));
        Hunt {
            killed_by: None,
            listed: false,
            evidence: said.join("; "),
            seconds: started.elapsed().as_secs_f64(),
        }
    }

    /// The models that are not listed, those of the same groups first.
    fn others(&self, quarry: &Quarry) -> Vec<String> {
        let group = |test: &str| test.split("::").next().unwrap_or_default().to_owned();
        let listed: Vec<String> = quarry.listed.iter().map(|t| group(t)).collect();
        let mut others: Vec<String> = self
            .binary
            .tests()
            .iter()
            .filter(|t| !quarry.listed.contains(&t.as_str()))
            .cloned()
            .collect();
        others.sort_by_key(|test| !listed.contains(&group(test)));
        others
    }

    fn attempt(&self, quarry: &Quarry, test: &str) -> Attempt {
        let mut command = self.binary.command(test);
        command.env(quarry.variable, &quarry.value);
        match process::capture(&mut command, LIMIT) {
            Err(message) => Attempt::Missed(message),
            Ok(captured) => Attempt::of(verdict(&captured)),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Attempt {
    Killed(String),
    Missed(String),
}

impl Attempt {
    /// Only a violated property kills.
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Failed(Ending::Violation(panic)) => Self::Killed(panic),
            Verdict::Failed(ending) => Self::Missed(format!("does not count ({ending})")),
            Verdict::Passed => Self::Missed("passed".into()),
            Verdict::NotRun => Self::Missed("did not run".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_violation_kills() {
        let killed = Attempt::of(Verdict::Failed(Ending::Violation("lost".into())));
        assert_eq!(killed, Attempt::Killed("lost".into()));
        for verdict in [
            Verdict::Passed,
            Verdict::NotRun,
            Verdict::Failed(Ending::TimeOut),
            Verdict::Failed(Ending::Limit("branches".into())),
            Verdict::Failed(Ending::Crash("signal 11".into())),
        ] {
            assert!(matches!(Attempt::of(verdict), Attempt::Missed(_)));
        }
    }

    #[test]
    fn a_quarry_says_what_to_switch_on() {
        use super::super::ledger::tests::site;
        use verimem::ledger::Ordering;
        let mutant = Mutant {
            site: site("NEXT", Ordering::Acquire),
            weakened: Ordering::Relaxed,
        };
        let quarry = Quarry::mutant(&mutant);
        assert_eq!(
            (quarry.variable, quarry.value.as_str()),
            ("VERIMEM_WEAKEN", "NEXT=Relaxed")
        );
        assert_eq!(quarry.listed, ["group::model"]);
    }
}

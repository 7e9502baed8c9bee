//! How one test of a libtest binary ended.

use std::fmt;
use std::process::ExitStatus;

use crate::process::Captured;

/// Panics that say the search was cut short, or that the harness was misused:
/// no property of the code under test was violated.
const NOT_A_PROPERTY: [&str; 9] = [
    "exceeded maximum number of branches",
    "Model exceeded",
    "exceeded max_steps bound",
    "exceeded the step bound",
    "[loom internal bug]",
    "there is no such thing as", // an ordering that the operation cannot have
    "VERIMEM_WEAKEN",
    "VERIMEM_FAULT",
    // An outcome that the model must reach was not reached, or it explored too
    // little. That fails the model, and says nothing against a mutant.
    "WITNESS:",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// The binary ran no test of that name.
    NotRun,
    Failed(Ending),
}

/// Why a test failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// A property was violated; the first panic, with its place.
    Violation(String),
    /// The checker gave up, or the harness was misused.
    Limit(String),
    TimeOut,
    /// It died without saying why.
    Crash(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(panic) => f.write_str(panic),
            Self::Limit(panic) => write!(f, "not a property: {panic}"),
            Self::TimeOut => f.write_str("it did not end within the time limit"),
            Self::Crash(how) => write!(f, "it died without a panic: {how}"),
        }
    }
}

/// Judges a run of one test by `--exact`.
pub fn verdict(captured: &Captured) -> Verdict {
    let text = format!("{}\n{}", captured.stderr, captured.stdout);
    let Some(status) = captured.status else {
        return Verdict::Failed(Ending::TimeOut);
    };
    if status.success() {
        return match passed(&captured.stdout) {
            Some(1) => Verdict::Passed,
            _ => Verdict::NotRun,
        };
    }
    Verdict::Failed(match first_panic(&text) {
        Some(panic) if NOT_A_PROPERTY.iter().any(|mark| panic.contains(mark)) => {
            Ending::Limit(panic)
        }
        Some(panic) => Ending::Violation(panic),
        None => Ending::Crash(describe(status)),
    })
}

/// How many tests libtest's summary counts as passed.
fn passed(stdout: &str) -> Option<u64> {
    let (_, rest) = stdout.rsplit_once("test result: ok. ")?;
    rest.split(' ').next()?.parse().ok()
}

/// The first panic as `place: message`, the message's first two lines.
fn first_panic(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let header = lines.find(|line| line.contains(" panicked at "))?;
    let (_, place) = header.split_once(" panicked at ")?;
    let message: Vec<&str> = lines
        .take_while(|line| !line.starts_with("note: ") && !line.contains(" panicked at "))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(3)
        .collect();
    Some(
        format!("{} {}", short(place.trim()), message.join(" "))
            .trim()
            .to_owned(),
    )
}

/// A place in a dependency without the folder that dependencies are kept in.
fn short(place: &str) -> &str {
    match place.find("/src/") {
        Some(_) if !place.starts_with('/') => place,
        _ => {
            let registry = place.find("/registry/src/").map_or(0, |at| at + 14);
            let rest = &place[registry..];
            rest.find('/')
                .filter(|_| registry > 0)
                .map_or(rest, |at| &rest[at + 1..])
        }
    }
}

#[cfg(unix)]
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => status.to_string(),
    }
}

#[cfg(not(unix))]
fn describe(status: ExitStatus) -> String {
    status.to_string()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    const OK: &str =
        "running 1 test\ntest a::b ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";

    fn ended(raw_status: Option<i32>, stdout: &str, stderr: &str) -> Verdict {
        verdict(&Captured {
            status: raw_status.map(ExitStatus::from_raw),
            stdout: stdout.into(),
            stderr: stderr.into(),
            elapsed: Duration::ZERO,
        })
    }

    fn panicked(message: &str) -> Verdict {
        let stderr =
            format!("\nthread 'a::b' (7) panicked at src/x.rs:3:5:\n{message}\nnote: run with\n");
        ended(
            Some(101 << 8),
            "test result: FAILED. 0 passed; 1 failed\n",
            &stderr,
        )
    }

    #[test]
    fn passing_needs_one_test_that_ran() {
        assert_eq!(ended(Some(0), OK, ""), Verdict::Passed);
        assert_eq!(
            ended(Some(0), &OK.replace("1 passed", "0 passed"), ""),
            Verdict::NotRun
        );
        assert_eq!(ended(Some(0), "", ""), Verdict::NotRun);
    }

    #[test]
    fn a_failed_assertion_is_a_violation_with_its_place() {
        let expected = "src/x.rs:3:5: assertion `left == right` failed left: 1 right: 2";
        assert_eq!(
            panicked("assertion `left == right` failed\n  left: 1\n right: 2"),
            Verdict::Failed(Ending::Violation(expected.into()))
        );
    }

    #[test]
    fn limits_and_misuse_are_no_violation() {
        for message in [
            "Model exceeded maximum number of branches. This is often caused by",
            "exceeded max_steps bound 100. this might be caused by an unfair schedule",
            "there is no such thing as a release load",
            "VERIMEM_WEAKEN: no site is called X",
            "WITNESS: the new value was never seen",
        ] {
            assert!(
                matches!(panicked(message), Verdict::Failed(Ending::Limit(_))),
                "{message}"
            );
        }
    }

    #[test]
    fn time_outs_and_silent_deaths_are_no_violation() {
        assert_eq!(ended(None, "", ""), Verdict::Failed(Ending::TimeOut));
        let overflow = ended(Some(6), "", "thread 'a::b' has overflowed its stack");
        assert_eq!(overflow, Verdict::Failed(Ending::Crash("signal 6".into())));
        assert!(matches!(
            ended(Some(11), "", ""),
            Verdict::Failed(Ending::Crash(_))
        ));
    }

    #[test]
    fn an_abort_after_a_panic_is_judged_by_the_first_panic() {
        let stderr = "thread 'a' panicked at a.rs:1:1:\nlost key\nthread 'a' panicked at b.rs:2:2:\n\
                      Model exceeded maximum number of branches";
        assert_eq!(
            ended(Some(6), "", stderr),
            Verdict::Failed(Ending::Violation("a.rs:1:1: lost key".into()))
        );
    }
}

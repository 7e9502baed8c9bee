//! What a command leaves behind: a report on stdout, or a problem on stderr.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::cli::Format;

/// Why a command produced no report.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// The command line asks for something that cannot be; exit status 2.
    Usage(String),
    /// The work could not be done; exit status 1.
    Failure(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Failure(text) => f.write_str(text),
        }
    }
}

/// The report in the wanted format, with its final newline.
pub fn render<R: Serialize + fmt::Display>(format: Format, report: &R) -> String {
    match format {
        Format::Text => format!("{report}\n"),
        // Reports hold numbers, strings and maps keyed by strings, which
        // always have a JSON form; the fallback keeps even a bug readable.
        Format::Json => match serde_json::to_string(report) {
            Ok(json) => json + "\n",
            Err(error) => format!("{{\"error\":\"{error}\"}}\n"),
        },
    }
}

/// Prints a report and answers with the exit status of its verdict.
pub fn print(text: &str, passed: bool) -> ExitCode {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        // A reader that has seen enough (`| head`) changes nothing about the
        // verdict and deserves no message.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => complain(
            &Problem::Failure(format!("cannot write the result: {error}")),
            1,
        ),
        _ => ExitCode::from(u8::from(!passed)),
    }
}

/// Prints a problem on stderr and answers with the exit status.
pub fn complain(problem: &Problem, status: u8) -> ExitCode {
    // Nobody is left to tell if stderr is gone.
    let _ = writeln!(io::stderr(), "verimem: {problem}");
    ExitCode::from(status)
}

/// A progress bar on stderr; it draws nothing unless stderr is a terminal.
pub fn progress(length: u64, template: &str, hidden: bool) -> ProgressBar {
    let target = if hidden {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    // A template is a constant of this crate; a wrong one leaves the plain bar.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// `count` per second, 0 for no time at all.
pub fn per_second(count: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Answer {
        value: u32,
    }

    impl fmt::Display for Answer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "value {}", self.value)
        }
    }

    #[test]
    fn renders_both_formats() {
        assert_eq!(render(Format::Text, &Answer { value: 7 }), "value 7\n");
        assert_eq!(
            render(Format::Json, &Answer { value: 7 }),
            "{\"value\":7}\n"
        );
    }

    #[test]
    fn rates_are_finite() {
        assert_eq!(per_second(5, Duration::ZERO), 0.0);
        assert_eq!(per_second(5, Duration::from_secs(2)), 2.5);
    }
}

//! Advice against measurements.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::outcome::Problem;

/// The name under which the advised set-up was measured.
const ADVISED: &str = "advised";

/// What is needed of a row of `verimem bench`.
#[derive(Debug, Clone, Deserialize)]
struct Measured {
    workload: String,
    rep: String,
    num: u64,
    threads: u64,
    ops_per_sec: f64,
    ops_per_sec_min: f64,
    ops_per_sec_max: f64,
    rounds: u64,
    advice: Option<String>,
}

/// A representation's speed.
#[derive(Debug, Clone, Serialize)]
struct Speed {
    rep: String,
    ops_per_sec: f64,
    ops_per_sec_min: f64,
    ops_per_sec_max: f64,
}

/// What became of the advice on one workload.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    workload: String,
    num: u64,
    threads: u64,
    /// Speeds of the representations.
    speeds: Vec<Speed>,
    /// The fastest of them.
    winner: String,
    /// What was advised.
    advice: String,
    advised: Speed,
    /// The speed of the advised over that of the winner.
    ratio: f64,
    /// Whether the advised is as fast as the winner, within the spread of either; measured by itself, or
    /// as the representation that it is.
    within_spread: bool,
}

/// All of them, by size and workload.
#[derive(Debug, Serialize)]
pub struct Verdicts {
    rows: Vec<Verdict>,
    /// How many are within the spread.
    within_spread: usize,
    /// Rounds of the measurements, the fewest.
    rounds: u64,
}

impl Verdicts {
    /// Whether all advice holds.
    pub fn passed(&self) -> bool {
        self.within_spread == self.rows.len()
    }
}

/// Reads results and judges each workload.
pub fn judge(paths: &[PathBuf]) -> Result<Verdicts, Problem> {
    let mut rows = Vec::new();
    let mut rounds = u64::MAX;
    for path in paths {
        let measured = read(path)?;
        rounds = measured.iter().map(|row| row.rounds).fold(rounds, u64::min);
        rows.extend(verdicts(&measured).map_err(|text| usage(path, &text))?);
    }
    Ok(Verdicts {
        within_spread: rows.iter().filter(|row| row.within_spread).count(),
        rows,
        rounds,
    })
}

fn usage(path: &Path, text: &str) -> Problem {
    Problem::Usage(format!("--against: {}: {text}", path.display()))
}

fn read(path: &Path) -> Result<Vec<Measured>, Problem> {
    let text = fs::read_to_string(path).map_err(|error| usage(path, &error.to_string()))?;
    let rows: Vec<Measured> = serde_json::from_str(&text).map_err(|error| {
        let text = format!("no result of `verimem bench --format json`: {error}");
        usage(path, &text)
    })?;
    // NaN is in no range.
    if !rows
        .iter()
        .all(|row| (f64::MIN_POSITIVE..).contains(&row.ops_per_sec))
    {
        return Err(usage(path, "a workload without operations"));
    }
    Ok(rows)
}

fn verdicts(rows: &[Measured]) -> Result<Vec<Verdict>, String> {
    let advised = rows.iter().filter(|row| row.rep == ADVISED);
    let verdicts: Result<Vec<Verdict>, String> = advised.map(|row| verdict(rows, row)).collect();
    match verdicts {
        Ok(none) if none.is_empty() => {
            Err("nothing advised was measured; run the bench with --advised".to_owned())
        }
        verdicts => verdicts,
    }
}

fn verdict(rows: &[Measured], advised: &Measured) -> Result<Verdict, String> {
    let same = |row: &&Measured| {
        row.rep != ADVISED
            && (&row.workload, row.num, row.threads)
                == (&advised.workload, advised.num, advised.threads)
    };
    let speeds: Vec<Speed> = rows.iter().filter(same).map(speed).collect();
    let best = speeds
        .iter()
        .max_by(|a, b| a.ops_per_sec.total_cmp(&b.ops_per_sec))
        .ok_or_else(|| format!("{}: nothing else was measured", advised.workload))?;
    let ratio = advised.ops_per_sec / best.ops_per_sec;
    let (winner, least) = (best.rep.clone(), best.ops_per_sec_min);
    // Without a filter, the advised representation was measured twice.
    let twin = speeds
        .iter()
        .filter(|one| Some(&one.rep) == advised.advice.as_ref());
    let both = twin.chain([&speed(advised)]).cloned().collect::<Vec<_>>();
    let is_close = both
        .iter()
        .any(|one| one.ops_per_sec >= least || one.ops_per_sec_max >= best.ops_per_sec);
    Ok(Verdict {
        workload: advised.workload.clone(),
        num: advised.num,
        threads: advised.threads,
        winner,
        advice: advised.advice.clone().unwrap_or_default(),
        advised: speed(advised),
        ratio,
        within_spread: is_close,
        speeds,
    })
}

fn speed(row: &Measured) -> Speed {
    Speed {
        rep: row.rep.clone(),
        ops_per_sec: row.ops_per_sec,
        ops_per_sec_min: row.ops_per_sec_min,
        ops_per_sec_max: row.ops_per_sec_max,
    }
}

/// Millions of operations a second, with three digits.
fn millions(per_second: f64) -> String {
    let millions = per_second / 1e6;
    let digits = match millions {
        ..1.0 => 3,
        ..10.0 => 2,
        _ => 1,
    };
    format!("{millions:.digits$}")
}

impl fmt::Display for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = None;
        for row in &self.rows {
            let reps: Vec<&str> = row.speeds.iter().map(|speed| speed.rep.as_str()).collect();
            let table = (row.num, row.threads, reps);
            if before.as_ref() != Some(&table) {
                let (num, threads, reps) = &table;
                let gap = if before.is_some() { "\n" } else { "" };
                writeln!(
                    f,
                    "{gap}{num} entries, threads: {threads}; millions of operations a second\n"
                )?;
                let (heads, rules) = (reps.join(" | "), "|--:".repeat(reps.len()));
                writeln!(
                    f,
                    "| workload | {heads} | advised | what that is | advised / best |"
                )?;
                writeln!(f, "|---{rules}|--:|---|--:|")?;
                before = Some(table);
            }
            let mut cells = String::new();
            for speed in &row.speeds {
                let cell = millions(speed.ops_per_sec);
                // A String takes all that is written.
                let _ = match speed.rep == row.winner {
                    true => write!(cells, " **{cell}** |"),
                    false => write!(cells, " {cell} |"),
                };
            }
            let (advised, ratio) = (millions(row.advised.ops_per_sec), row.ratio);
            let mark = if row.within_spread {
                ""
            } else {
                ", outside of the spread"
            };
            let Verdict {
                workload, advice, ..
            } = row;
            writeln!(
                f,
                "| {workload} |{cells} {advised} | {advice} | {ratio:.2}{mark} |"
            )?;
        }
        write!(
            f,
            "\n{} of {} within the spread of {} rounds",
            self.within_spread,
            self.rows.len(),
            self.rounds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(rep: &str, range: [f64; 3]) -> Measured {
        let [least, median, most] = range.map(|millions| millions * 1e6);
        Measured {
            workload: "fillseq".to_owned(),
            rep: rep.to_owned(),
            num: 1_000,
            threads: 1,
            ops_per_sec: median,
            ops_per_sec_min: least,
            ops_per_sec_max: most,
            rounds: 3,
            advice: (rep == ADVISED).then(|| "vector".to_owned()),
        }
    }

    fn is_within(advised: [f64; 3]) -> bool {
        let rows = [
            row("skiplist", [4.0, 5.0, 6.0]),
            row("vector", [8.0, 10.0, 12.0]),
            Measured {
                advice: Some("hash_skiplist".to_owned()),
                ..row(ADVISED, advised)
            },
        ];
        let verdicts = verdicts(&rows).unwrap();
        assert_eq!((verdicts.len(), &verdicts[0].winner[..]), (1, "vector"));
        verdicts[0].within_spread
    }

    #[test]
    fn advice_has_to_be_as_fast_as_the_best_within_the_spread() {
        assert!(is_within([9.0, 11.0, 12.0]));
        assert!(is_within([7.0, 8.1, 9.0]), "above the best's slowest");
        assert!(
            is_within([5.0, 7.0, 10.5]),
            "once faster than the best's median"
        );
        assert!(!is_within([4.0, 5.0, 6.0]));
        assert!(!is_within([7.0, 7.9, 9.9]));
    }

    #[test]
    fn the_advised_representation_is_a_second_measurement() {
        let rows = [row("vector", [8.0, 10.0, 12.0]), row(ADVISED, [1.0; 3])];
        assert!(verdicts(&rows).unwrap()[0].within_spread);
    }

    #[test]
    fn results_without_what_is_needed_are_refused() {
        let alone = verdicts(&[row(ADVISED, [1.0; 3])]).unwrap_err();
        assert!(alone.contains("nothing else"), "{alone}");
        let none = verdicts(&[row("skiplist", [1.0; 3])]).unwrap_err();
        assert!(none.contains("--advised"), "{none}");
    }

    #[test]
    fn tables_are_markdown() {
        let rows = [
            row("skiplist", [4.0, 5.0, 6.0]),
            row(ADVISED, [1.0, 2.0, 3.0]),
        ];
        let verdicts = Verdicts {
            rows: verdicts(&rows).unwrap(),
            within_spread: 0,
            rounds: 3,
        };
        assert!(!verdicts.passed());
        let text = verdicts.to_string();
        assert!(
            text.contains("| fillseq | **5.00** | 2.00 | vector | 0.40, outside"),
            "{text}"
        );
        assert!(
            text.ends_with("0 of 1 within the spread of 3 rounds"),
            "{text}"
        );
        assert_eq!(
            [0.1234e6, 5e6, 12.34e6].map(millions),
            ["0.123", "5.00", "12.3"]
        );
    }
}

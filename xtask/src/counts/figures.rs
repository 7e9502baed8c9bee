//! The figures, how they are stored, and how far they may be apart.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What the figures depend on beside the source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tools {
    pub rustc: String,
    /// Its copying and comparing of memory is counted, too.
    pub libc: String,
    pub valgrind: String,
}

impl Tools {
    /// What differs, in words.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = [
            ("compiler", &self.rustc, &other.rustc),
            ("C library", &self.libc, &other.libc),
            ("valgrind", &self.valgrind, &other.valgrind),
        ];
        pairs
            .iter()
            .filter(|(_, stored, here)| stored != here)
            .map(|(what, stored, here)| format!("another {what} ({here}, stored with {stored})"))
            .collect()
    }
}

/// One workload: totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub workload: String,
    pub operations: u64,
    pub instructions: u64,
    /// Reads and writes that miss the first cache of data.
    pub d1_misses: u64,
    /// Reads and writes that miss the last cache.
    pub ll_misses: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    pub tools: Tools,
    pub rows: Vec<Row>,
}

impl Figures {
    pub fn load(path: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let figures: Self = serde_json::from_str(&text)
            .map_err(|e| format!("{} holds no figures: {e}", path.display()))?;
        match figures.rows.iter().find(|row| row.operations == 0) {
            Some(row) => Err(format!(
                "{}: {} has no operations",
                path.display(),
                row.workload
            )),
            None => Ok(figures),
        }
    }

    pub fn save(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| format!("no JSON: {e}"))?;
        fs::write(path, text + "\n").map_err(|e| format!("cannot write {}: {e}", path.display()))
    }
}

/// One figure of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Instructions,
    D1Misses,
    LlMisses,
}

pub const COLUMNS: [Column; 3] = [Column::Instructions, Column::D1Misses, Column::LlMisses];

impl Column {
    pub fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::D1Misses => "d1_misses",
            Self::LlMisses => "ll_misses",
        }
    }

    pub fn per_operation(self, row: &Row) -> f64 {
        let total = match self {
            Self::Instructions => row.instructions,
            Self::D1Misses => row.d1_misses,
            Self::LlMisses => row.ll_misses,
        };
        total as f64 / row.operations as f64
    }
}

/// How far a figure may be from the stored one, as a share of that.
///
/// Two runs of one program count the same, to the last instruction and miss. What
/// the tolerances leave room for is a change elsewhere that shifts addresses or
/// draws the heights of the towers from another place of the random sequence. Another
/// compiler, C library or valgrind gets more room.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tolerance {
    instructions: f64,
    misses: f64,
}

/// Misses per operation that count as none.
const FEW_MISSES: f64 = 0.02;

impl Tolerance {
    pub fn of(same_tools: bool) -> Self {
        if same_tools {
            Self {
                instructions: 0.03,
                misses: 0.05,
            }
        } else {
            Self {
                instructions: 0.12,
                misses: 0.10,
            }
        }
    }

    pub fn share(self, column: Column) -> f64 {
        match column {
            Column::Instructions => self.instructions,
            Column::D1Misses | Column::LlMisses => self.misses,
        }
    }

    pub fn judge(self, column: Column, stored: f64, measured: f64) -> Verdict {
        let few = match column {
            Column::Instructions => 0.0,
            Column::D1Misses | Column::LlMisses => FEW_MISSES,
        };
        let allowed = (stored * self.share(column)).max(few);
        if measured > stored + allowed {
            Verdict::More
        } else if measured < stored - allowed {
            Verdict::Fewer
        } else {
            Verdict::Same
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Same,
    More,
    Fewer,
    NotStored,
    NotMeasured,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::More => "MORE",
            Self::Fewer => "FEWER",
            Self::NotStored => "NOT STORED",
            Self::NotMeasured => "NOT MEASURED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_tools_are_named_and_get_more_room() {
        let here = Tools {
            rustc: "rustc 2".into(),
            ..Tools::default()
        };
        let stored = Tools::default();
        assert!(here.differences(&here).is_empty());
        let differences = stored.differences(&here);
        assert_eq!(differences.len(), 1);
        assert!(
            differences[0].contains("compiler (rustc 2"),
            "{differences:?}"
        );
        let judge = |same| Tolerance::of(same).judge(Column::Instructions, 100.0, 108.0);
        assert_eq!((judge(true), judge(false)), (Verdict::More, Verdict::Same));
    }

    #[test]
    fn a_file_of_figures_is_read_back_and_a_broken_one_is_an_error() {
        let folder = std::env::temp_dir().join(format!("verimem-counts-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("counts.json");
        let figures = Figures {
            tools: Tools::default(),
            rows: vec![Row {
                workload: "a".into(),
                operations: 10,
                instructions: 100,
                d1_misses: 3,
                ll_misses: 0,
            }],
        };
        figures.save(&path).unwrap();
        assert_eq!(Figures::load(&path), Ok(figures.clone()));
        let mut empty = figures;
        empty.rows[0].operations = 0;
        empty.save(&path).unwrap();
        assert!(
            Figures::load(&path)
                .unwrap_err()
                .contains("a has no operations")
        );
        fs::write(&path, "{").unwrap();
        assert!(
            Figures::load(&path)
                .unwrap_err()
                .contains("holds no figures")
        );
        fs::remove_dir_all(&folder).unwrap();
        assert!(Figures::load(&path).unwrap_err().contains("cannot read"));
    }
}

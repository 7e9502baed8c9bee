//! Which cells of the matrix are measured.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::heap::Pages;
use crate::keys::KeyShape;
use crate::workload::Workload;

/// Entries per table in the matrix; 10^7 on request.
pub const ENTRIES: [usize; 2] = [100_000, 1_000_000];
/// Lengths of values in the matrix.
pub const VALUES: [usize; 2] = [0, 100];

/// What names a cell in reports and in the file of `--resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Entries per table.
    pub entries: usize,
    /// The shape of the keys.
    pub keys: String,
    /// The length of the values.
    pub values: usize,
    /// Where pages come from.
    pub pages: String,
    /// Rounds that count.
    pub rounds: usize,
}

impl fmt::Display for Name {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{} entries, {} keys, values of {} bytes, {} pages, {} rounds",
            self.entries, self.keys, self.values, self.pages, self.rounds
        )
    }
}

/// One cell of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Entries per table.
    pub entries: usize,
    /// The shape of the keys.
    pub keys: KeyShape,
    /// The length of the values.
    pub values: usize,
    /// Where pages come from.
    pub pages: Pages,
    /// Rounds that count.
    pub rounds: usize,
    /// What is measured.
    pub workloads: Vec<Workload>,
    /// Thread counts of what scales.
    pub threads: Vec<usize>,
}

impl Spec {
    /// The cell's name.
    #[must_use]
    pub fn name(&self) -> Name {
        Name {
            entries: self.entries,
            keys: self.keys.to_string(),
            values: self.values,
            pages: self.pages.name().to_owned(),
            rounds: self.rounds,
        }
    }
}

/// The cell that is measured most thoroughly.
pub const REACH: (usize, KeyShape, usize) = (1_000_000, KeyShape::Random(16), 100);

/// The dimensions of a matrix: the values to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// Entries per table.
    pub entries: Vec<usize>,
    /// Shapes of keys.
    pub keys: Vec<KeyShape>,
    /// Lengths of values.
    pub values: Vec<usize>,
    /// Where pages come from.
    pub pages: Vec<Pages>,
}

/// One choice from each dimension.
pub type Choice = (usize, KeyShape, usize, Pages);

impl Matrix {
    /// Every choice there is.
    #[must_use]
    pub fn all(&self) -> Vec<Choice> {
        self.places().iter().map(|places| self.at(places)).collect()
    }

    /// Few choices such that, together with `given`, each value of each dimension occurs beside each
    /// value of each other one. `given` is not repeated, and none of the choices could be left out.
    /// Greedy: the choice with the most new pairs comes next, the first of equals.
    #[must_use]
    pub fn pairwise(&self, given: &[Choice]) -> Vec<Choice> {
        let all = self.places();
        let is_given = |places: &&[usize; 4]| given.contains(&self.at(places));
        let mut missing: Vec<Pair> = all.iter().flat_map(pairs).collect();
        missing.sort_unstable();
        missing.dedup();
        let held: Vec<Pair> = all.iter().filter(is_given).flat_map(pairs).collect();
        missing.retain(|pair| !held.contains(pair));

        let (wanted, mut chosen) = (missing.clone(), Vec::new());
        while !missing.is_empty() {
            let gain = |places: &[usize; 4]| pairs(places).filter(|p| missing.contains(p)).count();
            let best = all.iter().rev().max_by_key(|places| gain(places));
            let Some(best) = best else { break };
            let covered: Vec<Pair> = pairs(best).collect();
            missing.retain(|pair| !covered.contains(pair));
            chosen.push(*best);
        }
        // A later choice may have made an earlier one superfluous.
        for place in (0..chosen.len()).rev() {
            let mut fewer = chosen.clone();
            fewer.remove(place);
            let covered: Vec<Pair> = fewer.iter().flat_map(pairs).collect();
            if wanted.iter().all(|pair| covered.contains(pair)) {
                chosen = fewer;
            }
        }
        chosen.iter().map(|places| self.at(places)).collect()
    }

    fn at(&self, [entries, keys, values, pages]: &[usize; 4]) -> Choice {
        (
            self.entries[*entries],
            self.keys[*keys],
            self.values[*values],
            self.pages[*pages],
        )
    }

    /// The places of every choice, the earlier values of a dimension first.
    fn places(&self) -> Vec<[usize; 4]> {
        let mut all = Vec::new();
        for entries in 0..self.entries.len() {
            for keys in 0..self.keys.len() {
                for values in 0..self.values.len() {
                    let pages = 0..self.pages.len();
                    all.extend(pages.map(|pages| [entries, keys, values, pages]));
                }
            }
        }
        all
    }
}

/// Two dimensions and a place in each.
type Pair = (usize, usize, usize, usize);

fn pairs(places: &[usize; 4]) -> impl Iterator<Item = Pair> + use<> {
    let places = *places;
    (0..4).flat_map(move |one| {
        (one + 1..4).map(move |other| (one, places[one], other, places[other]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Matrix {
        Matrix {
            entries: ENTRIES.to_vec(),
            keys: KeyShape::MATRIX.to_vec(),
            values: VALUES.to_vec(),
            pages: Pages::ALL.to_vec(),
        }
    }

    /// The pairs that `all` holds and `chosen` does not, found another way than by the code above.
    fn uncovered(all: &[Choice], chosen: &[Choice]) -> usize {
        let seen = |choices: &[Choice], test: &dyn Fn(&Choice) -> bool| choices.iter().any(test);
        let mut missing = 0;
        for a in all {
            let tests: [&dyn Fn(&Choice) -> bool; 6] = [
                &|b| (a.0, a.1) == (b.0, b.1),
                &|b| (a.0, a.2) == (b.0, b.2),
                &|b| (a.0, a.3) == (b.0, b.3),
                &|b| (a.1, a.2) == (b.1, b.2),
                &|b| (a.1, a.3) == (b.1, b.3),
                &|b| (a.2, a.3) == (b.2, b.3),
            ];
            missing += tests.iter().filter(|test| !seen(chosen, *test)).count();
        }
        missing
    }

    #[test]
    fn every_pair_of_values_is_covered() {
        let matrix = matrix();
        let all = matrix.all();
        assert_eq!(all.len(), 24);
        let chosen = matrix.pairwise(&[]);
        assert_eq!(uncovered(&all, &chosen), 0);
        assert!(chosen.len() < 10, "{}", chosen.len());
        for left_out in 0..chosen.len() {
            let mut fewer = chosen.clone();
            fewer.remove(left_out);
            assert!(uncovered(&all, &fewer) > 0, "{left_out} is not needed");
        }
    }

    #[test]
    fn what_is_given_counts_and_is_not_repeated() {
        let matrix = matrix();
        let (entries, keys, values) = REACH;
        let given = [(entries, keys, values, Pages::Cold)];
        let chosen = matrix.pairwise(&given);
        assert!(!chosen.contains(&given[0]));
        let together = [&given[..], &chosen].concat();
        assert_eq!(uncovered(&matrix.all(), &together), 0);
        assert!(matrix.pairwise(&matrix.all()).is_empty());
    }

    #[test]
    fn a_matrix_of_one_has_one_choice() {
        let matrix = Matrix {
            entries: vec![10],
            keys: vec![KeyShape::Seq8],
            values: vec![0],
            pages: vec![Pages::Cold],
        };
        assert_eq!(matrix.pairwise(&[]), matrix.all());
        assert_eq!(matrix.all().len(), 1);
    }
}

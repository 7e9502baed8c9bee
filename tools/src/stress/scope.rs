//! What a run drives: which parts of the library, on which representations.
//!
//! Not everything can be had together, and a run drives only what it is asked for:
//!
//! * A vector keeps the first of two duplicates, and cannot do otherwise: it is left out with the
//!   tables that keep the first, and never overwrites.
//! * Tables with updates in place are skiplists: they are driven if skiplists are.
//!
//! What falls away by these rules is missing in the report, as what was left out is.

use clap::ValueEnum;

use super::features::{Feature, Features};
use crate::rep::{Rep, Reps};

/// What a run drives. There is at least one representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    features: Features,
    reps: Vec<Rep>,
}

impl Scope {
    /// All that tables on these representations can do, but for what is left out.
    ///
    /// # Errors
    ///
    /// What is asked for, if nothing remains of it.
    pub fn new(reps: &Reps, left_out: &[Feature]) -> Result<Self, String> {
        let asked = Features::without(left_out);
        let mut reps = reps.0.clone();
        reps.retain(|rep| asked.has(Feature::Duplicates) || !rep.only_keeps_first());
        if reps.is_empty() {
            return Err(
                "vectors keep the first of two duplicates, so that nothing is left \
                        of --memtablerep vector --without duplicates"
                    .to_owned(),
            );
        }
        let cannot = |feature: &Feature| !reps.iter().any(|rep| is_for(*feature, *rep));
        let mut without = left_out.to_vec();
        without.extend(Feature::value_variants().iter().filter(|one| cannot(one)));
        Ok(Self {
            features: Features::without(&without),
            reps,
        })
    }

    /// Whether the run drives this part.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.has(feature)
    }

    /// The parts that it drives.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The representations; tables have them in turn.
    pub fn reps(&self) -> &[Rep] {
        &self.reps
    }

    /// The representations of tables that do this; none if the run does not.
    pub fn reps_for(&self, feature: Feature) -> Vec<Rep> {
        let reps = self.reps.iter().copied();
        reps.filter(|rep| self.has(feature) && is_for(feature, *rep))
            .collect()
    }
}

/// The representation of the `number`th table, of several that take turns.
pub fn in_turn(reps: &[Rep], number: u64) -> Rep {
    reps[(number % reps.len() as u64) as usize]
}

/// Whether a table on the representation can do it.
pub fn is_for(feature: Feature, rep: Rep) -> bool {
    match feature {
        Feature::InPlace => rep == Rep::Skiplist,
        Feature::Overwrite => !rep.only_keeps_first(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(reps: &str, left_out: &[Feature]) -> Result<Scope, String> {
        Scope::new(&reps.parse().unwrap(), left_out)
    }

    #[test]
    fn r1_what_cannot_be_is_left_out() {
        let all = scope("all", &[]).unwrap();
        assert_eq!(all.reps(), Rep::value_variants());
        assert_eq!(all.features(), Features::without(&[]));
        assert_eq!(all.reps_for(Feature::InPlace), [Rep::Skiplist]);
        assert_eq!(all.reps_for(Feature::Overwrite), all.reps()[..3]);
        assert_eq!(all.reps_for(Feature::Timestamps), all.reps());

        let strict = scope("all", &[Feature::Duplicates]).unwrap();
        assert_eq!(strict.reps(), &all.reps()[..3]);
        assert!(strict.has(Feature::Overwrite) && !strict.has(Feature::Duplicates));

        let vectors = scope("vector", &[]).unwrap();
        let others = [Feature::InPlace, Feature::Overwrite];
        assert_eq!(vectors.features(), Features::without(&others));
        assert_eq!(vectors.reps_for(Feature::Overwrite), []);
        let hashed = scope("hash_linklist", &[]).unwrap();
        assert_eq!(hashed.features(), Features::without(&[Feature::InPlace]));
        assert!(scope("vector", &[Feature::Duplicates]).is_err());
    }

    #[test]
    fn representations_take_turns() {
        let reps = scope("vector,skiplist", &[]).unwrap();
        let turns: Vec<_> = (0..5).map(|number| in_turn(reps.reps(), number)).collect();
        use Rep::{Skiplist, Vector};
        assert_eq!(turns, [Vector, Skiplist, Vector, Skiplist, Vector]);
    }
}

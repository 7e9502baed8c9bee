//! Which parts of the library a run drives, beside adds, lookups and cursors.

use clap::ValueEnum;

/// A part that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Feature {
    /// Deletions of key ranges.
    RangeDeletions,
    /// Merge operators: operands folded on reading, and on writing.
    Merges,
    /// Batches published in order, some of them aborted, and reads through views.
    Sequencer,
    /// Bloom filters over whole keys and prefixes.
    Filter,
    /// Random samples and estimates of ranges.
    Statistics,
    /// Readers that verify what they come by, and checksums that come with entries.
    Checks,
    /// Tables that keep the first of two duplicates.
    Duplicates,
    /// Values that are updated where they are.
    InPlace,
    /// Tables that overwrite entries.
    Overwrite,
    /// Keys with timestamps.
    Timestamps,
}

/// The parts that a run drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features(u16);

impl Features {
    /// All of them but these.
    pub fn without(left_out: &[Feature]) -> Self {
        let bit = |feature: &Feature| 1 << *feature as u8;
        Self(!left_out.iter().map(bit).fold(0, |bits, bit| bits | bit))
    }

    /// Whether the run drives this part.
    pub fn has(self, feature: Feature) -> bool {
        self.0 >> feature as u8 & 1 == 1
    }

    /// Their names, as the command line spells them.
    pub fn names(self) -> Vec<String> {
        Feature::value_variants()
            .iter()
            .filter(|feature| self.has(**feature))
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_left_out() {
        let some = Features::without(&[Feature::Merges, Feature::Filter, Feature::Merges]);
        assert_eq!(
            some.names(),
            [
                "range-deletions",
                "sequencer",
                "statistics",
                "checks",
                "duplicates",
                "in-place",
                "overwrite",
                "timestamps"
            ]
        );
        assert_eq!(Features::without(&[]).names().len(), 10);
        assert!(
            Features::without(Feature::value_variants())
                .names()
                .is_empty()
        );
    }
}

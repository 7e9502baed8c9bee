//! What is measured.

/// A workload, as chosen on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Workload {
    /// Adds all keys in ascending order, from one thread.
    Fillseq,
    /// Adds all keys in random order; with each thread count of `--threads`.
    Fillrandom,
    /// Adds all keys in random order, in sorted batches of 100.
    Batch100,
    /// Looks up stored keys, uniformly.
    GetHit,
    /// Looks up keys like the stored ones that are not there.
    GetMiss,
    /// Looks up stored keys, a few of them again and again (zipfian, 0.99).
    GetZipfian,
    /// Seeks to a stored key and reads it and the next 10 entries, with a fresh iterator each time.
    Seek10,
    /// Reads every entry of a randomly filled table, ascending.
    ScanForward,
    /// Reads every entry of a randomly filled table, descending.
    ScanBackward,
    /// Reads every entry of a sequentially filled table, ascending.
    ScanFilledseq,
    /// One thread adds the second half of the keys while another looks up the first half: two
    /// results, `mixed-write` and `mixed-read`.
    Mixed,
}

/// A loop over a finished table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Point lookups of keys that are there.
    Hit,
    /// Point lookups of keys that are not.
    Miss,
    /// Point lookups with skew.
    Zipfian,
    /// Short ranges.
    Seek10,
    /// The whole table, ascending.
    Forward,
    /// The whole table, descending.
    Backward,
}

impl Workload {
    /// Every workload, in the order of the report.
    pub const ALL: [Self; 11] = [
        Self::Fillseq,
        Self::Fillrandom,
        Self::Batch100,
        Self::GetHit,
        Self::GetMiss,
        Self::GetZipfian,
        Self::Seek10,
        Self::ScanForward,
        Self::ScanBackward,
        Self::ScanFilledseq,
        Self::Mixed,
    ];

    /// The workloads that read one randomly filled table.
    pub const READS: [(Self, Read); 6] = [
        (Self::GetHit, Read::Hit),
        (Self::GetMiss, Read::Miss),
        (Self::GetZipfian, Read::Zipfian),
        (Self::Seek10, Read::Seek10),
        (Self::ScanForward, Read::Forward),
        (Self::ScanBackward, Read::Backward),
    ];

    /// The name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fillseq => "fillseq",
            Self::Fillrandom => "fillrandom",
            Self::Batch100 => "batch100",
            Self::GetHit => "get-hit",
            Self::GetMiss => "get-miss",
            Self::GetZipfian => "get-zipfian",
            Self::Seek10 => "seek10",
            Self::ScanForward => "scan-forward",
            Self::ScanBackward => "scan-backward",
            Self::ScanFilledseq => "scan-filledseq",
            Self::Mixed => "mixed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn names_are_those_of_the_command_line() {
        assert_eq!(Workload::value_variants(), Workload::ALL);
        for workload in Workload::ALL {
            let value = workload
                .to_possible_value()
                .map(|value| value.get_name().to_owned());
            assert_eq!(value.as_deref(), Some(workload.name()));
        }
    }
}

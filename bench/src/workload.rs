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
    /// The same in tables with a Bloom filter of 10 bits per key, where there is one.
    GetMissBloom,
    /// Looks up stored keys, a few of them again and again (zipfian, 0.99).
    GetZipfian,
    /// Looks up stored keys, uniformly, 32 in one call.
    #[value(name = "multi-get32")]
    MultiGet32,
    /// Seeks to a stored key and reads it and the next 10 entries, with a fresh iterator each time.
    Seek10,
    /// The same with the next 100 entries.
    Seek100,
    /// Reads every entry of a randomly filled table, ascending.
    ScanForward,
    /// Reads a randomly filled table from its end, descending.
    ScanBackward,
    /// Reads every entry of a sequentially filled table, ascending.
    ScanFilledseq,
    /// Reads a sequentially filled table from its end, descending.
    ScanBackwardFilledseq,
    /// Adds 8 versions of each key in random order, then looks keys up: two results,
    /// `versions8-fill` and `versions8-get`.
    Versions8,
    /// One thread adds the second half of the keys while another looks up the first half: two
    /// results, `mixed-write` and `mixed-read`.
    Mixed,
    /// What a randomly filled table takes over its keys and values, in bytes per entry.
    Memory,
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
    /// Point lookups in batches.
    Multi,
    /// Point lookups where each key has versions.
    Versioned,
    /// Ranges: an entry and so many more.
    Seek(usize),
    /// The whole table, ascending.
    Forward,
    /// The table from its end, descending.
    Backward,
}

impl Workload {
    /// Every workload, in the order of the report.
    pub const ALL: [Self; 17] = [
        Self::Fillseq,
        Self::Fillrandom,
        Self::Batch100,
        Self::GetHit,
        Self::GetMiss,
        Self::GetMissBloom,
        Self::GetZipfian,
        Self::MultiGet32,
        Self::Seek10,
        Self::Seek100,
        Self::ScanForward,
        Self::ScanBackward,
        Self::ScanFilledseq,
        Self::ScanBackwardFilledseq,
        Self::Versions8,
        Self::Mixed,
        Self::Memory,
    ];

    /// The workloads that add entries inside the clock, and so depend on where pages come from.
    pub const FILLS: [Self; 5] = [
        Self::Fillseq,
        Self::Fillrandom,
        Self::Batch100,
        Self::Versions8,
        Self::Mixed,
    ];

    /// The workloads of the growth curves.
    pub const GROWTH: [Self; 4] = [
        Self::Fillrandom,
        Self::GetHit,
        Self::Seek10,
        Self::ScanForward,
    ];

    /// The workloads that read one randomly filled table.
    pub const READS: [(Self, Read); 8] = [
        (Self::GetHit, Read::Hit),
        (Self::GetMiss, Read::Miss),
        (Self::GetZipfian, Read::Zipfian),
        (Self::MultiGet32, Read::Multi),
        (Self::Seek10, Read::Seek(10)),
        (Self::Seek100, Read::Seek(100)),
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
            Self::GetMissBloom => "get-miss-bloom",
            Self::GetZipfian => "get-zipfian",
            Self::MultiGet32 => "multi-get32",
            Self::Seek10 => "seek10",
            Self::Seek100 => "seek100",
            Self::ScanForward => "scan-forward",
            Self::ScanBackward => "scan-backward",
            Self::ScanFilledseq => "scan-filledseq",
            Self::ScanBackwardFilledseq => "scan-backward-filledseq",
            Self::Versions8 => "versions8",
            Self::Mixed => "mixed",
            Self::Memory => "memory",
        }
    }
}

impl Read {
    /// Whether it reads neighbours.
    #[must_use]
    pub const fn ranges(self) -> bool {
        matches!(self, Self::Seek(_) | Self::Forward | Self::Backward)
    }

    /// How many of the `probes` keys are looked up: fewer where each takes long.
    #[must_use]
    pub fn share(self, probes: usize) -> usize {
        match self {
            Self::Seek(nexts) if nexts > 50 => probes.div_ceil(10),
            Self::Seek(_) => probes.div_ceil(2),
            _ => probes,
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

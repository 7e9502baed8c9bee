//! What can be measured, by the names of RocksDB's db_bench and of YCSB.

use clap::ValueEnum;

/// A workload. The help of each is what `--help` says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Adds all keys in their order; each thread a stretch of them.
    Fillseq,
    /// Adds all keys in random order.
    Fillrandom,
    /// Adds all keys in random order, in batches: a sample is a batch, an operation an entry.
    Fillbatch,
    /// Gets keys that are there.
    Readrandom,
    /// Gets keys that are not there, but lie between those that are.
    Readmissing,
    /// Gets keys that are there, few of them often (zipfian, 0.99).
    Readzipfian,
    /// Seeks a key that is there, then steps forward.
    Seekrandom,
    /// Steps through the whole table in each thread; an operation is an entry.
    Readseq,
    /// The same from the end to the beginning.
    Readreverse,
    /// Gets beside one more thread that overwrites; the gets are reported.
    Readwhilewriting,
    /// Gets and overwrites in each thread.
    Readwrite,
    /// Deletes ranges of keys.
    Deleterange,
    /// Adds merge operands to keys that have a value.
    Mergerandom,
    /// Half reads, half updates, zipfian.
    YcsbA,
    /// 95 % reads, 5 % updates, zipfian.
    YcsbB,
    /// Reads only, zipfian, in a table that is not sealed.
    YcsbC,
    /// 95 % reads of what was added last, 5 % inserts.
    YcsbD,
    /// 95 % scans of 1 to 100 entries, 5 % inserts.
    YcsbE,
    /// Half reads, half reads that then write what they read.
    YcsbF,
}

impl Workload {
    /// The name on the command line and in the report.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it only reads, so that the table may be sealed before, and used again after.
    pub const fn only_reads(self) -> bool {
        matches!(
            self,
            Self::Readrandom
                | Self::Readmissing
                | Self::Readzipfian
                | Self::Seekrandom
                | Self::Readseq
                | Self::Readreverse
        )
    }

    /// Whether it writes from each of the threads.
    pub const fn writes_from_all(self) -> bool {
        !self.only_reads() && !matches!(self, Self::Readwhilewriting | Self::YcsbC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        let names: Vec<String> = Workload::value_variants()
            .iter()
            .map(|one| one.name())
            .collect();
        assert_eq!(
            names.join(","),
            "fillseq,fillrandom,fillbatch,readrandom,readmissing,readzipfian,seekrandom,readseq,\
             readreverse,readwhilewriting,readwrite,deleterange,mergerandom,ycsb-a,ycsb-b,ycsb-c,\
             ycsb-d,ycsb-e,ycsb-f"
        );
    }

    #[test]
    fn each_workload_is_of_one_sort() {
        for one in Workload::value_variants() {
            assert!(!(one.only_reads() && one.writes_from_all()));
        }
    }
}

//! Speed and memory of verimem beside its peers, measured in one process.
//!
//! | module | what lives there |
//! |---|---|
//! | [`random`], [`data`] | keys, values and probe orders, made before a clock starts |
//! | [`digest`] | the checksum that eats every byte a subject returns, compared across subjects |
//! | [`counting`] | the counting global allocator, switched on in the memory pass only |
//! | [`subject`], [`subjects`] | what a structure implements, one file per structure |
//! | [`workload`], [`lane`] | what is measured, and the timed loops, monomorphised per subject |
//! | [`rounds`] | interleaved rounds with rotated order; answers checked |
//! | [`stats`], [`report`] | medians, ratios, text and JSON |
//! | [`options`] | the command line |

pub mod counting;
pub mod data;
pub mod digest;
pub mod lane;
pub mod options;
pub mod random;
pub mod report;
pub mod rounds;
pub mod stats;
pub mod subject;
pub mod subjects;
pub mod workload;

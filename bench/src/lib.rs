//! Speed and memory of verimem beside its peers, measured in one process.
//!
//! | module | what lives there |
//! |---|---|
//! | [`random`], [`keys`], [`data`] | keys, values and probe orders, made before a clock starts |
//! | [`digest`] | the checksum that eats every byte a subject returns, compared across subjects |
//! | [`counting`] | the counting global allocator, switched on in the memory pass only |
//! | [`heap`] | cold and recycled pages |
//! | [`subject`], [`subjects`] | what a structure implements, one file per structure |
//! | [`workload`], [`stage`], [`lane`] | what is measured, in which order, and the timed loops, monomorphised per subject |
//! | [`rounds`] | interleaved rounds with rotated order; answers checked |
//! | [`plan`], [`growth`] | which cells of the matrix, and the points of the curves |
//! | [`journal`], [`run`] | a run over all cells, which can be taken up again |
//! | [`stats`], [`report`], [`plot`] | medians, ratios, text, JSON, figures |
//! | [`options`] | the command line |

pub mod counting;
pub mod data;
pub mod digest;
pub mod growth;
pub mod heap;
pub mod journal;
pub mod keys;
pub mod lane;
pub mod options;
pub mod plan;
pub mod plot;
pub mod random;
pub mod report;
pub mod rounds;
pub mod run;
pub mod stage;
pub mod stats;
pub mod subject;
pub mod subjects;
pub mod workload;

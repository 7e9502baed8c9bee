//! Runs models of verimem's concurrent parts under loom and shuttle.
//!
//! The models are in `tests/loom` and `tests/shuttle`; this crate is what they
//! share: how a model is run, what it must reach, and the line that it prints.

#[cfg(loom)]
pub mod loom_model;
#[cfg(shuttle)]
pub mod shuttle_model;

/// True when the environment breaks the code on purpose; a model must then not
/// insist on reaching everything, only on violating nothing.
#[must_use]
pub fn is_mutated() -> bool {
    ["VERIMEM_WEAKEN", "VERIMEM_FAULT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
}

/// True when `VERIMEM_QUICK` asks for the quick bounds.
#[must_use]
pub fn is_quick() -> bool {
    std::env::var_os("VERIMEM_QUICK").is_some_and(|value| value != "0")
}

//! What a checker build can break on purpose, chosen by the environment.

use core::sync::atomic::Ordering;
use std::sync::OnceLock;

use super::ledger::{FAULTS, Fault, SITES, Site};

/// `VERIMEM_WEAKEN=SITE=Relaxed`, parsed once.
fn weakening() -> Option<(&'static str, Ordering)> {
    static CHOICE: OnceLock<Option<(&'static str, Ordering)>> = OnceLock::new();
    *CHOICE.get_or_init(|| {
        let text = std::env::var("VERIMEM_WEAKEN").ok()?;
        let (name, ordering) = text
            .split_once('=')
            .expect("VERIMEM_WEAKEN is SITE=Ordering");
        let site = SITES
            .iter()
            .find(|site| site.name == name)
            .expect("VERIMEM_WEAKEN names a site of the ledger");
        let ordering = match ordering {
            "Relaxed" => Ordering::Relaxed,
            "Acquire" => Ordering::Acquire,
            "Release" => Ordering::Release,
            "AcqRel" => Ordering::AcqRel,
            other => panic!("VERIMEM_WEAKEN: no ordering {other}"),
        };
        Some((site.name, ordering))
    })
}

/// The ordering of `site`: `normal`, unless the environment weakens this site.
pub(crate) fn weakened(site: &Site, normal: Ordering) -> Ordering {
    match weakening() {
        Some((name, ordering)) if name == site.name => ordering,
        _ => normal,
    }
}

/// True when `VERIMEM_FAULT` names this fault.
pub(crate) fn fault(fault: &Fault) -> bool {
    static CHOICE: OnceLock<Option<&'static str>> = OnceLock::new();
    let chosen = *CHOICE.get_or_init(|| {
        let text = std::env::var("VERIMEM_FAULT").ok()?;
        let row = FAULTS
            .iter()
            .find(|row| row.name == text)
            .expect("VERIMEM_FAULT names a fault of the ledger");
        Some(row.name)
    });
    chosen == Some(fault.name)
}

//! Which weaker orderings are tried for which site.

use verimem::ledger::Ordering;

use super::ledger::Site;

/// One site with one weaker ordering.
#[derive(Debug, Clone)]
pub struct Mutant {
    pub site: Site,
    pub weakened: Ordering,
}

/// Every mutant of every site that is stronger than Relaxed.
pub fn of_sites(sites: &[Site]) -> Vec<Mutant> {
    sites
        .iter()
        .flat_map(|site| {
            weaker_than(site.ordering).iter().map(|&weakened| Mutant {
                site: site.clone(),
                weakened,
            })
        })
        .collect()
}

fn weaker_than(ordering: Ordering) -> &'static [Ordering] {
    match ordering {
        Ordering::SeqCst => &[Ordering::AcqRel, Ordering::Relaxed],
        Ordering::AcqRel => &[Ordering::Acquire, Ordering::Release, Ordering::Relaxed],
        Ordering::Acquire | Ordering::Release => &[Ordering::Relaxed],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::site;
    use super::*;

    #[test]
    fn every_weaker_ordering_is_tried() {
        let sites = [
            site("A", Ordering::AcqRel),
            site("B", Ordering::Acquire),
            site("C", Ordering::Relaxed),
            site("D", Ordering::Release),
            site("E", Ordering::SeqCst),
        ];
        let found: Vec<String> = of_sites(&sites)
            .iter()
            .map(|m| format!("{}={:?}", m.site.name, m.weakened))
            .collect();
        let expected = [
            "A=Acquire",
            "A=Release",
            "A=Relaxed",
            "B=Relaxed",
            "D=Relaxed",
            "E=AcqRel",
            "E=Relaxed",
        ];
        assert_eq!(found, expected);
    }
}

//! The ledger's rows, read through the library and matched with the source.

use std::collections::BTreeMap;

use verimem::ledger::{FAULTS, Ordering, SITES};

use super::scan::Use;
use crate::checker::Checker;

/// One named atomic access.
#[derive(Debug, Clone)]
pub struct Site {
    pub name: String,
    pub ordering: Ordering,
    pub partner: String,
    pub why: String,
    pub killed_by: Vec<String>,
    /// Empty until the use in the source is known.
    pub file: String,
    pub line: usize,
}

/// One logic fault that can be switched on.
#[derive(Debug, Clone)]
pub struct Fault {
    pub name: String,
    pub what: String,
    pub killed_by: Vec<String>,
    pub checker: Checker,
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

pub fn sites() -> Vec<Site> {
    SITES
        .iter()
        .map(|row| Site {
            name: row.name.to_owned(),
            ordering: row.ordering,
            partner: row.partner.to_owned(),
            why: row.why.to_owned(),
            killed_by: owned(row.killed_by),
            file: String::new(),
            line: 0,
        })
        .collect()
}

pub fn faults() -> Vec<Fault> {
    FAULTS
        .iter()
        .map(|row| Fault {
            name: row.name.to_owned(),
            what: row.what.to_owned(),
            killed_by: owned(row.killed_by),
            checker: if row.checker == "shuttle" {
                Checker::Shuttle
            } else {
                Checker::Loom
            },
        })
        .collect()
}

/// What is wrong with the rows themselves.
pub fn problems(sites: &[Site]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, site) in sites.iter().enumerate() {
        let name = &site.name;
        if sites[..index].iter().any(|other| other.name == *name) {
            found.push(format!("{name}: two rows have this name"));
        }
        if site.why.trim().is_empty() {
            found.push(format!(
                "{name}: the row does not say why its ordering is enough"
            ));
        }
        if site.ordering == Ordering::Relaxed {
            continue;
        }
        if site.partner.trim().is_empty() {
            found.push(format!("{name}: the row names no partner"));
        }
        if site.killed_by.is_empty() {
            found.push(format!(
                "{name}: the row lists no model that notices a weaker ordering"
            ));
        }
    }
    found
}

/// Gives each row its place; complains unless rows and uses match one to one.
pub fn place(mut sites: Vec<Site>, uses: &[Use], problems: &mut Vec<String>) -> Vec<Site> {
    let mut by_name: BTreeMap<&str, Vec<&Use>> = BTreeMap::new();
    for one in uses {
        by_name.entry(&one.name).or_default().push(one);
    }
    for site in &mut sites {
        let places = by_name.remove(site.name.as_str()).unwrap_or_default();
        if let Some(first) = places.first() {
            site.file.clone_from(&first.file);
            site.line = first.line;
        }
        for one in &places {
            if one.ordering != format!("{:?}", site.ordering) {
                let (file, line, ordering) = (&one.file, one.line, &one.ordering);
                problems.push(format!(
                    "{}: the row says {:?}, {file}:{line} says {ordering}",
                    site.name, site.ordering
                ));
            }
        }
        match places.len() {
            0 => problems.push(format!("{}: the row has no use in src", site.name)),
            1 => {}
            _ => problems.push(format!(
                "{}: used in {}: one site, one place",
                site.name,
                list(&places)
            )),
        }
    }
    for (name, places) in by_name {
        problems.push(format!(
            "{name}: used in {}, and the ledger has no row",
            list(&places)
        ));
    }
    sites
}

fn list(places: &[&Use]) -> String {
    places
        .iter()
        .map(|u| format!("{}:{}", u.file, u.line))
        .collect::<Vec<_>>()
        .join(" and ")
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn site(name: &str, ordering: Ordering) -> Site {
        Site {
            name: name.into(),
            ordering,
            partner: "OTHER".into(),
            why: "because".into(),
            killed_by: vec!["group::model".into()],
            file: "src/a.rs".into(),
            line: 1,
        }
    }

    fn used(name: &str, ordering: &str, line: usize) -> Use {
        Use {
            name: name.into(),
            ordering: ordering.into(),
            file: "src/a.rs".into(),
            line,
        }
    }

    fn complaints(sites: Vec<Site>, uses: &[Use]) -> Vec<String> {
        let mut found = Vec::new();
        place(sites, uses, &mut found);
        found
    }

    #[test]
    fn rows_and_uses_must_match_one_to_one() {
        let row = || vec![site("A", Ordering::Acquire)];
        assert!(complaints(row(), &[used("A", "Acquire", 1)]).is_empty());
        assert!(complaints(row(), &[])[0].contains("no use"));
        let twice = complaints(row(), &[used("A", "Acquire", 1), used("A", "Acquire", 2)]);
        assert!(twice[0].contains("src/a.rs:1 and src/a.rs:2"), "{twice:?}");
        let stray = complaints(row(), &[used("A", "Acquire", 1), used("B", "Acquire", 2)]);
        assert!(stray[0].contains("no row"), "{stray:?}");
        let other = complaints(row(), &[used("A", "Relaxed", 1)]);
        assert!(other[0].contains("the row says Acquire"), "{other:?}");
    }

    #[test]
    fn a_row_gets_its_place() {
        let mut none = Vec::new();
        let placed = place(
            vec![site("A", Ordering::Release)],
            &[used("A", "Release", 7)],
            &mut none,
        );
        assert_eq!((placed[0].file.as_str(), placed[0].line), ("src/a.rs", 7));
    }

    #[test]
    fn rows_must_be_complete() {
        let mut bare = site("A", Ordering::Acquire);
        bare.why = " ".into();
        bare.partner.clear();
        bare.killed_by.clear();
        assert_eq!(problems(&[bare.clone()]).len(), 3);
        bare.ordering = Ordering::Relaxed;
        assert_eq!(problems(&[bare]).len(), 1);
        let twins = [site("A", Ordering::Acquire), site("A", Ordering::Acquire)];
        assert_eq!(problems(&twins).len(), 1);
    }

    #[test]
    fn the_rows_of_the_library_are_complete() {
        assert_eq!(problems(&sites()), Vec::<String>::new());
    }
}

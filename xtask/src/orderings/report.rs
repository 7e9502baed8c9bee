//! The ledger with its verdicts, as tables or as JSON.

use serde::Serialize;
use verimem::ledger::Ordering;

use super::hunt::Hunt;
use super::ledger::{Fault, Site};
use super::mutants::Mutant;
use crate::table::Table;

#[derive(Serialize)]
pub struct Report {
    sites: usize,
    mutants: usize,
    killed: usize,
    survived: usize,
    rows: Vec<MutantRow>,
    relaxed: Vec<RelaxedRow>,
    /// Left out unless the faults were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<FaultRow>,
}

#[derive(Serialize)]
struct MutantRow {
    site: String,
    file: String,
    line: usize,
    ordering: String,
    weakened: String,
    partner: String,
    why: String,
    status: &'static str,
    killed_by: Option<String>,
    /// The ledger lists the model that killed.
    #[serde(skip)]
    listed: bool,
    evidence: String,
    seconds: f64,
}

#[derive(Serialize)]
struct RelaxedRow {
    site: String,
    file: String,
    line: usize,
    partner: String,
    why: String,
}

#[derive(Serialize)]
struct FaultRow {
    fault: String,
    what: String,
    checker: &'static str,
    status: &'static str,
    killed_by: Option<String>,
    listed: bool,
    evidence: String,
    seconds: f64,
}

fn status(hunt: &Hunt) -> &'static str {
    if hunt.killed_by.is_some() {
        "killed"
    } else {
        "survived"
    }
}

/// Milliseconds are as exact as a run on a shared machine can be.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

impl Report {
    pub fn new(
        sites: &[Site],
        mutants: &[Mutant],
        of_mutants: &[Hunt],
        faults: &[Fault],
        of_faults: &[Hunt],
    ) -> Self {
        let rows: Vec<MutantRow> = mutants
            .iter()
            .zip(of_mutants)
            .map(|(m, h)| mutant_row(m, h))
            .collect();
        let relaxed = sites
            .iter()
            .filter(|s| s.ordering == Ordering::Relaxed)
            .map(relaxed_row);
        let killed = rows.iter().filter(|r| r.killed_by.is_some()).count();
        Self {
            sites: sites.len(),
            mutants: rows.len(),
            killed,
            survived: rows.len() - killed,
            rows,
            relaxed: relaxed.collect(),
            faults: faults
                .iter()
                .zip(of_faults)
                .map(|(f, h)| fault_row(f, h))
                .collect(),
        }
    }

    pub fn json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map_err(|e| format!("cannot write the report: {e}"))
    }

    pub fn text(&self) -> String {
        let mut out = self.mutant_table();
        out.push_str("\nRelaxed, and why nothing more is needed\n");
        let mut table = Table::new(&["site", "place", "why"]);
        for row in &self.relaxed {
            table.row(vec![
                row.site.clone(),
                format!("{}:{}", row.file, row.line),
                row.why.clone(),
            ]);
        }
        out.push_str(&table.render());
        if !self.faults.is_empty() {
            out.push('\n');
            out.push_str(&self.fault_table());
        }
        out.push_str(&format!(
            "\norderings: {} sites ({} relaxed), {} mutants, {} killed, {} survived",
            self.sites,
            self.relaxed.len(),
            self.mutants,
            self.killed,
            self.survived
        ));
        if !self.faults.is_empty() {
            let killed = self.faults.len() - self.surviving_faults();
            out.push_str(&format!("; {} faults, {killed} killed", self.faults.len()));
        }
        out.push('\n');
        out
    }

    fn mutant_table(&self) -> String {
        let mut table = Table::new(&[
            "site", "place", "mutant", "status", "model", "seconds", "evidence",
        ]);
        for row in &self.rows {
            table.row(vec![
                row.site.clone(),
                format!("{}:{}", row.file, row.line),
                format!("{} -> {}", row.ordering, row.weakened),
                row.status.to_owned(),
                model(row.killed_by.as_deref(), row.listed),
                format!("{:.1}", row.seconds),
                row.evidence.clone(),
            ]);
        }
        table.render()
    }

    fn fault_table(&self) -> String {
        let mut table = Table::new(&[
            "fault", "what", "checker", "status", "model", "seconds", "evidence",
        ]);
        for row in &self.faults {
            table.row(vec![
                row.fault.clone(),
                row.what.clone(),
                row.checker.to_owned(),
                row.status.to_owned(),
                model(row.killed_by.as_deref(), row.listed),
                format!("{:.1}", row.seconds),
                row.evidence.clone(),
            ]);
        }
        table.render()
    }

    fn surviving_faults(&self) -> usize {
        self.faults.iter().filter(|f| f.killed_by.is_none()).count()
    }

    /// Any survivor is a missing model, or an ordering that is too strong.
    pub fn verdict(&self) -> Result<(), String> {
        let survivors: Vec<String> = self
            .rows
            .iter()
            .filter(|r| r.killed_by.is_none())
            .map(|r| format!("{} -> {}", r.site, r.weakened))
            .chain(
                self.faults
                    .iter()
                    .filter(|f| f.killed_by.is_none())
                    .map(|f| f.fault.clone()),
            )
            .collect();
        if survivors.is_empty() {
            Ok(())
        } else {
            Err(format!("survived: {}", survivors.join(", ")))
        }
    }
}

/// A killer that the ledger does not list is marked, so that it gets listed.
fn model(killed_by: Option<&str>, listed: bool) -> String {
    match killed_by {
        Some(test) if listed => test.to_owned(),
        Some(test) => format!("{test} (not listed)"),
        None => "-".to_owned(),
    }
}

fn mutant_row(mutant: &Mutant, hunt: &Hunt) -> MutantRow {
    let site = &mutant.site;
    MutantRow {
        site: site.name.clone(),
        file: site.file.clone(),
        line: site.line,
        ordering: format!("{:?}", site.ordering),
        weakened: format!("{:?}", mutant.weakened),
        partner: site.partner.clone(),
        why: site.why.clone(),
        status: status(hunt),
        killed_by: hunt.killed_by.clone(),
        listed: hunt.listed,
        evidence: hunt.evidence.clone(),
        seconds: rounded(hunt.seconds),
    }
}

fn relaxed_row(site: &Site) -> RelaxedRow {
    RelaxedRow {
        site: site.name.clone(),
        file: site.file.clone(),
        line: site.line,
        partner: site.partner.clone(),
        why: site.why.clone(),
    }
}

fn fault_row(fault: &Fault, hunt: &Hunt) -> FaultRow {
    FaultRow {
        fault: fault.name.clone(),
        what: fault.what.clone(),
        checker: fault.checker.name(),
        status: status(hunt),
        killed_by: hunt.killed_by.clone(),
        listed: hunt.listed,
        evidence: hunt.evidence.clone(),
        seconds: rounded(hunt.seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::site;
    use super::*;
    use crate::checker::Checker;

    fn hunt(killed_by: Option<&str>) -> Hunt {
        Hunt {
            killed_by: killed_by.map(ToOwned::to_owned),
            listed: killed_by.is_some(),
            evidence: "src/x.rs:1:1: lost key".into(),
            seconds: 0.25,
        }
    }

    fn report(killed: &[bool], fault_killed: bool) -> Report {
        let sites = [site("A", Ordering::AcqRel), site("B", Ordering::Relaxed)];
        let mutants = super::super::mutants::of_sites(&sites);
        let hunts: Vec<Hunt> = killed.iter().map(|k| hunt(k.then_some("g::m"))).collect();
        let fault = Fault {
            name: "top_down".into(),
            what: "links top-down".into(),
            killed_by: vec!["g::m".into()],
            checker: Checker::Shuttle,
        };
        Report::new(
            &sites,
            &mutants,
            &hunts,
            &[fault],
            &[hunt(fault_killed.then_some("g::m"))],
        )
    }

    #[test]
    fn survivors_of_either_kind_fail() {
        assert!(report(&[true; 3], true).verdict().is_ok());
        assert_eq!(
            report(&[true, false, true], true).verdict().unwrap_err(),
            "survived: A -> Release"
        );
        assert_eq!(
            report(&[true; 3], false).verdict().unwrap_err(),
            "survived: top_down"
        );
    }

    #[test]
    fn the_json_has_the_agreed_fields() {
        let text = report(&[true, true, false], true).json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let numbers =
            ["sites", "mutants", "killed", "survived"].map(|k| value[k].as_u64().unwrap());
        assert_eq!(numbers, [2, 3, 2, 1]);
        let row = value["rows"][2].as_object().unwrap();
        for field in [
            "site",
            "file",
            "line",
            "ordering",
            "weakened",
            "partner",
            "why",
            "status",
            "killed_by",
            "evidence",
            "seconds",
        ] {
            assert!(row.contains_key(field), "{field}");
        }
        assert_eq!(row["status"], "survived");
        assert_eq!(value["relaxed"][0]["site"], "B");
        assert_eq!(value["faults"][0]["checker"], "shuttle");
    }

    #[test]
    fn the_text_has_tables_and_totals() {
        let text = report(&[true; 3], true).text();
        assert!(text.contains("AcqRel -> Release"), "{text}");
        assert!(text.contains("src/x.rs:1:1: lost key"), "{text}");
        let totals = "2 sites (1 relaxed), 3 mutants, 3 killed, 0 survived; 1 faults, 1 killed\n";
        assert!(text.ends_with(totals), "{text}");
    }
}

//! All subjects give the same answers on small runs of every shape.

use clap::Parser;
use verimem_bench::data::{Data, KeyShape};
use verimem_bench::options::Options;
use verimem_bench::{report, rounds};

fn options(arguments: &[&str]) -> Options {
    Options::parse_from([&["compare", "--quick", "--rounds", "2"], arguments].concat())
}

#[test]
fn all_subjects_agree_on_every_shape() {
    let options = options(&[]);
    for shape in [KeyShape::Random16, KeyShape::Shared32, KeyShape::Seq8] {
        for values in [0, 100] {
            let data = Data::new(700, shape, values, 1);
            let mut lanes = options.lanes();
            let cell = rounds::measure(&mut lanes, &data, &options).expect("equal answers");
            assert_eq!(
                cell.series.len(),
                19,
                "11 workloads, two with two results, and six reads by two threads as well"
            );
            for series in &cell.series {
                assert!(
                    series.rates.iter().all(|rates| rates.len() == 2),
                    "{}",
                    series.workload
                );
                assert!(
                    series.rates.iter().flatten().all(|&rate| rate > 0.0),
                    "{}",
                    series.workload
                );
            }
            let table = report::table(&cell, &lanes);
            assert!(lanes.iter().all(|lane| table.contains(lane.name())));
        }
    }
}

#[test]
fn tables_filled_in_descending_order_answer_alike() {
    let options = options(&["--linear-fill-limit", "100"]);
    let data = Data::new(500, KeyShape::Random16, 10, 1);
    let mut lanes = options.lanes();
    let skl = lanes
        .iter()
        .position(|lane| lane.name() == "skl")
        .expect("skl is among the subjects");
    let cell = rounds::measure(&mut lanes, &data, &options).expect("equal answers");
    let timed = |name: &str| {
        cell.series
            .iter()
            .any(|one| one.workload == name && !one.rates[skl].is_empty())
    };
    assert!(timed("get-hit") && timed("scan-filledseq"));
    assert!(!timed("scan-forward") && !timed("scan-backward"));
    assert!(!timed("fillseq") && !timed("fillrandom") && !timed("mixed-write"));
}

//! All subjects give the same answers on small runs of every shape.

use clap::Parser;
use verimem_bench::data::Data;
use verimem_bench::digest::Digest;
use verimem_bench::heap::Pages;
use verimem_bench::keys::KeyShape;
use verimem_bench::lane::{Lanes, Runner};
use verimem_bench::options::Options;
use verimem_bench::plan::Spec;
use verimem_bench::report::{self, Cell};
use verimem_bench::rounds;
use verimem_bench::stage::Stage;
use verimem_bench::subject::{Live, Plan, Subject};
use verimem_bench::subjects::{Crossbeam, MemTable, SkipList, Skl};
use verimem_bench::workload::Workload;

fn options(arguments: &[&str]) -> Options {
    Options::parse_from([&["compare", "--rounds", "2"], arguments].concat())
}

fn spec(entries: usize, keys: KeyShape, values: usize) -> Spec {
    Spec {
        entries,
        keys,
        values,
        pages: Pages::Cold,
        rounds: 2,
        workloads: Workload::ALL.to_vec(),
        threads: vec![1, 2],
    }
}

/// Measures all stages of a cell.
fn measure(spec: &Spec, options: &Options, lanes: &mut Lanes) -> Cell {
    let data = Data::new(spec.entries, spec.keys, spec.values, 1);
    measure_with(spec, &data, options, lanes)
}

fn measure_with(spec: &Spec, data: &Data, options: &Options, lanes: &mut Lanes) -> Cell {
    let mut cell = Cell::new(spec.name());
    for stage in Stage::all(&spec.workloads, &spec.threads) {
        let plan = options.plan(spec);
        let outcome = rounds::measure(lanes, data, plan, &stage, spec.rounds, &mut || ());
        cell.add(outcome.expect("equal answers"));
    }
    cell
}

#[test]
fn all_subjects_agree_on_every_shape() {
    let options = options(&[]);
    for keys in KeyShape::MATRIX.into_iter().chain([KeyShape::Random(200)]) {
        for values in [0, 100] {
            let mut lanes = options.lanes().expect("all subjects");
            let cell = measure(&spec(700, keys, values), &options, &mut lanes);
            // Three of the sequential fill, two fills and 8 reads with two thread counts, batches,
            // filters with two thread counts, versions, the two of mixed.
            assert_eq!(cell.series.len(), 3 + 2 + 16 + 1 + 2 + 2 + 2);
            for series in &cell.series {
                let workload = &series.workload;
                for (rates, lane) in series.rates.iter().zip(&lanes) {
                    let measured = workload != "get-miss-bloom" || lane.filters();
                    let rounds = if measured { 2 } else { 0 };
                    assert_eq!(rates.len(), rounds, "{workload}, {}", lane.name());
                }
                let mut rates = series.rates.iter().flatten();
                assert!(rates.all(|&rate| rate > 0.0), "{workload}");
            }
            let table = report::table(&cell, &lanes);
            assert!(lanes.iter().all(|lane| table.contains(lane.name())));
        }
    }
    assert_eq!(Live::count(), 0);
}

/// As in large tables, of which only some keys are looked up.
#[test]
fn fewer_lookups_than_entries_answer_alike() {
    let (options, spec) = (options(&[]), spec(900, KeyShape::Random(16), 10));
    let data = Data::with_probes(spec.entries, spec.keys, spec.values, 1, 250);
    let mut lanes = options.lanes().expect("all subjects");
    let cell = measure_with(&spec, &data, &options, &mut lanes);
    assert_eq!(cell.series.len(), 28);
}

#[test]
fn tables_filled_in_descending_order_answer_alike() {
    let options = options(&["--linear-fill-limit", "100"]);
    let mut lanes = options.lanes().expect("all subjects");
    let place = lanes.iter().position(|lane| lane.name() == "skl");
    let skl = place.expect("skl is among the subjects");
    let cell = measure(&spec(500, KeyShape::Random(16), 10), &options, &mut lanes);
    let timed = |name: &str| {
        let of_skl = |one: &&verimem_bench::rounds::Series| {
            one.workload == name && !one.rates[skl].is_empty()
        };
        cell.series.iter().any(|one| of_skl(&one))
    };
    assert!(timed("get-hit") && timed("scan-filledseq") && timed("versions8-get"));
    assert!(timed("scan-backward-filledseq") && timed("multi-get32"));
    assert!(!timed("scan-forward") && !timed("scan-backward"));
    assert!(!timed("fillseq") && !timed("fillrandom") && !timed("mixed-write"));
    assert!(!timed("batch100") && !timed("versions8-fill"));
}

#[test]
fn every_subject_measures_its_memory() {
    let options = options(&["--subjects", "memtable,skiplist,skl"]);
    let mut lanes = options.lanes().expect("three subjects");
    let mut spec = spec(20_000, KeyShape::Random(16), 100);
    spec.workloads = vec![Workload::Memory];
    let cell = measure(&spec, &options, &mut lanes);
    for over in cell.overheads {
        let over = over.expect("arenas know what they hold");
        assert!((8.0..100.0).contains(&over), "{over}");
    }
}

/// A subject that stores another value than it is given, once, or one that leaves a table behind.
struct Wrong<const LEAKS: bool>(Crossbeam);

impl<const LEAKS: bool> Subject for Wrong<LEAKS> {
    const NAME: &'static str = "wrong";
    const OURS: bool = true;
    const ABOUT: &'static str = "";
    type Stock = ();

    fn new(plan: &Plan, stock: &()) -> Self {
        if LEAKS {
            std::mem::forget(Live::default());
        }
        Self(Crossbeam::new(plan, stock))
    }

    fn add_shared<'k>(&self, entries: impl Iterator<Item = verimem_bench::subject::Entry<'k>>) {
        let changed = entries.map(|(sequence, key, value)| match sequence {
            77 if !LEAKS => (sequence, key, &value[1..]),
            _ => (sequence, key, value),
        });
        self.0.add_shared(changed);
    }

    fn get(&self, key: &[u8], digest: &mut Digest) -> bool {
        self.0.get(key, digest)
    }

    fn seek(&self, key: &[u8], nexts: usize, digest: &mut Digest) -> usize {
        self.0.seek(key, nexts, digest)
    }

    fn scan_forward(&self, digest: &mut Digest) -> usize {
        self.0.scan_forward(digest)
    }

    fn scan_backward(&self, most: usize, digest: &mut Digest) -> usize {
        self.0.scan_backward(most, digest)
    }
}

/// Measures a fill by all subjects and one more.
fn error_with<S: Subject + 'static>() -> String {
    let options = options(&[]);
    let spec = spec(500, KeyShape::Random(16), 10);
    let data = Data::new(spec.entries, spec.keys, spec.values, 1);
    let stage = &Stage::all(&[Workload::Fillseq], &[1])[0];
    let mut lanes = options.lanes().expect("all subjects");
    lanes.push(Runner::<S>::boxed());
    let plan = options.plan(&spec);
    let outcome = rounds::measure(&mut lanes, &data, plan, stage, 1, &mut || ());
    outcome.expect_err("a subject that is wrong")
}

#[test]
fn one_wrong_byte_fails_the_run() {
    let error = error_with::<Wrong<false>>();
    assert!(error.contains("wrong holds other entries"), "{error}");
}

#[test]
fn a_table_that_is_left_fails_the_run() {
    let error = error_with::<Wrong<true>>();
    assert_eq!(error, "1 tables are alive after a round");
}

/// What a subject answers to one batch, some keys of which are missing or come twice.
fn answer<S: Subject>(probes: &[&[u8]], data: &Data) -> (usize, u64, u64) {
    let options = options(&[]);
    let plan = options.plan(&spec(data.entries, data.shape, data.value_len));
    let mut table = S::new(&plan, &S::Stock::default());
    let entry = |(sequence, key)| (sequence, key, data.values.get(sequence));
    table.add_exclusive((1..).zip(data.shuffled.iter()).map(entry));
    let (mut batch, mut single) = (Digest::default(), Digest::default());
    let hits = table.multi_get(probes, &mut batch);
    let found = probes.iter().filter(|key| table.get(key, &mut single));
    assert_eq!(hits, found.count());
    (hits, batch.finish(), single.finish())
}

#[test]
fn batches_of_lookups_answer_as_single_ones_do() {
    let data = Data::new(300, KeyShape::Random(16), 10, 1);
    let mut probes: Vec<&[u8]> = data.present.iter().take(12).collect();
    probes.extend(data.absent.iter().take(12));
    probes.extend(data.present.iter().take(3));
    let all = [
        answer::<MemTable>(&probes, &data),
        answer::<SkipList>(&probes, &data),
        answer::<Crossbeam>(&probes, &data),
        answer::<Skl>(&probes, &data),
        #[cfg(target_os = "linux")]
        answer::<verimem_bench::subjects::InlineSkipList>(&probes, &data),
    ];
    for (hits, batch, single) in all {
        assert_eq!((hits, batch), (15, single));
        assert_eq!(batch, all[0].1);
    }
}

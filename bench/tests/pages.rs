//! Cold tables touch fresh pages, recycled ones do not. In a process of its own: the settings of the
//! C heap are global, and so is the count of page faults.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use verimem_bench::data::Data;
use verimem_bench::heap::{Pages, page_faults};
use verimem_bench::keys::KeyShape;
use verimem_bench::subject::{Plan, Subject};
use verimem_bench::subjects::{Crossbeam, InlineSkipList, MemTable, SkipList, Skl};

const ENTRIES: usize = 40_000;
const VALUE: usize = 100;

type Count = fn(&Data, Pages) -> usize;

/// Whether the system gives out huge pages unasked: a fault then brings 2 MiB, and how many
/// there are says little.
fn huge_pages_unasked() -> bool {
    let file = "/sys/kernel/mm/transparent_hugepage/enabled";
    std::fs::read_to_string(file).is_ok_and(|choice| choice.contains("[always]"))
}

/// The page faults of the third fill, after two whose tables were freed.
fn faults<S: Subject>(data: &Data, pages: Pages) -> usize {
    let plan = Plan {
        entries: ENTRIES,
        payload: data.payload(),
        shared_prefix: &[],
        huge_pages: false,
        pages,
        linear_fill_limit: 0,
        bloom: false,
    };
    let stock = S::Stock::default();
    pages.prepare();
    let mut last = 0;
    for _ in 0..3 {
        let before = page_faults().expect("Linux counts page faults");
        let mut table = S::new(&plan, &stock);
        // Descending: skl inserts in linear time otherwise.
        let mut keys: Vec<&[u8]> = data.sorted.iter().collect();
        keys.reverse();
        let entry = |(sequence, key)| (sequence, key, data.values.get(sequence));
        table.add_exclusive((1..).zip(keys).map(entry));
        last = page_faults().expect("Linux counts page faults") - before;
        drop(table);
        pages.settle();
    }
    usize::try_from(last).expect("a small number")
}

#[test]
fn pages_are_fresh_or_used_as_they_are_called() {
    let data = Data::new(ENTRIES, KeyShape::Random(16), VALUE, 1);
    let huge = huge_pages_unasked();
    let payload = ENTRIES * data.payload() / 4096;
    let counts: [(&str, Count); 5] = [
        ("memtable", faults::<MemTable>),
        ("skiplist", faults::<SkipList>),
        ("crossbeam", faults::<Crossbeam>),
        ("inlineskiplist", faults::<InlineSkipList>),
        ("skl", faults::<Skl>),
    ];
    for (name, count) in counts {
        let cold = count(&data, Pages::Cold);
        let recycled = count(&data, Pages::Recycled);
        println!("{name}: {cold} cold, {recycled} recycled, {payload} for the payload");
        assert!(recycled < payload / 4, "{name}: {recycled} of {payload}");
        assert!(huge || cold > payload / 2, "{name}: {cold} of {payload}");
    }
}

//! Models of range deletions, compared with a plain list of them. Invariants are those of
//! `src/tombstones/mod.rs`.

use std::sync::{Arc, Mutex};

use verimem::{Lookup, MemTable};
use verimem_loom_tests::shuttle_model::{Model, check};

use crate::memtable::{spawn, table};
use crate::skiplist::join;

/// Number, first key, first key behind it.
type Deletion = (u64, u8, u8);

/// Nested, overlapping and apart; numbers come out of order.
const DELETIONS: [[Deletion; 3]; 3] = [
    [(1, b'a', b'z'), (5, b'c', b'f'), (9, b'm', b'p')],
    [(4, b'b', b'n'), (2, b'd', b'e'), (7, b'x', b'z')],
    [(8, b'c', b'd'), (3, b'a', b'o'), (6, b'n', b'y')],
];

const KEYS: [u8; 6] = [b'a', b'c', b'd', b'm', b'n', b'x'];

/// A table, and what is known of its range deletions, by no means that the checker sees.
struct Told {
    table: Arc<MemTable>,
    begun: Mutex<Vec<Deletion>>,
    done: Mutex<Vec<Deletion>>,
}

fn copy(list: &Mutex<Vec<Deletion>>) -> Vec<Deletion> {
    list.lock().expect("no panic with the lock held").clone()
}

fn note(list: &Mutex<Vec<Deletion>>, deletion: Deletion) {
    let mut list = list.lock().expect("no panic with the lock held");
    list.push(deletion);
}

/// The numbers up to a snapshot that cover a key.
fn covering(list: &[Deletion], key: u8, snapshot: u64) -> Vec<u64> {
    let covers =
        |&&(number, begin, end): &&Deletion| number <= snapshot && (begin..end).contains(&key);
    list.iter()
        .filter(covers)
        .map(|&(number, ..)| number)
        .collect()
}

impl Told {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            table: table(),
            begun: Mutex::default(),
            done: Mutex::default(),
        })
    }

    fn delete(&self, deletion: Deletion) {
        let (number, begin, end) = deletion;
        note(&self.begun, deletion);
        self.table
            .delete_range(number, &[begin], &[end])
            .expect("memory");
        note(&self.done, deletion);
    }

    /// The number of the range deletion that hides a key, or 0.
    fn hidden_by(&self, key: u8, snapshot: u64) -> u64 {
        match self.table.get(&[key], snapshot).expect("no corruption") {
            Lookup::Deleted { sequence, .. } => sequence,
            Lookup::NotFound => 0,
            other => panic!("nothing was added: {other:?}"),
        }
    }

    /// Asks for a key, and checks the answer against what was there before and after.
    fn look(&self, key: u8, snapshot: u64) -> u64 {
        let done = covering(&copy(&self.done), key, snapshot);
        let answer = self.hidden_by(key, snapshot);
        let begun = covering(&copy(&self.begun), key, snapshot);
        let at_least = done.into_iter().max().unwrap_or(0);
        assert!(answer >= at_least, "T3: {answer}, after {at_least}");
        assert!(answer == 0 || begun.contains(&answer), "T1: {answer}");
        answer
    }

    /// Checks all keys at all snapshots, and all stripes, against the list. Nothing is
    /// under way.
    fn compare(&self) {
        let list = copy(&self.done);
        for snapshot in 0..=9 {
            for key in b'a'..=b'z' {
                let expected = covering(&list, key, snapshot).into_iter().max();
                assert_eq!(self.hidden_by(key, snapshot), expected.unwrap_or(0), "T3");
            }
            let stripe: Vec<_> = list
                .iter()
                .copied()
                .filter(|one| one.0 > snapshot)
                .collect();
            let fragments = self
                .table
                .range_deletions(snapshot + 1..=9)
                .expect("memory");
            for key in b'a'..=b'z' {
                let expected = covering(&stripe, key, 9).into_iter().max();
                let found: Vec<_> = fragments
                    .iter()
                    .filter(|one| one.begin <= &[key][..] && &[key][..] < one.end)
                    .map(|one| one.sequence)
                    .collect();
                assert_eq!(found, Vec::from_iter(expected), "T3, fragments");
            }
        }
    }
}

/// T1 to T3: three adders of nested, overlapping and distant ranges, with numbers out of
/// order, and two readers.
#[test]
fn adders_and_readers() {
    let model = Model {
        name: "tombstones::adders_and_readers",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let told = Told::new();
        let adders = DELETIONS
            .into_iter()
            .enumerate()
            .map(|(adder, deletions)| {
                spawn(&told, adder, move |told| {
                    deletions.into_iter().for_each(|one| told.delete(one));
                })
            })
            .collect();
        let readers = [9, 5]
            .into_iter()
            .map(|snapshot| {
                spawn(&told, 0, move |told| {
                    for key in KEYS {
                        let first = told.look(key, snapshot);
                        let second = told.look(key, snapshot);
                        assert!(first <= second, "T3: {first} was seen");
                    }
                })
            })
            .collect();
        join(adders);
        join(readers);
        told.compare();
        assert_eq!(told.table.stats().range_deletions, 9, "M3");
    });
}

/// T1, T3, small enough to be exhausted: two adders past a parent, and a reader.
#[test]
fn two_adders_exhausted() {
    let model = Model {
        name: "tombstones::two_adders_exhausted",
        iterations: 1_000,
        exhaust: true,
    };
    check(model, || {
        let told = Told::new();
        told.delete(DELETIONS[0][0]);
        let delete = |told: &Told, (number, begin, end): Deletion| {
            verimem::checker::delete_range(&told.table, number, &[begin], &[end]).expect("memory");
            note(&told.done, (number, begin, end));
        };
        let other = spawn(&told, 0, move |told| delete(told, DELETIONS[1][0]));
        let reader = spawn(&told, 0, |told| {
            let number = told.hidden_by(b'd', 9);
            assert!([1, 2, 4].contains(&number), "T3: {number}");
        });
        delete(&told, DELETIONS[1][1]);
        other.join().expect("no panic");
        reader.join().expect("no panic");
        for (key, snapshot, number) in [(b'a', 9, 1), (b'c', 9, 4), (b'd', 9, 4), (b'd', 3, 2)] {
            assert_eq!(told.hidden_by(key, snapshot), number, "T3: {key}");
        }
    });
}

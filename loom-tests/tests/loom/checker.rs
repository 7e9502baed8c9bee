//! What loom itself does with three tiny programs: it drops interleavings.
//!
//! A thread's own load masks another thread's earlier load, so an outcome that
//! the program allows may never be explored. These tests pin the behaviour that
//! every other model works around: the writer is scheduled first, and each model
//! names the outcomes that it must reach.

use loom::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use verimem_loom_tests::loom_model::{Bound, Model, Outcomes, check};

fn write(x: &AtomicU64) {
    let seen = x.load(Ordering::Acquire);
    let _ = x.compare_exchange(seen, 1, Ordering::AcqRel, Ordering::Acquire);
}

fn read(x: &AtomicU64, outcomes: &Outcomes) {
    outcomes.note(x.load(Ordering::Acquire).to_string());
}

/// The reader in `main`: one execution, and the new value is never seen.
#[test]
fn reader_in_main_never_sees_the_write() {
    let model = Model {
        name: "checker::reader_in_main_never_sees_the_write",
        bound: Bound::Unbounded,
        quick: Bound::Unbounded,
        at_least: 1,
        outcomes: &["0"],
    };
    check(model, |outcomes| {
        let x = Arc::new(AtomicU64::new(0));
        let writer = loom::thread::spawn({
            let x = Arc::clone(&x);
            move || write(&x)
        });
        read(&x, outcomes);
        writer.join().expect("the writer does not panic");
    });
}

/// The reader spawned first: more executions, and still the new value is never seen.
#[test]
fn reader_spawned_first_never_sees_the_write() {
    let model = Model {
        name: "checker::reader_spawned_first_never_sees_the_write",
        bound: Bound::Unbounded,
        quick: Bound::Unbounded,
        at_least: 2,
        outcomes: &["0"],
    };
    check(model, |outcomes| {
        let x = Arc::new(AtomicU64::new(0));
        let reader = loom::thread::spawn({
            let (x, outcomes) = (Arc::clone(&x), outcomes.clone());
            move || read(&x, &outcomes)
        });
        let writer = loom::thread::spawn({
            let x = Arc::clone(&x);
            move || write(&x)
        });
        reader.join().expect("the reader does not panic");
        writer.join().expect("the writer does not panic");
    });
}

/// The writer first: both values are seen.
#[test]
fn writer_first_sees_both() {
    let model = Model {
        name: "checker::writer_first_sees_both",
        bound: Bound::Unbounded,
        quick: Bound::Unbounded,
        at_least: 2,
        outcomes: &["0", "1"],
    };
    check(model, |outcomes| {
        let x = Arc::new(AtomicU64::new(0));
        let reader = loom::thread::spawn({
            let (x, outcomes) = (Arc::clone(&x), outcomes.clone());
            move || read(&x, &outcomes)
        });
        write(&x);
        reader.join().expect("the reader does not panic");
    });
}

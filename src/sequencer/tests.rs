//! What the sequencer promises on real threads; the models have the rest.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;

use super::*;
use crate::visibility::Visibility;

fn sequencer() -> Sequencer {
    Sequencer::new(0).unwrap()
}

#[test]
fn c1_ranges_follow_upon_one_another_and_are_published_in_order() {
    let sequencer = Sequencer::new(9).unwrap();
    assert_eq!(sequencer.published(), 9);
    let a = sequencer.reserve(1).unwrap();
    let b = sequencer.reserve(100).unwrap();
    let c = sequencer.reserve(1).unwrap();
    assert_eq!((a.first(), a.last()), (10, 10));
    assert_eq!((b.first(), b.last()), (11, 110));
    assert_eq!((c.first(), c.last()), (111, 111));
    b.publish();
    assert_eq!(sequencer.published(), 9);
    a.publish();
    assert_eq!(sequencer.published(), 110);
    c.publish_and_wait();
    assert_eq!(sequencer.published(), 111);
    assert!(sequencer.view().is_plain());
}

#[test]
fn c1_nonsense_is_refused_and_takes_nothing() {
    let over = MAX_SEQUENCE_NUMBER + 1;
    assert_eq!(
        Sequencer::new(over).unwrap_err(),
        Error::SequenceTooLarge { sequence: over }
    );
    let sequencer = Sequencer::new(MAX_SEQUENCE_NUMBER - 2).unwrap();
    assert!(matches!(
        sequencer.reserve(0),
        Err(Error::InvalidOption { .. })
    ));
    for count in [3, u64::MAX, MAX_SEQUENCE_NUMBER] {
        // More often than there are slots: a refusal gives its place back.
        for _ in 0..=MAX_IN_FLIGHT {
            assert!(matches!(
                sequencer.reserve(count),
                Err(Error::SequenceTooLarge { .. })
            ));
        }
    }
    let last = sequencer.reserve(2).unwrap();
    assert_eq!(last.last(), MAX_SEQUENCE_NUMBER);
    last.publish();
    assert_eq!(sequencer.published(), MAX_SEQUENCE_NUMBER);
    assert!(sequencer.view().is_visible(MAX_SEQUENCE_NUMBER));
    assert!(sequencer.reserve(1).is_err());
}

#[test]
fn c1_the_ring_is_as_large_as_it_says() {
    let sequencer = sequencer();
    for round in 0..3 {
        let mut held: Vec<_> = (0..MAX_IN_FLIGHT)
            .map(|_| sequencer.try_reserve(1).unwrap())
            .collect();
        assert_eq!(sequencer.try_reserve(1).unwrap_err(), Error::Busy);
        // From the back: nothing is published before the first is done.
        let first = held.remove(0);
        held.into_iter().rev().for_each(Reservation::publish);
        assert_eq!(sequencer.published(), round * MAX_IN_FLIGHT as u64);
        assert_eq!(sequencer.try_reserve(1).unwrap_err(), Error::Busy);
        first.publish();
        assert_eq!(sequencer.published(), (round + 1) * MAX_IN_FLIGHT as u64);
    }
}

#[test]
fn c1_a_panicking_writer_wedges_nobody_and_is_not_seen() {
    let sequencer = sequencer();
    let before = sequencer.reserve(1).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _batch = sequencer.reserve(3).unwrap();
        panic!("half-way");
    }));
    assert!(panicked.is_err());
    sequencer.reserve(1).unwrap().publish();
    assert_eq!(sequencer.published(), 0);
    before.publish();
    assert_eq!(sequencer.published(), 5);
    let view = sequencer.view();
    let seen: Vec<u64> = (0..7).filter(|&one| view.is_visible(one)).collect();
    assert_eq!(seen, [0, 1, 5]);
    assert!(!view.is_plain());
    assert_eq!((view.sequence(), view.min_uncommitted()), (5, 2));

    sequencer.forget_aborted(4);
    assert!(!sequencer.view().is_visible(4), "the range ends there");
    sequencer.forget_aborted(5);
    assert!(sequencer.view().is_plain());
    assert!(!view.is_visible(4), "a view stays as it is");
}

#[test]
fn c1_cancelled_numbers_are_remembered_by_nobody() {
    let sequencer = sequencer();
    sequencer.reserve(5).unwrap().cancel();
    assert_eq!(sequencer.published(), 5);
    assert!(sequencer.view().is_plain());
}

#[test]
fn c1_a_batch_builds_upon_what_was_committed_and_on_itself() {
    let sequencer = sequencer();
    let before = sequencer.reserve(2).unwrap();
    drop(sequencer.reserve(2).unwrap());
    let batch = sequencer.reserve(3).unwrap();
    let after = sequencer.reserve(1).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| batch.view());
        (0..10_000).for_each(|_| std::thread::yield_now());
        assert!(!waiting.is_finished(), "a batch before it has not ended");
        before.publish();
        let view = waiting.join().unwrap();
        let seen: Vec<u64> = (0..10).filter(|&one| view.is_visible(one)).collect();
        assert_eq!(seen, [0, 1, 2, 5, 6, 7]);
    });
    assert_eq!(sequencer.published(), 4);
    batch.publish();
    after.publish();
}

#[test]
fn c1_aborts_come_in_any_order() {
    let sequencer = sequencer();
    let mut held: Vec<_> = (0..6).map(|_| sequencer.reserve(2).unwrap()).collect();
    held.remove(2).publish();
    while !held.is_empty() {
        drop(held.remove(held.len() / 2));
    }
    let view = sequencer.view();
    let seen: Vec<u64> = (0..20).filter(|&one| view.is_visible(one)).collect();
    assert_eq!(seen, [0, 5, 6]);
}

#[test]
fn c1_many_threads_and_all_is_published() {
    const THREADS: u64 = 4;
    const BATCHES: u64 = 5_000;
    let sequencer = sequencer();
    let barrier = Barrier::new(THREADS as usize);
    let work = |thread: u64| {
        barrier.wait();
        let mut taken = 0;
        for batch in 0..BATCHES {
            let count = 1 + (batch + thread) % 3;
            let batch = sequencer.reserve(count).unwrap();
            taken += count;
            let last = batch.last();
            assert_eq!(last - batch.first() + 1, count);
            assert!(sequencer.published() < batch.first());
            if last % 64 == 0 {
                drop(batch);
            } else {
                batch.publish();
            }
            if last % 16 == 0 {
                sequencer.wait_for(last);
                assert!(sequencer.published() >= last);
            }
        }
        taken
    };
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let work = &work;
                scope.spawn(move || work(thread))
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(sequencer.published(), counts.iter().sum());
    let view = sequencer.view();
    let aborted = (1..=view.sequence()).filter(|&one| !view.is_visible(one));
    assert!(aborted.count() > 0);
}

#[test]
fn g4_a_view_claims_nothing_above_its_number() {
    let sequencer = sequencer();
    let first = sequencer.reserve(1).unwrap();
    drop(sequencer.reserve(1).unwrap());
    // The second failed before the first ended: its range is on the list already.
    let view = sequencer.view();
    assert_eq!((view.sequence(), view.min_uncommitted()), (0, 1));
    assert!(!view.is_visible(1) && view.is_plain());
    first.publish();
    let view = sequencer.view();
    assert_eq!((view.sequence(), view.min_uncommitted()), (2, 2));
    assert!(view.is_visible(1) && !view.is_visible(2));
}

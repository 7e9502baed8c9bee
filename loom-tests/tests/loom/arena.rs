//! Models of the arenas. Invariants are those of `src/arena/mod.rs`.

use std::sync::Arc;

use loom::thread;
use verimem::arena::{ArenaOptions, ArenaPool, ConcurrentArena, UNIT};
use verimem::checker::set_shard_index;
use verimem_loom_tests::loom_model::{Bound, Model, check};

/// Small enough that the first block holds one chunk, large enough for chunks.
fn arena() -> Arc<ConcurrentArena> {
    let options = ArenaOptions {
        block_size: 1024,
        ..ArenaOptions::default()
    };
    Arc::new(ConcurrentArena::new(options).expect("an arena"))
}

/// Allocates and writes every byte; returns the range of units.
fn take(arena: &ConcurrentArena, bytes: usize) -> (u32, u32) {
    let piece = arena.allocate(bytes).expect("there is room");
    assert_eq!(
        piece.ptr.as_ptr().addr() % UNIT,
        0,
        "invariant 3: alignment"
    );
    // SAFETY: the allocation has this many bytes, and this thread owns them.
    unsafe { piece.ptr.write_bytes(0xAB, bytes) };
    let units = u32::try_from(bytes.div_ceil(UNIT)).expect("small");
    (piece.offset, piece.offset + units)
}

fn assert_disjoint(ranges: &[(u32, u32)]) {
    for (index, a) in ranges.iter().enumerate() {
        for b in &ranges[index + 1..] {
            assert!(
                a.1 <= b.0 || b.1 <= a.0,
                "invariant 1: {a:?} overlaps {b:?}"
            );
        }
    }
}

fn assert_exact(arena: &ConcurrentArena, ranges: &[(u32, u32)]) {
    let usage = arena.usage();
    let handed_out: u32 = ranges.iter().map(|range| range.1 - range.0).sum();
    assert_eq!(
        usage.used,
        handed_out as usize * UNIT,
        "invariant 5: {usage:?}"
    );
    assert_eq!(usage.allocated, usage.used + usage.unused + usage.wasted);
}

/// Invariants 1, 3, 4, 5: one thread commits the block, the other may take from
/// the chunk that it put in place.
#[test]
fn taker_sees_the_block() {
    let model = Model {
        name: "arena::taker_sees_the_block",
        bound: Bound::Unbounded,
        quick: Bound::Preemptions(2),
        at_least: 4,
        outcomes: &["first,second", "second,first"],
    };
    check(model, |outcomes| {
        let arena = arena();
        let other = thread::spawn({
            let arena = Arc::clone(&arena);
            move || take(&arena, 16)
        });
        let mine = take(&arena, 16);
        let theirs = other.join().expect("no panic");
        assert_disjoint(&[mine, theirs]);
        assert_exact(&arena, &[mine, theirs]);
        outcomes.note(if mine < theirs {
            "first,second"
        } else {
            "second,first"
        });
    });
}

/// Invariants 1 and 5: both threads use up the chunk and refill it.
#[test]
fn two_threads_one_shard() {
    let model = Model {
        name: "arena::two_threads_one_shard",
        bound: Bound::Unbounded,
        quick: Bound::Preemptions(2),
        at_least: 50,
        outcomes: &["apart", "mixed"],
    };
    check(model, |outcomes| {
        let arena = arena();
        let mut ranges = vec![take(&arena, 16)];
        let other = thread::spawn({
            let arena = Arc::clone(&arena);
            move || [take(&arena, 16), take(&arena, 24)]
        });
        let mine = [take(&arena, 16), take(&arena, 24)];
        let theirs = other.join().expect("no panic");
        ranges.extend(mine);
        ranges.extend(theirs);
        assert_disjoint(&ranges);
        assert_exact(&arena, &ranges);
        let apart = mine[1] < theirs[0] || theirs[1] < mine[0];
        outcomes.note(if apart { "apart" } else { "mixed" });
    });
}

/// Invariant 1: two shards cut their chunks from one block.
#[test]
fn two_shards_one_block() {
    let model = Model {
        name: "arena::two_shards_one_block",
        bound: Bound::Unbounded,
        quick: Bound::Preemptions(2),
        at_least: 2,
        outcomes: &["first,second", "second,first"],
    };
    check(model, |outcomes| {
        let arena = arena();
        let other = thread::spawn({
            let arena = Arc::clone(&arena);
            move || {
                set_shard_index(1);
                take(&arena, 16)
            }
        });
        let mine = take(&arena, 16);
        let theirs = other.join().expect("no panic");
        assert_disjoint(&[mine, theirs]);
        assert_exact(&arena, &[mine, theirs]);
        outcomes.note(if mine < theirs {
            "first,second"
        } else {
            "second,first"
        });
    });
}

/// Invariants 1 and 5: a ticket gives back its rest while another thread
/// allocates: to the shard, or as the current block, where more is left of it.
#[test]
fn ticket_gives_back() {
    let model = Model {
        name: "arena::ticket_gives_back",
        bound: Bound::Unbounded,
        quick: Bound::Preemptions(2),
        at_least: 3,
        outcomes: &["reused", "kept"],
    };
    check(model, |outcomes| {
        let arena = arena();
        let setup = take(&arena, 8);
        let other = thread::spawn({
            let arena = Arc::clone(&arena);
            move || {
                let mut ticket = arena.reserve(24).expect("there is room");
                let piece = ticket.allocate(8).expect("within the ticket");
                (piece.offset, piece.offset + 1)
            }
        });
        let mine = take(&arena, 8);
        let theirs = other.join().expect("no panic");
        assert_disjoint(&[setup, mine, theirs]);
        assert_exact(&arena, &[setup, mine, theirs]);
        assert_eq!(
            arena.usage().wasted,
            UNIT,
            "only the unit that is never handed out"
        );
        outcomes.note(if mine.0 == theirs.1 { "reused" } else { "kept" });
        // What went back is handed out again, to one owner.
        let later = take(&arena, 16);
        assert_disjoint(&[setup, mine, theirs, later]);
        assert_exact(&arena, &[setup, mine, theirs, later]);
    });
}

/// Invariant 5: a reader of the accounting never sees less than was handed out
/// before.
#[test]
fn usage_while_allocating() {
    let model = Model {
        name: "arena::usage_while_allocating",
        bound: Bound::Unbounded,
        quick: Bound::Preemptions(2),
        at_least: 3,
        outcomes: &["before", "after"],
    };
    check(model, |outcomes| {
        let arena = arena();
        let mine = take(&arena, 16);
        let reader = thread::spawn({
            let (arena, outcomes) = (Arc::clone(&arena), outcomes.clone());
            move || {
                let usage = arena.usage();
                let sum = usage.used + usage.unused + usage.wasted;
                assert!(sum >= 16, "invariant 5: {usage:?}");
                outcomes.note(if usage.used > 16 { "after" } else { "before" });
            }
        });
        let more = take(&arena, 16);
        reader.join().expect("no panic");
        assert_exact(&arena, &[mine, more]);
    });
}

/// Invariants 1, 2 and 6: two threads want the last space of a fixed capacity;
/// who is refused took nothing, and what the other got stays where it is.
#[test]
fn last_space_of_a_fixed_capacity() {
    let model = Model {
        name: "arena::last_space_of_a_fixed_capacity",
        bound: Bound::Unbounded,
        quick: Bound::Preemptions(2),
        at_least: 3,
        outcomes: &["main", "other"],
    };
    check(model, |outcomes| {
        let options = ArenaOptions {
            block_size: 64,
            capacity: Some(64),
            ..ArenaOptions::default()
        };
        let arena = Arc::new(ConcurrentArena::new(options).expect("an arena"));
        let claim = |arena: &ConcurrentArena, byte: u8| {
            let piece = arena.allocate(40).ok()?;
            // SAFETY: the allocation has 40 bytes, and this thread owns them.
            unsafe { piece.ptr.write_bytes(byte, 40) };
            Some(piece)
        };
        let other = thread::spawn({
            let arena = Arc::clone(&arena);
            move || claim(&arena, 2).map(|piece| (piece.offset, piece.offset + 5))
        });
        let mine = claim(&arena, 1);
        let theirs = other.join().expect("no panic");
        outcomes.note(match (&mine, theirs) {
            (Some(_), None) => "main",
            (None, Some(_)) => "other",
            both => panic!("invariant 6: exactly one fits: {both:?}"),
        });
        if let Some(piece) = mine {
            // SAFETY: the allocation has 40 bytes, written above.
            let first = unsafe { piece.ptr.read() };
            assert_eq!(first, 1, "invariants 1 and 2");
            assert_exact(&arena, &[(piece.offset, piece.offset + 5)]);
        }
        if let Some(range) = theirs {
            assert_exact(&arena, &[range]);
        }
    });
}

/// Invariants 4 and 7: one thread drops an arena, another makes one, of the same
/// memory if it comes late enough.
#[test]
fn recycled_by_another_thread() {
    let model = Model {
        name: "arena::recycled_by_another_thread",
        bound: Bound::Unbounded,
        quick: Bound::Preemptions(2),
        at_least: 4,
        outcomes: &["fresh", "recycled"],
    };
    check(model, |outcomes| {
        let pool = Arc::new(ArenaPool::new(1 << 10));
        let options = ArenaOptions {
            block_size: 64,
            pool: Some(Arc::clone(&pool)),
            ..ArenaOptions::default()
        };
        let before = ConcurrentArena::new(options.clone()).expect("an arena");
        take(&before, 16);
        let allocated = before.usage().allocated;
        let other = thread::spawn({
            let (pool, outcomes) = (Arc::clone(&pool), outcomes.clone());
            move || {
                let arena = ConcurrentArena::new(options).expect("an arena");
                let lent = pool.lent();
                outcomes.note(if lent > 0 { "recycled" } else { "fresh" });
                // The second one is in a block that the arena before had not.
                let ranges = [take(&arena, 16), take(&arena, 64)];
                assert_disjoint(&ranges);
                assert_exact(&arena, &ranges);
                lent
            }
        });
        drop(before);
        let lent = other.join().expect("no panic");
        assert!(lent == 0 || lent == allocated, "all or nothing: {lent}");
        assert_eq!(pool.lent(), 0);
        assert!(pool.retained() >= allocated, "what was lent came back");
    });
}

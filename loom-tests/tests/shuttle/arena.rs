//! Models of the arena. Invariants are those of `src/arena/mod.rs`.

use std::sync::Arc;

use shuttle::thread;
use verimem::arena::{ArenaOptions, ArenaPool, ConcurrentArena, UNIT};
use verimem::checker::set_shard_index;
use verimem_loom_tests::shuttle_model::{Model, check};

type Ranges = Vec<(u32, u32)>;

fn arena(block_size: usize, capacity: Option<usize>) -> Arc<ConcurrentArena> {
    let options = ArenaOptions {
        block_size,
        capacity,
        ..ArenaOptions::default()
    };
    Arc::new(ConcurrentArena::new(options).expect("an arena"))
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).expect("small")
}

/// Runs `body` on `threads` threads and returns all ranges that they took.
fn on_threads(
    arena: &Arc<ConcurrentArena>,
    threads: usize,
    body: fn(&ConcurrentArena, usize) -> Ranges,
) -> Ranges {
    let handles: Vec<_> = (0..threads)
        .map(|index| {
            let arena = Arc::clone(arena);
            thread::spawn(move || {
                set_shard_index(index / 2);
                body(&arena, index)
            })
        })
        .collect();
    handles
        .into_iter()
        .flat_map(|handle| handle.join().expect("no panic"))
        .collect()
}

fn assert_accounted(arena: &ConcurrentArena, mut ranges: Ranges) {
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "invariant 1: {pair:?} overlap");
    }
    let handed_out: u32 = ranges.iter().map(|(start, end)| end - start).sum();
    let usage = arena.usage();
    assert_eq!(
        usage.used,
        handed_out as usize * UNIT,
        "invariant 5: {usage:?}"
    );
    assert_eq!(usage.allocated, usage.used + usage.unused + usage.wasted);
}

/// Invariants 1, 3, 5: blocks, chunks and dedicated blocks from four threads.
#[test]
fn four_threads_all_sizes() {
    let model = Model {
        name: "arena::four_threads_all_sizes",
        iterations: 10_000,
        exhaust: false,
    };
    check(model, || {
        let arena = arena(512, None);
        let ranges = on_threads(&arena, 4, |arena, index| {
            [8, 16, 40, 200, 24]
                .iter()
                .map(|bytes| {
                    let piece = arena.allocate(bytes + index).expect("there is room");
                    (piece.offset, piece.offset + units(bytes + index))
                })
                .collect()
        });
        assert_accounted(&arena, ranges);
    });
}

/// Invariants 1 and 5: tickets that give back, beside plain allocations.
#[test]
fn tickets_give_back() {
    let model = Model {
        name: "arena::tickets_give_back",
        iterations: 10_000,
        exhaust: false,
    };
    check(model, || {
        let arena = arena(512, None);
        let ranges = on_threads(&arena, 3, |arena, index| {
            let mut ranges = Ranges::new();
            for round in 0..2 {
                let mut ticket = arena.reserve(40 + 8 * index).expect("there is room");
                let piece = ticket.allocate(8 + 8 * round).expect("within the ticket");
                ranges.push((piece.offset, piece.offset + units(8 + 8 * round)));
                drop(ticket);
                let piece = arena.allocate(16).expect("there is room");
                ranges.push((piece.offset, piece.offset + 2));
            }
            ranges
        });
        assert_accounted(&arena, ranges);
    });
}

/// Invariant 6, SPEC A6: a fixed capacity is never exceeded, and what is refused
/// takes nothing.
#[test]
fn fixed_capacity_fills_up() {
    let model = Model {
        name: "arena::fixed_capacity_fills_up",
        iterations: 10_000,
        exhaust: false,
    };
    check(model, || {
        let arena = arena(128, Some(512));
        let ranges = on_threads(&arena, 3, |arena, index| {
            (0..8)
                .filter_map(|_| {
                    let bytes = 24 + 8 * index;
                    let piece = arena.allocate(bytes).ok()?;
                    Some((piece.offset, piece.offset + units(bytes)))
                })
                .collect()
        });
        assert!(arena.usage().allocated <= 512, "A6: {:?}", arena.usage());
        assert!(!ranges.is_empty());
        assert_accounted(&arena, ranges);
    });
}

/// Small enough to be exhausted.
#[test]
fn two_threads_exhausted() {
    let model = Model {
        name: "arena::two_threads_exhausted",
        iterations: 1_000,
        exhaust: true,
    };
    check(model, || {
        let arena = arena(1024, None);
        let ranges = on_threads(&arena, 2, |arena, _| {
            let piece = arena.allocate(16).expect("there is room");
            vec![(piece.offset, piece.offset + 2)]
        });
        assert_accounted(&arena, ranges);
    });
}

/// Invariants 2, 5 and 7: three threads make arenas in turn from one pool, which
/// another clears; nobody's bytes change, and the limit holds.
#[test]
fn arenas_share_a_pool() {
    const LIMIT: usize = 700;
    let model = Model {
        name: "arena::arenas_share_a_pool",
        iterations: 5_000,
        exhaust: false,
    };
    check(model, || {
        let pool = Arc::new(ArenaPool::new(LIMIT));
        let lives = |pool: &Arc<ArenaPool>, index: u8| {
            for life in 0..3 {
                let arena = ConcurrentArena::new(ArenaOptions {
                    block_size: 128,
                    pool: Some(Arc::clone(pool)),
                    ..ArenaOptions::default()
                });
                let arena = arena.expect("an arena");
                let mark = index * 16 + life;
                let pieces = [24, 100, 40, 200].map(|bytes| {
                    let piece = arena.allocate(bytes).expect("there is room");
                    // SAFETY: the allocation has so many bytes, this thread's own.
                    unsafe { piece.ptr.write_bytes(mark, bytes) };
                    (piece, bytes)
                });
                assert!(pool.retained() <= LIMIT);
                for (piece, bytes) in pieces {
                    // SAFETY: as above.
                    let last = unsafe { piece.ptr.add(bytes - 1) };
                    // SAFETY: as above; written above.
                    let written = unsafe { last.read() };
                    assert_eq!(written, mark, "invariant 7");
                }
                let ranges =
                    pieces.map(|(piece, bytes)| (piece.offset, piece.offset + units(bytes)));
                assert_accounted(&arena, ranges.into());
            }
        };
        let threads: Vec<_> = (0..3)
            .map(|index| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || lives(&pool, index))
            })
            .collect();
        pool.clear();
        for thread in threads {
            thread.join().expect("no panic");
        }
        lives(&pool, 3);
        assert_eq!(pool.lent(), 0);
        assert!((1..=LIMIT).contains(&pool.retained()));
    });
}

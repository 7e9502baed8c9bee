//! The arena for many threads, and its tickets.

use super::*;
use crate::arena::{Allocate, ConcurrentArena, Memory, Ticket};

fn arena(block_size: usize, capacity: Option<usize>, shards: usize) -> ConcurrentArena {
    ConcurrentArena::new(options(block_size, capacity, shards)).unwrap()
}

#[test]
fn a2_four_threads_are_counted_exactly_and_never_meet() {
    let arena = arena(256 * KIB, None, 2);
    let used = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let arena = &arena;
                scope.spawn(move || {
                    let (mut rng, mut model, mut used) = (Rng(seed), Model::default(), 0);
                    for _ in 0..3_000 {
                        let bytes = rng.size(64 * KIB);
                        let allocation = arena.allocate(bytes).unwrap();
                        assert_eq!(allocation.ptr.as_ptr().addr() % UNIT, 0);
                        model.take(allocation.ptr, bytes);
                        used += rounded(bytes);
                        let usage = arena.usage();
                        assert!(usage.used + usage.unused + usage.wasted >= used);
                    }
                    model.verify();
                    used
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(arena.usage().used, used);
    assert_balanced(arena.usage());
}

#[test]
fn a6_four_threads_fill_a_fixed_capacity() {
    for capacity in [4 * KIB, 8 * KIB, 100_000, 2 * MIB] {
        let arena = arena(0, Some(capacity), 4);
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let arena = &arena;
                scope.spawn(move || {
                    let (mut rng, mut model) = (Rng(seed), Model::default());
                    loop {
                        let bytes = 1 + rng.below(300);
                        match arena.allocate(bytes) {
                            Ok(allocation) => model.take(allocation.ptr, bytes),
                            Err(Error::Full { .. }) => break,
                            Err(other) => panic!("{other}"),
                        }
                    }
                    model.verify();
                });
            }
        });
        while arena.allocate(1).is_ok() {}
        let usage = arena.usage();
        assert_balanced(usage);
        assert!(
            usage.allocated <= capacity && usage.unused == 0,
            "{usage:?}"
        );
        assert!(usage.wasted <= capacity / 4, "{usage:?}");
    }
}

#[test]
fn a6_what_one_shard_has_left_serves_another() {
    let arena = arena(0, Some(4 * KIB), 2);
    arena.allocate(8).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| arena.allocate(500).map(|_| ()).unwrap());
        }
    });
    assert_eq!(arena.usage().used, 3 * 504 + 8);
}

#[test]
fn a6_a_ticket_cannot_fail_within_what_was_reserved() {
    let arena = arena(0, Some(64 * KIB), 2);
    let mut ticket = arena.reserve(12_000).unwrap();
    while arena.allocate(64).is_ok() {}
    let mut model = Model::default();
    for _ in 0..100 {
        model.take(ticket.allocate(97).unwrap().ptr, 97);
        ticket.allocate(0).unwrap();
    }
    assert_eq!(ticket.remaining(), 12_000 - 100 * 112);
    drop(ticket);
    model.verify();
}

#[test]
fn a6_an_untouched_ticket_leaves_no_trace() {
    for block_size in [4 * KIB, 64 * KIB, MIB] {
        let arena = arena(block_size, None, 1);
        arena.allocate(100).unwrap();
        for bytes in [1, 8, 100, 1_000, 5_000, 40_000, 300_000, 3_000_000] {
            drop(arena.reserve(bytes).unwrap());
            let before = arena.usage();
            for _ in 0..100 {
                drop(arena.reserve(bytes).unwrap());
            }
            assert_eq!(arena.usage(), before, "{block_size} {bytes}");
            assert_eq!(before.used, 104);
        }
        assert_balanced(arena.usage());
    }
}

#[test]
fn a6_a_block_of_its_own_goes_back_too() {
    let arena = arena(MIB, None, 1);
    arena.allocate(100).unwrap();
    let mut ticket = arena.reserve(600_000).unwrap();
    ticket.allocate(1_000).unwrap();
    drop(ticket);
    let allocated = arena.usage().allocated;
    arena.allocate(500_000).unwrap();
    assert_eq!(
        arena.usage().allocated,
        allocated,
        "what the ticket left is used"
    );
    assert_balanced(arena.usage());
}

#[test]
fn a6_random_tickets_are_counted_exactly() {
    for seed in 0..30 {
        let block_size = [4 * KIB, 12 * KIB, 64 * KIB][seed as usize % 3];
        let capacity = (seed % 2 == 0).then_some(MIB);
        let arena = arena(block_size, capacity, 1 << (seed % 3));
        let (mut rng, mut model, mut used) = (Rng(seed), Model::default(), 0);
        let mut tickets: Vec<Ticket<'_>> = Vec::new();
        for _ in 0..600 {
            match rng.below(6) {
                0 | 1 => tickets.extend(arena.reserve(rng.size(3 * block_size))),
                2 if !tickets.is_empty() => {
                    let index = rng.below(tickets.len());
                    drop(tickets.swap_remove(index));
                }
                3 if !tickets.is_empty() => {
                    let index = rng.below(tickets.len());
                    let bytes = rng.below(300);
                    let left = tickets[index].remaining();
                    match tickets[index].allocate(bytes) {
                        Ok(allocation) => {
                            model.take(allocation.ptr, bytes);
                            used += rounded(bytes);
                        }
                        Err(_) => assert!(left < rounded(bytes)),
                    }
                }
                4 => {
                    crate::sync::switch_shard();
                }
                _ => {
                    let bytes = rng.size(block_size);
                    if let Ok(allocation) = arena.allocate(bytes) {
                        model.take(allocation.ptr, bytes);
                        used += rounded(bytes);
                    }
                }
            }
            let reserved: usize = tickets.iter().map(Ticket::remaining).sum();
            assert_eq!(arena.usage().used, used + reserved);
            assert_balanced(arena.usage());
        }
        drop(tickets);
        assert_eq!(arena.usage().used, used);
        model.verify();
    }
}

#[test]
fn a6_tickets_of_four_threads() {
    let arena = arena(64 * KIB, None, 2);
    let used = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let arena = &arena;
                scope.spawn(move || {
                    let (mut rng, mut model, mut used) = (Rng(seed), Model::default(), 0);
                    for _ in 0..2_000 {
                        let mut ticket = arena.reserve(rng.size(30 * KIB)).unwrap();
                        for _ in 0..rng.below(4) {
                            let bytes = rng.below(500);
                            if let Ok(allocation) = ticket.allocate(bytes) {
                                model.take(allocation.ptr, bytes);
                                used += rounded(bytes);
                            }
                        }
                    }
                    model.verify();
                    used
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<usize>()
    });
    assert_eq!(arena.usage().used, used);
    assert_balanced(arena.usage());
}

#[test]
fn a4_huge_pages_are_a_wish_here_too() {
    let mut options = options(0, Some(10 * MIB), 2);
    options.huge_pages = true;
    let arena = ConcurrentArena::new(options).unwrap();
    let mut model = Model::default();
    for _ in 0..70 {
        model.take(arena.allocate(100_000).unwrap().ptr, 100_000);
    }
    model.verify();
}

/// What a representation is given takes from its ticket first, and counts what it abandons.
#[test]
fn a6_a_writer_s_memory_is_its_ticket_and_then_the_arena() {
    let arena = arena(4 * KIB, None, 1);
    let mut memory = Memory {
        arena: &arena,
        ticket: Some(arena.reserve(64).unwrap()),
    };
    let before = arena.usage();
    let first = memory.allocate(64).unwrap();
    assert_eq!(arena.usage(), before, "it was reserved");
    let second = memory.allocate(64).unwrap();
    assert!(first.offset != second.offset && arena.usage().used > before.used);
    let wasted = arena.usage().wasted;
    Allocate::abandon(&mut memory, 63);
    assert_eq!(arena.usage().wasted, wasted + 64);
    let mut ticket = arena.reserve(16).unwrap();
    Allocate::abandon(&mut ticket, 16);
    assert_eq!(arena.usage().wasted, wasted + 80);
    assert_balanced(arena.usage());
}

//! The arena for one thread.

use super::*;
use crate::arena::BlockArena;

fn arena(block_size: usize, capacity: Option<usize>) -> BlockArena {
    BlockArena::new(options(block_size, capacity, 0)).unwrap()
}

#[test]
fn a1_random_requests_are_aligned_disjoint_stable_and_counted() {
    for (seed, block_size) in [4 * KIB, 12 * KIB, 64 * KIB, 68 * KIB, MIB]
        .into_iter()
        .cycle()
        .take(15)
        .enumerate()
    {
        let mut rng = Rng(seed as u64);
        let mut arena = arena(block_size, None);
        let (mut model, mut used, mut unit_floor) = (Model::default(), 0, 1);
        for _ in 0..400 {
            let bytes = rng.size(2 * block_size.min(64 * KIB));
            if rng.below(2) == 0 {
                let allocation = arena.allocate_aligned(bytes).unwrap();
                assert_eq!(allocation.ptr.as_ptr().addr() % UNIT, 0);
                assert!(allocation.offset >= unit_floor.min(1), "0 means none");
                unit_floor = allocation.offset;
                model.take(allocation.ptr, bytes);
                used += rounded(bytes);
            } else {
                let start = arena.allocate(bytes).unwrap();
                model.take(start, bytes);
                used += bytes.max(1);
            }
            assert_balanced(arena.usage());
            assert_eq!(arena.usage().used, used);
        }
        model.verify();
    }
}

#[test]
fn a1_an_empty_table_costs_little() {
    let mut arena = arena(MIB, None);
    assert_eq!(arena.usage(), ArenaUsage::default());
    arena.allocate_aligned(100).unwrap();
    assert!(arena.usage().allocated <= 64 * KIB, "one page");
}

#[test]
fn a1_large_requests_leave_the_current_block_alone() {
    let mut arena = arena(MIB, None);
    while arena.usage().allocated < MIB {
        arena.allocate_aligned(1_000).unwrap();
    }
    let before = arena.allocate_aligned(8).unwrap().offset;
    let (allocated, unused) = (arena.usage().allocated, arena.usage().unused);
    // More than what is left, and more than a quarter of a block.
    arena.allocate_aligned(MIB + 1).unwrap();
    let usage = arena.usage();
    assert!(
        usage.allocated - allocated < MIB + 128 * KIB,
        "its own size only"
    );
    assert_eq!(usage.unused, unused);
    let after = arena.allocate_aligned(8).unwrap().offset;
    assert_eq!(after, before + 1, "still from the block of before");
}

#[test]
fn unaligned_requests_are_packed() {
    let mut arena = arena(MIB, None);
    let first = arena.allocate(3).unwrap();
    arena.allocate_aligned(8).unwrap();
    let second = arena.allocate(5).unwrap();
    assert_eq!(second.as_ptr().addr(), first.as_ptr().addr() + 3);
    assert_eq!(arena.usage().used, 16);
}

#[test]
fn a6_a_fixed_capacity_is_used_up_and_never_exceeded() {
    let capacities = [4 * KIB, 4 * KIB + 1, 6_000, 10_000, 100_000, MIB + 123];
    for (seed, capacity) in capacities.into_iter().enumerate() {
        for block_size in [0, 4 * KIB, 12 * KIB, 68 * KIB] {
            let mut rng = Rng(seed as u64);
            let mut arena = arena(block_size, Some(capacity));
            let mut model = Model::default();
            model.take(arena.allocate_aligned(8).unwrap().ptr, 8);
            let page = arena.usage().allocated;
            loop {
                let bytes = 1 + rng.size(16 * KIB).min(capacity / 8);
                let before = arena.usage();
                match arena.allocate_aligned(bytes) {
                    Ok(allocation) => model.take(allocation.ptr, bytes),
                    Err(Error::Full { requested, .. }) => {
                        assert_eq!(requested, rounded(bytes));
                        assert_eq!(arena.usage(), before, "a refusal takes nothing");
                        break;
                    }
                    Err(other) => panic!("{other}"),
                }
                assert!(arena.usage().allocated <= capacity);
            }
            while arena.allocate_aligned(1).is_ok() {}
            let usage = arena.usage();
            assert_balanced(usage);
            assert_eq!(usage.unused, 0);
            assert!(capacity - usage.allocated < page, "{usage:?}");
            model.verify();
        }
    }
}

#[test]
fn a6_blocks_of_their_own_reach_the_capacity_too() {
    let mut arena = arena(68 * KIB, Some(MIB));
    while arena.allocate_aligned(18 * KIB).is_ok() {}
    assert!(
        arena.usage().allocated > MIB / 10 * 9,
        "{:?}",
        arena.usage()
    );
}

#[test]
fn a6_absurd_requests_are_refused() {
    let mut arena = arena(0, None);
    arena.allocate_aligned(10).unwrap();
    let before = arena.usage();
    let absurd = std::vec![usize::MAX, usize::MAX - 7, isize::MAX as usize];
    #[cfg(target_pointer_width = "64")]
    let absurd = [absurd, std::vec![1 << 35, (1 << 35) - 1, 1 << 36, 1 << 62]].concat();
    for bytes in absurd {
        assert!(matches!(arena.allocate(bytes), Err(Error::Full { .. })));
        assert!(matches!(
            arena.allocate_aligned(bytes),
            Err(Error::Full { .. })
        ));
        assert_eq!(arena.usage(), before);
    }
    arena.allocate_aligned(10).unwrap();
}

#[test]
fn nothing_is_allocated_as_one_byte() {
    let mut arena = arena(0, None);
    let first = arena.allocate_aligned(0).unwrap();
    let second = arena.allocate_aligned(0).unwrap();
    assert_ne!(first.ptr, second.ptr);
    assert_ne!(arena.allocate(0).unwrap(), arena.allocate(0).unwrap());
}

#[test]
fn a4_huge_pages_are_a_wish() {
    let mut arena = BlockArena::new(ArenaOptions {
        huge_pages: true,
        ..ArenaOptions::default()
    })
    .unwrap();
    let mut model = Model::default();
    for _ in 0..40 {
        model.take(arena.allocate_aligned(100_000).unwrap().ptr, 100_000);
    }
    model.verify();
}

//! Memory that goes from arena to arena: the same to whoever allocates, bounded,
//! and without fresh pages.

use std::sync::Arc;

use super::*;
use crate::arena::{ArenaPool, BlockArena, ConcurrentArena};

/// A table of blocks cuts by the block, and takes back no other size of block.
const BLOCK_TABLE: bool = cfg!(any(
    verimem_block_table,
    not(unix),
    not(target_pointer_width = "64")
));
/// Where a range can be cut down to a limit, and not only be unmapped.
const CUTS: bool = BLOCK_TABLE || cfg!(target_os = "linux");

fn pooled(pool: &Arc<ArenaPool>) -> ArenaOptions {
    ArenaOptions {
        block_size: 64 * KIB,
        shards: 2,
        pool: Some(Arc::clone(pool)),
        ..ArenaOptions::default()
    }
}

/// An arena that has so many bytes, all written.
fn filled(options: &ArenaOptions, bytes: usize) -> ConcurrentArena {
    let arena = ConcurrentArena::new(options.clone()).unwrap();
    fill(&arena, bytes);
    arena
}

fn fill(arena: &ConcurrentArena, bytes: usize) {
    while arena.usage().used < bytes {
        let piece = arena.allocate(1_000).unwrap();
        // SAFETY: the arena handed out so many bytes.
        unsafe { piece.ptr.write_bytes(0xAB, 1_000) };
    }
}

/// Minor page faults of this thread while `f` runs.
#[cfg(target_os = "linux")]
fn page_faults(f: impl FnOnce()) -> i64 {
    let faults = || {
        let mut usage = core::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is to a place for one `rusage`.
        let status = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
        assert_eq!(status, 0);
        // SAFETY: all of its fields are numbers, and zero is one.
        unsafe { usage.assume_init() }.ru_minflt
    };
    let before = faults();
    f();
    faults() - before
}

#[cfg(target_os = "linux")]
#[test]
fn recycled_arenas_touch_no_fresh_pages() {
    const BYTES: usize = 48 * MIB;
    let pool = Arc::new(ArenaPool::new(2 * BYTES));
    let options = ArenaOptions {
        block_size: 0,
        ..pooled(&pool)
    };
    let mut arenas: Vec<_> = [(); 2]
        .into_iter()
        .map(|()| {
            let arena = ConcurrentArena::new(options.clone()).unwrap();
            let fresh = page_faults(|| fill(&arena, BYTES));
            // Even if all of them were huge pages of 2 MiB.
            assert!(BLOCK_TABLE || fresh > 20, "{fresh} faults on fresh pages");
            arena
        })
        .collect();
    for round in 0..4 {
        drop(arenas.remove(0));
        let arena = ConcurrentArena::new(options.clone()).unwrap();
        let recycled = page_faults(|| fill(&arena, BYTES));
        assert!(recycled <= 8, "round {round}: {recycled} page faults");
        arenas.push(arena);
    }
}

#[test]
fn a_recycled_arena_behaves_as_a_fresh_one() {
    for seed in 0..24 {
        let block_size = [4 * KIB, 12 * KIB, 64 * KIB][seed as usize % 3];
        let capacity = (seed % 2 == 0).then_some(400 * KIB + 100);
        let pool = Arc::new(ArenaPool::new(64 * MIB));
        let fresh = options(block_size, capacity, 2);
        let recycled = ArenaOptions {
            pool: Some(Arc::clone(&pool)),
            ..fresh.clone()
        };
        for life in 0..4 {
            let mut rng = Rng(seed << 8 | life);
            let arenas = [&fresh, &recycled].map(|o| ConcurrentArena::new(o.clone()).unwrap());
            let mut model = Model::default();
            // The second life is longer than the first, the third shorter.
            for _ in 0..[100, 300, 20, 400][life as usize] {
                let bytes = rng.size(2 * block_size);
                let [a, b] = [0, 1].map(|index| arenas[index].allocate(bytes));
                assert_eq!(a.is_ok(), b.is_ok());
                if let (Ok(a), Ok(b)) = (a, b) {
                    assert_eq!(a.offset, b.offset);
                    assert_eq!(b.ptr.as_ptr().addr() % UNIT, 0);
                    model.take_used(b.ptr, bytes);
                }
                assert_eq!(arenas[0].usage(), arenas[1].usage());
                assert_balanced(arenas[1].usage());
            }
            model.verify();
            let allocated = arenas[1].usage().allocated;
            drop(arenas);
            assert!(pool.retained() >= allocated);
            assert_eq!(pool.lent(), 0);
        }
    }
}

#[test]
fn one_thread_s_arenas_recycle_too() {
    let pool = Arc::new(ArenaPool::new(MIB));
    for life in 0..3 {
        let mut arena = BlockArena::new(pooled(&pool)).unwrap();
        let (mut model, mut rng) = (Model::default(), Rng(life));
        for _ in 0..200 {
            let bytes = rng.size(4 * KIB);
            model.take_used(arena.allocate_aligned(bytes).unwrap().ptr, bytes);
            model.take_used(arena.allocate(bytes).unwrap(), bytes);
        }
        model.verify();
        assert_eq!(pool.lent() > 0, life > 0);
    }
    assert!(pool.retained() > 0);
}

#[test]
fn what_an_arena_did_not_use_is_counted_when_it_comes_back() {
    let pool = Arc::new(ArenaPool::new(8 * MIB));
    let options = pooled(&pool);
    let allocated = {
        let arena = filled(&options, 2 * MIB);
        arena.usage().allocated
    };
    assert_eq!((pool.retained(), pool.lent()), (allocated, 0));
    let small = filled(&options, 1_000);
    assert!(small.usage().allocated < 100 * KIB);
    assert_eq!((pool.retained(), pool.lent()), (0, allocated));
    drop(small);
    assert_eq!((pool.retained(), pool.lent()), (allocated, 0));
}

#[test]
fn the_limit_holds_and_the_oldest_goes_first() {
    let pool = Arc::new(ArenaPool::new(5 * MIB));
    let options = pooled(&pool);
    let arenas: Vec<_> = [2, 1, 1, 1].map(|mib| filled(&options, mib * MIB)).into();
    let sizes: Vec<_> = arenas.iter().map(|arena| arena.usage().allocated).collect();
    assert!(sizes.iter().sum::<usize>() > 5 * MIB, "not all of them fit");
    for arena in arenas {
        drop(arena);
        assert!(pool.retained() <= 5 * MIB);
    }
    // The first, which was the largest, had to make room.
    assert_eq!(pool.retained(), sizes[1..].iter().sum::<usize>());
}

#[test]
fn an_arena_above_the_limit_is_cut_down_to_it() {
    for limit in [0, 4 * KIB - 1, 100 * KIB + 5, MIB] {
        let pool = Arc::new(ArenaPool::new(limit));
        let options = pooled(&pool);
        drop(filled(&options, 2 * MIB));
        let retained = pool.retained();
        assert!(retained <= limit, "{retained} of {limit}");
        let least = if limit >= 100 * KIB {
            limit - 64 * KIB
        } else {
            0
        };
        assert!(!CUTS || retained >= least, "{retained} of {limit}");
        // The part that was given back is there again, and is fresh.
        let arena = ConcurrentArena::new(options).unwrap();
        let mut old = 0;
        while arena.usage().used < 2 * MIB {
            let piece = arena.allocate(1_000).unwrap();
            for at in 0..1_000 {
                // SAFETY: the arena handed out so many bytes.
                let byte = unsafe { piece.ptr.add(at) };
                // SAFETY: as above, and the system or the arena before wrote them.
                old += usize::from(unsafe { byte.read() } == 0xAB);
            }
            // SAFETY: as above.
            unsafe { piece.ptr.write_bytes(1, 1_000) };
        }
        assert!(
            old <= retained,
            "{old} bytes of before, {retained} retained"
        );
        assert!(
            old >= retained / 2,
            "{old} bytes of before, {retained} retained"
        );
    }
}

#[test]
fn what_makes_room_or_is_cleared_is_unmapped() {
    for clear in [false, true] {
        let pool = Arc::new(ArenaPool::new(100 * KIB));
        let options = pooled(&pool);
        // The addresses of 5,000 such arenas would not fit into 47 bits. A table of
        // blocks takes few, and time.
        for _ in 0..if BLOCK_TABLE { 50 } else { 5_000 } {
            // One from the pool, and a fresh one, for which the other makes room.
            let arenas = [(); 2].map(|()| ConcurrentArena::new(options.clone()).unwrap());
            for arena in arenas {
                arena.allocate(70 * KIB).unwrap();
                drop(arena);
                assert!((70 * KIB..=100 * KIB).contains(&pool.retained()));
            }
            if clear {
                pool.clear();
                assert_eq!(pool.retained(), 0);
            }
        }
    }
}

#[test]
fn no_more_than_32_ranges_are_kept() {
    let pool = Arc::new(ArenaPool::new(usize::MAX));
    let options = pooled(&pool);
    let arenas: Vec<_> = [(); 40].map(|()| filled(&options, 1)).into();
    let each = arenas[0].usage().allocated;
    drop(arenas);
    assert_eq!(pool.retained(), 32 * each);
}

#[test]
fn an_arena_takes_only_what_is_like_its_own() {
    let pool = Arc::new(ArenaPool::new(64 * MIB));
    let plain = pooled(&pool);
    let fixed = |capacity| ArenaOptions {
        capacity: Some(capacity),
        ..plain.clone()
    };
    let huge = ArenaOptions {
        huge_pages: true,
        ..plain.clone()
    };
    let other_blocks = ArenaOptions {
        block_size: 12 * KIB,
        ..plain.clone()
    };
    let everyone = [plain.clone(), fixed(MIB), fixed(2 * MIB), huge.clone()];
    for (index, options) in everyone.iter().enumerate() {
        pool.clear();
        drop(filled(options, 300 * KIB));
        let retained = pool.retained();
        for (other, options) in everyone.iter().enumerate() {
            let arena = ConcurrentArena::new(options.clone()).unwrap();
            // A table of blocks has no pages of its own to be huge.
            let pages = BLOCK_TABLE && (index, other).max((other, index)) == (3, 0);
            let taken = pool.lent() == retained;
            assert_eq!(taken, index == other || pages, "{index} and {other}");
            drop(arena);
        }
    }
    pool.clear();
    drop(filled(&plain, 300 * KIB));
    let arena = ConcurrentArena::new(other_blocks).unwrap();
    assert_eq!(pool.lent() > 0, !BLOCK_TABLE);
    fill(&arena, 300 * KIB);
}

#[test]
fn pool_and_arenas_may_be_dropped_in_any_order() {
    let pool = Arc::new(ArenaPool::new(MIB));
    let weak = Arc::downgrade(&pool);
    let options = pooled(&pool);
    let arenas = [(); 3].map(|()| filled(&options, 100 * KIB));
    drop((pool, options));
    assert!(weak.upgrade().is_some(), "arenas keep the pool");
    let [first, second, third] = arenas;
    drop(second);
    drop(first);
    assert!(weak.upgrade().is_some_and(|pool| pool.retained() > 0));
    drop(third);
    assert!(weak.upgrade().is_none(), "and nobody else does");
}

#[test]
fn clear_leaves_living_arenas_alone() {
    let pool = Arc::new(ArenaPool::new(8 * MIB));
    let options = pooled(&pool);
    drop([(); 2].map(|()| filled(&options, 100 * KIB)));
    let arena = ConcurrentArena::new(options).unwrap();
    let mut model = Model::default();
    model.take_used(arena.allocate(30 * KIB).unwrap().ptr, 30 * KIB);
    pool.clear();
    assert_eq!(pool.retained(), 0);
    model.take_used(arena.allocate(300 * KIB).unwrap().ptr, 300 * KIB);
    model.verify();
    let lent = pool.lent();
    drop(arena);
    assert!(lent > 0 && pool.lent() == 0 && pool.retained() > lent);
}

#[test]
fn threads_share_a_pool() {
    let limit = 3 * MIB;
    let pool = Arc::new(ArenaPool::new(limit));
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                let mut rng = Rng(seed);
                for round in 0..60 {
                    let arena = ConcurrentArena::new(pooled(pool)).unwrap();
                    let mut model = Model::default();
                    for _ in 0..rng.below(200) {
                        let bytes = rng.size(40 * KIB);
                        model.take_used(arena.allocate(bytes).unwrap().ptr, bytes);
                    }
                    assert!(pool.retained() <= limit);
                    model.verify();
                    if round == 30 {
                        pool.clear();
                    }
                    // Some go to another thread, which drops them.
                    if rng.below(2) == 0 {
                        scope.spawn(move || drop(arena));
                    }
                }
            });
        }
    });
    assert_eq!(pool.lent(), 0);
    assert!(pool.retained() <= limit && pool.retained() > 0);
}

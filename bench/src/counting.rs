//! A global allocator that counts live bytes while it is told to.
//!
//! Off, it costs one relaxed load of a word that nobody writes; timed sections run with it off. On,
//! it counts what the C allocator really hands out (the usable size and its header of one word,
//! where glibc tells), not what was asked for: a structure of many small blocks pays for the
//! rounding as well.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

static COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);

/// The system allocator with a counter. A binary installs it with `#[global_allocator]`.
#[derive(Debug)]
pub struct Counting;

/// What the block at `pointer` occupies.
fn footprint(pointer: *mut u8, layout: Layout) -> isize {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let _ = layout;
        // SAFETY: `pointer` is a live block of the system allocator, which is malloc on this
        // target; the callers pass it after a successful allocation and before the block is freed.
        let usable = unsafe { libc::malloc_usable_size(pointer.cast()) };
        (usable + size_of::<usize>()) as isize
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        let _ = pointer;
        layout.size() as isize
    }
}

// SAFETY: every request goes unchanged to `System`, and its answer comes back unchanged; counting
// touches only the counter.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are those of `System::alloc`.
        let pointer = unsafe { System.alloc(layout) };
        if COUNTING.load(Ordering::Relaxed) && !pointer.is_null() {
            LIVE.fetch_add(footprint(pointer, layout), Ordering::Relaxed);
        }
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are those of `System::alloc_zeroed`.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        if COUNTING.load(Ordering::Relaxed) && !pointer.is_null() {
            LIVE.fetch_add(footprint(pointer, layout), Ordering::Relaxed);
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTING.load(Ordering::Relaxed) {
            LIVE.fetch_sub(footprint(pointer, layout), Ordering::Relaxed);
        }
        // SAFETY: the caller's obligations are those of `System::dealloc`, and all blocks came from
        // `System`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let counting = COUNTING.load(Ordering::Relaxed);
        let before = if counting {
            footprint(pointer, layout)
        } else {
            0
        };
        // SAFETY: the caller's obligations are those of `System::realloc`, and all blocks came from
        // `System`.
        let moved = unsafe { System.realloc(pointer, layout, size) };
        if counting && !moved.is_null() {
            // Only the size is read from the layout; the alignment of a block never changes.
            let layout = Layout::from_size_align(size, layout.align()).unwrap_or(layout);
            LIVE.fetch_add(footprint(moved, layout) - before, Ordering::Relaxed);
        }
        moved
    }
}

/// Runs `build` with the counter on. Returns what it made and the bytes that are live because of
/// it: 0 if [`Counting`] is not the global allocator. One measurement at a time, on a process that
/// is otherwise quiet.
pub fn live_bytes<T>(build: impl FnOnce() -> T) -> (T, usize) {
    LIVE.store(0, Ordering::Relaxed);
    COUNTING.store(true, Ordering::Relaxed);
    let made = build();
    COUNTING.store(false, Ordering::Relaxed);
    (
        made,
        usize::try_from(LIVE.load(Ordering::Relaxed)).unwrap_or(0),
    )
}

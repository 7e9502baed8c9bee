//! Plain memory: what the backends share that do not look for data races.

use core::ptr::NonNull;
use std::alloc::Layout;

/// An `UnsafeCell` in loom's shape: access goes through a closure that gets a
/// raw pointer, so that a checker can see where each access begins and ends.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    #[allow(dead_code, reason = "only the block-table space reads through it")]
    /// Reads through the pointer; dereferencing it is the caller's proof.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Writes through the pointer; dereferencing it is the caller's proof.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Stands for plain memory that has no cell of its own; here it has no size.
#[derive(Debug)]
pub(crate) struct Shadow;

impl Shadow {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self
    }
    /// Says that the memory is written now.
    #[inline(always)]
    pub(crate) fn write(&self) {}
    /// Says that the memory is read now.
    #[inline(always)]
    pub(crate) fn read(&self) {}
}

/// Allocates a zeroed block, unless the allocator has none.
///
/// # Safety
///
/// `layout` has a size above zero.
#[allow(dead_code, reason = "the reserved space allocates no blocks")]
pub(crate) unsafe fn alloc_block(layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: the caller guarantees a size above zero, the only requirement.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
}

/// Gives a block back.
///
/// # Safety
///
/// `block` came from [`alloc_block`] with this `layout` and nobody uses it any more.
#[allow(dead_code, reason = "the reserved space allocates no blocks")]
pub(crate) unsafe fn dealloc_block(block: NonNull<u8>, layout: Layout) {
    // SAFETY: passed on from the caller, word for word.
    unsafe { std::alloc::dealloc(block.as_ptr(), layout) }
}

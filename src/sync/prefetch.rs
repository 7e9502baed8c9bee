//! Hints to the cache.

use core::ptr::NonNull;

/// Bytes in a cache line, as far as prefetching goes.
pub(crate) const LINE: usize = 64;

/// Asks the processor to bring the cache line of an address closer. Changes
/// nothing but time: the address is not read, and may be any. Where there is no
/// such instruction, and under a checker, it does nothing.
#[inline(always)]
pub(crate) fn prefetch(address: NonNull<u8>, offset: usize) {
    let address = address.as_ptr().wrapping_add(offset);
    #[cfg(all(target_arch = "x86_64", not(any(loom, shuttle, miri))))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the instruction exists on every x86-64 and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(all(target_arch = "aarch64", not(any(loom, shuttle, miri))))]
    {
        // SAFETY: the instruction never faults, and touches neither memory, nor
        // the stack, nor flags.
        unsafe {
            core::arch::asm!(
                "prfm pldl1keep, [{address}]",
                address = in(reg) address,
                options(nostack, preserves_flags, readonly)
            );
        }
    }
    let _ = address;
}

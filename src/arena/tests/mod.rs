//! What the arenas promise, on real threads; the models have the rest.

mod block;
mod budget;
mod concurrent;
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    not(verimem_block_table)
))]
mod pages;
mod pool;

use core::ptr::NonNull;
use std::vec::Vec;

use super::{ArenaOptions, ArenaUsage, UNIT};
use crate::error::Error;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Mostly small, sometimes up to `limit`.
    fn size(&mut self, limit: usize) -> usize {
        match self.below(20) {
            0 => self.below(limit),
            1..4 => self.below(limit / 16),
            _ => self.below(200),
        }
    }
}

/// Memory that was handed out, filled with a byte of its own.
struct Taken {
    start: NonNull<u8>,
    len: usize,
    fill: u8,
}

/// Everything that was handed out.
#[derive(Default)]
struct Model {
    taken: Vec<Taken>,
}

impl Model {
    /// Checks that fresh memory is zeroed, and fills it.
    fn take(&mut self, start: NonNull<u8>, len: usize) {
        for at in 0..len {
            // SAFETY: the arena handed out `len` bytes from `start`.
            let byte = unsafe { start.add(at) };
            // SAFETY: as above; nobody else has this byte.
            assert_eq!(unsafe { byte.read() }, 0, "fresh memory is zeroed");
        }
        self.take_used(start, len);
    }

    /// Fills memory that an arena of before may have written to.
    fn take_used(&mut self, start: NonNull<u8>, len: usize) {
        let fill = self.taken.len() as u8 | 1;
        for at in 0..len {
            // SAFETY: the arena handed out `len` bytes from `start`.
            let byte = unsafe { start.add(at) };
            // SAFETY: as above; nobody else has this byte.
            unsafe { byte.write(fill) };
        }
        self.taken.push(Taken { start, len, fill });
    }

    /// Checks that all memory still holds what was written: nothing was handed
    /// out twice, and nothing moved.
    fn verify(&self) {
        for taken in &self.taken {
            for at in 0..taken.len {
                // SAFETY: the arena, still alive, handed out these bytes.
                let byte = unsafe { taken.start.add(at) };
                // SAFETY: as above; they were written.
                assert_eq!(unsafe { byte.read() }, taken.fill);
            }
        }
    }
}

fn rounded(bytes: usize) -> usize {
    bytes.max(1).next_multiple_of(UNIT)
}

/// The sum that holds whenever nothing is in flight (invariant 5).
#[track_caller]
fn assert_balanced(usage: ArenaUsage) {
    assert_eq!(
        usage.allocated,
        usage.used + usage.unused + usage.wasted,
        "{usage:?}"
    );
}

fn options(block_size: usize, capacity: Option<usize>, shards: usize) -> ArenaOptions {
    ArenaOptions {
        block_size,
        capacity,
        shards,
        ..ArenaOptions::default()
    }
}

#[test]
fn a4_block_sizes() {
    let block_size = |size, buffer| {
        let options = ArenaOptions {
            block_size: size,
            write_buffer_size: buffer,
            ..ArenaOptions::default()
        };
        options.geometry().map(|geometry| geometry.block_size)
    };
    assert_eq!(block_size(0, 64 * MIB), Ok(MIB));
    assert_eq!(block_size(0, 4 * MIB), Ok(512 * KIB));
    assert_eq!(block_size(0, 100_000), Ok(16 * KIB)); // 12,500 rounded up
    assert_eq!(block_size(0, 0), Ok(4 * KIB));
    assert_eq!(block_size(0, usize::MAX), Ok(MIB));
    assert_eq!(block_size(4_097, 0), Ok(8 * KIB));
    assert_eq!(block_size(256 * MIB, 0), Ok(256 * MIB));
    assert!(matches!(
        block_size(256 * MIB + 1, 0),
        Err(Error::InvalidOption { .. })
    ));
}

#[test]
fn options_out_of_range_are_refused() {
    let refused =
        |options: ArenaOptions| matches!(options.geometry(), Err(Error::InvalidOption { .. }));
    assert!(refused(options(0, Some(0), 0)));
    assert!(refused(options(0, Some(4_095), 0)));
    assert!(refused(options(0, Some(usize::MAX), 0)));
    assert!(refused(options(0, None, 65)));
    assert!(refused(options(usize::MAX, None, 0)));
    let geometry = options(0, None, 33).geometry();
    assert_eq!(geometry.map(|geometry| geometry.shards), Ok(64));
}

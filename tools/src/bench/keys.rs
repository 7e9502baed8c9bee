//! Keys: big-endian numbers, so that counting up goes forward in the table.
//!
//! The number is in the first 8 bytes, as in db_bench; the rest is padding. Entry `i` has the
//! number `16 i`: 16 neighbours share all but the last byte of it, and between any two there is
//! room for keys that are not in the table.

/// From one entry's number to the next.
const STRIDE: u64 = 16;

/// The bytes of a number, and so the shortest key.
pub const NUMBER_BYTES: usize = 8;

/// The length of a prefix that 16 keys in a row share.
pub const SHARED_BYTES: usize = NUMBER_BYTES - 1;

/// What follows the number, as in db_bench.
const PADDING: u8 = b'0';

/// The number of the entry `index`.
pub const fn present(index: u32) -> u64 {
    index as u64 * STRIDE
}

/// A number beside the entry `index` that no entry has.
pub const fn missing(index: u32) -> u64 {
    present(index) + STRIDE / 2
}

/// The number that the first key before the end of a range of `width` entries is below.
pub const fn range_end(index: u32, width: u32) -> u64 {
    (index as u64 + width as u64) * STRIDE
}

/// The zero bytes that the keys of all entries below `count`, and those beside them, begin with.
pub const fn shared_zeroes(count: u64) -> usize {
    (count.saturating_mul(STRIDE).leading_zeros() / u8::BITS) as usize
}

/// Appends the key of `number`, of `length` bytes, at least [`NUMBER_BYTES`].
pub fn push(number: u64, length: usize, bytes: &mut Vec<u8>) {
    let end = bytes.len() + length;
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.resize(end, PADDING);
}

/// The entry that a key belongs to, if it is the key of one.
pub fn index_of(key: &[u8]) -> Option<u32> {
    let (number, padding) = key.split_first_chunk::<NUMBER_BYTES>()?;
    let number = u64::from_be_bytes(*number);
    let sound = number.is_multiple_of(STRIDE) && padding.iter().all(|&byte| byte == PADDING);
    sound.then(|| u32::try_from(number / STRIDE).ok())?
}

/// Keys of one length, end to end: walking them costs a measurement next to nothing.
#[derive(Debug)]
pub struct Keys {
    bytes: Vec<u8>,
    length: usize,
}

impl Keys {
    /// The keys of these numbers, in their order.
    pub fn of(length: usize, numbers: impl ExactSizeIterator<Item = u64>) -> Self {
        let length = length.max(NUMBER_BYTES);
        let mut bytes = Vec::with_capacity(numbers.len().saturating_mul(length));
        for number in numbers {
            push(number, length, &mut bytes);
        }
        Self { bytes, length }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The keys, in order.
    #[inline]
    pub fn iter(&self) -> std::slice::ChunksExact<'_, u8> {
        self.bytes.chunks_exact(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_up_goes_forward() {
        for length in [8, 9, 16, 40] {
            let numbers: Vec<u64> = (0..5_000).flat_map(|i| [present(i), missing(i)]).collect();
            let keys = Keys::of(length, numbers.into_iter());
            assert!(keys.iter().is_sorted_by(|a, b| a < b));
            assert!(keys.iter().all(|key| key.len() == length));
            assert_eq!(keys.iter().len(), 10_000);
        }
    }

    #[test]
    fn neighbours_share_a_prefix() {
        let keys = Keys::of(16, (0..4_096).map(present));
        let mut prefixes: Vec<&[u8]> = keys.iter().map(|key| &key[..SHARED_BYTES]).collect();
        prefixes.dedup();
        assert_eq!(prefixes.len(), 4_096 / 16);
    }

    #[test]
    fn keys_are_read_back_and_missing_ones_are_none() {
        for length in [8, 16] {
            for index in [0, 1, 255, 65_536, u32::MAX] {
                let keys = Keys::of(length, [present(index), missing(index)].into_iter());
                let read: Vec<Option<u32>> = keys.iter().map(index_of).collect();
                assert_eq!(read, [Some(index), None]);
            }
        }
        assert_eq!(index_of(b"short"), None);
        assert_eq!(index_of(&[0, 0, 0, 0, 0, 0, 0, 16, b'x']), None);
    }

    #[test]
    fn all_keys_share_the_zeroes_that_they_are_said_to() {
        for (count, zeroes) in [(1, 7), (16, 6), (1_000_000, 5), (1 << 20, 4), (1 << 32, 3)] {
            assert_eq!(shared_zeroes(count), zeroes);
            let last = u32::try_from(count - 1).unwrap();
            let last = [present(last), missing(last)];
            for key in Keys::of(8, last.into_iter()).iter() {
                assert!(key.iter().take_while(|&&byte| byte == 0).count() >= zeroes);
            }
        }
    }

    #[test]
    fn ranges_end_at_the_key_after_them() {
        assert_eq!(range_end(3, 2), present(5));
        assert_eq!(range_end(u32::MAX, 1), (u64::from(u32::MAX) + 1) * STRIDE);
    }
}

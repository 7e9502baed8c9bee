//! Values that carry a number (SPEC G6).

use crate::error::{Corruption, Error, Result};

/// What an entry of kind
/// [`VALUE_PREFERRED_SEQNO`](crate::Kind::VALUE_PREFERRED_SEQNO) stores: a value, and
/// behind it a number of eight bytes, little-endian.
///
/// In a memtable the number is the time of a timed put; a flush replaces it by the
/// sequence number that was current at that time, which [`SequenceTimes`] knows. The
/// format is RocksDB's.
///
/// [`SequenceTimes`]: crate::SequenceTimes
///
/// ```
/// use verimem::{Kind, Lookup, MemTable, TimedValue};
///
/// let table = MemTable::builder().build()?;
/// let mut packed = Vec::new();
/// TimedValue { value: b"v", number: 1_700_000_000 }.pack(&mut packed)?;
/// table.add(1, Kind::VALUE_PREFERRED_SEQNO, b"k", &packed)?;
///
/// let Lookup::Found { value, .. } = table.get(b"k", 1)? else { panic!() };
/// assert_eq!(TimedValue::unpack(value)?.number, 1_700_000_000);
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedValue<'v> {
    /// The value.
    pub value: &'v [u8],
    /// A time, or a sequence number.
    pub number: u64,
}

impl<'v> TimedValue<'v> {
    /// Appends the stored form.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`]; nothing is appended then.
    pub fn pack(&self, packed: &mut Vec<u8>) -> Result<()> {
        let requested = self.value.len().saturating_add(size_of::<u64>());
        packed
            .try_reserve(requested)
            .map_err(|_| Error::OutOfMemory { requested })?;
        packed.extend_from_slice(self.value);
        packed.extend_from_slice(&self.number.to_le_bytes());
        Ok(())
    }

    /// Reads the stored form.
    ///
    /// # Errors
    ///
    /// [`Error::Corruption`] for less than eight bytes.
    pub fn unpack(packed: &'v [u8]) -> Result<Self> {
        let (value, number) = packed.split_last_chunk().ok_or(Corruption::Truncated {
            what: "timed value",
        })?;
        Ok(Self {
            value,
            number: u64::from_le_bytes(*number),
        })
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn g6_packed_and_unpacked() {
        for value in [&b""[..], b"v", b"a longer value"] {
            let timed = TimedValue {
                value,
                number: u64::MAX - 1,
            };
            let mut packed = vec![];
            timed.pack(&mut packed).unwrap();
            assert_eq!(packed.len(), value.len() + 8);
            assert_eq!(TimedValue::unpack(&packed), Ok(timed));
        }
    }

    #[test]
    fn g6_less_than_a_number_is_corruption() {
        for length in 0..8 {
            assert!(matches!(
                TimedValue::unpack(&[0; 8][..length]),
                Err(Error::Corruption(Corruption::Truncated { .. }))
            ));
        }
    }
}

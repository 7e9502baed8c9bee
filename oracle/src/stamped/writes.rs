//! What is written.

use verimem::{Comparator, Error, Kind};
use verimem_model::{Entry, Merging};

use super::{Run, Slip, at};
use crate::rocks::Way;
use crate::stored::varint_len;

impl<C: Comparator> Run<'_, C> {
    pub(super) fn add(&mut self) -> Result<(), String> {
        self.last += 1 + self.random.below(2) as u64;
        let timestamp = self.timestamp();
        let key = at(&self.key(), timestamp);
        let sequence = self.last;
        self.write("stamped.add", &key, sequence)
    }

    pub(super) fn add_again(&mut self) -> Result<(), String> {
        if self.added.is_empty() {
            return Ok(());
        }
        let which = self.random.below(self.added.len());
        let (key, sequence) = self.added[which].clone();
        self.write("stamped.add_again", &key, sequence)
    }

    fn write(&mut self, name: &'static str, key: &[u8], sequence: u64) -> Result<(), String> {
        let mut kinds = vec![
            Kind::VALUE,
            Kind::VALUE,
            Kind::DELETION,
            Kind::SINGLE_DELETION,
            Kind::DELETION_WITH_TIMESTAMP,
        ];
        if self.shape.config.merging == Merging::Append {
            kinds.extend([Kind::MERGE; 4]);
        }
        let kind = kinds[self.random.below(kinds.len())];
        let value = vec![b'v'; self.random.below(4)];
        self.store(name, key, sequence, kind, &value)
    }

    pub(super) fn delete_range(&mut self) -> Result<(), String> {
        self.last += 1;
        let timestamp = self.timestamp();
        let (mut begin, mut end) = (self.key(), self.key());
        match self.shape.config.compare.order().compare(&begin, &end) {
            std::cmp::Ordering::Equal => return Ok(()),
            std::cmp::Ordering::Greater => std::mem::swap(&mut begin, &mut end),
            std::cmp::Ordering::Less => {}
        }
        let (begin, end) = (at(&begin, timestamp), at(&end, timestamp));
        let sequence = self.last;
        self.store(
            "stamped.delete_range",
            &begin,
            sequence,
            Kind::RANGE_DELETION,
            &end,
        )
    }

    fn store(
        &mut self,
        name: &'static str,
        key: &[u8],
        sequence: u64,
        kind: Kind,
        value: &[u8],
    ) -> Result<(), String> {
        self.totals.count(name);
        let is_range = kind == Kind::RANGE_DELETION;
        let (mut own_key, mut own_value) = (key.to_vec(), value.to_vec());
        if is_range && self.slip == Slip::DeletesLater {
            for bytes in [&mut own_key, &mut own_value] {
                let end = bytes.len() - 8;
                bytes[end] = bytes[end].wrapping_add(1);
            }
        }
        let (way, ours) = if self.shape.config.exclusive {
            let mut writer = self.ours.exclusive_writer().map_err(|e| e.to_string())?;
            (Way::Alone, writer.add(sequence, kind, &own_key, &own_value))
        } else {
            (
                Way::Among,
                self.ours.add(sequence, kind, &own_key, &own_value),
            )
        };
        let entry = Entry {
            user_key: key,
            sequence,
            kind: kind.0,
            value,
        };
        let added = self.rocks.add(&entry, way);
        self.rocks.finish();
        match (ours, added) {
            (Ok(()), true) => {}
            (Err(Error::Duplicate), false) => return Ok(()),
            (ours, added) => return Err(format!("{entry:?}: {ours:?} here, new: {added} there")),
        }
        let lengths = varint_len(key.len() + 8) + varint_len(value.len());
        self.overhead += (lengths + self.shape.config.protection_bytes) as u64;
        if !is_range {
            self.added.push((key.to_vec(), sequence));
        }
        Ok(())
    }
}

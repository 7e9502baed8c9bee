//! Write batches: entries that belong together, in the bytes that a log keeps (SPEC W3).
//!
//! A [`WriteBatch`] collects records, a [`WriteBatchRef`] reads them where they are, and a
//! [`BatchInserter`] adds the entries among them to tables.
//!
//! # Format
//!
//! It is RocksDB's, byte for byte: what one writes, the other reads. All integers are little
//! endian; a *string* is a varint32 length and so many bytes.
//!
//! ```text
//! batch  := sequence number (8 bytes) · number of entries (4 bytes) · record*
//! record := type (1 byte) · [column family (varint32)] · string*
//! ```
//!
//! | record | type | with a column family | strings |
//! |---|---|---|---|
//! | deletion | `00` | `04` | key |
//! | value | `01` | `05` | key, value |
//! | merge | `02` | `06` | key, operand |
//! | single deletion | `07` | `08` | key |
//! | range deletion | `0F` | `0E` | first key, key behind the last |
//! | blob index | `11` | `10` | key, index |
//! | wide-column entity | `16` | `17` | key, serialized columns |
//! | timed value | `18` | `19` | key, value with 8 bytes of time behind it |
//! | log data | `03` | | data |
//! | begin of a prepared transaction | `09` | | |
//! | end of one | `0A` | | its name |
//! | commit | `0B` | | name |
//! | rollback | `0C` | | name |
//! | nothing | `0D` | | |
//! | begin of a prepared, persisted transaction | `12` | | |
//! | begin of an unprepared one | `13` | | |
//! | commit with a timestamp | `15` | | timestamp, name |
//!
//! Column family 0 is the default one, and written without its number. The first eight types
//! are *entries*: they alone are counted, and take a sequence number each. A type that is not
//! in the table is an error that names it.
//!
//! As in RocksDB, a varint may be longer than it needs to be, and column family 0 may be named.
//! Writing again what was read from such bytes gives shorter ones.
//!
//! # Sequence numbers
//!
//! The first entry takes the number of the batch, and each one the next. An entry of a column
//! family that is ignored takes one, too, so that the numbers do not depend on who reads the
//! batch; log data and markers take none. There is no mode in which all entries of a batch
//! share one number (RocksDB's `seq_per_batch`, for transactions that are written before they
//! are committed).
//!
//! # Transactions
//!
//! Markers are read, written and told by name, and adding a batch to tables passes over them:
//! what is between them is added like the rest, as it is when a transaction commits. Who
//! replays a log keeps what was prepared until it was committed, which is up to whoever knows
//! the policy; [`Contents`] tells such batches from others.
//!
//! # Thread safety
//!
//! A batch is a plain value: one thread writes it, or any number read it. Any number of threads
//! may insert batches into the same tables at the same time.
//!
//! # Sources
//!
//! The format and the rules are those of RocksDB's `db/write_batch.cc` and `db/dbformat.h`, at
//! 11.8; LevelDB's `db/write_batch.cc` has the first two records.

mod families;
mod format;
mod insert;
mod operations;
mod record;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod view;

pub use families::ColumnFamilyMemTables;
pub use insert::{BatchInserter, InsertError, Inserted};
pub use record::{BatchEntry, Contents, DEFAULT_COLUMN_FAMILY, Record};
pub use view::{Records, WriteBatchRef};

use core::fmt;

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::key::{Kind, MAX_SEQUENCE_NUMBER, SequenceNumber};
use format::{Encoding, HEADER_LEN, INLINE, SEQUENCE_LEN};

/// Entries that are to be added together, and what the log is to say of them.
///
/// Methods without `_cf` are for the [default column family](DEFAULT_COLUMN_FAMILY). Each that
/// fails leaves the batch as it was. All of them are O(length of what is added), amortized.
///
/// ```
/// use verimem::{Lookup, MemTable, WriteBatch};
///
/// let mut batch = WriteBatch::new();
/// batch.put(b"apple", b"red")?;
/// batch.delete(b"pear")?;
/// batch.set_sequence(10)?;
///
/// let table = MemTable::builder().build()?;
/// batch.insert_into(&table)?;
/// assert!(matches!(table.get(b"apple", 10)?, Lookup::Found { value: b"red", .. }));
/// assert!(matches!(table.get(b"pear", 11)?, Lookup::Deleted { sequence: 11, .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WriteBatch {
    /// A header and whole records.
    bytes: SmallVec<[u8; INLINE]>,
    contents: Contents,
    max_bytes: usize,
    save_points: Vec<SavePoint>,
}

/// What a batch was.
#[derive(Debug, Clone, Copy)]
struct SavePoint {
    len: usize,
    count: u32,
    contents: Contents,
}

impl WriteBatch {
    /// An empty batch, with sequence number 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: SmallVec::from_slice(&[0; HEADER_LEN]),
            contents: Contents::default(),
            max_bytes: usize::MAX,
            save_points: Vec::new(),
        }
    }

    /// An empty batch with memory for `bytes`, the header's 12 included.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn with_capacity(bytes: usize) -> Result<Self> {
        let mut batch = Self::new();
        batch.make_room(bytes.saturating_sub(HEADER_LEN))?;
        Ok(batch)
    }

    /// The batch that `bytes` are, which may be hostile. O(length), and nothing is copied that
    /// is longer than a few dozen bytes.
    ///
    /// # Errors
    ///
    /// As for [`WriteBatchRef::from_bytes`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let contents = WriteBatchRef::from_bytes(&bytes)?.contents();
        Ok(Self {
            bytes: SmallVec::from_vec(bytes),
            contents,
            max_bytes: usize::MAX,
            save_points: Vec::new(),
        })
    }

    /// A copy, without save points.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn try_clone(&self) -> Result<Self> {
        let mut copy = Self::with_capacity(self.bytes.len())?;
        copy.bytes.clear();
        copy.bytes.extend_from_slice(&self.bytes);
        copy.contents = self.contents;
        copy.max_bytes = self.max_bytes;
        Ok(copy)
    }

    /// Refuses from now on what makes the batch longer than `max_bytes`, header included.
    /// Without a limit by default. What it has already stays. (RocksDB's limit is not for
    /// markers and appended batches.)
    pub fn set_max_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    /// Empties the batch, save points included, and sets its sequence number to 0. Memory and
    /// limit are kept.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER_LEN);
        self.bytes.fill(0);
        self.contents = Contents::default();
        self.save_points.clear();
    }

    /// The batch, to read it.
    #[must_use]
    #[inline]
    pub fn view(&self) -> WriteBatchRef<'_> {
        WriteBatchRef::trusted(&self.bytes, self.contents)
    }

    /// The bytes, as a log keeps them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of the batch, header included: 12 for an empty one.
    #[must_use]
    pub fn data_size(&self) -> usize {
        self.bytes.len()
    }

    /// The number of entries: of all records but log data and markers.
    #[must_use]
    #[inline]
    pub fn count(&self) -> u32 {
        self.view().count()
    }

    /// True when there is no entry. There may be log data or markers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Of which kinds the records are.
    #[must_use]
    pub fn contents(&self) -> Contents {
        self.contents
    }

    /// The records, in their order.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        self.view().records()
    }

    /// The sequence number of the first entry.
    #[must_use]
    pub fn sequence(&self) -> SequenceNumber {
        self.view().sequence()
    }

    /// Sets the sequence number of the first entry; the others follow.
    ///
    /// # Errors
    ///
    /// [`Error::SequenceTooLarge`] for more than 56 bits. Whether the last entry's number has
    /// more is seen when the batch is inserted.
    pub fn set_sequence(&mut self, sequence: SequenceNumber) -> Result<()> {
        if sequence > MAX_SEQUENCE_NUMBER {
            return Err(Error::SequenceTooLarge { sequence });
        }
        self.bytes[..SEQUENCE_LEN].copy_from_slice(&sequence.to_le_bytes());
        Ok(())
    }

    fn set_count(&mut self, count: u32) {
        self.bytes[SEQUENCE_LEN..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
    }

    /// Adds any record, for example one of another batch.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTooLarge`], [`Error::ValueTooLarge`];
    /// [`Error::BatchTooLarge`], [`Error::BatchCountTooLarge`] where the batch would go beyond a
    /// limit; [`Error::OutOfMemory`]; [`Error::Unsupported`] for an entry whose kind has no
    /// record, or a deletion with a value; [`Error::Corruption`] for a timed value of less than
    /// eight bytes.
    pub fn add(&mut self, record: &Record<'_>) -> Result<()> {
        let counted = matches!(record, Record::Entry(_));
        self.write(&Encoding::of(record)?, counted, Contents::of(record))
    }

    /// Makes room for so many bytes more, amortized.
    fn make_room(&mut self, more: usize) -> Result<()> {
        self.bytes
            .try_reserve(more)
            .map_err(|_| Error::OutOfMemory { requested: more })
    }

    /// Checks a length, in bytes behind those that are there, and makes room for it.
    #[inline]
    fn admit(&mut self, more: u64, entries: u32) -> Result<u32> {
        let too_many = u64::from(self.count()) + u64::from(entries);
        let count =
            u32::try_from(too_many).map_err(|_| Error::BatchCountTooLarge { count: too_many })?;
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        let (length, limit) = (self.bytes.len().saturating_add(more), self.max_bytes);
        if length > limit {
            return Err(Error::BatchTooLarge { length, limit });
        }
        self.make_room(more)?;
        Ok(count)
    }

    #[inline]
    fn write(&mut self, record: &Encoding<'_>, counted: bool, contents: Contents) -> Result<()> {
        let count = self.admit(record.len(), u32::from(counted))?;
        record.write(&mut self.bytes);
        self.set_count(count);
        self.contents = self.contents.and(contents);
        Ok(())
    }

    #[inline]
    fn write_entry(&mut self, entry: &BatchEntry<'_>, tail: &[u8]) -> Result<()> {
        let contents = Contents::of(&Record::Entry(*entry));
        self.write(&Encoding::entry(entry, tail)?, true, contents)
    }

    /// Adds an entry of a kind that a batch has [records](self#format) for.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn add_entry(
        &mut self,
        column_family: u32,
        kind: Kind,
        user_key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        let entry = BatchEntry {
            column_family,
            kind,
            user_key,
            value,
        };
        self.write_entry(&entry, &[])
    }

    /// Adds the records of another batch; its sequence number, save points and limit stay
    /// behind.
    ///
    /// # Errors
    ///
    /// [`Error::BatchTooLarge`], [`Error::BatchCountTooLarge`], [`Error::OutOfMemory`].
    pub fn append<'b>(&mut self, other: impl Into<WriteBatchRef<'b>>) -> Result<()> {
        let other = other.into();
        let count = self.admit(other.body().len() as u64, other.count())?;
        self.bytes.extend_from_slice(other.body());
        self.set_count(count);
        self.contents = self.contents.and(other.contents());
        Ok(())
    }

    /// Remembers what the batch is now, on top of what was remembered before.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn set_save_point(&mut self) -> Result<()> {
        self.save_points
            .try_reserve(1)
            .map_err(|_| Error::OutOfMemory {
                requested: size_of::<SavePoint>(),
            })?;
        self.save_points.push(SavePoint {
            len: self.bytes.len(),
            count: self.count(),
            contents: self.contents,
        });
        Ok(())
    }

    /// Takes back all that was added since the newest save point, and that save point.
    ///
    /// ```
    /// # use verimem::WriteBatch;
    /// let mut batch = WriteBatch::new();
    /// batch.put(b"a", b"")?;
    /// batch.set_save_point()?;
    /// batch.delete(b"a")?;
    /// batch.rollback_to_save_point()?;
    /// assert_eq!(batch.count(), 1);
    /// assert_eq!(batch.rollback_to_save_point(), Err(verimem::Error::NoSavePoint));
    /// # Ok::<(), verimem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoSavePoint`].
    pub fn rollback_to_save_point(&mut self) -> Result<()> {
        let save_point = self.save_points.pop().ok_or(Error::NoSavePoint)?;
        self.bytes.truncate(save_point.len);
        self.set_count(save_point.count);
        self.contents = save_point.contents;
        Ok(())
    }

    /// Forgets the newest save point; what was added since stays.
    ///
    /// # Errors
    ///
    /// [`Error::NoSavePoint`].
    pub fn pop_save_point(&mut self) -> Result<()> {
        self.save_points.pop().map(|_| ()).ok_or(Error::NoSavePoint)
    }

    /// Adds the entries to tables, as a [`BatchInserter`] does by default: beside other
    /// writers.
    ///
    /// # Errors
    ///
    /// As for [`BatchInserter::insert`].
    pub fn insert_into<T: ColumnFamilyMemTables + ?Sized>(
        &self,
        tables: &T,
    ) -> Result<Inserted, InsertError> {
        BatchInserter::new().insert(self, tables)
    }
}

impl Default for WriteBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WriteBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBatch")
            .field("sequence", &self.sequence())
            .field("count", &self.count())
            .field("data_size", &self.data_size())
            .field("contents", &self.contents)
            .field("save_points", &self.save_points.len())
            .finish()
    }
}

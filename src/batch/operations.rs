//! One method for each kind of record.

use super::WriteBatch;
use super::record::{BatchEntry, DEFAULT_COLUMN_FAMILY, Record};
use crate::error::Result;
use crate::key::Kind;

impl WriteBatch {
    /// Sets a key's value.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn put(&mut self, user_key: &[u8], value: &[u8]) -> Result<()> {
        self.put_cf(DEFAULT_COLUMN_FAMILY, user_key, value)
    }

    /// As [`put`](Self::put), in a column family.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn put_cf(&mut self, column_family: u32, user_key: &[u8], value: &[u8]) -> Result<()> {
        self.add_entry(column_family, Kind::VALUE, user_key, value)
    }

    /// Deletes a key.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn delete(&mut self, user_key: &[u8]) -> Result<()> {
        self.delete_cf(DEFAULT_COLUMN_FAMILY, user_key)
    }

    /// As [`delete`](Self::delete), in a column family.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn delete_cf(&mut self, column_family: u32, user_key: &[u8]) -> Result<()> {
        self.add_entry(column_family, Kind::DELETION, user_key, &[])
    }

    /// Deletes a key that was put at most once since it was last deleted.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn single_delete(&mut self, user_key: &[u8]) -> Result<()> {
        self.single_delete_cf(DEFAULT_COLUMN_FAMILY, user_key)
    }

    /// As [`single_delete`](Self::single_delete), in a column family.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn single_delete_cf(&mut self, column_family: u32, user_key: &[u8]) -> Result<()> {
        self.add_entry(column_family, Kind::SINGLE_DELETION, user_key, &[])
    }

    /// Deletes all keys from `begin` on and before `end`.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn delete_range(&mut self, begin: &[u8], end: &[u8]) -> Result<()> {
        self.delete_range_cf(DEFAULT_COLUMN_FAMILY, begin, end)
    }

    /// As [`delete_range`](Self::delete_range), in a column family.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn delete_range_cf(&mut self, column_family: u32, begin: &[u8], end: &[u8]) -> Result<()> {
        self.add_entry(column_family, Kind::RANGE_DELETION, begin, end)
    }

    /// Adds an operand to a key.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn merge(&mut self, user_key: &[u8], operand: &[u8]) -> Result<()> {
        self.merge_cf(DEFAULT_COLUMN_FAMILY, user_key, operand)
    }

    /// As [`merge`](Self::merge), in a column family.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn merge_cf(&mut self, column_family: u32, user_key: &[u8], operand: &[u8]) -> Result<()> {
        self.add_entry(column_family, Kind::MERGE, user_key, operand)
    }

    /// Sets a key's value to a set of named columns, which the caller has serialized.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn put_entity(&mut self, user_key: &[u8], columns: &[u8]) -> Result<()> {
        self.put_entity_cf(DEFAULT_COLUMN_FAMILY, user_key, columns)
    }

    /// As [`put_entity`](Self::put_entity), in a column family.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn put_entity_cf(
        &mut self,
        column_family: u32,
        user_key: &[u8],
        columns: &[u8],
    ) -> Result<()> {
        self.add_entry(column_family, Kind::WIDE_COLUMN_ENTITY, user_key, columns)
    }

    /// Sets where in a blob file a key's value is.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn put_blob_index(&mut self, user_key: &[u8], index: &[u8]) -> Result<()> {
        self.put_blob_index_cf(DEFAULT_COLUMN_FAMILY, user_key, index)
    }

    /// As [`put_blob_index`](Self::put_blob_index), in a column family.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    #[inline]
    pub fn put_blob_index_cf(
        &mut self,
        column_family: u32,
        user_key: &[u8],
        index: &[u8],
    ) -> Result<()> {
        self.add_entry(column_family, Kind::BLOB_INDEX, user_key, index)
    }

    /// Sets a key's value as of `write_time`, in seconds since 1970: a
    /// [`TimedValue`](crate::TimedValue). As in RocksDB, the largest number is no time, and
    /// makes this a [`put`](Self::put).
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    pub fn timed_put(&mut self, user_key: &[u8], value: &[u8], write_time: u64) -> Result<()> {
        self.timed_put_cf(DEFAULT_COLUMN_FAMILY, user_key, value, write_time)
    }

    /// As [`timed_put`](Self::timed_put), in a column family.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    pub fn timed_put_cf(
        &mut self,
        column_family: u32,
        user_key: &[u8],
        value: &[u8],
        write_time: u64,
    ) -> Result<()> {
        if write_time == u64::MAX {
            return self.put_cf(column_family, user_key, value);
        }
        let entry = BatchEntry {
            column_family,
            kind: Kind::VALUE_PREFERRED_SEQNO,
            user_key,
            value,
        };
        self.write_entry(&entry, &write_time.to_le_bytes())
    }

    /// Adds bytes for who reads the log; no table gets them.
    ///
    /// # Errors
    ///
    /// As for [`add`](Self::add).
    pub fn put_log_data(&mut self, data: &[u8]) -> Result<()> {
        self.add(&Record::LogData(data))
    }
}

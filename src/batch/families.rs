//! Which tables a batch goes to.

use std::collections::BTreeMap;

use super::record::DEFAULT_COLUMN_FAMILY;
use crate::key::Comparator;
use crate::memtable::MemTable;
use crate::rep::MemTableRep;
use crate::sync::Arc;

/// Which table an entry goes to: RocksDB's interface of that name.
///
/// A [`MemTable`] is the table of the default column family and of no other.
///
/// ```
/// use verimem::batch::ColumnFamilyMemTables;
/// use verimem::{BytewiseComparator, MemTable, WriteBatch, rep::SkipListRep};
///
/// struct Engine {
///     users: MemTable,
///     orders: MemTable,
/// }
///
/// impl ColumnFamilyMemTables for Engine {
///     type Comparator = BytewiseComparator;
///     type Rep = SkipListRep<BytewiseComparator>;
///
///     fn table(&self, column_family: u32) -> Option<&MemTable> {
///         match column_family {
///             0 => Some(&self.users),
///             1 => Some(&self.orders),
///             _ => None,
///         }
///     }
/// }
///
/// let new = || MemTable::builder().build();
/// let engine = Engine { users: new()?, orders: new()? };
/// let mut batch = WriteBatch::new();
/// batch.put(b"ada", b"")?;
/// batch.put_cf(1, b"17", b"ada")?;
/// batch.insert_into(&engine)?;
/// assert_eq!(engine.orders.stats().entries, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ColumnFamilyMemTables {
    /// The order of the tables' keys.
    type Comparator: Comparator;
    /// What the tables stand on; [`AnyRep`](crate::rep::AnyRep) where they differ.
    type Rep: MemTableRep<Comparator = Self::Comparator>;

    /// The table that takes new entries of a column family, if there is one. Asked once for
    /// each column family of a batch.
    fn table(&self, column_family: u32) -> Option<&MemTable<Self::Comparator, Self::Rep>>;
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> ColumnFamilyMemTables for MemTable<C, R> {
    type Comparator = C;
    type Rep = R;

    fn table(&self, column_family: u32) -> Option<&Self> {
        (column_family == DEFAULT_COLUMN_FAMILY).then_some(self)
    }
}

impl<T: ColumnFamilyMemTables + ?Sized> ColumnFamilyMemTables for Arc<T> {
    type Comparator = T::Comparator;
    type Rep = T::Rep;

    fn table(&self, column_family: u32) -> Option<&MemTable<T::Comparator, T::Rep>> {
        (**self).table(column_family)
    }
}

impl<C: Comparator, R: MemTableRep<Comparator = C>> ColumnFamilyMemTables
    for BTreeMap<u32, Arc<MemTable<C, R>>>
{
    type Comparator = C;
    type Rep = R;

    fn table(&self, column_family: u32) -> Option<&MemTable<C, R>> {
        self.get(&column_family).map(|table| &**table)
    }
}

//! A representation that is chosen when the program runs.

use core::fmt;
use core::str::FromStr;

use super::hash::{HashLinkListFactory, HashRep, HashSkipListFactory};
use super::vector::{VectorFactory, VectorRep};
use super::{
    MemTableRep, MemTableRepFactory, Memory, ReadRep, RepContext, Sharing, SkipListFactory,
    SkipListRep,
};
use crate::entry::EntryRef;
use crate::error::{Corruption, Error, Result};
use crate::key::{BytewiseComparator, Comparator, SequenceNumber};
use crate::skiplist::{BatchError, Hint, InsertContext, Position, Trail};

/// Makes an [`AnyRep`]: the factory that it wraps says of which kind.
///
/// It is read from a string as RocksDB's `MemTableRepFactory::CreateFromString` has it, or as
/// its bench tool does: `skiplist`, `hash_skiplist`, `hash_linklist` or `vector` (or `skip_list`,
/// `prefix_hash`, `hash_linkedlist`), and for the last three, behind a colon, the number of
/// buckets, or of entries.
///
/// ```
/// use verimem::rep::{AnyFactory, MemTableRep};
/// use verimem::{Kind, MemTable};
///
/// let factory: AnyFactory = "hash_skiplist:1000".parse()?;
/// let table = MemTable::builder()
///     .prefix_extractor(std::sync::Arc::new(verimem::FixedPrefix(1)))
///     .representation(factory)
///     .build()?;
/// table.add(1, Kind::VALUE, b"k", b"v")?;
/// assert_eq!(table.representation().name(), "hash_skiplist");
/// assert!("btree".parse::<AnyFactory>().is_err());
/// # Ok::<(), verimem::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum AnyFactory {
    /// A [`SkipListRep`].
    SkipList(SkipListFactory),
    /// A [`HashSkipListRep`](super::HashSkipListRep).
    HashSkipList(HashSkipListFactory),
    /// A [`HashLinkListRep`](super::HashLinkListRep).
    HashLinkList(HashLinkListFactory),
    /// A [`VectorRep`].
    Vector(VectorFactory),
}

impl FromStr for AnyFactory {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = |reason| Error::InvalidOption {
            option: "representation",
            reason,
        };
        let (name, number) = match text.split_once(':') {
            None => (text, None),
            Some((name, number)) => {
                let number: usize = number
                    .parse()
                    .map_err(|_| invalid("what is behind the colon is no number"))?;
                (name, Some(number))
            }
        };
        Ok(match name {
            "skiplist" | "skip_list" if number.is_none() => Self::SkipList(SkipListFactory),
            "skiplist" | "skip_list" => return Err(invalid("a skiplist takes no number")),
            "hash_skiplist" | "prefix_hash" => {
                let mut factory = HashSkipListFactory::default();
                factory.bucket_count = number.unwrap_or(factory.bucket_count);
                Self::HashSkipList(factory)
            }
            "hash_linklist" | "hash_linkedlist" => {
                let mut factory = HashLinkListFactory::default();
                factory.bucket_count = number.unwrap_or(factory.bucket_count);
                Self::HashLinkList(factory)
            }
            "vector" => {
                let mut factory = VectorFactory::default();
                factory.count = number.unwrap_or(factory.count);
                Self::Vector(factory)
            }
            _ => return Err(invalid("there is none of that name")),
        })
    }
}

/// One of the built-in representations. Each call asks which; a table that is made of the
/// one factory directly does not.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each table, inside of it"
)]
pub enum AnyRep<C = BytewiseComparator> {
    /// A skiplist.
    SkipList(SkipListRep<C>),
    /// Hashed buckets, of either kind.
    Hash(HashRep<C>),
    /// A vector.
    Vector(VectorRep<C>),
}

impl<C: Comparator> MemTableRepFactory<C> for AnyFactory {
    type Rep = AnyRep<C>;

    fn create(self, context: RepContext<C>) -> Result<AnyRep<C>> {
        Ok(match self {
            Self::SkipList(factory) => AnyRep::SkipList(factory.create(context)?),
            Self::HashSkipList(factory) => AnyRep::Hash(factory.create(context)?),
            Self::HashLinkList(factory) => AnyRep::Hash(factory.create(context)?),
            Self::Vector(factory) => AnyRep::Vector(factory.create(context)?),
        })
    }
}

/// Calls the representation that it is.
macro_rules! call {
    ($any:expr, $rep:ident => $call:expr) => {
        match $any {
            AnyRep::SkipList($rep) => $call,
            AnyRep::Hash($rep) => $call,
            AnyRep::Vector($rep) => $call,
        }
    };
}

impl<C: Comparator> MemTableRep for AnyRep<C> {
    type Context = InsertContext;

    fn name(&self) -> &'static str {
        call!(self, rep => rep.name())
    }

    #[inline]
    unsafe fn insert(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut InsertContext,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        match self {
            // SAFETY: passed on from the caller.
            Self::SkipList(rep) => unsafe {
                MemTableRep::insert(rep, sharing, memory, context, entry, linked)
            },
            // SAFETY: passed on from the caller.
            Self::Hash(rep) => unsafe { rep.insert(sharing, memory, context, entry, linked) },
            // SAFETY: passed on from the caller.
            Self::Vector(rep) => unsafe { rep.insert(sharing, memory, &mut (), entry, linked) },
        }
    }

    unsafe fn insert_all(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut InsertContext,
        entries: &[EntryRef<'_>],
        linked: impl FnMut(&EntryRef<'_>),
    ) -> core::result::Result<(), BatchError> {
        match self {
            // SAFETY: passed on from the caller.
            Self::SkipList(rep) => unsafe {
                MemTableRep::insert_all(rep, sharing, memory, context, entries, linked)
            },
            // SAFETY: passed on from the caller.
            Self::Hash(rep) => unsafe { rep.insert_all(sharing, memory, context, entries, linked) },
            // SAFETY: passed on from the caller.
            Self::Vector(rep) => unsafe {
                rep.insert_all(sharing, memory, &mut (), entries, linked)
            },
        }
    }

    unsafe fn insert_with_hint(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        hint: &mut Hint,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        // SAFETY: passed on from the caller.
        call!(self, rep => unsafe {
            MemTableRep::insert_with_hint(rep, sharing, memory, hint, entry, linked)
        })
    }

    unsafe fn overwrite(
        &self,
        memory: &mut Memory<'_>,
        entry: &EntryRef<'_>,
    ) -> Result<core::result::Result<EntryRef<'_>, Corruption>> {
        // SAFETY: passed on from the caller.
        call!(self, rep => unsafe { MemTableRep::overwrite(rep, memory, entry) })
    }

    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize> {
        call!(self, rep => MemTableRep::max_entry_size(rep, key_len, value_len))
    }

    fn seal(&self) {
        call!(self, rep => rep.seal());
    }

    fn drain_dropped(&self, each: &mut dyn FnMut(&EntryRef<'_>)) {
        call!(self, rep => rep.drain_dropped(each));
    }
}

impl<C: Comparator> ReadRep for AnyRep<C> {
    type Comparator = C;
    type Position = Position;
    type Trail = Trail;

    fn comparator(&self) -> &C {
        call!(self, rep => ReadRep::comparator(rep))
    }

    fn forget(trail: &mut Trail) {
        <SkipListRep<C> as ReadRep>::forget(trail);
    }

    #[inline]
    fn find(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        call!(self, rep => ReadRep::find(rep, user_key, sequence))
    }

    fn find_all(
        &self,
        keys: &[&[u8]],
        sequence: SequenceNumber,
        found: impl FnMut(usize, Option<Position>),
    ) {
        call!(self, rep => ReadRep::find_all(rep, keys, sequence, found));
    }

    #[inline]
    fn seek(
        &self,
        trail: &mut Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        call!(self, rep => ReadRep::seek(rep, trail, user_key, sequence))
    }

    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        call!(self, rep => ReadRep::seek_for_prev(rep, user_key, sequence))
    }

    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        call!(self, rep => ReadRep::seek_before(rep, user_key, sequence))
    }

    fn seek_in_prefix(
        &self,
        trail: &mut Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        call!(self, rep => ReadRep::seek_in_prefix(rep, trail, user_key, sequence))
    }

    fn seek_for_prev_in_prefix(
        &self,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Position> {
        call!(self, rep => ReadRep::seek_for_prev_in_prefix(rep, user_key, sequence))
    }

    fn seek_before_in_prefix(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Position> {
        call!(self, rep => ReadRep::seek_before_in_prefix(rep, user_key, sequence))
    }

    fn first(&self, trail: &mut Trail) -> Option<Position> {
        call!(self, rep => ReadRep::first(rep, trail))
    }

    fn last(&self) -> Option<Position> {
        call!(self, rep => ReadRep::last(rep))
    }

    fn random(&self) -> Option<Position> {
        call!(self, rep => ReadRep::random(rep))
    }

    fn sample(&self, count: usize) -> Result<Vec<Position>> {
        call!(self, rep => ReadRep::sample(rep, count))
    }

    fn count_between(&self, begin: &[u8], end: &[u8]) -> u64 {
        call!(self, rep => ReadRep::count_between(rep, begin, end))
    }

    #[inline]
    unsafe fn next(&self, trail: &mut Trail, position: Position) -> Option<Position> {
        // SAFETY: passed on from the caller.
        call!(self, rep => unsafe { ReadRep::next(rep, trail, position) })
    }

    #[inline]
    unsafe fn prev(&self, trail: &mut Trail, position: Position) -> Option<Position> {
        // SAFETY: passed on from the caller.
        call!(self, rep => unsafe { ReadRep::prev(rep, trail, position) })
    }

    #[inline]
    unsafe fn key(&self, position: Position) -> Option<(&[u8], SequenceNumber)> {
        // SAFETY: passed on from the caller.
        call!(self, rep => unsafe { ReadRep::key(rep, position) })
    }

    #[inline]
    fn is_checked(&self) -> bool {
        call!(self, rep => ReadRep::is_checked(rep))
    }

    fn verify_path(&self, user_key: &[u8], sequence: SequenceNumber) -> Result<(), Corruption> {
        call!(self, rep => ReadRep::verify_path(rep, user_key, sequence))
    }

    fn checksum_mismatch(&self, entry: &EntryRef<'_>) -> Corruption {
        call!(self, rep => ReadRep::checksum_mismatch(rep, entry))
    }

    unsafe fn verify_step(
        &self,
        before: Option<Position>,
        after: Option<Position>,
    ) -> Result<(), Corruption> {
        // SAFETY: passed on from the caller.
        call!(self, rep => unsafe { ReadRep::verify_step(rep, before, after) })
    }

    #[inline]
    unsafe fn entry(&self, position: Position) -> Result<EntryRef<'_>> {
        // SAFETY: passed on from the caller.
        call!(self, rep => unsafe { ReadRep::entry(rep, position) })
    }

    fn is_empty(&self) -> bool {
        call!(self, rep => ReadRep::is_empty(rep))
    }
}

impl<C: Comparator> fmt::Debug for AnyRep<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        call!(self, rep => fmt::Debug::fmt(rep, f))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn r1_factories_are_read_from_their_names() {
        let counts = |text: &str| match text.parse() {
            Ok(AnyFactory::SkipList(_)) => Some(("skiplist", 0)),
            Ok(AnyFactory::HashSkipList(factory)) => Some(("hash", factory.bucket_count)),
            Ok(AnyFactory::HashLinkList(factory)) => Some(("list", factory.bucket_count)),
            Ok(AnyFactory::Vector(factory)) => Some(("vector", factory.count)),
            Err(error) => {
                assert!(matches!(error, Error::InvalidOption { .. }), "{error}");
                None
            }
        };
        for text in ["skiplist", "skip_list"] {
            assert_eq!(counts(text), Some(("skiplist", 0)));
        }
        assert_eq!(counts("hash_skiplist"), Some(("hash", 1_000_000)));
        assert_eq!(counts("prefix_hash:7"), Some(("hash", 7)));
        assert_eq!(counts("hash_linklist"), Some(("list", 50_000)));
        assert_eq!(counts("hash_linkedlist:8"), Some(("list", 8)));
        assert_eq!(counts("vector"), Some(("vector", 0)));
        assert_eq!(counts("vector:9"), Some(("vector", 9)));
        for nonsense in [
            "",
            "btree",
            "skiplist:1",
            "vector:",
            "vector:-1",
            "vector:1:2",
            "Vector",
            "hash_skiplist:99999999999999999999",
        ] {
            assert_eq!(counts(nonsense), None, "{nonsense}");
        }
    }
}

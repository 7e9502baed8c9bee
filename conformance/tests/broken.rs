//! That the kit notices: representations with a fault each, over the skiplist.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use verimem::rep::{
    MemTableRep, MemTableRepFactory, Memory, ReadRep, RepContext, Sharing, SkipListFactory,
    SkipListRep,
};
use verimem::{Comparator, EntryRef, Error, Kind, Result, SequenceNumber};
use verimem_conformance::{Abilities, Candidate, Failure, Kit};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// None: the wrapper itself conforms.
    Nothing,
    /// Now and then an entry is taken and not kept.
    Loses,
    /// Duplicates are taken for new.
    TakesDuplicates,
    /// An entry is kept back until the next one comes.
    KeepsBack,
    /// A seek to an entry goes to the one behind it.
    SeeksPast,
    /// A seek backward ends before an entry that it should end at.
    SeeksShort,
    /// A step back leaves out an entry.
    LeapsBack,
    /// The last entry is the first.
    BeginsAtTheEnd,
    /// Entries of some kind are told with another.
    ChangesKinds,
    /// Some entries are not counted.
    ForgetsToTell,
}

type Inner<C> = SkipListRep<C>;
type Place<C> = <Inner<C> as ReadRep>::Position;
type Kept = (Vec<u8>, u64, Kind, Vec<u8>);

struct Broken<C: Comparator> {
    inner: Inner<C>,
    fault: Fault,
    inserts: AtomicU64,
    kept: Mutex<Option<Kept>>,
}

impl<C: Comparator> ReadRep for Broken<C> {
    type Comparator = C;
    type Position = Place<C>;
    type Trail = <Inner<C> as ReadRep>::Trail;

    fn comparator(&self) -> &C {
        self.inner.comparator()
    }

    fn seek(
        &self,
        trail: &mut Self::Trail,
        user_key: &[u8],
        sequence: SequenceNumber,
    ) -> Option<Place<C>> {
        let found = ReadRep::seek(&self.inner, trail, user_key, sequence)?;
        if self.fault == Fault::SeeksPast {
            // SAFETY: the inner list returned the position.
            let exact = unsafe { ReadRep::key(&self.inner, found) } == Some((user_key, sequence));
            if exact {
                // SAFETY: as above; the trail is its own.
                return unsafe { ReadRep::next(&self.inner, trail, found) };
            }
        }
        Some(found)
    }

    fn seek_for_prev(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Place<C>> {
        if self.fault == Fault::SeeksShort {
            return self.seek_before(user_key, sequence);
        }
        ReadRep::seek_for_prev(&self.inner, user_key, sequence)
    }

    fn seek_before(&self, user_key: &[u8], sequence: SequenceNumber) -> Option<Place<C>> {
        ReadRep::seek_before(&self.inner, user_key, sequence)
    }

    fn first(&self, trail: &mut Self::Trail) -> Option<Place<C>> {
        ReadRep::first(&self.inner, trail)
    }

    fn last(&self) -> Option<Place<C>> {
        if self.fault == Fault::BeginsAtTheEnd {
            return self.first(&mut Self::Trail::default());
        }
        ReadRep::last(&self.inner)
    }

    unsafe fn next(&self, trail: &mut Self::Trail, position: Place<C>) -> Option<Place<C>> {
        // SAFETY: passed on from the caller.
        unsafe { ReadRep::next(&self.inner, trail, position) }
    }

    unsafe fn prev(&self, trail: &mut Self::Trail, position: Place<C>) -> Option<Place<C>> {
        // SAFETY: passed on from the caller.
        let before = unsafe { ReadRep::prev(&self.inner, trail, position) }?;
        if self.fault == Fault::LeapsBack {
            // SAFETY: the inner list returned the position.
            return unsafe { ReadRep::prev(&self.inner, trail, before) };
        }
        Some(before)
    }

    unsafe fn key(&self, position: Place<C>) -> Option<(&[u8], SequenceNumber)> {
        // SAFETY: passed on from the caller.
        unsafe { ReadRep::key(&self.inner, position) }
    }

    unsafe fn entry(&self, position: Place<C>) -> Result<EntryRef<'_>> {
        // SAFETY: passed on from the caller.
        let entry = unsafe { ReadRep::entry(&self.inner, position) }?;
        let kind = match entry.kind {
            Kind::DELETION if self.fault == Fault::ChangesKinds => Kind::SINGLE_DELETION,
            kind => kind,
        };
        Ok(EntryRef { kind, ..entry })
    }

    fn is_empty(&self) -> bool {
        ReadRep::is_empty(&self.inner)
    }
}

impl<C: Comparator> MemTableRep for Broken<C> {
    type Context = <Inner<C> as MemTableRep>::Context;

    fn name(&self) -> &'static str {
        "broken"
    }

    unsafe fn insert(
        &self,
        sharing: Sharing,
        memory: &mut Memory<'_>,
        context: &mut Self::Context,
        entry: &EntryRef<'_>,
        linked: impl FnOnce(),
    ) -> Result<()> {
        let inserts = self.inserts.fetch_add(1, Ordering::Relaxed);
        if self.fault == Fault::Loses && inserts % 64 == 63 {
            linked();
            return Ok(());
        }
        let mut entry = *entry;
        let late;
        if self.fault == Fault::KeepsBack && sharing == Sharing::Concurrent {
            let mut kept = self.kept.lock().unwrap();
            let (key, value) = (entry.user_key.to_vec(), entry.value.to_vec());
            let Some(before) = kept.replace((key, entry.sequence, entry.kind, value)) else {
                linked();
                return Ok(());
            };
            late = before;
            entry = EntryRef {
                user_key: &late.0,
                sequence: late.1,
                kind: late.2,
                value: &late.3,
            };
        }
        let mut times = 0;
        let count = || times += 1;
        // SAFETY: passed on from the caller.
        let inserted =
            unsafe { MemTableRep::insert(&self.inner, sharing, memory, context, &entry, count) };
        if inserted == Err(Error::Duplicate) && self.fault == Fault::TakesDuplicates {
            linked();
            return Ok(());
        }
        if times > 0 && !(self.fault == Fault::ForgetsToTell && inserts % 8 == 7) {
            linked();
        }
        inserted
    }

    fn max_entry_size(&self, key_len: usize, value_len: usize) -> Result<usize> {
        MemTableRep::max_entry_size(&self.inner, key_len, value_len)
    }
}

#[derive(Debug, Clone, Copy)]
struct BrokenFactory(Fault);

impl<C: Comparator> MemTableRepFactory<C> for BrokenFactory {
    type Rep = Broken<C>;

    fn create(self, context: RepContext<C>) -> Result<Broken<C>> {
        Ok(Broken {
            inner: SkipListFactory.create(context)?,
            fault: self.0,
            inserts: AtomicU64::new(0),
            kept: Mutex::new(None),
        })
    }
}

impl Candidate for Fault {
    type Factory<C: Comparator> = BrokenFactory;

    fn factory<C: Comparator>(&self) -> BrokenFactory {
        BrokenFactory(*self)
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            refuses_duplicates: true,
            ..Abilities::LEAST
        }
    }
}

fn kit() -> Kit {
    Kit {
        sequences: 60,
        rounds: 1,
        ..Kit::default()
    }
}

#[test]
fn the_wrapper_by_itself_conforms() {
    kit().check(&Fault::Nothing).unwrap();
}

#[test]
fn every_fault_is_noticed() {
    for fault in [
        Fault::Loses,
        Fault::TakesDuplicates,
        Fault::KeepsBack,
        Fault::SeeksPast,
        Fault::SeeksShort,
        Fault::LeapsBack,
        Fault::BeginsAtTheEnd,
        Fault::ChangesKinds,
        Fault::ForgetsToTell,
    ] {
        let failure = kit().check(&fault).expect_err("a fault was not noticed");
        let Failure::Sequence { operations, .. } = failure else {
            panic!("{fault:?}: {failure}");
        };
        assert!(operations < 100, "{fault:?} takes {operations} operations");
    }
}

/// Without sequences, the races notice what they are about.
#[test]
fn races_notice_by_themselves() {
    let kit = Kit {
        sequences: 0,
        ..kit()
    };
    for fault in [Fault::Loses, Fault::KeepsBack, Fault::TakesDuplicates] {
        let failure = kit.check(&fault).expect_err("a fault was not noticed");
        assert!(matches!(failure, Failure::Race { .. }), "{failure}");
    }
}

//! Memory that is refused, allocation by allocation (X2).

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use verimem::merge::StringAppend;
use verimem::{
    EntryRef, Error, FixedPrefix, Kind, Lookup, MAX_SEQUENCE_NUMBER, MemTable, PrefixExtractor,
    PrefixHints,
};

use super::{contents, documented};

thread_local! {
    /// So many allocations of this thread will succeed.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    /// Bytes that this thread has allocated and not freed.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, which refuses when it is told to.
struct Refusing;

#[global_allocator]
static REFUSING: Refusing = Refusing;

// SAFETY: what is allocated is the system's, and so is what is freed; beside that, only
// numbers change.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let left = LEFT.get();
        if left == 0 {
            return std::ptr::null_mut();
        }
        if left != usize::MAX {
            LEFT.set(left - 1);
        }
        HELD.set(HELD.get() + layout.size() as isize);
        // SAFETY: passed on from the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if LEFT.get() != usize::MAX {
            // SAFETY: passed on from the caller.
            let memory = unsafe { self.alloc(layout) };
            if !memory.is_null() {
                // SAFETY: it was allocated just now, with this size.
                unsafe { memory.write_bytes(0, layout.size()) };
            }
            return memory;
        }
        HELD.set(HELD.get() + layout.size() as isize);
        // SAFETY: passed on from the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
        // SAFETY: passed on from the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Runs something while only so many allocations succeed.
fn refusing<R>(after: usize, body: impl FnOnce() -> R) -> R {
    LEFT.set(after);
    let result = body();
    LEFT.set(usize::MAX);
    result
}

/// Entries of all sorts, and `ranges` range deletions.
fn table(ranges: u64) -> MemTable {
    let append = Arc::new(StringAppend { delimiter: b',' });
    let built = MemTable::builder()
        .write_buffer_size(64 << 10)
        .merge_operator(append)
        .max_successive_merges(3)
        .build();
    let table = built.unwrap_or_else(|error| panic!("{error}"));
    let long = vec![b'l'; 300];
    for byte in b'a'..b'k' {
        assert_eq!(table.add(1, Kind::VALUE, &[byte], b"value"), Ok(()));
        for sequence in 2..7 {
            assert_eq!(
                table.add(sequence, Kind::MERGE, &[byte], b"operand"),
                Ok(())
            );
        }
        assert_eq!(
            table.add(1, Kind::VALUE, &[&long[..], &[byte]].concat(), b""),
            Ok(())
        );
    }
    for number in 0..ranges {
        let end = [b'p' + number as u8];
        assert_eq!(table.delete_range(20 + number, b"o", &end), Ok(()));
    }
    table
}

/// What an operation that was refused memory may say; `None` when it must succeed.
pub(super) type Refused = Option<fn(&Error) -> bool>;

/// Tries an operation on a new table with no allocation granted, with one, with two, until
/// it is refused none. In between it says so, changes nothing, and leaks nothing.
pub(super) fn each_refusal(
    name: &str,
    ranges: u64,
    may_say: Refused,
    operation: impl Fn(&MemTable) -> Result<(), Error>,
) {
    let mut refusals = 0;
    // A thread keeps its note of where it is inside.
    drop(table(0));
    for granted in 0.. {
        let held = HELD.get();
        let table = table(ranges);
        let (before, memory) = (contents(&table), table.memory_usage());
        let (outcome, left) = refusing(granted, || (operation(&table), LEFT.get()));
        match (&outcome, may_say) {
            (Err(error), Some(may_say)) => {
                assert!(may_say(error), "{name}, {granted} granted: {error:?}");
                refusals += 1;
                assert_eq!(contents(&table), before, "{name}, {granted} granted");
                assert_eq!(table.memory_usage(), memory, "{name}, {granted} granted");
                assert_eq!(operation(&table), Ok(()), "{name} with memory");
            }
            (Err(error), None) => panic!("{name}, {granted} granted: {error:?}"),
            (Ok(()), _) => {}
        }
        drop((before, outcome));
        drop(table);
        assert_eq!(HELD.get(), held, "{name}, {granted} granted: leaked");
        if left > 0 {
            break;
        }
    }
    assert_eq!(refusals > 0, may_say.is_some(), "{name} was never refused");
}

pub(super) fn out_of_memory(error: &Error) -> bool {
    matches!(error, Error::OutOfMemory { .. })
}

#[test]
fn x2_a_range_deletion_without_memory_is_none() {
    // The one after 3 makes a parent of four, that after 15 two of them.
    for ranges in [0, 3, 4, 15] {
        each_refusal("delete_range", ranges, Some(out_of_memory), |table| {
            table.delete_range(50, b"m", b"n")
        });
        each_refusal(
            "range_deletions",
            ranges + 1,
            Some(out_of_memory),
            |table| {
                let deletions = table.range_deletions(0..=MAX_SEQUENCE_NUMBER)?;
                assert!(!deletions.is_empty());
                Ok(())
            },
        );
    }
    let gets = "`OutOfMemory`".to_owned();
    documented([("no memory for a range deletion, or to list them", gets)]);
}

#[test]
fn x2_a_seal_without_memory_seals() {
    for ranges in [0, 3, 7] {
        each_refusal("seal", ranges, None, |table| {
            table.seal()?;
            assert!(table.is_sealed());
            let deleted = matches!(table.get(b"o", 99), Ok(Lookup::Deleted { .. }));
            assert_eq!(deleted, ranges > 0);
            Ok(())
        });
    }
    let gets = "a sealed table whose range deletions are searched as before".to_owned();
    documented([("no memory to join range deletions at the seal", gets)]);
}

#[test]
fn x2_answers_without_memory_are_errors() {
    let keys: Vec<&[u8]> = vec![b"a", b"none", b"e", b"b", b"a"];
    each_refusal("multi_get", 2, Some(out_of_memory), |table| {
        let answers = table.multi_get(&keys, 9)?;
        assert_eq!(answers.len(), keys.len());
        answers.into_iter().try_for_each(|answer| answer.map(drop))
    });
    each_refusal("get of operands", 2, Some(out_of_memory), |table| {
        table.get(b"d", 9).map(drop)
    });
    each_refusal("sample", 2, Some(out_of_memory), |table| {
        table.sample(4).map(drop)
    });
    let gets = "`OutOfMemory`".to_owned();
    documented([(
        "no memory for a list of answers, of operands, or of a sample",
        gets,
    )]);
}

#[test]
fn x2_merges_without_memory_are_errors() {
    let may_say = |error: &Error| out_of_memory(error) || matches!(error, Error::MergeFailed(_));
    each_refusal("get_merged", 2, Some(may_say), |table| {
        table.reader(9)?.get_merged(b"d").map(drop)
    });
    let gets = "`OutOfMemory`, or `MergeFailed` by the operator".to_owned();
    documented([("no memory for the result of a merge", gets)]);
}

/// W5: what cannot be folded for want of memory is refused, or stored as it is.
#[test]
fn x2_a_fold_without_memory_loses_no_operand() -> Result<(), Error> {
    let mut outcomes = [0; 3];
    for granted in 0.. {
        let table = table(0);
        let before = (contents(&table), table.stats());
        let mut writer = table.exclusive_writer()?;
        let (added, left) = refusing(granted, || {
            (writer.add(9, Kind::MERGE, b"d", b"newest"), LEFT.get())
        });
        drop(writer);
        let stats = table.stats();
        match added {
            Err(error) => {
                assert!(out_of_memory(&error), "{error:?}");
                assert_eq!((contents(&table), stats), before);
                outcomes[0] += 1;
            }
            Ok(()) if stats.merges > before.1.merges => outcomes[1] += 1,
            Ok(()) => outcomes[2] += 1,
        }
        let value = table.reader(8)?.get_merged(b"d")?;
        assert!(format!("{value:?}").contains("Found"));
        if left > 0 {
            break;
        }
    }
    assert!(outcomes.iter().all(|&count| count > 0), "{outcomes:?}");
    let gets = "`OutOfMemory`, or the operand is stored as it is".to_owned();
    documented([("no memory to fold an operand as it is written", gets)]);
    Ok(())
}

#[test]
fn x2_iterators_without_memory_stand_nowhere() {
    each_refusal("visible iterator", 2, Some(out_of_memory), |table| {
        let mut keys = table.visible(9);
        for forward in [true, false] {
            if forward {
                keys.seek_to_first()?;
            } else {
                keys.seek_to_last()?;
            }
            let mut seen = 0;
            while keys.valid() {
                seen += 1;
                let moved = if forward { keys.next() } else { keys.prev() };
                if moved.is_err() {
                    assert!(!keys.valid());
                }
                moved?;
            }
            assert_eq!(seen, 20);
        }
        Ok(())
    });
    let long = [b'l'; 200];
    each_refusal("bounds", 2, Some(out_of_memory), |table| {
        let bound = std::ops::Bound::Excluded(&long[..]);
        let mut keys = table.visible_range(9, bound, std::ops::Bound::Unbounded);
        keys.seek_to_last()
    });
    each_refusal("cursor", 2, None, |table| {
        let mut cursor = table.iter();
        cursor.seek_to_last();
        let mut seen = 0;
        while cursor.valid() {
            seen += 1;
            cursor.prev();
        }
        assert_eq!(seen, 70);
        Ok(())
    });
    let gets = "`OutOfMemory`, and stands at no entry".to_owned();
    documented([("no memory for a long key that an iterator keeps", gets)]);
}

#[test]
fn x2_adds_without_memory_beside_the_arena() {
    let entry = |user_key, sequence| EntryRef {
        user_key,
        sequence,
        kind: Kind::VALUE,
        value: b"",
    };
    let batch = [entry(&b"y"[..], 30), entry(b"x", 30), entry(b"z", 31)];
    each_refusal("add_batch", 0, None, |table| {
        let added = table.writer()?.add_batch(&batch);
        added.map_err(|refused| refused.error)
    });
    let extractor: Arc<dyn PrefixExtractor> = Arc::new(FixedPrefix(1));
    each_refusal("hints per prefix", 0, None, |table| {
        let mut hints = PrefixHints::new(Arc::clone(&extractor), 2)?;
        let mut writer = table.writer()?;
        for key in [b"y1", b"x1", b"z1", b"y2"] {
            writer.add_with_prefix_hints(&mut hints, 30, Kind::VALUE, key, b"")?;
        }
        Ok(())
    });
    let gets = "an add without a hint".to_owned();
    documented([("no memory to remember a prefix", gets)]);
}

/// The note of where a thread is inside.
#[test]
fn x2_a_writer_without_memory_is_refused() {
    let refused = std::thread::spawn(|| {
        let table = table(0);
        // The note is there already, and has room for few.
        let mut inside = Vec::with_capacity(100);
        for _ in 0..100 {
            match refusing(0, || table.writer()) {
                Ok(writer) => inside.push(writer),
                Err(error) => return out_of_memory(&error),
            }
        }
        false
    });
    assert_eq!(refused.join().ok(), Some(true));
    let gets = "`OutOfMemory`".to_owned();
    documented([("no memory for the note that a thread is inside", gets)]);
}

//! What no random operation calls: the bare list, defaults, names and `Debug`.

use std::sync::Arc;
use std::time::Duration;

use verimem::arena::{ArenaOptions, ArenaPool, BlockArena, ConcurrentArena};
use verimem::bloom::Bloom;
use verimem::merge::{
    Associative, Max, MergeFailure, MergeOperator, Merged, Merger, StringAppend, UInt64Add,
};
use verimem::rep::{Cursor, ReadRep};
use verimem::sequencer::{MAX_IN_FLIGHT, Sequencer};
use verimem::skiplist::{SkipList, SkipListOptions};
use verimem::{
    BytewiseComparator, Comparator, EntryRef, Error, Everything, FixedPrefix, Hint, Kind, Lookup,
    MemTable, PrefixHints, Protection, TimestampedComparator, Visibility,
};

fn entry(user_key: &[u8], sequence: u64) -> EntryRef<'_> {
    EntryRef {
        user_key,
        sequence,
        kind: Kind::VALUE,
        value: b"value",
    }
}

fn list(paranoid_checks: bool) -> SkipList {
    let arena = ConcurrentArena::new(ArenaOptions::default()).expect("an arena");
    let options = SkipListOptions {
        paranoid_checks,
        protection: match paranoid_checks {
            true => Protection::Four,
            false => Protection::None,
        },
        verify_checksums_on_seek: paranoid_checks,
        ..SkipListOptions::default()
    };
    SkipList::new(Arc::new(arena), BytewiseComparator, options).expect("a list")
}

/// Every way to insert puts the entry where every way to read finds it (S1, S3).
#[test]
fn s1_a_bare_list_is_written_and_read_in_every_way() {
    for paranoid_checks in [false, true] {
        let mut list = list(paranoid_checks);
        assert!(ReadRep::is_empty(&list));
        let empty = list.memory_usage().used;
        list.insert(&entry(b"b", 1)).expect("room");
        let mut hint = Hint::default();
        for sequence in [2, 3] {
            let hinted = list.insert_with_hint(&mut hint, &entry(b"c", sequence));
            assert_eq!(hinted, Ok(()));
        }
        list.insert_exclusive(&entry(b"a", 4)).expect("room");
        let batch = [
            entry(b"d", 5),
            entry(b"e", 6),
            entry(b"a", 4),
            entry(b"f", 9),
        ];
        let refused = list.insert_batch(&batch).expect_err("a duplicate");
        assert_eq!((refused.added, refused.error), (2, Error::Duplicate));
        let refused = list.insert_batch_exclusive(&[entry(b"g", 7), entry(b"g", 7)]);
        assert_eq!(refused.map_err(|refused| refused.added), Err(1));
        assert!(list.memory_usage().used > empty && !ReadRep::is_empty(&list));

        let expected = [b"a", b"b", b"c", b"c", b"d", b"e", b"g"];
        let list = Arc::new(list);
        let (mut shared, mut borrowed) = (Cursor::new(Arc::clone(&list)), Cursor::new(&*list));
        shared.seek_to_first();
        borrowed.seek_to_first();
        for user_key in expected {
            for entry in [shared.entry(), borrowed.entry()] {
                let key = entry.expect("sound").map(|entry| entry.user_key);
                assert_eq!(key, Some(&user_key[..]));
            }
            shared.next();
            borrowed.next();
        }
        assert!(!shared.valid() && !borrowed.valid());

        assert_eq!(
            list.get(b"c", 9).map(|one| one.map(|one| one.sequence)),
            Ok(Some(3))
        );
        assert_eq!(list.get(b"c", 2), Ok(Some(entry(b"c", 2))));
        assert_eq!(list.get(b"bb", 9), Ok(None));
        let mut found = Vec::new();
        list.multi_get(&[b"g", b"x", b"a"], 9, |place, answer| {
            found.push((place, answer.expect("sound").map(|entry| entry.sequence)));
        });
        assert_eq!(found, [(0, Some(7)), (1, None), (2, Some(4))]);
    }
}

/// A batch that hands its checksums in ends where a batch without them would (E10).
#[test]
fn e10_numbers_are_looked_at_before_checksums() {
    let table = MemTable::builder().build().expect("a table");
    let good = entry(b"a", 1);
    let over = entry(b"b", verimem::MAX_SEQUENCE_NUMBER + 1);
    let batch = [(good, good.checksum()), (over, 0)];
    let mut writer = table.writer().expect("a writer");
    let refused = writer.add_batch_protected(&batch).expect_err("too large");
    let sequence = over.sequence;
    assert_eq!(
        (refused.added, refused.error),
        (1, Error::SequenceTooLarge { sequence })
    );
}

/// A copy of a cursor goes its own way (G5), also one that has looked behind.
#[test]
fn g5_a_copy_of_a_cursor_goes_its_own_way() {
    let table = MemTable::builder().build().expect("a table");
    for number in 0..100u8 {
        table
            .add(number.into(), Kind::VALUE, &[number], b"")
            .expect("room");
    }
    let mut cursor = table.iter();
    cursor.seek_to_last();
    for _ in 0..30 {
        cursor.prev();
    }
    let at = |cursor: &Cursor<&MemTable>| cursor.key().map(|key| key.0[0]);
    let mut copy = cursor.clone();
    assert_eq!((at(&cursor), at(&copy)), (Some(69), Some(69)));
    copy.prev();
    cursor.next();
    copy.prev();
    assert_eq!((at(&cursor), at(&copy)), (Some(70), Some(67)));
}

/// Operators have RocksDB's names, which a database stores (G2); one that says nothing about
/// pairs folds none.
#[test]
fn g2_operators_are_named_and_pairs_are_not_folded_unasked() {
    #[derive(Debug)]
    struct Silent;
    impl MergeOperator for Silent {
        fn name(&self) -> &str {
            "test.Silent"
        }
        fn full_merge(
            &self,
            _: &[u8],
            _: Option<&[u8]>,
            _: &[&[u8]],
            _: &mut Vec<u8>,
        ) -> Result<(), MergeFailure> {
            Ok(())
        }
    }
    let operators: [(&dyn MergeOperator, &str); 4] = [
        (&Associative(UInt64Add), "UInt64AddOperator"),
        (&Associative(Max), "MaxOperator"),
        (&StringAppend { delimiter: b',' }, "StringAppendOperator"),
        (&Silent, "test.Silent"),
    ];
    for (operator, name) in operators {
        assert_eq!(operator.name(), name);
    }
    let mut result = Vec::new();
    let folded = Silent.partial_merge(b"k", b"older", b"newer", &mut result);
    assert_eq!((folded, result), (Ok(false), Vec::new()));
}

/// What lies below a value changes nothing (G2).
#[test]
fn g2_a_merger_that_needs_nothing_older_takes_nothing_older() {
    let operator = StringAppend { delimiter: b',' };
    let mut merger = Merger::new(b"k", &operator);
    let found = |value, sequence| Lookup::Found {
        value,
        sequence,
        kind: Kind::VALUE,
    };
    merger.add(found(b"new", 2)).expect("room");
    assert!(!merger.needs_older());
    merger.add(found(b"old", 1)).expect("room");
    let merged = merger.finish().expect("a value");
    assert!(matches!(merged, Merged::Found { value, sequence: 2, .. } if *value == *b"new"));
}

/// Without timestamps there is none to tell (E9), and all is visible to who says nothing (G4).
#[test]
fn e9_g4_defaults_say_that_there_is_nothing() {
    let mut untouched = *b"untouched";
    BytewiseComparator.write_timestamp(7, &mut untouched);
    assert_eq!(untouched, *b"untouched");
    assert_eq!(BytewiseComparator.timestamp(b"12345678"), 0);
    assert!(Everything.is_visible(0) && Everything.is_visible(u64::MAX));
}

/// Tables are told apart, huge pages are a wish, and range deletions can be taken apart
/// (M1, A4, D2).
#[test]
fn m1_tables_are_told_apart_and_may_ask_for_huge_pages() {
    let [one, other] = [true, false].map(|huge| {
        let table = MemTable::builder()
            .huge_pages(huge)
            .build()
            .expect("a table");
        table.add(1, Kind::VALUE, b"a", b"v").expect("room");
        table
            .add(2, Kind::RANGE_DELETION, b"b", b"c")
            .expect("room");
        assert!(matches!(
            table.get(b"a", 9),
            Ok(Lookup::Found { value: b"v", .. })
        ));
        table
    });
    assert_ne!(one.id(), other.id());
    assert_eq!(one.reader(9).expect("a reader").snapshot(), 9);
    let ranges = one.range_deletions(0..=9).expect("ranges");
    let ends: Vec<_> = ranges.into_iter().map(|one| (one.begin, one.end)).collect();
    assert_eq!(ends, [(&b"b"[..], &b"c"[..])]);
}

/// `Debug` says what a thing is, and ends: it shows no entries (E10).
#[test]
fn e10_debug_shows_no_entries() {
    let keys = TimestampedComparator::bytewise().expect("an order");
    let table = MemTable::with_comparator(keys).build().expect("a table");
    table
        .add(1, Kind::VALUE, b"secret: 12345678", b"secret")
        .expect("room");
    let mut visible = table.visible(9);
    visible.seek_to_last().expect("sound");
    visible.next().expect("sound");
    let pool = ArenaPool::new(1 << 20);
    let block = BlockArena::new(ArenaOptions::default()).expect("an arena");
    let hints = PrefixHints::new(Arc::new(FixedPrefix(3)), 2).expect("room");
    let shown = [
        (
            format!("{:?}", table.reader(9).expect("a reader")),
            "Reader { table: ",
        ),
        (
            format!("{visible:?}"),
            "VisibleIter { key: None, snapshot: 9",
        ),
        (format!("{:?}", table.stripped()), "Stripped { cursor: "),
        (
            format!("{pool:?}"),
            "ArenaPool { max_retained: 1048576, retained: 0, lent: 0, idle: 0 }",
        ),
        (format!("{block:?}"), "BlockArena { space: "),
        (
            format!("{:?}", Bloom::new(512, 6, 0)),
            "Ok(Bloom { bytes: 64, probes: 6",
        ),
        (
            format!("{hints:?}"),
            "PrefixHints { extractor: FixedPrefix(3), len: 0",
        ),
        (
            format!("{:?}", Sequencer::new(7)),
            "Ok(Sequencer { published: 7",
        ),
    ];
    for (shown, start) in shown {
        assert!(shown.starts_with(start), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}

/// Who finds all reservations taken waits for one that ends (W2).
#[test]
fn w2_a_reservation_waits_for_room() {
    let sequencer = Sequencer::new(0).expect("a sequencer");
    let mut taken: Vec<_> = (0..MAX_IN_FLIGHT)
        .map(|_| sequencer.try_reserve(1).expect("room"))
        .collect();
    assert_eq!(sequencer.try_reserve(1).map(drop), Err(Error::Busy));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let late = sequencer.reserve(1).expect("a number");
            let first = late.first();
            late.publish();
            first
        });
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished(), "nothing had ended");
        taken.drain(..).for_each(|one| one.publish());
        let first = waiting.join().expect("no panic");
        assert_eq!(first, MAX_IN_FLIGHT as u64 + 1);
    });
    assert_eq!(sequencer.published(), MAX_IN_FLIGHT as u64 + 1);
}

//! Bytes of stored entries that change (SPEC E10).

use core::ops::Range;
use std::vec::Vec;

use super::*;
use crate::entry::Protection;
use crate::error::{CorruptKey, Corruption};
use crate::merge::StringAppend;
use crate::skiplist::HeightSource;
use crate::visibility::Visibility;

const LONG: [u8; 125] = [b'v'; 125];
/// What each table has, in its order.
const ENTRIES: [(&[u8], SequenceNumber, Kind, &[u8]); 9] = [
    (b"", 1, Kind::VALUE, b""),
    (b"a", 4, Kind::VALUE, b"one"),
    (b"a", 2, Kind::VALUE, b""),
    (b"key 1", 5, Kind::MERGE, b"operand"),
    (b"key 1", 3, Kind::VALUE, b"value"),
    (b"key 2", 7, Kind::VALUE, &LONG),
    (b"key 2", 6, Kind::DELETION, b""),
    (&LONG, 8, Kind::VALUE, b"x"),
    (b"z", 9, Kind::VALUE, b"last"),
];
const SNAPSHOT: SequenceNumber = 100;

#[derive(Debug, Clone, Copy)]
struct Options {
    protection: Protection,
    order: bool,
    checksums: bool,
    /// Most entries are versions that took the place of others (SPEC W6).
    overwritten: bool,
}

/// Tables with all the entries, with towers of all heights.
fn table(options: Options) -> MemTable {
    let mut table = small()
        .protection(options.protection)
        .paranoid_checks(options.order)
        .verify_checksums_on_seek(options.checksums)
        .merge_operator(Arc::new(StringAppend { delimiter: b',' }))
        .heights(HeightSource::Scripted(|entry| {
            1 + entry.sequence as usize % 3
        }));
    table = table.max_height(3);
    if options.overwritten {
        table = table.duplicates(DuplicatePolicy::Overwrite);
    }
    let table = table.build().unwrap();
    for (user_key, sequence, kind, value) in ENTRIES {
        let before = u64::from(options.overwritten) * (sequence % 4);
        for version in 0..before {
            let (kind, value) = (Kind::MERGE, &b"once"[..version as usize]);
            table.add(sequence, kind, user_key, value).unwrap();
        }
        table.add(sequence, kind, user_key, value).unwrap();
    }
    table
}

/// Something that is stored.
struct Place {
    start: *mut u8,
    len: usize,
    /// The entry that it belongs to.
    entry: usize,
    /// The bytes in front whose damage is noticed by whoever comes by the entry.
    front: usize,
    /// The bytes that nobody reads any more: another version is newer.
    unread: Range<usize>,
    /// A version that no link leads to.
    version: bool,
}

/// What is stored of each entry of the table, in the table's order.
fn places(table: &MemTable) -> Vec<Place> {
    const FRONT: usize = crate::entry::GUARD_LEN + 1;
    let list = &table.rep;
    let mut places = Vec::new();
    for (entry, (user_key, sequence, ..)) in ENTRIES.into_iter().enumerate() {
        let position = ReadRep::find(list, user_key, sequence).unwrap();
        let (start, len) = list.stored(position);
        let overwriting = table.duplicates == DuplicatePolicy::Overwrite;
        let version = overwriting.then(|| list.stored_version(position)).flatten();
        let front = FRONT + if overwriting { 8 } else { 0 };
        // The length of the longest key has two bytes. The kind is the tag's first byte.
        let tag = front + usize::from(user_key.len() > 119) + user_key.len();
        places.push(Place {
            start,
            len,
            entry,
            front,
            unread: if version.is_some() { tag..len } else { 0..0 },
            version: false,
        });
        if let Some((start, len)) = version {
            places.push(Place {
                start,
                len,
                entry,
                front: FRONT,
                unread: 0..0,
                version: true,
            });
        }
    }
    places
}

/// Sees all, but asks for each number.
struct All;

impl Visibility for All {
    fn is_visible(&self, _sequence: SequenceNumber) -> bool {
        true
    }

    fn min_uncommitted(&self) -> SequenceNumber {
        0
    }
}

/// Everything that readers of a table are told.
struct Told<'t> {
    gets: Vec<Result<Lookup<'t>>>,
    hidden_gets: Vec<Result<Lookup<'t>>>,
    multi_gets: Vec<Result<Lookup<'t>>>,
    entries: Vec<Result<Option<EntryRef<'t>>>>,
    forward: Result<Vec<SequenceNumber>>,
    backward: Result<Vec<SequenceNumber>>,
    visible: Result<usize>,
    visible_backward: Result<usize>,
}

/// Where all bytes that readers are given must be.
struct Inside(Vec<Range<usize>>);

impl Inside {
    fn check(&self, bytes: &[u8]) {
        let start = bytes.as_ptr().addr();
        let end = start + bytes.len();
        let inside = |range: &Range<usize>| range.start <= start && end <= range.end;
        assert!(self.0.iter().any(inside), "bytes from outside of an entry");
    }

    fn check_entry(&self, entry: &EntryRef<'_>) {
        self.check(entry.user_key);
        self.check(entry.value);
    }
}

fn scan(table: &MemTable, inside: &Inside, backward: bool) -> Result<Vec<SequenceNumber>> {
    let mut cursor = table.iter();
    let mut met = Vec::new();
    if backward {
        cursor.seek_to_last();
    } else {
        cursor.seek_to_first();
    }
    while let Some(entry) = cursor.entry()? {
        inside.check_entry(&entry);
        met.push(entry.sequence);
        if backward {
            cursor.prev();
        } else {
            cursor.next();
        }
    }
    assert_eq!(
        cursor.status(),
        Ok(()),
        "an entry said that this is the end"
    );
    Ok(met)
}

fn visible(table: &MemTable, inside: &Inside, backward: bool) -> Result<usize> {
    let mut keys = table.visible(SNAPSHOT);
    let mut met = 0;
    if backward {
        keys.seek_to_last()?;
    } else {
        keys.seek_to_first()?;
    }
    while let Some(entry) = keys.entry()? {
        inside.check_entry(&entry);
        let _ = keys.lookup();
        met += 1;
        // A wrong key that a checksum of one byte misses can lead back for ever.
        if met > 10 * ENTRIES.len() {
            break;
        }
        if backward {
            keys.prev()?;
        } else {
            keys.next()?;
        }
    }
    Ok(met)
}

fn told<'t>(table: &'t MemTable, inside: &Inside) -> Told<'t> {
    let keys: Vec<&[u8]> = ENTRIES.iter().map(|entry| entry.0).collect();
    let reader = table.reader(SNAPSHOT).unwrap();
    let hidden = table.reader(SNAPSHOT).unwrap().with_visibility(All);
    let gets = ENTRIES.iter().map(|entry| table.get(entry.0, entry.1));
    let entries = ENTRIES.iter().map(|e| table.get_entry(e.0, e.1));
    let told = Told {
        gets: gets.collect(),
        hidden_gets: keys.iter().map(|key| hidden.get(key)).collect(),
        multi_gets: reader.multi_get(&keys).unwrap(),
        entries: entries.collect(),
        forward: scan(table, inside, false),
        backward: scan(table, inside, true),
        visible: visible(table, inside, false),
        visible_backward: visible(table, inside, true),
    };
    for entry in told.entries.iter().flatten().flatten() {
        inside.check_entry(entry);
    }
    for (user_key, sequence, ..) in ENTRIES {
        let mut cursor = table.iter();
        for go in [Cursor::seek, Cursor::seek_for_prev, Cursor::seek_before] {
            go(&mut cursor, user_key, sequence);
            if let Ok(Some(entry)) = cursor.entry() {
                inside.check_entry(&entry);
            }
            cursor.prev();
            cursor.next();
            let _ = cursor.key();
        }
        let _ = reader.get_merged(user_key);
        let _ = table.contains(user_key, sequence);
        let _ = table.approximate_range(user_key, b"y");
    }
    for entry in table.sample(4).into_iter().flatten() {
        inside.check_entry(&entry);
    }
    told
}

/// What may be wrong of an answer besides an error.
fn is_right_or_error<T: PartialEq + core::fmt::Debug>(told: &Result<T>, right: &Result<T>) -> bool {
    matches!(told, Err(Error::Corruption(_))) || told == right
}

/// Flips all that `wrongs` says in each byte of each stored entry, one byte at a time.
fn flip_each_byte(options: Options, wrongs: &[u8]) {
    let table = table(options);
    let places = places(&table);
    let range = |place: &Place| place.start.addr()..place.start.addr() + place.len;
    let inside = Inside(places.iter().map(range).collect());
    let right = told(&table, &inside);
    assert_eq!(right.forward.as_ref().map(Vec::len), Ok(ENTRIES.len()));
    assert_eq!(right.visible, Ok(6));
    let strong = options.protection == Protection::Eight;
    for place in &places {
        let &Place {
            start, len, entry, ..
        } = place;
        let flips = (0..len).flat_map(|at| wrongs.iter().map(move |&wrong| (at, wrong)));
        for (at, wrong) in flips {
            let what = if place.version {
                "version of entry"
            } else {
                "entry"
            };
            let context = std::format!("{options:?}: byte {at} of {what} {entry} by {wrong}");
            // SAFETY: inside of the stored entry, which nobody reads now.
            let byte = unsafe { start.add(at) };
            let flip = || {
                // SAFETY: as above.
                let was = unsafe { byte.read() };
                // SAFETY: as above.
                unsafe { byte.write(was ^ wrong) };
            };
            flip();
            let told = told(&table, &inside);
            // Of the old tag, the kind alone is not read.
            let unread = place.unread.contains(&at) && !(1..8).contains(&(at - place.unread.start));
            if unread {
                assert_eq!(told.forward, right.forward, "{context}");
                assert_eq!((&told.gets, &told.entries), (&right.gets, &right.entries));
            } else if strong {
                let corrupt = |error: Option<Error>| matches!(error, Some(Error::Corruption(_)));
                assert!(corrupt(told.forward.err()), "{context}");
                assert!(corrupt(told.backward.err()), "{context}");
            }
            let noticed = strong && (options.checksums || place.version) || at < place.front;
            if noticed && !unread {
                let own = (&told.gets[entry], &told.entries[entry]);
                assert!(own.0.is_err() && own.1.is_err(), "{context}: {own:?}");
                for visible in [&told.visible, &told.visible_backward] {
                    assert!(is_right_or_error(visible, &right.visible), "{context}");
                }
                for other in 0..ENTRIES.len() {
                    let told = [
                        (&told.gets[other], &right.gets[other]),
                        (&told.hidden_gets[other], &right.hidden_gets[other]),
                        (&told.multi_gets[other], &right.multi_gets[other]),
                    ];
                    for (told, right) in told {
                        assert!(is_right_or_error(told, right), "{context}: {told:?}");
                    }
                }
            }
            flip();
        }
    }
    let again = told(&table, &inside);
    assert_eq!((again.gets, again.entries), (right.gets, right.entries));
    assert_eq!(again.forward, right.forward);
}

/// Tables with checksums of so many bytes, which verify more or less besides, and whose
/// entries were overwritten or not.
fn options(bytes: usize, overwritten: bool) -> [Options; 4] {
    let protection = Protection::from_len(bytes).unwrap();
    [(false, false), (true, false), (false, true), (true, true)].map(|(order, checksums)| Options {
        protection,
        order,
        checksums,
        overwritten,
    })
}

#[test]
fn e10_each_byte_of_a_stored_entry_may_change_and_nobody_is_misled() {
    let wrongs: &[u8] = if cfg!(miri) {
        &[0x80]
    } else {
        &[1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80]
    };
    for options in options(8, false) {
        flip_each_byte(options, wrongs);
    }
}

#[test]
fn e10_each_byte_may_change_of_cells_and_versions_and_what_they_replaced() {
    for options in options(8, true) {
        flip_each_byte(options, &[1, 0x80]);
    }
    for options in options(1, true) {
        flip_each_byte(options, &[0x81]);
    }
}

#[test]
fn e10_each_byte_may_change_where_checksums_are_short() {
    for bytes in [1, 2, 4] {
        for options in options(bytes, false) {
            flip_each_byte(options, &[0x81]);
        }
    }
}

#[test]
fn e10_a_table_may_be_written_to_beside_a_damaged_entry() {
    let options = [1, 4, 8]
        .into_iter()
        .flat_map(|bytes| options(bytes, false));
    for options in options {
        for index in 0..ENTRIES.len() {
            let table = table(options);
            let Place { start, len, .. } = places(&table)[index];
            for at in 0..len.min(12) {
                // SAFETY: inside of the stored entry, which nobody reads now.
                let byte = unsafe { start.add(at) };
                // SAFETY: as above.
                unsafe { byte.write(0xFF) };
            }
            for (user_key, sequence, ..) in ENTRIES {
                let mut writer = table.writer().unwrap();
                for added in 0..3 {
                    let added = sequence + 10 * added;
                    let _ = writer.add(added + 10, Kind::VALUE, user_key, b"more");
                    let _ = writer.add(
                        added + 50,
                        Kind::VALUE,
                        &user_key[..1.min(user_key.len())],
                        b"",
                    );
                }
            }
            let mut met = 0;
            let mut cursor = table.iter();
            cursor.seek_to_first();
            while cursor.valid() {
                met += 1;
                cursor.next();
            }
            assert!(cursor.status().is_err() && met < table.stats().entries);
        }
    }
}

#[test]
fn e10_entries_out_of_order_are_noticed_without_checksums() {
    let options = Options {
        protection: Protection::None,
        order: true,
        checksums: false,
        overwritten: false,
    };
    let table = table(options);
    // The sequence number of the second entry of "key 2", then its key.
    let position = ReadRep::find(&table.rep, b"key 2", 6).unwrap();
    let (start, _) = table.rep.stored(position);
    for (at, wrong, key) in [(7, 9, &b"key 2"[..]), (1, b'A', b"Aey 2")] {
        // SAFETY: inside of the stored entry, which nobody reads now.
        let byte = unsafe { start.add(at) };
        // SAFETY: as above.
        let was = unsafe { byte.read() };
        // SAFETY: as above.
        unsafe { byte.write(wrong) };
        let order = |told: &Result<()>| {
            matches!(told, Err(Error::Corruption(Corruption::Order { key, .. }))
                if *key == CorruptKey::HIDDEN)
        };
        assert!(order(&table.get(&LONG, 100).map(|_| ())), "{key:?}");
        let mut cursor = table.iter();
        cursor.seek_to_first();
        while cursor.valid() {
            cursor.next();
        }
        assert!(order(&cursor.status()) && order(&cursor.entry().map(|_| ())));
        cursor.seek_to_last();
        while cursor.valid() {
            cursor.prev();
        }
        assert!(order(&cursor.status()));
        cursor.clear();
        assert_eq!(cursor.status(), Ok(()));
        assert!(order(&table.visible(100).seek(b"key 3")));
        // SAFETY: as above.
        unsafe { byte.write(was) };
        assert!(table.get(&LONG, 100).is_ok());
    }
}

#[test]
fn e10_keys_are_shown_if_they_may_be() {
    for show in [false, true] {
        let table = small()
            .protection(Protection::Eight)
            .show_corrupt_keys(show)
            .build()
            .unwrap();
        table.add(1, Kind::VALUE, b"secret", b"value").unwrap();
        let position = ReadRep::find(&table.rep, b"secret", 1).unwrap();
        let (start, len) = table.rep.stored(position);
        // SAFETY: the last byte of the stored entry, which nobody reads now.
        let byte = unsafe { start.add(len - 1) };
        // SAFETY: as above.
        let was = unsafe { byte.read() };
        // SAFETY: as above.
        unsafe { byte.write(!was) };
        let Err(Error::Corruption(Corruption::Checksum { sequence: 1, key })) =
            table.get(b"secret", 1)
        else {
            panic!("not noticed");
        };
        assert_eq!(key.bytes(), show.then_some(&b"secret"[..]));
        let message = std::format!("{:?} {}", table.get(b"secret", 1), key);
        assert_eq!(message.contains("secret") || message.contains("115"), show);
    }
}

//! Checksums that come with entries, and options about them (SPEC E10).

use super::*;
use crate::entry::Protection;

#[test]
fn e10_checksums_that_come_with_entries_are_verified() {
    for protection in [Protection::None, Protection::Two, Protection::Eight] {
        let table = small().protection(protection).build().unwrap();
        let entry = |sequence, user_key, kind, value| EntryRef {
            user_key,
            sequence,
            kind,
            value,
        };
        let good = entry(1, b"k", Kind::VALUE, b"v");
        let sum = good.checksum();
        let before = (table.stats(), table.memory_usage());
        let mut writer = table.writer().unwrap();
        let damaged = [
            entry(2, b"k", Kind::VALUE, b"v"),
            entry(1, b"l", Kind::VALUE, b"v"),
            entry(1, b"k", Kind::DELETION, b"v"),
            entry(1, b"k", Kind::VALUE, b"w"),
            entry(1, b"kv", Kind::VALUE, b""),
            entry(1, b"k", Kind::RANGE_DELETION, b"v"),
        ];
        for entry in damaged {
            let refused = writer.add_protected(&entry, sum);
            assert!(matches!(refused, Err(Error::Corruption(_))), "{entry:?}");
            let batch = [(good, sum), (entry, sum)];
            let refused = writer.add_batch_protected(&batch).unwrap_err();
            assert_eq!(refused.added, 0);
            assert!(matches!(refused.error, Error::Corruption(_)));
        }
        let over = entry(MAX_SEQUENCE_NUMBER + 1, b"k", Kind::VALUE, b"v");
        let refused = writer.add_protected(&over, over.checksum());
        assert!(matches!(refused, Err(Error::SequenceTooLarge { .. })));
        drop(writer);
        assert_eq!((table.stats(), table.memory_usage()), before);
        let mut writer = table.writer().unwrap();
        writer.add_protected(&good, sum).unwrap();
        let range = entry(2, b"a", Kind::RANGE_DELETION, b"c");
        writer.add_protected(&range, range.checksum()).unwrap();
        let more = [
            entry(3, b"m", Kind::VALUE, b""),
            entry(1, b"k", Kind::VALUE, b""),
        ];
        let more = more.map(|entry| (entry, entry.checksum()));
        let refused = writer.add_batch_protected(&more).unwrap_err();
        assert_eq!((refused.added, refused.error), (1, Error::Duplicate));
        drop(writer);
        assert_eq!(table.stats().entries, 3);
        assert_eq!(table.get_entry(b"k", 9), Ok(Some(good)));
    }
}

#[test]
fn e10_checksums_are_verified_where_there_are_any() {
    let refused = small().verify_checksums_on_seek(true).build().map(|_| ());
    let option = "verify_checksums_on_seek";
    assert!(matches!(refused, Err(Error::InvalidOption { option: of, .. }) if of == option));
}

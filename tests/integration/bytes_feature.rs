//! Feature `bytes`: values that keep their table alive (G1).
#![cfg(feature = "bytes")]

use std::sync::{Arc, Weak};
use std::thread;

use bytes::Bytes;
use verimem::{Error, Kind, MAX_SEQUENCE_NUMBER, MemTable};

#[test]
fn g1_bytes_outlive_every_other_handle_and_are_no_copy() -> Result<(), Error> {
    let table = Arc::new(MemTable::builder().build()?);
    let long = vec![7; 100_000];
    table.add(1, Kind::VALUE, b"key", &long)?;
    let alive: Weak<_> = Arc::downgrade(&table);
    let bytes = table.get_bytes(b"key", 1)?.unwrap_or_default();
    let again = table.get_bytes(b"key", 1)?.unwrap_or_default();
    assert_eq!(bytes.as_ptr(), again.as_ptr());
    let (slice, copy): (Bytes, Bytes) = (bytes.slice(10..20), bytes.clone());
    drop((table, bytes, again));
    let seen = thread::spawn(move || copy == long).join();
    assert_eq!(seen.ok(), Some(true));
    assert!(alive.upgrade().is_some(), "a slice pins the table");
    assert_eq!(&slice[..], [7; 10]);
    drop(slice);
    assert!(alive.upgrade().is_none(), "nothing pins it any more");
    Ok(())
}

#[test]
fn g1_bytes_are_of_found_values_only() -> Result<(), Error> {
    let table = Arc::new(MemTable::builder().build()?);
    table.add(1, Kind::VALUE, b"empty", b"")?;
    table.add(2, Kind::DELETION, b"gone", b"")?;
    table.add(3, Kind::MERGE, b"merge", b"operand")?;
    assert_eq!(table.get_bytes(b"empty", 9)?, Some(Bytes::new()));
    assert_eq!(table.get_bytes(b"empty", 0)?, None);
    for key in [&b"gone"[..], b"merge", b"missing"] {
        assert_eq!(table.get_bytes(key, 9)?, None);
    }
    let beyond = table.get_bytes(b"empty", MAX_SEQUENCE_NUMBER + 1);
    assert!(matches!(beyond, Err(Error::SequenceTooLarge { .. })));
    Ok(())
}

//! Bytes of references and of slots that change (SPEC E10).

use core::slice;

use super::*;
use crate::error::Corruption;
use crate::lookup::Lookup;
use crate::memtable::in_place::slot::Place;

const VALUE: &[u8] = b"some value";

fn table(protection: Protection) -> InPlaceTable {
    let table = small().protection(protection).show_corrupt_keys(true);
    let table = table.in_place().locks(1).build().unwrap();
    table.add(1, Kind::VALUE, b"key", VALUE).unwrap();
    table
}

fn place(table: &InPlaceTable) -> Place {
    let stored = table.table.get(b"key", 1).unwrap();
    let Lookup::Found { value, .. } = stored else {
        panic!("{stored:?}");
    };
    table.slots.place(value).unwrap()
}

/// Everything of a slot but its shadow.
fn slot(table: &mut InPlaceTable) -> &mut [u8] {
    let place = place(table);
    // SAFETY: the place is that of an entry of this table.
    let (start, length) = unsafe { table.slots.bytes_of(table.table.arena(), place) };
    // SAFETY: the slot's bytes; the table is borrowed alone.
    unsafe { slice::from_raw_parts_mut(start, length) }
}

#[test]
fn e10_a_flipped_byte_of_a_slot_is_noticed() {
    let mut table = table(Protection::Eight);
    let room = table.capacity_for(VALUE.len()) - VALUE.len();
    let covered = slot(&mut table).len() - room;
    for at in 0..covered {
        for flip in [0x01, 0x80, 0xFF] {
            slot(&mut table)[at] ^= flip;
            let mut buffer = Vec::new();
            let mut cursor = table.iter();
            cursor.seek_to_first();
            let told = [
                table.get(b"key", 1).map(|_| ()),
                table.multi_get(&[b"key"], 1).unwrap().remove(0).map(|_| ()),
                table.reader(1).unwrap().get_merged(b"key").map(|_| ()),
                cursor.entry(&mut buffer).map(|_| ()),
            ];
            for told in told {
                let Err(Error::Corruption(damage)) = told else {
                    panic!("E10: byte {at} flipped by {flip:#x}");
                };
                match damage {
                    Corruption::Checksum { sequence, key } => {
                        assert_eq!((sequence, key.bytes()), (1, Some(&b"key"[..])));
                    }
                    Corruption::Lengths => assert!(at < 4, "E10: only the length leads out"),
                    other => panic!("{other:?}"),
                }
            }
            slot(&mut table)[at] ^= flip;
        }
    }
    assert_eq!(value(&table, b"key", 1).as_deref(), Some(VALUE));
}

#[test]
fn e10_a_length_that_leads_out_of_its_slot_is_refused_by_updates_and_without_checksums() {
    let mut table = table(Protection::None);
    let room = table.capacity_for(VALUE.len()) as u32;
    slot(&mut table)[..4].copy_from_slice(&(room + 1).to_le_bytes());
    let damaged = Error::Corruption(Corruption::Lengths);
    assert_eq!(table.get(b"key", 1), Err(damaged.clone()));
    assert_eq!(table.update(2, b"key", b"new"), Err(damaged));
}

#[test]
fn e10_a_reference_that_was_damaged_is_not_followed() {
    for protection in [Protection::One, Protection::Eight] {
        let table = table(protection);
        let place = place(&table);
        let reference = table.slots.refer_to(place);
        assert_eq!(table.slots.place(reference.bytes()), Ok(place));
        for at in 0..reference.bytes().len() {
            for flip in 1..=u8::MAX {
                let mut damaged = reference.bytes().to_vec();
                damaged[at] ^= flip;
                assert_eq!(table.slots.place(&damaged), Err(Corruption::Lengths));
            }
        }
        let short = table.slots.place(&reference.bytes()[1..]);
        assert!(matches!(short, Err(Corruption::BadLength { .. })));
    }
}

#[test]
fn e10_an_update_makes_a_checksum_of_its_own() {
    for protection in [
        Protection::One,
        Protection::Two,
        Protection::Four,
        Protection::Eight,
    ] {
        let table = table(protection);
        for (number, made) in [(2, &b"another"[..]), (3, b""), (4, b"ten bytes.")] {
            assert_eq!(table.update(number, b"key", made), Ok(Updated::InPlace));
            assert_eq!(value(&table, b"key", 1).as_deref(), Some(made));
        }
    }
}

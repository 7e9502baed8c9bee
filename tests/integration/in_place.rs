//! Values updated in place (SPEC W4): sequences against a model, and real threads.

use std::time::{Duration, Instant};

use verimem::in_place::{Decision, OwnedLookup, Updated};
use verimem::{Kind, Lookup, MemTable, Protection};
use verimem_driver::hostile::check_in_place;
use verimem_driver::seeds::Random;

/// W4: operations of all kinds, in all orders of their numbers, on tables with all options.
#[test]
fn w4_random_sequences_agree_with_the_model() {
    let cases = std::env::var("VERIMEM_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(256);
    let mut bytes = Vec::new();
    for seed in 0..cases {
        let mut random = Random(seed);
        let length = 16 + random.below(1200);
        random.fill(length, &mut bytes);
        check_in_place(&bytes);
    }
}

/// The letters of a value that is whole are all the same; its length is a function of them.
fn whole(value: &[u8]) -> bool {
    let first = value.first().copied().unwrap_or_default();
    value.len() == length_of(first) && value.iter().all(|&byte| byte == first)
}

fn length_of(letter: u8) -> usize {
    1 + usize::from(letter) * 7 % 240
}

/// W4: writers update a few values in place, as fast as they can, while others read them by
/// every way that there is. Nobody sees a torn one.
#[test]
fn w4_no_reader_sees_a_torn_value() {
    for (locks, protection) in [(1, Protection::None), (64, Protection::Eight)] {
        let table = MemTable::builder()
            .protection(protection)
            .in_place()
            .locks(locks)
            .build()
            .expect("a table");
        let keys: Vec<[u8; 1]> = (0..4).map(|key| [key]).collect();
        for key in &keys {
            // Room for the longest.
            table.add(1, Kind::VALUE, key, &[b'x'; 256]).expect("room");
            let made = vec![0; length_of(0)];
            assert_eq!(table.update(1, key, &made), Ok(Updated::InPlace));
        }
        let end = Instant::now() + Duration::from_millis(400);
        let (table, keys) = (&table, &keys);
        std::thread::scope(|scope| {
            for seed in 0..2 {
                scope.spawn(move || {
                    let mut random = Random(seed);
                    while Instant::now() < end {
                        let key = &keys[random.below(keys.len())];
                        let letter = random.draw() as u8;
                        let made = vec![letter; length_of(letter)];
                        let mut writer = table.writer().expect("nobody seals");
                        let updated = if letter % 2 == 0 {
                            writer.update(1, key, &made)
                        } else {
                            writer.update_with(1, key, |existing, value| {
                                let Lookup::Found { value: old, .. } = existing else {
                                    panic!("W4: {existing:?}");
                                };
                                assert!(whole(old), "W4, in a callback: {old:?}");
                                value.extend_from_slice(&made);
                                Decision::Replace
                            })
                        };
                        assert_eq!(updated, Ok(Updated::InPlace));
                    }
                });
            }
            let mut seen = 0;
            let mut buffer = Vec::new();
            while Instant::now() < end {
                let slices: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
                for answer in table.multi_get(&slices, 1).expect("memory") {
                    let Ok(OwnedLookup::Found { value, .. }) = answer else {
                        panic!("W4: {answer:?}");
                    };
                    assert!(whole(&value), "W4, multi_get: {value:?}");
                }
                let mut iter = table.visible(1);
                iter.seek_to_first().expect("no corruption");
                let mut cursor = table.iter();
                cursor.seek_to_first();
                while let Some(entry) = iter.entry(&mut buffer).expect("no corruption") {
                    assert!(whole(entry.value), "W4, iterator: {:?}", entry.value);
                    let entry = cursor.entry(&mut buffer).expect("no corruption");
                    let entry = entry.expect("as many entries");
                    assert!(whole(entry.value), "W4, cursor: {:?}", entry.value);
                    iter.next().expect("no corruption");
                    cursor.next();
                    seen += 1;
                }
            }
            assert!(seen > 100, "W4: {seen} values were seen");
        });
        let stats = table.stats();
        let lengths = keys.iter().map(|key| {
            let answer = table.get(key, 1).expect("no corruption");
            answer.into_value().expect("a value").len() as u64
        });
        assert_eq!(
            stats.data_size,
            lengths.map(|length| length + 9).sum::<u64>()
        );
    }
}

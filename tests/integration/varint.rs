//! Varints, exhaustively.

use std::thread;

use verimem::codec::{decode_varint32, put_varint32, varint_length};

fn check(value: u32, bytes: &mut Vec<u8>) {
    bytes.clear();
    put_varint32(bytes, value);
    assert_eq!(decode_varint32(bytes), Ok((value, &[][..])));
    assert_eq!(bytes.len(), varint_length(u64::from(value)));
    // Canonical: the last byte is not an empty group, unless it is the only one.
    assert!(bytes.len() == 1 || bytes.last() != Some(&0));
}

/// All 2^32 values in release builds with `VERIMEM_VARINT32=all`; otherwise one
/// in a prime number of them, and all around the changes of length.
#[test]
fn every_varint32_makes_the_round_trip() {
    let all = std::env::var("VERIMEM_VARINT32").is_ok_and(|value| value == "all");
    let stride = match (all, cfg!(debug_assertions)) {
        (true, _) => 1,
        (false, false) => 211,
        (false, true) => 65_537,
    };
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let checked: u64 = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let (mut bytes, mut checked) = (Vec::new(), 0);
                    let mut value = thread * stride;
                    while let Ok(narrow) = u32::try_from(value) {
                        check(narrow, &mut bytes);
                        checked += 1;
                        value += threads * stride;
                    }
                    checked
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or(0))
            .sum()
    });
    println!("VARINT32 checked={checked}");
    assert_eq!(checked, (1u64 << 32).div_ceil(stride), "a worker failed");
    let mut bytes = Vec::new();
    for edge in [7, 14, 21, 28, 32] {
        for value in (1u64 << edge) - 2..=(1u64 << edge) + 2 {
            if let Ok(value) = u32::try_from(value) {
                check(value, &mut bytes);
            }
        }
    }
}

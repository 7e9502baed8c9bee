//! How often the Bloom filter admits a key that was not added, by bits per key: a table,
//! and no times.

use verimem::bloom::Bloom;

/// Keys asked for that were not added.
const ASKED: u64 = 2_000_000;
const PROBES: u32 = 6;

fn share(keys: u64, bits_per_key: usize) -> f64 {
    let bits = usize::try_from(keys).expect("few") * bits_per_key;
    let bloom = Bloom::new(bits, PROBES, 0x5EED).expect("memory");
    let key = |one: u64| one.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    (0..keys).for_each(|one| bloom.add(&key(one)));
    let admitted = (keys..keys + ASKED).filter(|&one| bloom.may_contain(&key(one)));
    admitted.count() as f64 / ASKED as f64
}

fn main() {
    let sizes = [10_000u64, 100_000, 1_000_000, 10_000_000];
    println!("| bits per key | 10^4 keys | 10^5 | 10^6 | 10^7 |");
    println!("|---|---|---|---|---|");
    for bits_per_key in [4, 6, 8, 10, 12, 16, 20] {
        let shares = sizes.map(|keys| format!("{:.3} %", 100.0 * share(keys, bits_per_key)));
        println!("| {bits_per_key} | {} |", shares.join(" | "));
    }
}

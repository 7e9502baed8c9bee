//! Entry records: hostile bytes, round trips, truncations, flips.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verimem_driver::hostile::check_entry(bytes));

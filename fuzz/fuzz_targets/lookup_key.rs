//! The views of a lookup key.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verimem_driver::hostile::check_lookup_key(bytes));

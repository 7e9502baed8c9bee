//! Hostile bytes through every decoder.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verimem_driver::hostile::check_codec(bytes));

//! The laws of the comparators.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verimem_driver::hostile::check_keys(bytes));

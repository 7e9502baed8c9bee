//! Write batches: hostile bytes, the builder, insertion into tables.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| verimem_driver::hostile::check_write_batch(bytes));

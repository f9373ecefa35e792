//! The target `header` (`src/lib.rs`), for the fuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ringtalk_fuzz::check("header", bytes));

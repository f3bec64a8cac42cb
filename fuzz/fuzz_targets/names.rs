//! libFuzzer calls `doorward_fuzz::target::names`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| doorward_fuzz::target::names(data));

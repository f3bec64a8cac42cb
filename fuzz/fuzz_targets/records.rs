//! libFuzzer calls `doorward_fuzz::target::records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| doorward_fuzz::target::records(data));

//! libFuzzer calls `doorward_fuzz::target::opaque`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| doorward_fuzz::target::opaque(data));

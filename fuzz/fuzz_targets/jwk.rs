//! libFuzzer calls `doorward_fuzz::target::jwk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| doorward_fuzz::target::jwk(data));

//! Doorward as a C library: what `doorward_ffi` says, in `libdoorward`.

pub use doorward_ffi::*;

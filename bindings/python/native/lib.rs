//! The library inside the Python package: what `doorward_ffi` says, behind `doorward.h`.

pub use doorward_ffi::*;

//! Tokens: what a client holds.

pub mod opaque;
pub mod terms;

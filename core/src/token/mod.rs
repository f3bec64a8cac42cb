//! Tokens: what a client holds.

pub mod access;
pub mod jwt;
pub mod opaque;
pub(crate) mod ring;
pub mod terms;

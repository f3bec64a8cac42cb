//! What the stories share: a deployment without threads, whose every step and fault is chosen by the test.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it fails as the tests do

#[cfg(feature = "sqlite-host")]
pub(crate) mod engine;
#[cfg(feature = "sqlite-host")]
pub(crate) mod operations;
pub(crate) mod race;
pub(crate) mod rows;
#[cfg(feature = "sqlite-host")]
pub(crate) mod story;
pub(crate) mod world;

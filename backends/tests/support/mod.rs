//! What the stories share: a deployment without threads, whose every step and fault is chosen by the test.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it fails as the tests do

pub(crate) mod asked;
pub(crate) mod block_on;
#[cfg(feature = "sqlite-host")]
pub(crate) mod endings;
#[cfg(feature = "sqlite-host")]
pub(crate) mod engine;
pub(crate) mod everywhere;
pub(crate) mod face;
pub(crate) mod gate;
pub(crate) mod hosted;
#[cfg(feature = "sqlite-host")]
pub(crate) mod modes;
#[cfg(feature = "sqlite-host")]
pub(crate) mod operations;
pub(crate) mod race;
pub(crate) mod remembered;
pub(crate) mod rows;
pub(crate) mod steps;
#[cfg(feature = "sqlite-host")]
pub(crate) mod story;
pub(crate) mod tapped;
#[cfg(feature = "sqlite-host")]
pub(crate) mod token_story;
#[cfg(feature = "sqlite-host")]
pub(crate) mod wandering;
pub(crate) mod world;

//! The sled store on a disk that can be held, that fails, lies, panics and hangs; and what it would be without its gate.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

#[path = "../support/drafts.rs"]
mod drafts;
mod faults;
mod kit;
mod medium;

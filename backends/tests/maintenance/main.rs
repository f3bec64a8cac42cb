//! Maintenance: the clock's mark across restarts, purges that a wrong clock cannot misuse, deletions that a crash
//! interrupts, and the thread that does it all when asked.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

#[path = "../support/mod.rs"]
mod support;

mod clock;
mod deletion;
mod stage;
mod thread;

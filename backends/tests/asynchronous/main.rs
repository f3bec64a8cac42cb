//! The engine whose calls are futures: it blocks nobody, and a future that is dropped anywhere leaves what is true.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // tests

mod cancelled;
mod cut;
mod hostile;
mod polled;
mod runtime;
mod waiting;

#[path = "../support/mod.rs"]
mod support;

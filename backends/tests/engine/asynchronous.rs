//! The engine whose calls are futures: it blocks nobody, and a future that is dropped anywhere leaves what is true.
#![allow(clippy::print_stdout, reason = "a seed is told")]

mod cancelled;
mod cut;
mod hostile;
mod polled;
mod runtime;
mod waiting;

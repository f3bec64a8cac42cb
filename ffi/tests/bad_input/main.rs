//! Whatever a host can say wrong is refused by a status and a sentence, and changes nothing. RV-12, INV 40.
//!
//! Most of it is asked of every entry that the header declares: an entry that is new is asked too, or stops the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod configuration;
mod every_entry;
mod failures;
mod gate;
mod handles;
mod keys;
mod numbers;
mod options;
mod outcomes;
mod replies;
mod right;
mod secrets;
mod stage;
mod steps;
mod threads;
mod values;

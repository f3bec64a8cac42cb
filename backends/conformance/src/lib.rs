//! The promises of a Doorward store as tests.
#![forbid(unsafe_code)]
#![allow(clippy::panic)] // a test kit fails by panicking

mod check;
mod crowd;
mod draft;
pub mod explore;
mod fixture;
mod promise;
mod subject;
#[macro_use]
mod suite;

pub use fixture::{Fixture, Medium};
pub use promise::{Promise, Verdict, promises, uphold, verdicts};

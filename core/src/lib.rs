//! The sans-IO core of Doorward: it decides, and touches nothing.
//!
//! No clock, no randomness, no files, no threads, no network, no globals: time comes with each poll, a
//! [`Seed`](secret::Seed) with each operation, and the crate is `no_std`, so that it could not reach for them.
//! The same inputs give the same bytes out, and every run can be replayed.
//!
//! Read [`machine`] for how an operation runs, [`store`] for what a backend promises, [`operation`] for what
//! there is. Applications use the `doorward` crate, which puts this on real parts.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod error;
pub mod event;
pub mod facts;
pub mod id;
pub mod machine;
pub mod model;
pub mod name;
pub mod operation;
pub mod password;
#[cfg(feature = "planted")]
pub mod planted;
#[cfg(not(feature = "planted"))]
#[allow(unreachable_pub, dead_code, reason = "it is public, and used, where it can be asked for")]
mod planted;
pub mod policy;
pub mod record;
pub mod secret;
pub mod store;
pub mod time;
pub mod token;
pub mod web;
pub mod work;

//! The sled store on real files: what it refuses, what damage it finds, and what it survives.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may"
)]

mod crash;
mod damage;
mod fixture;
mod kept;
mod moved;
mod opening;
#[cfg(target_os = "linux")]
mod syncs;

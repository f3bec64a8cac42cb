//! The SQLite store on real files: what it promises, what it refuses, and what it survives.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may"
)]

mod contract;
mod crash;
mod damage;
mod fixture;
mod opening;
#[cfg(target_os = "linux")]
mod power;
mod views;
mod walks;

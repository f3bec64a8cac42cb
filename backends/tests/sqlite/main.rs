//! The SQLite store on real files: what it promises, what it refuses, and what it survives.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may"
)]

mod backup;
mod check;
mod contract;
mod crash;
mod damage;
mod fixture;
#[cfg(target_os = "linux")]
mod full;
#[cfg(unix)]
mod moved;
mod older;
mod opening;
#[cfg(target_os = "linux")]
mod power;
mod process;
mod racing;
mod restore;
mod size;
mod views;
mod walks;

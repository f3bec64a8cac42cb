//! Whatever searches for a counterexample.
//!
//! A [`World`](world::World) is two engines with clocks of their own on one store, and clients who do everything at once: each
//! store call of each operation is a step, and what happens at a step is in a [`Plan`](plan::Plan): commits that fail,
//! whose answers are lost, that land later; clocks that step; processes that end; tokens that were forged; backups that are
//! restored. A model, which knows the rules but nothing of rows and stamps, says what each request should have been told.
//!
//! The same plan gives the same run, byte for byte, and a plan comes from a seed, so that a seed is a counterexample.
//! Hashing is a stand-in: it compares. (Through the C ABI it is real.)
//!
//! To add an operation: a variant in [`action::Action`] and its odds, its meaning in `world/start.rs`, its words in `answer.rs`,
//! its rule in `model/judge.rs`, and its effect in `model/land.rs`; the compiler asks for each.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    reason = "numbers are handed out by the very lists that they index; a wrong one is a bug of this crate and must stop it"
)]

mod abi;
pub mod action;
mod answer;
pub mod catalogue;
pub mod evidence;
mod glance;
mod hashing;
pub mod host;
pub mod kill;
pub mod ledger;
mod model;
pub mod mutants;
pub mod plan;
pub mod power;
pub mod processes;
mod rng;
pub mod schedules;
pub mod shrink;
pub mod store;
pub mod target;
mod task;
pub mod violation;
pub mod world;

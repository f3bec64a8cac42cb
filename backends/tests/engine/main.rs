//! The engine on every store, seen from outside: one program, because each links all of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers fail as their tests do"
)]

#[cfg(feature = "sqlite-host")]
mod asynchronous;
#[cfg(feature = "sqlite-host")]
mod bad_input;
#[cfg(feature = "sqlite-host")]
mod denials;
#[cfg(feature = "sqlite-host")]
mod endings_outlast;
#[cfg(feature = "sqlite-host")]
mod events;
#[cfg(feature = "sqlite-host")]
mod events_queue;
#[cfg(feature = "sqlite-host")]
mod faults;
#[cfg(feature = "sqlite-host")]
mod guessing;
#[cfg(feature = "sqlite-host")]
mod guests;
#[cfg(feature = "sqlite-host")]
mod headers;
mod interleavings;
mod interleavings_data;
mod interleavings_lifecycle;
mod interleavings_login;
mod interleavings_tokens;
#[cfg(feature = "sqlite-host")]
mod known_device;
#[cfg(feature = "sqlite-host")]
mod maintenance;
#[cfg(feature = "sqlite-host")]
mod modes;
#[cfg(feature = "sqlite-host")]
mod pepper;
#[cfg(feature = "sqlite-host")]
mod same_everywhere;
#[cfg(feature = "sqlite-host")]
mod shared_file;
#[cfg(feature = "sqlite-host")]
mod sources;
#[cfg(feature = "sqlite-host")]
mod starting;
#[cfg(feature = "sqlite-host")]
mod stepped;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "sqlite-host")]
mod thief;
#[cfg(feature = "sqlite-host")]
mod time;
#[cfg(feature = "sqlite-host")]
mod tokens;
#[cfg(feature = "sqlite-host")]
mod two_tabs;
#[cfg(feature = "sqlite-host")]
mod watched;
#[cfg(feature = "sqlite-host")]
mod watched_endings;
#[cfg(feature = "sqlite-host")]
mod watched_races;
#[cfg(feature = "sqlite-host")]
mod watched_restore;

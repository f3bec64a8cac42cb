//! Where rows live: stores that keep the contract of [`doorward_core::store`]. A store of your own begins at
//! [`write_your_own`].
//!
//! | | `SqliteStore` | `SledStore` | [`MemoryStore`] |
//! |---|---|---|---|
//! | for | nearly everybody | a host that has sled already | tests, and sessions that may end with their process |
//! | survives a restart, a kill, a power cut | what was acknowledged | the same, on weaker ground | no |
//! | several processes | yes, on one machine | no | no |
//! | backup, check, a look inside | while it is open | the closed folder | – |
//! | authenticate | ×5.9 (7.0 µs) | ×4.3 (5.1 µs) | 1 (1.2 µs) |
//! | a durable commit, 1 thread | 1 (445 µs) | ×1.5 (672 µs) | not durable |
//! | the same, 16 threads | 1 (64 µs) | ×1.8 (113 µs) | not durable |
//! | opening 100,000 sessions | 1 (11 ms) | ×46 (481 ms) | – |
//! | on disk, 100,000 anonymous sessions | 1 (16 MiB) | ×2.9 (46 MiB) | 34 MiB of memory |
//!
//! Medians of one run, all stores in turn, on two cores and a virtual disk. For a host that does not block: [`Pooled`] gives
//! each of them threads of its own, at ×1.25 for a commit and 12 to 40 µs for an authentication; `MemoryStore` needs none.

#[cfg(any(feature = "sqlite-host", feature = "sled"))]
mod failing;
pub mod memory;
pub mod pooled;
#[cfg(any(feature = "sqlite-host", feature = "sled"))]
mod queue;
#[cfg(feature = "sled")]
pub mod sled;
#[cfg(feature = "sqlite-host")]
pub mod sqlite;
#[cfg(any(feature = "sqlite-host", feature = "sled"))]
mod standing;
pub mod write_your_own;

#[cfg(feature = "sled")]
pub use self::sled::SledStore;
pub use memory::MemoryStore;
pub use pooled::Pooled;
#[cfg(feature = "sqlite-host")]
pub use sqlite::SqliteStore;

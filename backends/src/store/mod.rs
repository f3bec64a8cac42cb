//! Where rows live: stores that keep the contract of [`doorward_core::store`]. A store of your own begins at
//! [`write_your_own`].

pub mod memory;
pub mod pooled;
#[cfg(feature = "sqlite-host")]
pub mod sqlite;
pub mod write_your_own;

pub use memory::MemoryStore;
pub use pooled::Pooled;
#[cfg(feature = "sqlite-host")]
pub use sqlite::SqliteStore;

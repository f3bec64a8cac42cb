//! Where rows live: stores that keep the contract of [`doorward_core::store`].

pub mod memory;
pub mod pooled;
#[cfg(feature = "sqlite-host")]
pub mod sqlite;

pub use memory::MemoryStore;
pub use pooled::Pooled;
#[cfg(feature = "sqlite-host")]
pub use sqlite::SqliteStore;

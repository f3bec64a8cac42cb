//! Where rows live: stores that keep the contract of [`doorward_core::store`].

pub mod memory;
#[cfg(feature = "sqlite-host")]
pub mod sqlite;

pub use memory::MemoryStore;
#[cfg(feature = "sqlite-host")]
pub use sqlite::SqliteStore;

//! Where rows live: stores that keep the contract of [`doorward_core::store`].

#[cfg(any(feature = "sqlite-host", feature = "sled"))]
mod failing;
pub mod memory;
#[cfg(any(feature = "sqlite-host", feature = "sled"))]
mod queue;
#[cfg(feature = "sled")]
pub mod sled;
#[cfg(feature = "sqlite-host")]
pub mod sqlite;
#[cfg(any(feature = "sqlite-host", feature = "sled"))]
mod standing;

#[cfg(feature = "sled")]
pub use self::sled::SledStore;
pub use memory::MemoryStore;
#[cfg(feature = "sqlite-host")]
pub use sqlite::SqliteStore;

//! Where rows live: stores that keep the contract of [`doorward_core::store`]. A store of your own begins at
//! [`write_your_own`].

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

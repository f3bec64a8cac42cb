//! Where rows live: stores that keep the contract of [`doorward_core::store`].

#[cfg(feature = "sqlite-host")]
pub mod sqlite;

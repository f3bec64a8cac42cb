#![doc = include_str!("write_your_own.md")]

// What the page links to.
#[cfg(doc)]
use doorward_core::error::StoreErrorKind;
#[cfg(doc)]
use doorward_core::record::Row;
#[cfg(doc)]
use doorward_core::store::{Batch, Durability, Effects, Ending, Guarantees, Store};

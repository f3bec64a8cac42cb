//! Engines for the stories: on every store that this crate has, with hashing as cheap as the floor allows.

use std::iter;
use std::path::Path;
use std::sync::Arc;

use doorward::core::store::{Guarantees, Store};
use doorward::store::{MemoryStore, SqliteStore};
use doorward::{Clock, Engine, MasterKey, Policy, SystemClock};
use tempfile::TempDir;

use super::everywhere::folder;
use super::remembered::cheapest;

pub(crate) const NAME: &str = "ada";
pub(crate) const PASSWORD: &str = "the right and proper password";

/// A store with its name, and the folder it needs while it lives.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) folder: Option<TempDir>,
}

/// One fresh store of each kind, the memory store first.
pub(crate) fn each_store() -> Vec<Named> {
    let memory = Named { name: "memory", store: Arc::new(MemoryStore::new()), folder: None };
    let on_disk = each_on_disk().into_iter().map(|OnDisk { name, open }| {
        let folder = folder();
        Named { name, store: open(&folder.path().join("doorward")), folder: Some(folder) }
    });
    iter::once(memory).chain(on_disk).collect()
}

/// A kind of store that outlives its process.
pub(crate) struct OnDisk {
    pub(crate) name: &'static str,
    /// Opens the one at this path, or makes it.
    pub(crate) open: fn(&Path) -> Arc<dyn Store>,
}

pub(crate) fn each_on_disk() -> Vec<OnDisk> {
    Vec::from([
        OnDisk { name: "sqlite", open: |path| Arc::new(SqliteStore::open(path).unwrap()) },
        #[cfg(feature = "sled")]
        OnDisk { name: "sled", open: |path| Arc::new(doorward::store::SledStore::open(path).unwrap()) },
    ])
}

/// The cheapest hashing that is allowed, and the defaults else.
pub(crate) fn policy() -> Policy {
    Policy::builder().argon2(cheapest()).build().unwrap()
}

pub(crate) fn open(store: Arc<dyn Store>) -> Engine {
    open_with_clock(store, SystemClock)
}

pub(crate) fn open_with_clock(store: Arc<dyn Store>, clock: impl Clock + 'static) -> Engine {
    let durable = store.guarantees().meets(Guarantees::ALL);
    let builder =
        Engine::builder(store).master_key(MasterKey::new(1, [0x42; 32])).policy(policy()).clock(clock);
    let builder = if durable { builder } else { builder.ephemeral() };
    builder.open().unwrap()
}

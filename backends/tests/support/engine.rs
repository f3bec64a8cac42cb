//! Engines for the stories: on every store that this crate has, with hashing as cheap as the floor allows.

use std::sync::Arc;

use doorward::core::password::Argon2Params;
use doorward::core::store::{Guarantees, Store};
use doorward::store::{MemoryStore, SqliteStore};
use doorward::{Clock, Engine, MasterKey, Policy, SystemClock};
use tempfile::TempDir;

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
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(folder.path().join("doorward.db")).unwrap();
    #[cfg_attr(not(feature = "sled"), allow(unused_mut, reason = "there is none to add"))]
    let mut stores = vec![
        Named { name: "memory", store: Arc::new(MemoryStore::new()), folder: None },
        Named { name: "sqlite", store: Arc::new(sqlite), folder: Some(folder) },
    ];
    #[cfg(feature = "sled")]
    stores.push(sled());
    stores
}

#[cfg(feature = "sled")]
fn sled() -> Named {
    let folder = tempfile::tempdir().unwrap();
    let store = doorward::store::SledStore::open(folder.path().join("doorward")).unwrap();
    Named { name: "sled", store: Arc::new(store), folder: Some(folder) }
}

/// The cheapest hashing that is allowed, and the defaults else.
pub(crate) fn policy() -> Policy {
    let argon2 = Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(1).unwrap();
    Policy::builder().argon2(argon2).build().unwrap()
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

//! The C ABI is the same engine: with the same clock and the same random bytes, each call through it has the status, the
//! result and the events that the call of the Rust engine beside it has, and the same rows and journal are left, byte for
//! byte.
//!
//! | through | rows in | compared |
//! |---|---|---|
//! | `dw_*` | `memory:` | what is told |
//! | `dw_*` | `sqlite:`, `sled:` | and at the end what is left, when the engine is freed |
//! | `dw_op_*` | a store of the host's, in memory and in SQLite | and what is left after each call |
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests
#![allow(
    dead_code,
    unexpected_cfgs,
    reason = "the support is that of another crate's tests, with its features"
)]

mod expected;
mod refusals;
mod support;
mod twin;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use doorward::core::event::EventResult;
use doorward::core::store::Store;
use doorward::store::{MemoryStore, SledStore, SqliteStore};
use tempfile::TempDir;

use support::everywhere::folder;
use support::rows::dump;
use support::story::{Listener, Story};
use support::wandering::Wandering;
use twin::{Through, Twin};

type Reopen = fn(&str) -> Arc<dyn Store>;

/// Where the rows of the ABI's engine are, and how they are looked at in the end.
struct Ground {
    through: Through,
    reopen: Option<Reopen>,
    folder: TempDir,
}

impl Ground {
    fn url(scheme: &str, reopen: Reopen) -> Self {
        let folder = folder();
        let url = format!("{scheme}:{}", folder.path().join("doorward").display());
        Self { through: Through::Calls(url), reopen: Some(reopen), folder }
    }

    fn memory() -> Self {
        Self { through: Through::Calls("memory:".to_owned()), reopen: None, folder: folder() }
    }

    fn sqlite() -> Self {
        Self::url("sqlite", |path| Arc::new(SqliteStore::open(path).unwrap()))
    }

    fn sled() -> Self {
        Self::url("sled", |path| Arc::new(SledStore::open(path).unwrap()))
    }

    fn host_memory() -> Self {
        Self { through: Through::Steps(Arc::new(MemoryStore::new())), reopen: None, folder: folder() }
    }

    fn host_sqlite() -> Self {
        let folder = folder();
        let store = SqliteStore::open(folder.path().join("doorward")).unwrap();
        Self { through: Through::Steps(Arc::new(store)), reopen: None, folder }
    }

    /// Tells both engines what the closure tells, and looks at what is left. Gives what was met.
    fn tell(self, tell: impl FnOnce(&Twin)) -> Met {
        let twin = Twin::open(&self.through);
        tell(&twin);
        twin.assert_alike();
        let (rows, met) = twin.close();
        if let (Some(reopen), Through::Calls(url)) = (self.reopen, &self.through) {
            let left = dump(&*reopen(url.split_once(':').unwrap().1));
            assert_eq!(left, rows, "what is left in {url} is not what the engine leaves");
        }
        drop(self.folder);
        met
    }
}

/// Each operation's functions with the status of a call.
type Met = BTreeSet<([&'static str; 3], String)>;

struct Silent;

impl Listener for Silent {
    fn came(&mut self, _: &dyn Debug, _: &[String], _: &[(&'static str, EventResult)]) {}
}

fn story(ground: Ground) {
    let met = ground.tell(|twin| {
        twin.assert_alike();
        Story::new(twin, &mut Silent).every_outcome(twin.clock());
    });
    assert_every_operation_is_done(&met);
    let statuses: BTreeSet<&String> = met.iter().map(|(_, status)| status).collect();
    assert_eq!(statuses.len(), STATUSES, "{statuses:?}");
}

/// How many statuses the story comes to.
const STATUSES: usize = 23;

/// Each of the header's operations has come to `DW_OK`, and its outcome was taken by the function that the header names.
fn assert_every_operation_is_done(met: &Met) {
    let done: BTreeSet<(&str, &str)> = met
        .iter()
        .filter(|(_, status)| status == "DW_OK")
        .map(|([_, begin, take], _)| (*begin, *take))
        .collect();
    let header = include_str!("../../include/doorward.h").replace("\n * ", " ");
    let said: BTreeSet<(&str, &str)> = header
        .split("/* ")
        .filter_map(|comment| {
            let (_, take) = comment.split_once("its outcome is for `")?;
            let (_, begin) = comment.split_once("*/\ndw_status ")?;
            Some((begin.split_once('(')?.0, take.split_once('`')?.0))
        })
        .collect();
    assert_eq!(done, said);
}

/// Another seed is another walk: `DOORWARD_SEED=7`.
fn walk(ground: Ground) {
    let seed = std::env::var("DOORWARD_SEED").map_or(20_260_202, |seed| seed.parse().unwrap());
    let met = ground.tell(|twin| {
        let mut walk = Wandering::new(seed);
        for _ in 0..STEPS {
            walk.step(twin, twin.clock());
        }
    });
    assert!(met.len() > 45, "DOORWARD_SEED={seed} comes to only {} outcomes", met.len());
}

const STEPS: usize = 2_000;

/// Each test on each ground.
macro_rules! on_each_ground {
    ($($ground:ident)*) => {
        mod the_story_is_the_same {
            $(#[test] fn $ground() { super::story(super::Ground::$ground()) })*
        }

        mod a_random_walk_is_the_same {
            $(#[test] fn $ground() { super::walk(super::Ground::$ground()) })*
        }
    };
}

on_each_ground! { memory sqlite sled host_memory host_sqlite }

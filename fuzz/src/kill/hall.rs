//! The engine that victims and rig open: the same keys and rules, and a clock that stands still within a round, so that what
//! is over by time is exactly known.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorward::{Engine, Lifetime, ManualClock, MasterKey, OpenError, Policy, Span, Timestamp};
use doorward_core::password::{Argon2Params, ParamsError};
use doorward_core::policy::PolicyError;
use doorward_core::store::Store;
use thiserror::Error;

use crate::store::{OpenStoreError, StoreKind};

/// How long an anonymous session lives: some rounds.
pub(super) const GUEST_MILLIS: i64 = 12_000;
/// How much later each round is.
pub(super) const ROUND_MILLIS: i64 = 1000;
/// When the first round is.
pub(super) const START_MILLIS: i64 = 1_800_000_000_000;

/// A store and an engine on it.
pub(super) struct Hall {
    pub(super) store: Arc<dyn Store>,
    pub(super) engine: Engine,
}

/// Why there is none.
#[derive(Debug, Error)]
pub(super) enum HallError {
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    #[error("the engine does not open: {0}")]
    Engine(#[from] OpenError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Params(#[from] ParamsError),
}

impl Hall {
    pub(super) fn open(kind: StoreKind, folder: &Path, now: i64) -> Result<Self, HallError> {
        let store = kind.open(folder)?;
        let clock = ManualClock::at(Timestamp::from_millis(now));
        let engine = Engine::builder(Arc::clone(&store))
            .master_key(MasterKey::new(1, [0x42; 32]))
            .policy(cheap()?)
            .clock(clock)
            .open()?;
        Ok(Self { store, engine })
    }
}

/// The lightest hashing that is allowed, and lives that are counted in rounds.
fn cheap() -> Result<Policy, HallError> {
    let months = Duration::from_hours(24 * 90);
    let guest = Duration::from_millis(GUEST_MILLIS.unsigned_abs());
    Ok(Policy::builder()
        .argon2(Argon2Params::default().with_memory_kib(12 * 1024)?.with_passes(1)?)
        .session(Lifetime::Web, Span { idle: months, absolute: months })
        .anonymous(Span { idle: guest, absolute: guest })
        .touch_every(Duration::from_secs(5))
        .build()?)
}

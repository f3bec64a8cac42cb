//! The engine: where rows live, what time it is, and what is going on.

use core::ffi::{c_char, c_int, c_void};
use std::ops::ControlFlow;
use std::sync::Arc;

use doorward::store::sqlite::Progress;
use doorward::store::{MemoryStore, SledStore, SqliteStore};
use doorward::{Builder, Engine, Remembered, Timestamp};

use crate::config::{Fittings, Settings, dw_config};
use crate::failure::{Called, Failure, call, dw_error, quietly};
use crate::given::{Out, Owned, Texts, free};
use crate::handle::Registry;
use crate::result::{Public, dw_string};
use crate::status::dw_status::{self, DW_CONFIG_OPEN, DW_CONFIG_STORE, DW_SEQUENCE, DW_VALUE};
use crate::text::text;

/// An open engine. A handle: made by `dw_engine_open`, freed with `dw_engine_free`, usable from any thread.
#[derive(Debug)]
pub struct dw_engine {
    _opaque: (),
}

pub(crate) static ENGINES: Registry<Open> = Registry::new("dw_engine");

pub(crate) struct Open {
    pub(crate) engine: Engine,
    pub(crate) fittings: Fittings,
    sqlite: Option<Arc<SqliteStore>>,
}

/// What a store's URL says.
pub(crate) enum Place<'a> {
    Sqlite(&'a str),
    Sled(&'a str),
    Memory,
}

impl<'a> Place<'a> {
    pub(crate) fn of(url: &'a str) -> Called<Self> {
        let place = match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Self::Sqlite(path),
            Some(("sled", path)) if !path.is_empty() => Self::Sled(path),
            Some(("memory", "")) => Self::Memory,
            _ => {
                let sentence =
                    "the store's URL is `sqlite:PATH`, `sled:PATH` or `memory:`, and this is none of them";
                return Err(Failure::new(DW_CONFIG_STORE, sentence));
            }
        };
        Ok(place)
    }
}

impl Open {
    fn new(settings: Settings) -> Called<Self> {
        let url = settings
            .url
            .clone()
            .ok_or_else(|| Failure::new(DW_CONFIG_STORE, "no store was named: call dw_config_store first"))?;
        let (builder, sqlite): (Builder, _) = match Place::of(&url)? {
            Place::Sqlite(path) => {
                let store = SqliteStore::open(path).map_err(|open| unopened(&open))?;
                let store = Arc::new(store);
                (Engine::builder(Arc::clone(&store)), Some(store))
            }
            Place::Sled(path) => {
                (Engine::builder(SledStore::open(path).map_err(|open| unopened(&open))?), None)
            }
            Place::Memory => (Engine::builder(MemoryStore::new()).ephemeral(), None),
        };
        let maintain_every = settings.maintain_every;
        let (mut builder, fittings) = settings.fit(builder);
        if let Some(every) = maintain_every {
            builder = builder.maintain_every(every);
        }
        Ok(Self { engine: builder.open()?, fittings, sqlite })
    }
}

fn unopened(error: &impl ToString) -> Failure {
    Failure::new(DW_CONFIG_OPEN, error.to_string())
}

/// Opens an engine. The configuration may be freed afterwards.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_engine_open(
    config: *const dw_config,
    out: *mut *mut dw_engine,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        let open = Open::new(Settings::of(config)?)?;
        // SAFETY: as the conventions say.
        unsafe { out.put(ENGINES.add(open)) };
        Ok(())
    })
}

/// Frees an engine; NULL is nothing to free. While calls are under way in other threads, it returns at once, and its store is
/// closed when the last of them returns; else its store is closed when it returns.
#[unsafe(no_mangle)]
pub extern "C" fn dw_engine_free(engine: *mut dw_engine) {
    quietly((), || {
        ENGINES.remove(engine);
        Ok(())
    });
}

/// How many handles are open in this process, of every kind: what a test looks at when all should be freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_open_handles() -> usize {
    crate::config::CONFIGS.count()
        + ENGINES.count()
        + crate::context::CONTEXTS.count()
        + crate::op::OPS.count()
}

/// The version of the library: `"0.1.0"`. `DW_VERSION` is that of the header.
#[unsafe(no_mangle)]
pub extern "C" fn dw_version() -> *const c_char {
    // SAFETY: it ends in a zero, and has no other.
    unsafe {
        core::ffi::CStr::from_bytes_with_nul_unchecked(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes())
    }
    .as_ptr()
}

/// The engine's time in UTC milliseconds: its clock's, but never earlier than before. 0 when the handle is none.
#[unsafe(no_mangle)]
pub extern "C" fn dw_engine_now(engine: *const dw_engine) -> i64 {
    quietly(0, || Ok(ENGINES.find(engine)?.engine.now().as_millis()))
}

/// Moves the manual clock to `now`, in UTC milliseconds. `DW_SEQUENCE` when the engine has the system's.
#[unsafe(no_mangle)]
pub extern "C" fn dw_engine_set_time(
    engine: *const dw_engine,
    now: i64,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || ENGINES.find(engine)?.fittings.set_time(now))
}

impl Fittings {
    pub(crate) fn set_time(&self, now: i64) -> Called {
        let system = || {
            Failure::new(DW_SEQUENCE, "the clock is the system's: call dw_config_manual_clock before opening")
        };
        let clock = self.clock.as_ref().ok_or_else(system)?;
        let (now, before) = (Timestamp::from_millis(now), doorward::Clock::now(clock));
        clock.advance(now.since(before));
        clock.set(now);
        Ok(())
    }
}

/// The policy in force as JSON, every key of it.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_engine_policy(
    engine: *const dw_engine,
    out: *mut *mut dw_string,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        let policy = ENGINES.find(engine)?.engine.policy().to_json();
        // SAFETY: as the conventions say.
        unsafe { out.put(Owned::new(|texts| policy.public(texts)).into_raw()) };
        Ok(())
    })
}

/// What is remembered of verified access tokens. Freed with `dw_remembered_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_remembered {
    /// Verifications that found their token.
    pub hits: u64,
    /// Those that did not; 0 where none is to be remembered.
    pub misses: u64,
    /// How many tokens are remembered now.
    pub tokens: usize,
}

impl Public for Remembered {
    type C = dw_remembered;

    fn public(&self, _: &mut Texts) -> dw_remembered {
        dw_remembered { hits: self.hits, misses: self.misses, tokens: self.tokens }
    }
}

/// What is remembered of verified access tokens.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_engine_remembered_tokens(
    engine: *const dw_engine,
    out: *mut *mut dw_remembered,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        let count = ENGINES.find(engine)?.engine.remembered_tokens();
        // SAFETY: as the conventions say.
        unsafe { out.put(Owned::new(|texts| count.public(texts)).into_raw()) };
        Ok(())
    })
}

/// Frees a `dw_remembered`; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_remembered_free(given: *mut dw_remembered) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Is told how far a long call has come: so many of so many steps, which are never 0. Anything but 0 stops it.
pub type dw_progress = Option<unsafe extern "C" fn(user: *mut c_void, done: u64, of: u64) -> c_int>;

/// Copies the database to a new file, durable and checked, while the engine goes on. Nothing is overwritten. Of a `sqlite:`
/// store only: `DW_VALUE` else. `progress` may be NULL, is called on this thread with `user`, and can stop it (`DW_STOPPED`).
/// After restoring a copy, call `dw_after_restore` before the doors open.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_engine_backup(
    engine: *const dw_engine,
    path: *const c_char,
    path_len: usize,
    progress: dw_progress,
    user: *mut c_void,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let path = unsafe { text(path, path_len, "path") }?;
        let open = ENGINES.find(engine)?;
        let none = || {
            let sentence = "only a `sqlite:` store is copied while it is open: close one of `sled:`, and copy its folder";
            Failure::new(DW_VALUE, sentence)
        };
        let store = open.sqlite.as_ref().ok_or_else(none)?;
        let tell = |made: Progress| {
            let goes_on = progress.is_none_or(|progress| {
                // SAFETY: it is the host's function.
                unsafe { progress(user, made.done, made.total) == 0 }
            });
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        Ok(store.backup(path, tell)?)
    })
}

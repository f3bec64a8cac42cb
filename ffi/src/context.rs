//! A context: the engine of a host that keeps the rows itself, and runs each operation step by step.

use core::ffi::c_int;

use doorward::SteppedEngine;
use doorward::core::store::Guarantees;

use crate::config::{Fittings, Settings, dw_config};
use crate::engine::dw_remembered;
use crate::failure::{Failure, call, dw_error, quietly};
use crate::given::{Out, Owned};
use crate::handle::Registry;
use crate::op::{self, Finished, dw_op};
use crate::result::{Public, dw_string};
use crate::status::dw_status::{self, DW_CONFIG_STORE, DW_VALUE};

/// The engine of a host that does its own I/O. A handle: made by `dw_op_open`, freed with `dw_context_free`, usable from any
/// thread. It owns the random source, the clock and the sources' buckets.
#[derive(Debug)]
pub struct dw_context {
    _opaque: (),
}

pub(crate) static CONTEXTS: Registry<Context> = Registry::new("dw_context");

pub(crate) struct Context {
    pub(crate) engine: SteppedEngine,
    pub(crate) fittings: Fittings,
}

/// What the host's store promises beyond keeping rows.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_durability {
    /// What it has acknowledged survives a power cut.
    DW_DURABLE = 1,
    /// It forgets when its process or machine stops: all accounts and sessions together.
    DW_EPHEMERAL = 2,
}

/// Begins to open a context on the host's own store, which must keep the promises on the page of conventions. When it is done,
/// `dw_op_take_context` gives the context. `durability` is a `dw_durability`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_op_open(
    config: *const dw_config,
    durability: c_int,
    op: *mut *mut dw_op,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let op = Out::new(op, "op")?;
        let settings = Settings::of(config)?;
        if settings.url.is_some() {
            let sentence =
                "a context has no store of its own: leave dw_config_store out, or call dw_engine_open";
            return Err(Failure::new(DW_CONFIG_STORE, sentence));
        }
        let guarantees = match durability {
            1 => Guarantees::ALL,
            2 => Guarantees::EPHEMERAL,
            _ => return Err(Failure::new(DW_VALUE, format!("{durability} is no dw_durability"))),
        };
        let mut builder = SteppedEngine::builder(guarantees);
        if !guarantees.durable {
            builder = builder.ephemeral();
        }
        let (builder, fittings) = settings.fit(builder);
        let steps = builder.open().map(|opened| {
            let context = Context { engine: opened?, fittings };
            Ok(Box::new(context) as Finished)
        });
        // SAFETY: as the conventions say.
        unsafe { op.put(op::begun(steps)) };
        Ok(())
    })
}

/// Frees a context; NULL is nothing to free. Its operations under way may go on.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_free(context: *mut dw_context) {
    quietly((), || {
        CONTEXTS.remove(context);
        Ok(())
    });
}

/// The context's time, as `dw_engine_now`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_now(context: *const dw_context) -> i64 {
    quietly(0, || Ok(CONTEXTS.find(context)?.engine.now().as_millis()))
}

/// Moves the manual clock, as `dw_engine_set_time`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_context_set_time(
    context: *const dw_context,
    now: i64,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || CONTEXTS.find(context)?.fittings.set_time(now))
}

/// The policy in force, as `dw_engine_policy`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_context_policy(
    context: *const dw_context,
    out: *mut *mut dw_string,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        let policy = CONTEXTS.find(context)?.engine.policy().to_json();
        // SAFETY: as the conventions say.
        unsafe { out.put(Owned::new(|texts| policy.public(texts)).into_raw()) };
        Ok(())
    })
}

/// What is remembered of verified access tokens, as `dw_engine_remembered_tokens`.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_context_remembered_tokens(
    context: *const dw_context,
    out: *mut *mut dw_remembered,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        let count = CONTEXTS.find(context)?.engine.remembered_tokens();
        // SAFETY: as the conventions say.
        unsafe { out.put(Owned::new(|texts| count.public(texts)).into_raw()) };
        Ok(())
    })
}

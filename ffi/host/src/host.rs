//! What a host opens.

use core::ffi::{c_int, c_void};
use std::fmt;
use std::sync::Arc;

use doorward::core::store::{Guarantees, Store};
use doorward_ffi as ffi;
use doorward_ffi::{dw_config, dw_context, dw_durability, dw_engine, dw_op};

use crate::call::Call;
use crate::called::{Called, done, owned, pointer};
use crate::event::{Event, event};
use crate::given::Given;
use crate::op::{Op, bring};

/// A random source: fills the bytes.
pub type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// What is said to a `dw_config`.
#[allow(missing_docs, reason = "each goes to the function of its name")]
pub struct Settings<'a> {
    /// `dw_config_store`; a context has none.
    pub store: Option<&'a str>,
    pub master_key: (u32, [u8; 32]),
    /// Each with whether it is accepted only.
    pub peppers: Vec<(u32, [u8; 32], bool)>,
    pub policy: &'a str,
    pub manual_clock: i64,
    pub events: usize,
    /// `None`: as many as by default.
    pub remember_tokens: Option<usize>,
    pub entropy: Arc<Fill>,
}

/// `dw_engine`
pub struct Engine {
    raw: *mut dw_engine,
    /// It is called for as long as the engine lives.
    _entropy: Arc<Arc<Fill>>,
}

/// `dw_context`
pub struct Context {
    raw: *mut dw_context,
    entropy: Arc<Arc<Fill>>,
}

/// What is said to the configuration, and the random source in a place that stays.
fn config(settings: &Settings<'_>) -> Called<(Config, Arc<Arc<Fill>>)> {
    let entropy = Arc::new(Arc::clone(&settings.entropy));
    // SAFETY: each pointer goes with its length, and the random source outlives whatever is opened.
    unsafe {
        let config = Config(pointer(|out, error| ffi::dw_config_new(out, error))?);
        let raw = config.0;
        if let Some(url) = settings.store {
            done(|error| ffi::dw_config_store(raw, url.as_ptr().cast(), url.len(), error))?;
        }
        let (number, key) = settings.master_key;
        done(|error| ffi::dw_config_master_key(raw, number, key.as_ptr().cast(), key.len(), error))?;
        for (number, key, only) in &settings.peppers {
            let only = c_int::from(*only);
            done(|error| ffi::dw_config_pepper(raw, *number, key.as_ptr().cast(), key.len(), only, error))?;
        }
        let policy = settings.policy;
        done(|error| ffi::dw_config_policy(raw, policy.as_ptr().cast(), policy.len(), error))?;
        done(|error| ffi::dw_config_manual_clock(raw, settings.manual_clock, error))?;
        done(|error| ffi::dw_config_events(raw, settings.events, error))?;
        if let Some(most) = settings.remember_tokens {
            done(|error| ffi::dw_config_remember_tokens(raw, most, error))?;
        }
        let user = Arc::as_ptr(&entropy).cast_mut().cast();
        done(|error| ffi::dw_config_entropy(raw, Some(fill), user, error))?;
        Ok((config, entropy))
    }
}

struct Config(*mut dw_config);

impl Drop for Config {
    fn drop(&mut self) {
        ffi::dw_config_free(self.0);
    }
}

/// # Safety
/// `user` is an `Arc<Fill>` that lives, and there are `len` bytes to write to.
unsafe extern "C" fn fill(user: *mut c_void, bytes: *mut u8, len: usize) -> c_int {
    // SAFETY: as the caller has it.
    unsafe {
        let fill = &*user.cast::<Arc<Fill>>();
        fill(std::slice::from_raw_parts_mut(bytes, len));
    }
    0
}

impl Engine {
    /// `dw_engine_open`
    pub fn open(settings: &Settings<'_>) -> Called<Self> {
        let (config, entropy) = config(settings)?;
        // SAFETY: there is a place for each output.
        let raw = pointer(|out, error| unsafe { ffi::dw_engine_open(config.0, out, error) })?;
        Ok(Self { raw, _entropy: entropy })
    }

    /// `dw_register` and so on.
    pub fn call(&self, call: &Call<'_>) -> Called<Given> {
        call.at_engine(self.raw)
    }

    /// `dw_engine_set_time`
    pub fn set_time(&self, now: i64) -> Called {
        done(|error| ffi::dw_engine_set_time(self.raw, now, error))
    }

    /// `dw_engine_now`
    pub fn now(&self) -> i64 {
        ffi::dw_engine_now(self.raw)
    }

    /// `dw_engine_policy`
    pub fn policy(&self) -> Called<Given> {
        // SAFETY: there is a place for each output.
        owned(|out, error| unsafe { ffi::dw_engine_policy(self.raw, out, error) })
    }

    /// `dw_engine_event`, until there are no more.
    pub fn events(&self) -> Called<Vec<Event>> {
        // SAFETY: there is a place for each output.
        all_events(|| pointer(|out, error| unsafe { ffi::dw_engine_event(self.raw, out, error) }))
    }
}

impl Context {
    /// `dw_op_open`, run to its end on this store, and `dw_op_take_context`.
    pub fn open(settings: &Settings<'_>, store: &dyn Store) -> Called<Self> {
        let (config, entropy) = config(settings)?;
        let durability = match store.guarantees() {
            promised if promised.meets(Guarantees::ALL) => dw_durability::DW_DURABLE,
            _ => dw_durability::DW_EPHEMERAL,
        };
        // SAFETY: there is a place for each output.
        let raw: *mut dw_op =
            pointer(|op, error| unsafe { ffi::dw_op_open(config.0, durability as c_int, op, error) })?;
        let mut op = Op::new(raw, |_| Ok(Given::Nothing), Arc::clone(&entropy));
        while bring(&mut op, store)? {}
        // SAFETY: there is a place for each output.
        let raw = pointer(|out, error| unsafe { ffi::dw_op_take_context(raw, out, error) })?;
        Ok(Self { raw, entropy })
    }

    /// `dw_op_register` and so on.
    pub fn begin(&self, call: &Call<'_>) -> Called<Op> {
        let (op, take) = call.at_context(self.raw)?;
        Ok(Op::new(op, take, Arc::clone(&self.entropy)))
    }

    /// `dw_context_set_time`
    pub fn set_time(&self, now: i64) -> Called {
        done(|error| ffi::dw_context_set_time(self.raw, now, error))
    }

    /// `dw_context_now`
    pub fn now(&self) -> i64 {
        ffi::dw_context_now(self.raw)
    }

    /// `dw_context_policy`
    pub fn policy(&self) -> Called<Given> {
        // SAFETY: there is a place for each output.
        owned(|out, error| unsafe { ffi::dw_context_policy(self.raw, out, error) })
    }

    /// `dw_context_event`, until there are no more.
    pub fn events(&self) -> Called<Vec<Event>> {
        // SAFETY: there is a place for each output.
        all_events(|| pointer(|out, error| unsafe { ffi::dw_context_event(self.raw, out, error) }))
    }
}

fn all_events(next: impl Fn() -> Called<*mut ffi::dw_event>) -> Called<Vec<Event>> {
    let mut events = Vec::new();
    while let Some(event) = event(next()?) {
        events.push(event);
    }
    Ok(events)
}

impl Drop for Engine {
    fn drop(&mut self) {
        ffi::dw_engine_free(self.raw);
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        ffi::dw_context_free(self.raw);
    }
}

impl fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("store", &self.store).finish_non_exhaustive()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.raw).finish()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(&self.raw).finish()
    }
}

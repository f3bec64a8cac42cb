//! What an engine is to be: collected call by call, checked when it is opened.

use core::ffi::{c_char, c_int, c_void};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorward::core::token::jwt::Algorithm;
use doorward::{
    Builder, Entropy, EntropyError, Hashing, KeyFile, ManualClock, MasterKey, Pepper, Policy, SigningKey,
    Timestamp, events::EventQueue,
};
use zeroize::Zeroizing;

use crate::failure::{Called, Failure, call, dw_error};
use crate::given::Out;
use crate::handle::Registry;
use crate::status::dw_status::{self, DW_CONFIG_KEY, DW_CONFIG_POLICY, DW_VALUE};
use crate::text::{bytes, null, text};

/// What an engine is to be. A handle: made by `dw_config_new`, freed with `dw_config_free`. It may be changed and opened again
/// and again; what is open is not changed by it.
#[derive(Debug)]
pub struct dw_config {
    _opaque: (),
}

pub(crate) static CONFIGS: Registry<Mutex<Settings>> = Registry::new("dw_config");

/// A host's random source: fills `len` bytes at `bytes` and returns 0, or anything else when it cannot.
pub type dw_entropy = Option<unsafe extern "C" fn(user: *mut c_void, bytes: *mut u8, len: usize) -> c_int>;

#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) url: Option<String>,
    master_keys: Vec<MasterKey>,
    peppers: Vec<(Pepper, bool)>,
    signing_keys: Vec<SigningKey>,
    policy: Option<Policy>,
    manual_clock: Option<i64>,
    trusts_clock: bool,
    hashing: Option<Hashing>,
    remember_tokens: Option<usize>,
    pub(crate) maintain_every: Option<Duration>,
    events: usize,
    entropy: Option<HostEntropy>,
}

/// What an open engine has besides its store.
pub(crate) struct Fittings {
    pub(crate) clock: Option<ManualClock>,
    pub(crate) events: EventQueue,
}

impl Settings {
    /// The builder with all that was said.
    pub(crate) fn fit<S: ?Sized>(self, mut builder: Builder<S>) -> (Builder<S>, Fittings) {
        let clock = self.manual_clock.map(|now| ManualClock::at(Timestamp::from_millis(now)));
        let events = EventQueue::new(self.events);
        for key in self.master_keys {
            builder = builder.master_key(key);
        }
        for (pepper, is_accepted_only) in self.peppers {
            builder = if is_accepted_only { builder.accept_pepper(pepper) } else { builder.pepper(pepper) };
        }
        for key in self.signing_keys {
            builder = builder.signing_key(key);
        }
        if let Some(policy) = self.policy {
            builder = builder.policy(policy);
        }
        if let Some(clock) = clock.clone() {
            builder = builder.clock(clock);
        }
        if self.trusts_clock {
            builder = builder.trust_clock();
        }
        if let Some(hashing) = self.hashing {
            builder = builder.hashing(hashing);
        }
        if let Some(most) = self.remember_tokens {
            builder = builder.remember_tokens(most);
        }
        if self.events > 0 {
            builder = builder.events(events.sink());
        }
        if let Some(entropy) = self.entropy {
            builder = builder.entropy(entropy);
        }
        (builder, Fittings { clock, events })
    }

    /// As they stand.
    pub(crate) fn of(config: *const dw_config) -> Called<Self> {
        Ok(lock(&*CONFIGS.find(config)?).clone())
    }
}

#[derive(Clone, Copy)]
struct HostEntropy {
    fill: unsafe extern "C" fn(user: *mut c_void, bytes: *mut u8, len: usize) -> c_int,
    user: *mut c_void,
}

// SAFETY: the conventions ask of the host that its random source may be called from any thread.
unsafe impl Send for HostEntropy {}
// SAFETY: as above.
unsafe impl Sync for HostEntropy {}

impl Entropy for HostEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        // SAFETY: it is the host's function, with `len` bytes to write to.
        let refused = unsafe { (self.fill)(self.user, bytes.as_mut_ptr(), bytes.len()) };
        if refused == 0 { Ok(()) } else { Err(EntropyError) }
    }
}

fn change(config: *mut dw_config, change: impl FnOnce(&mut Settings) -> Called) -> Called {
    let settings = CONFIGS.find(config)?;
    let mut changed = lock(&settings);
    change(&mut changed)
}

fn lock(settings: &Mutex<Settings>) -> MutexGuard<'_, Settings> {
    settings.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A configuration with all the defaults: it needs a store and a master key.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_new(out: *mut *mut dw_config, error: *mut *mut dw_error) -> dw_status {
    call(error, || {
        let out = Out::new(out, "out")?;
        // SAFETY: as the conventions say.
        unsafe { out.put(CONFIGS.add(Mutex::default())) };
        Ok(())
    })
}

/// Frees a configuration; NULL is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn dw_config_free(config: *mut dw_config) {
    CONFIGS.remove(config);
}

/// Where rows live: `sqlite:PATH`, `sled:PATH`, or `memory:`, which forgets all when the engine is freed.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_store(
    config: *mut dw_config,
    url: *const c_char,
    url_len: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let url = unsafe { text(url, url_len, "url") }?;
        crate::engine::Place::of(url)?;
        change(config, |settings| {
            settings.url = Some(url.to_owned());
            Ok(())
        })
    })
}

/// A master key: 32 random bytes that are kept apart from the database, and a number that is theirs for ever. The first one
/// given makes new tokens; tokens of all of them are accepted.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_master_key(
    config: *mut dw_config,
    number: u32,
    key: *const c_void,
    key_len: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let key = unsafe { key_bytes(key, key_len) }?;
        change(config, |settings| {
            settings.master_keys.push(MasterKey::new(number, *key));
            Ok(())
        })
    })
}

/// The master key in this file, which only its owner may read; with `create` other than 0 it is made when it is not there.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_key_file(
    config: *mut dw_config,
    path: *const c_char,
    path_len: usize,
    create: c_int,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        CONFIGS.find(config)?;
        // SAFETY: as the conventions say.
        let path = unsafe { text(path, path_len, "path") }?;
        let key = if create != 0 { KeyFile::load_or_create(path)? } else { KeyFile::load(path)? };
        change(config, |settings| {
            settings.master_keys.push(key);
            Ok(())
        })
    })
}

/// A pepper: 32 random bytes without which nobody can try passwords on a stolen database. The first one given hashes new
/// passwords, all verify; one given with `accept_only` other than 0 hashes
/// nothing new.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_pepper(
    config: *mut dw_config,
    number: u32,
    key: *const c_void,
    key_len: usize,
    accept_only: c_int,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let key = unsafe { key_bytes(key, key_len) }?;
        change(config, |settings| {
            settings.peppers.push((Pepper::new(number, *key), accept_only != 0));
            Ok(())
        })
    })
}

/// A signing key of the host's own, from a PEM file's text: `algorithm` is a `dw_algorithm`. The first one given signs; tokens
/// of all of them are accepted. Without one, the engine derives its own and rotates them.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_signing_pem(
    config: *mut dw_config,
    algorithm: c_int,
    pem: *const c_char,
    pem_len: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let pem = unsafe { text(pem, pem_len, "pem") }?;
        signing_key(config, SigningKey::from_pem(pem, algorithm_of(algorithm)?)?)
    })
}

/// As `dw_config_signing_pem`, from a JWK (RFC 7517), which names its algorithm.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_signing_jwk(
    config: *mut dw_config,
    jwk: *const c_char,
    jwk_len: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let jwk = unsafe { text(jwk, jwk_len, "jwk") }?;
        signing_key(config, SigningKey::from_jwk(jwk)?)
    })
}

/// As `dw_config_signing_pem`, a secret for HS256: 32 random bytes or more, and a name for it, the `kid` of its tokens. Who
/// verifies with it can sign with it.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_signing_secret(
    config: *mut dw_config,
    kid: *const c_char,
    kid_len: usize,
    secret: *const c_void,
    secret_len: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let (kid, secret) = unsafe { (text(kid, kid_len, "kid")?, bytes(secret, secret_len, "secret")?) };
        signing_key(config, SigningKey::from_secret(kid, secret)?)
    })
}

/// The policy, as a JSON object: what it leaves out keeps its default, and a key that it should not have is refused.
/// `dw_engine_policy` shows every key.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_policy(
    config: *mut dw_config,
    json: *const c_char,
    json_len: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        // SAFETY: as the conventions say.
        let json = unsafe { text(json, json_len, "json") }?;
        let policy = Policy::from_json(json);
        let policy = policy.map_err(|policy| Failure::new(DW_CONFIG_POLICY, policy.to_string()))?;
        change(config, |settings| {
            settings.policy = Some(policy);
            Ok(())
        })
    })
}

/// For tests: a clock that shows `now`, in UTC milliseconds, until `dw_engine_set_time` moves it.
#[unsafe(no_mangle)]
pub extern "C" fn dw_config_manual_clock(
    config: *mut dw_config,
    now: i64,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        change(config, |settings| {
            settings.manual_clock = Some(now);
            Ok(())
        })
    })
}

/// Takes the clock's word against the store's at each opening with this configuration: after a person has looked at the clock,
/// when an opening has answered `DW_CLOCK`. When the store's mark is lowered by it, all sessions are ended.
#[unsafe(no_mangle)]
pub extern "C" fn dw_config_trust_clock(config: *mut dw_config, error: *mut *mut dw_error) -> dw_status {
    call(error, || {
        change(config, |settings| {
            settings.trusts_clock = true;
            Ok(())
        })
    })
}

/// How many passwords are hashed at once (default: as many as cores), how many may wait (128), and into how many shares the
/// waiting room is divided among sources (4).
#[unsafe(no_mangle)]
pub extern "C" fn dw_config_hashing(
    config: *mut dw_config,
    at_once: usize,
    queue: usize,
    shares: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let some = |number, what| {
            let zero = || Failure::new(DW_VALUE, format!("`{what}` is 0: give at least 1"));
            NonZeroUsize::new(number).ok_or_else(zero)
        };
        let hashing = Hashing { at_once: some(at_once, "at_once")?, queue, shares: some(shares, "shares")? };
        change(config, |settings| {
            settings.hashing = Some(hashing);
            Ok(())
        })
    })
}

/// How many verified access tokens are remembered at most, so that their signature is not looked at again. Default 4096; 0:
/// none; a larger number than 1048576 counts as that.
#[unsafe(no_mangle)]
pub extern "C" fn dw_config_remember_tokens(
    config: *mut dw_config,
    most: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        change(config, |settings| {
            settings.remember_tokens = Some(most);
            Ok(())
        })
    })
}

/// Maintains the store on a thread of the engine's own, so many milliseconds after the end of each run, at least 1000 and at
/// most half of the policy's `max_clock_regression_ms`. Default: the host calls `dw_maintain` every few minutes, and at least
/// once in the policy's `max_clock_regression_ms`. A context has no such thread.
#[unsafe(no_mangle)]
pub extern "C" fn dw_config_maintain_every(
    config: *mut dw_config,
    every_ms: u64,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        change(config, |settings| {
            settings.maintain_every = Some(Duration::from_millis(every_ms));
            Ok(())
        })
    })
}

/// How many events wait for `dw_engine_event`; what overflows is counted. Fetch them before the engine is freed; of an opening
/// that fails, the error tells. Default 0: nobody is told. At most 1048576.
#[unsafe(no_mangle)]
pub extern "C" fn dw_config_events(
    config: *mut dw_config,
    capacity: usize,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        if capacity > MOST_EVENTS {
            return Err(Failure::new(
                DW_VALUE,
                format!("`capacity` is {capacity}: at most {MOST_EVENTS} events wait"),
            ));
        }
        change(config, |settings| {
            settings.events = capacity;
            Ok(())
        })
    })
}

/// A random source of the host's own, in the place of the system's. It is called from any thread, and must give bytes that
/// nobody can guess, never the same twice: every secret is made of them. `user` is passed on to it, and must last until this
/// configuration, its engines, contexts and operations are freed and no call is under way.
///
/// # Safety
/// As the conventions say: `fill` may be called from any thread for as long as an engine or a context of this configuration
/// lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_config_entropy(
    config: *mut dw_config,
    fill: dw_entropy,
    user: *mut c_void,
    error: *mut *mut dw_error,
) -> dw_status {
    call(error, || {
        let fill = fill.ok_or_else(|| null("fill"))?;
        change(config, |settings| {
            settings.entropy = Some(HostEntropy { fill, user });
            Ok(())
        })
    })
}

/// Signing algorithms (RFC 7518, RFC 8037).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum dw_algorithm {
    /// Ed25519.
    DW_EDDSA = 1,
    /// ECDSA on P-256 with SHA-256.
    DW_ES256 = 2,
    /// HMAC with SHA-256.
    DW_HS256 = 3,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    DW_RS256 = 4,
}

fn algorithm_of(number: c_int) -> Called<Algorithm> {
    use dw_algorithm::{DW_EDDSA, DW_ES256, DW_HS256, DW_RS256};
    let all = [
        (DW_EDDSA, Algorithm::EdDsa),
        (DW_ES256, Algorithm::Es256),
        (DW_HS256, Algorithm::Hs256),
        (DW_RS256, Algorithm::Rs256),
    ];
    let found = all.into_iter().find(|(ours, _)| *ours as c_int == number);
    let unknown = || Failure::new(DW_VALUE, format!("{number} is no dw_algorithm"));
    found.map(|(_, algorithm)| algorithm).ok_or_else(unknown)
}

fn signing_key(config: *mut dw_config, key: SigningKey) -> Called {
    change(config, |settings| {
        settings.signing_keys.push(key);
        Ok(())
    })
}

/// # Safety
/// As [`bytes`].
unsafe fn key_bytes(key: *const c_void, len: usize) -> Called<Zeroizing<[u8; 32]>> {
    // SAFETY: as the caller has it.
    let key = unsafe { bytes(key, len, "key") }?;
    let wrong = |_| Failure::new(DW_CONFIG_KEY, format!("a key is 32 random bytes, and this is {len}"));
    key.try_into().map(Zeroizing::new).map_err(wrong)
}

const MOST_EVENTS: usize = 1 << 20;

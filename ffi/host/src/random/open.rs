//! Configurations, and what is opened with them.

use core::ffi::{c_int, c_void};
use std::ptr;

use doorward_ffi as ffi;
use doorward_ffi::{dw_config, dw_context, dw_engine, dw_event, dw_op, dw_remembered};

use super::draw::{NOW, Text};
use super::player::{At, Player};
use super::pool::{Kind, Under, fill};
use crate::event;

/// As cheap as a password may be hashed.
const CHEAP: &str = r#""argon2":{"memory_kib":12288,"passes":1,"lanes":1}"#;

const POLICIES: &[&str] = &[
    "",
    r#","tokens":{"revocation":{"mode":"watched","max_staleness_ms":2000,"when_stale":"ask_store"}}"#,
    r#","tokens":{"revocation":{"mode":"until_expiry","max_key_age_ms":60000},"algorithm":"ES256"}"#,
    r#","tokens":{"algorithm":"HS256","families":2,"grace_ms":0,"rotate_every_ms":1000,"overlap_ms":1000}"#,
    r#","session_cap":{"most":2,"when_full":"end_oldest"},"throttle":{"free":1}"#,
    r#","session_cap":{"most":1,"when_full":"refuse"},"data":{"logged_in":10,"anonymous":0}"#,
    r#","devices":{"tries":1,"per_account":1},"sources":{"guesses":{"size":1,"refill_ms":1000}}"#,
    r#","sessions":{"web":{"idle_ms":1000,"absolute_ms":1000}},"touch_every_ms":0"#,
    r#","max_skew_ms":0,"max_clock_regression_ms":1000,"max_clock_jump_ms":3600000"#,
    r#","tpyo":1"#,
];

const PEM: &str = include_str!("../../../../core/tests/keys/ed25519.pem");
const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"host","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

impl Player<'_> {
    /// A configuration that can be opened, unless the call is wild; at a context there is no store.
    pub(super) fn good_config(&mut self, url: Option<String>) -> *mut dw_config {
        // SAFETY: there is a place for each output.
        let made = self
            .opened("dw_config_new", Kind::Config, |out, error| unsafe { ffi::dw_config_new(out, error) });
        let config = ptr::without_provenance_mut(made.unwrap_or(0));
        if let Some(url) = url {
            self.config_store(config, url);
        }
        for which in [1, 6, 7, 8] {
            self.set(config, which);
        }
        for which in [9, 10, 11, 12, 2, 3] {
            if self.rng.chance(60) {
                self.set(config, which);
            }
        }
        if self.rng.chance(900) {
            self.set(config, 13);
        }
        config
    }

    pub(super) fn url(&mut self) -> String {
        let folder = self.pool.folder.display().to_string();
        match self.rng.below(60) {
            0..=5 => format!("sqlite:{folder}/rows.db"),
            6 => format!("sled:{folder}/rows.sled"),
            7 => format!("sqlite:{folder}/."),
            8 => ["memory:x", "redis://here", ""].map(str::to_owned)[self.rng.below(3)].clone(),
            _ => "memory:".to_owned(),
        }
    }

    fn config_store(&mut self, config: *mut dw_config, url: String) {
        let file = url.rsplit_once(&format!("{}/", self.pool.folder.display()));
        let url = match file {
            Some((scheme, name)) => self.path(scheme, name),
            None => self.text(url),
        };
        // SAFETY: the pointer goes with its length.
        self.done("dw_config_store", |error| unsafe {
            ffi::dw_config_store(config, url.ptr(), url.len, error)
        });
    }

    /// One thing, said to any configuration.
    pub(super) fn configure(&mut self) {
        let config = self.handle::<dw_config>(Kind::Config);
        let which = self.rng.below(15);
        self.set(config, which);
    }

    #[allow(clippy::too_many_lines, reason = "a table of calls")]
    fn set(&mut self, config: *mut dw_config, which: usize) {
        let number = u32::try_from(self.number(&[1, 1, 1, 2]) & 0xffff_ffff).unwrap_or(1);
        let key = self.text([u8::try_from(number & 0xff).unwrap_or(0); 32]);
        // SAFETY: each pointer goes with its length, and a random source lives as long as the case.
        unsafe {
            match which {
                0 => {
                    let url = self.url();
                    self.config_store(config, url);
                }
                1 => {
                    self.done("dw_config_master_key", |error| {
                        ffi::dw_config_master_key(config, number, key.data(), key.len, error)
                    });
                }
                2 => {
                    let only = self.choice(0, 2);
                    self.done("dw_config_pepper", |error| {
                        ffi::dw_config_pepper(config, number, key.data(), key.len, only, error)
                    });
                }
                3 => self.signing(config),
                4 => {
                    let name = format!("{}.key", number % 3);
                    let (path, create) = (self.path("", &name), c_int::from(self.rng.chance(700)));
                    self.done("dw_config_key_file", |error| {
                        ffi::dw_config_key_file(config, path.ptr(), path.len, create, error)
                    });
                }
                5 => {
                    self.done("dw_config_trust_clock", |error| ffi::dw_config_trust_clock(config, error));
                }
                6 => {
                    let policy = self.policy();
                    self.done("dw_config_policy", |error| {
                        ffi::dw_config_policy(config, policy.ptr(), policy.len, error)
                    });
                }
                7 => {
                    let now = if self.rng.chance(900) { NOW } else { self.time() };
                    self.done("dw_config_manual_clock", |error| {
                        ffi::dw_config_manual_clock(config, now, error)
                    });
                }
                8 => {
                    let events = self.size(&[0, 1, 16, 1000]);
                    self.done("dw_config_events", |error| ffi::dw_config_events(config, events, error));
                }
                9 => {
                    let [once, queue, shares] =
                        [self.size(&[1, 2]), self.size(&[0, 1, 128]), self.size(&[1, 4])];
                    self.done("dw_config_hashing", |error| {
                        ffi::dw_config_hashing(config, once, queue, shares, error)
                    });
                }
                10 => {
                    let most = self.size(&[0, 1, 4096]);
                    self.done("dw_config_remember_tokens", |error| {
                        ffi::dw_config_remember_tokens(config, most, error)
                    });
                }
                11 => {
                    let every = self.number(&[0, 999, 1000, 60_000]);
                    self.done("dw_config_maintain_every", |error| {
                        ffi::dw_config_maintain_every(config, every, error)
                    });
                }
                12 => self.set(config, 5),
                _ => {
                    let fails = if self.rng.chance(850) { 0 } else { 50 };
                    let user = self.pool.source(self.rng.next(), fails);
                    let fill = if self.wild() { None } else { Some(fill as _) };
                    self.done("dw_config_entropy", |error| ffi::dw_config_entropy(config, fill, user, error));
                }
            }
        }
    }

    fn signing(&mut self, config: *mut dw_config) {
        // SAFETY: each pointer goes with its length.
        unsafe {
            match self.rng.below(3) {
                0 => {
                    let (algorithm, pem) = (self.choice(1, 1), self.text(PEM));
                    self.done("dw_config_signing_pem", |error| {
                        ffi::dw_config_signing_pem(config, algorithm, pem.ptr(), pem.len, error)
                    });
                }
                1 => {
                    let jwk = self.text(JWK);
                    self.done("dw_config_signing_jwk", |error| {
                        ffi::dw_config_signing_jwk(config, jwk.ptr(), jwk.len, error)
                    });
                }
                _ => {
                    let (kid, secret) = (self.text("shared"), self.text([7; 32]));
                    self.done("dw_config_signing_secret", |error| {
                        ffi::dw_config_signing_secret(
                            config,
                            kid.ptr(),
                            kid.len,
                            secret.data(),
                            secret.len,
                            error,
                        )
                    });
                }
            }
        }
    }

    /// A policy; wild, with another number somewhere. Hashing stays cheap.
    fn policy(&mut self) -> Text {
        let plain = self.rng.chance(500);
        let more = if plain { "" } else { self.rng.pick(POLICIES).unwrap_or_default() };
        let mut text = more.to_owned();
        if self.rng.chance(150) {
            let all = doorward::Policy::default().to_json();
            let digits: Vec<usize> =
                all.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
            let at = self.rng.pick(&digits).unwrap_or(0);
            let (before, after) = all.split_at(at);
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            let number = self.rng.number() & 0x1f_ffff_ffff_ffff;
            let all = format!("{before}{number}{after}");
            // What is said of hashing, and of where a number was cut in two, is said once, and cheaply.
            let Some((_, rest)) = all.split_once("\"throttle\"") else { return Text::of("{}") };
            text = format!(",\"throttle\"{}", rest.trim_end_matches('}'));
            text.extend(std::iter::repeat_n('}', depth(&text)));
        }
        self.shown(format!("{{{CHEAP}{text}}}"))
    }

    /// Opens an engine, with a configuration of its own or with any.
    pub(super) fn open_engine(&mut self) {
        let url = self.url();
        let is_sqlite = url.starts_with("sqlite");
        let config =
            if self.rng.chance(900) { self.good_config(Some(url)) } else { self.handle(Kind::Config) };
        // SAFETY: there is a place for each output.
        let engine = self.opened("dw_engine_open", Kind::Engine, |out: *mut *mut dw_engine, error| unsafe {
            ffi::dw_engine_open(config, out, error)
        });
        if let Some(engine) = engine {
            let mut known = self.pool.known();
            known.homes.insert(engine, engine);
            if is_sqlite {
                known.sqlite.push(engine);
            }
            drop(known);
            self.move_in(At::Engine(engine));
        }
    }

    /// Opens a context on one of the stores.
    pub(super) fn open_context(&mut self) {
        let url = if self.rng.chance(50) { Some(self.url()) } else { None };
        let config = if self.rng.chance(900) { self.good_config(url) } else { self.handle(Kind::Config) };
        let (durability, store) = (self.choice(1, 2), usize::from(self.rng.chance(200)));
        // SAFETY: there is a place for each output.
        let op = self.opened("dw_op_open", Kind::Op, |op: *mut *mut dw_op, error| unsafe {
            ffi::dw_op_open(config, durability, op, error)
        });
        if let Some(op) = op {
            let under = Under { take: "dw_op_take_context", store, need: None };
            self.pool.known().ops.insert(op, under);
            self.drive(op);
        }
        let newest = self.pool.known().live(Kind::Context).last().copied();
        newest.into_iter().for_each(|context| self.move_in(At::Context(context)));
    }

    /// What is asked of an engine or a context besides operations.
    pub(super) fn look(&mut self) {
        let engine = self.handle::<dw_engine>(Kind::Engine);
        let context = self.handle::<dw_context>(Kind::Context);
        let known = self.pool.known();
        let has_engine = known.live(Kind::Engine).contains(&engine.addr());
        let has_context = known.live(Kind::Context).contains(&context.addr());
        drop(known);
        let now = self.time();
        // SAFETY: there is a place for each output.
        unsafe {
            match self.rng.below(14) {
                0 => drop(
                    self.owned("dw_engine_policy", |out, error| ffi::dw_engine_policy(engine, out, error)),
                ),
                1 => {
                    drop(self.owned("dw_context_policy", |out, error| {
                        ffi::dw_context_policy(context, out, error)
                    }));
                }
                2 => {
                    let told = self.out::<dw_remembered>("dw_engine_remembered_tokens", |out, error| {
                        ffi::dw_engine_remembered_tokens(engine, out, error)
                    });
                    told.into_iter().for_each(|told| self.hold(told));
                }
                3 => {
                    let told = self.out::<dw_remembered>("dw_context_remembered_tokens", |out, error| {
                        ffi::dw_context_remembered_tokens(context, out, error)
                    });
                    told.into_iter().for_each(|told| self.hold(told));
                }
                4 => drop(self.quiet("dw_engine_now", has_engine, || ffi::dw_engine_now(engine))),
                5 => drop(self.quiet("dw_context_now", has_context, || ffi::dw_context_now(context))),
                6 => {
                    self.quiet("dw_engine_events_lost", has_engine, || ffi::dw_engine_events_lost(engine));
                }
                7 => {
                    self.quiet("dw_context_events_lost", has_context, || {
                        ffi::dw_context_events_lost(context)
                    });
                }
                8 | 9 => {
                    let event =
                        self.out("dw_engine_event", |out, error| ffi::dw_engine_event(engine, out, error));
                    self.event("dw_engine_event", event);
                }
                10 | 11 => {
                    let event =
                        self.out("dw_context_event", |out, error| ffi::dw_context_event(context, out, error));
                    self.event("dw_context_event", event);
                }
                12 => {
                    self.done("dw_engine_set_time", |error| ffi::dw_engine_set_time(engine, now, error));
                }
                _ => {
                    self.done("dw_context_set_time", |error| ffi::dw_context_set_time(context, now, error));
                }
            }
        }
    }

    fn event(&mut self, name: &'static str, event: Option<*mut dw_event>) {
        let Some(given) = event.filter(|event| !event.is_null()) else { return };
        // SAFETY: a call has given it, and nobody else has it.
        let told = unsafe { event::event_of(&*given) };
        let all = [Some(told.operation), told.reason, told.name, told.source];
        all.into_iter().flatten().for_each(|text| self.tells_no_secret(name, &text));
        self.hold(given);
    }

    pub(super) fn back_up(&mut self) {
        let any = self.handle::<dw_engine>(Kind::Engine);
        let known = self.pool.known();
        let sqlite = self.rng.pick(&known.sqlite).filter(|_| self.wild == 0);
        drop(known);
        let engine = sqlite.map_or(any, ptr::without_provenance_mut);
        let name = format!("copy-{}.db", self.rng.below(100));
        let path = self.path("", &name);
        let progress = [None, Some(goes_on as _), Some(stops as _)][self.rng.below(3)];
        // SAFETY: the pointer goes with its length, and the functions want nothing of `user`.
        self.done("dw_engine_backup", |error| unsafe {
            ffi::dw_engine_backup(engine, path.ptr(), path.len, progress, ptr::null_mut(), error)
        });
    }
}

/// How many braces are open.
fn depth(text: &str) -> usize {
    text.matches('{').count().saturating_sub(text.matches('}').count())
}

unsafe extern "C" fn goes_on(_: *mut c_void, _: u64, of: u64) -> c_int {
    c_int::from(of == 0)
}

unsafe extern "C" fn stops(_: *mut c_void, _: u64, _: u64) -> c_int {
    1
}

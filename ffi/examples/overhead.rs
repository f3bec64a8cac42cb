//! What a call through the C ABI costs over the same call in Rust: both engines in one process, in turn.
//!
//! ```text
//! cargo run --release -p doorward-ffi --example overhead [-- ROUNDS]
//! ```
//!
//! Prints medians with their quartiles, in nanoseconds a call. A call's result is freed within its time. The functions are
//! called through pointers that the compiler cannot see through, as a program calls those of a shared library.
#![allow(clippy::print_stdout, clippy::cast_precision_loss)] // a report is what this is for

use std::ffi::c_char;
use std::hint::black_box;
use std::path::Path;
use std::ptr;
use std::time::Instant;

use doorward::store::{MemoryStore, SqliteStore};
use doorward::{Engine, Issue, Login, MasterKey, Register};
use doorward_ffi::{
    dw_access, dw_access_free, dw_authenticate, dw_config, dw_config_free, dw_config_master_key,
    dw_config_new, dw_config_store, dw_engine, dw_engine_free, dw_engine_open, dw_error, dw_id, dw_issue,
    dw_login, dw_login_result, dw_login_result_free, dw_register, dw_session, dw_session_free, dw_status,
    dw_text, dw_tokens, dw_tokens_free, dw_verify,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let rounds = std::env::args().nth(1).map_or(Ok(101), |rounds| rounds.parse())?;
    let folder = tempfile::tempdir()?;
    println!("{rounds} rounds of {CALLS} calls; median (quartiles) of a call, in ns\n");
    for store in ["memory", "sqlite"] {
        let (rust, c) = (Rust::open(store, folder.path())?, C::open(store, folder.path())?);
        measure(&format!("authenticate, {store}"), rounds, || rust.authenticate(), || c.authenticate())?;
        measure(&format!("verify again, {store}"), rounds, || rust.verify(), || c.verify())?;
    }
    Ok(())
}

const CALLS: usize = 2_000;
const PASSWORD: &str = "plum kettle orbit";
const KEY: [u8; 32] = [0x42; 32];

/// Both in turn, so that what slows the machine slows both.
fn measure(
    what: &str,
    rounds: usize,
    rust: impl Fn() -> Result<(), Failure>,
    c: impl Fn() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let sample = |call: &dyn Fn() -> Result<(), Failure>| -> Result<f64, Failure> {
        let begun = Instant::now();
        for _ in 0..CALLS {
            call()?;
        }
        Ok(begun.elapsed().as_nanos() as f64 / CALLS as f64)
    };
    let (mut rusts, mut cs, mut overs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (one, other) = (sample(&rust)?, sample(&c)?);
        // The first round warms up.
        if round > 0 {
            rusts.push(one);
            cs.push(other);
            overs.push(other - one);
        }
    }
    let [rust, c, over] = [rusts, cs, overs].map(quartiles);
    println!("{what:<22} Rust {rust:<22} C {c:<22} C over Rust {over}");
    Ok(())
}

fn quartiles(mut samples: Vec<f64>) -> String {
    samples.sort_by(f64::total_cmp);
    let at = |quarter: usize| samples.get((samples.len() - 1) * quarter / 4).copied().unwrap_or(f64::NAN);
    format!("{:.0} ({:.0} – {:.0})", at(2), at(1), at(3))
}

struct Rust {
    engine: Engine,
    token: String,
    access: String,
}

impl Rust {
    fn open(store: &str, folder: &Path) -> Result<Self, Failure> {
        let builder = match store {
            "memory" => Engine::builder(MemoryStore::new()).ephemeral(),
            _ => Engine::builder(SqliteStore::open(folder.join("rust.db"))?),
        };
        let engine = builder.master_key(MasterKey::new(1, KEY)).open()?;
        engine.register(Register::new("ada", PASSWORD))?;
        let token = engine.login(Login::new("ada", PASSWORD))?.token.expose().to_owned();
        let access = engine.issue(Issue::new(&token, "web", "api"))?.access.expose().to_owned();
        Ok(Self { engine, token, access })
    }

    fn authenticate(&self) -> Result<(), Failure> {
        black_box(self.engine.authenticate(black_box(&self.token))?);
        Ok(())
    }

    fn verify(&self) -> Result<(), Failure> {
        black_box(self.engine.verify(black_box(&self.access), "api")?);
        Ok(())
    }
}

struct C {
    engine: *mut dw_engine,
    token: String,
    access: String,
}

impl C {
    fn open(store: &str, folder: &Path) -> Result<Self, Failure> {
        let url = match store {
            "memory" => "memory:".to_owned(),
            _ => format!("sqlite:{}", folder.join("c.db").display()),
        };
        let (mut config, mut engine): (*mut dw_config, *mut dw_engine) = (ptr::null_mut(), ptr::null_mut());
        let none: *mut *mut dw_error = ptr::null_mut();
        // SAFETY: each pointer is to as many bytes as its length says, or to a place for a result.
        unsafe {
            done(dw_config_new(&raw mut config, none))?;
            done(dw_config_store(config, url.as_ptr().cast(), url.len(), none))?;
            done(dw_config_master_key(config, 1, KEY.as_ptr().cast(), KEY.len(), none))?;
            done(dw_engine_open(config, &raw mut engine, none))?;
            dw_config_free(config);
            let (name, word) = (chars("ada"), chars(PASSWORD));
            let mut id = dw_id::default();
            done(dw_register(engine, name.0, name.1, word.0, word.1, ptr::null(), 0, &raw mut id, none))?;
            let mut login: *mut dw_login_result = ptr::null_mut();
            done(dw_login(engine, name.0, name.1, word.0, word.1, ptr::null(), &raw mut login, none))?;
            let token = owned((*login).token)?;
            dw_login_result_free(login);
            let mut tokens: *mut dw_tokens = ptr::null_mut();
            let (text, client, audience) = (chars(&token), chars("web"), chars("api"));
            done(dw_issue(
                engine,
                text.0,
                text.1,
                client.0,
                client.1,
                audience.0,
                audience.1,
                ptr::null(),
                &raw mut tokens,
                none,
            ))?;
            let access = owned((*tokens).access)?;
            dw_tokens_free(tokens);
            Ok(Self { engine, token, access })
        }
    }

    fn authenticate(&self) -> Result<(), Failure> {
        let call = black_box(dw_authenticate as unsafe extern "C" fn(_, _, _, _, _) -> _);
        let free = black_box(dw_session_free as unsafe extern "C" fn(_));
        let mut session: *mut dw_session = ptr::null_mut();
        let (text, length) = chars(&self.token);
        // SAFETY: as above; the result is freed once.
        unsafe {
            done(call(self.engine.cast_const(), text, length, &raw mut session, ptr::null_mut()))?;
            free(black_box(session));
        }
        Ok(())
    }

    fn verify(&self) -> Result<(), Failure> {
        let call = black_box(dw_verify as unsafe extern "C" fn(_, _, _, _, _, _, _) -> _);
        let free = black_box(dw_access_free as unsafe extern "C" fn(_));
        let mut access: *mut dw_access = ptr::null_mut();
        let ((text, length), (audience, audience_length)) = (chars(&self.access), chars("api"));
        // SAFETY: as above; the result is freed once.
        unsafe {
            done(call(
                self.engine.cast_const(),
                text,
                length,
                audience,
                audience_length,
                &raw mut access,
                ptr::null_mut(),
            ))?;
            free(black_box(access));
        }
        Ok(())
    }
}

impl Drop for C {
    fn drop(&mut self) {
        dw_engine_free(self.engine);
    }
}

fn chars(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

/// # Safety
/// The text is one of a result that is not freed.
unsafe fn owned(text: dw_text) -> Result<String, Failure> {
    // SAFETY: as the caller has it.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr.cast::<u8>(), text.len) };
    Ok(std::str::from_utf8(bytes)?.to_owned())
}

fn done(status: dw_status) -> Result<(), Failure> {
    if status == dw_status::DW_OK { Ok(()) } else { Err(format!("{status:?}").into()) }
}

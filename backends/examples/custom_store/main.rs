//! A store of your own, asked by the whole conformance kit and then put under an engine.
//!
//! ```text
//! cargo run --release --example custom_store
//! ```
//!
//! Says of each promise whether it was kept, and exits with 1 when one was broken. What the fixture gives no way to ask
//! (power cuts; a second process, which this store refuses) is `NOT ASKED`: nothing is known of it.
#![allow(clippy::print_stdout)] // a report is what this is for

use std::error::Error;
use std::path::Path;

use doorward::{Engine, Login, MasterKey, Register};
use doorward_conformance::{Verdict, verdicts};

use store::{Home, LogStore};

mod store;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut broken = 0;
    for (promise, verdict) in verdicts(|| Home(tempfile::tempdir().expect("the system gives a folder"))) {
        println!("{:<50} {verdict}", promise.name);
        broken += usize::from(matches!(verdict, Verdict::Broken(_)));
    }
    story(&folder.path().join("auth.log"))?;
    if broken > 0 {
        return Err(format!("{broken} promises are broken: no engine should be put on this store").into());
    }
    Ok(())
}

/// What an engine keeps on it: who logged out stays out, also after a restart.
fn story(path: &Path) -> Result<(), Box<dyn Error>> {
    let open = || -> Result<Engine, Box<dyn Error>> {
        let key = MasterKey::new(1, [0x42; 32]); // a host keeps 32 random bytes: see `doorward::KeyFile`
        Ok(Engine::builder(LogStore::open(path)?).master_key(key).open()?)
    };
    let engine = open()?;
    let ada = engine.register(Register::new("ada", "plum kettle orbit"))?;
    let [gone, stays] =
        ["phone", "laptop"].map(|at| engine.login(Login::new("ada", "plum kettle orbit").label(at)));
    let (gone, stays) = (gone?.token, stays?.token);
    engine.logout(gone.expose())?;

    drop(engine);
    let engine = open()?;
    if engine.authenticate(gone.expose()).is_ok() {
        return Err("a session that was ended is back after a restart".into());
    }
    if engine.authenticate(stays.expose())?.account != ada {
        return Err("a session is not whose it was".into());
    }
    println!("\nAn engine opened on it: who logged out is out after a restart, and who did not is in.");
    Ok(())
}

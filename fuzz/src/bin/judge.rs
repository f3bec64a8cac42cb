//! Judges an engine of another language by the model: a line of JSON in, a line of JSON out.
//!
//! | in | out |
//! |---|---|
//! | `{"begin": {"cap": ["Refuse", 2], "peppers": true, "shared_secret": false}}` | `{"begun": ...}`: what to open the engines with |
//! | `{"move": ...}` ([`HostMove`]) | `{"call": ..., "engine": 0, "given": ..., "seed": ...}`: make this call, once or not at all |
//! | `{"told": {"given": ...}}`, `{"told": {"refused": ...}}` | `{"right": 1800000000000}`: all is as it must be, and it is so late |
//! | | `{"wrong": "invariant 11 (a logout is final): ..."}` |
//!
//! A `begin` starts all over, at any time. It ends with its input.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::io::{self, BufRead, Write};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::rc::Rc;

use doorward_core::model::session::{SessionCap, WhenFull};
use doorward_fuzz::host::Host;
use doorward_fuzz::plan::House;
use doorward_fuzz::world::{HostMove, World};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Begin(Chosen),
    Move(HostMove),
    Told(Value),
}

/// What a host chose.
#[derive(Deserialize)]
struct Chosen {
    cap: Option<(Full, NonZeroU32)>,
    peppers: bool,
    shared_secret: bool,
}

#[derive(Deserialize)]
enum Full {
    EndOldest,
    Refuse,
}

/// The host at the other end of the pipes.
struct Pipes;

impl Host for Pipes {
    fn call(&self, asked: &Value) -> Value {
        let told = say(asked).and_then(|()| hear());
        match told {
            Ok(Some(Line::Told(told))) => told,
            Ok(Some(_)) => json!("something else than what it was told"),
            Ok(None) => json!("nothing more"),
            Err(problem) => json!(problem),
        }
    }
}

fn main() -> ExitCode {
    match judge() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn judge() -> Result<(), String> {
    let host: Rc<dyn Host> = Rc::new(Pipes);
    let mut world = None;
    while let Some(line) = hear()? {
        let verdict = match line {
            Line::Begin(chosen) => World::new().at_host(&host, chosen.house()).map(|begun| {
                let settings = begun.host_settings();
                world = Some(begun);
                json!({ "begun": settings })
            }),
            Line::Move(one) => {
                let world = world.as_mut().ok_or("a move before it has begun")?;
                world.host_moves(one).map(|time| json!({ "right": time }))
            }
            Line::Told(_) => return Err("nothing was asked".to_owned()),
        };
        say(&verdict.unwrap_or_else(|found| json!({ "wrong": found.to_string() })))?;
    }
    Ok(())
}

impl Chosen {
    fn house(self) -> House {
        let cap = self.cap.map(|(full, most)| SessionCap {
            most,
            when_full: match full {
                Full::EndOldest => WhenFull::EndOldest,
                Full::Refuse => WhenFull::Refuse,
            },
        });
        House { cap, peppers: self.peppers, shared_secret: self.shared_secret }
    }
}

fn say(line: &Value) -> Result<(), String> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}

/// The next line; none at the end.
fn hear() -> Result<Option<Line>, String> {
    let mut text = String::new();
    match io::stdin().lock().read_line(&mut text).map_err(|error| error.to_string())? {
        0 => Ok(None),
        _ => serde_json::from_str(&text).map(Some).map_err(|error| format!("{error}: {text}")),
    }
}

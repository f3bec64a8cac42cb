//! Engines of a host in another language, beside the world's own: each operation's bare machine is run in the world, and the
//! host makes the same call, with the same clock and the same random bytes, and must be told the same.
//!
//! | the world | the host |
//! |---|---|
//! | runs a machine to its outcome | is asked to make a [`Call`], and tells what it was answered |
//! | holds the outcome against the model | |
//! | opens an engine, purges, maintains | the same ([`World::host_moves`](crate::world::World::host_moves)) |
//!
//! What differs becomes an answer that the model has no word for, so that the invariant is named which it breaks.
//!
//! | file | what |
//! |---|---|
//! | this one | the host, and an operation at it |
//! | `said` | a call, in the words of the Python package |
//! | `agree` | what it was answered, in the same words, against the machine's outcome |

use std::rc::Rc;

use doorward_core::error::{Fault, Misuse};
use doorward_core::machine::{Reply, Ticket};
use doorward_core::time::Timestamp;
use doorward_ffi_host::Call;
use serde_json::{Value, json};

use crate::answer::{Answer, Asked, Machinery, Told};
use crate::rng::Rng;

use agree::agrees;

pub(crate) mod agree;
mod said;

/// Somebody with engines of his own.
///
/// # Example: one that knows nothing
/// ```
/// use doorward_fuzz::host::Host;
/// use serde_json::{Value, json};
///
/// struct Deaf;
///
/// impl Host for Deaf {
///     fn call(&self, asked: &Value) -> Value {
///         json!({ "refused": { "status": "DW_STORE_FATAL" }, "asked": asked["call"] })
///     }
/// }
/// assert_eq!(Deaf.call(&json!({ "call": "jwks" }))["asked"], "jwks");
/// ```
pub trait Host {
    /// Makes the call `asked["call"]` of the engine `asked["engine"]`, given `asked["given"]`, with the random bytes
    /// `asked["seed"]` in hexadecimal; and tells `{"given": ...}`, or `{"refused": {"status": ..., "reason": ..., "until": ...}}`.
    fn call(&self, asked: &Value) -> Value;
}

/// One of a host's engines.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) host: Rc<dyn Host>,
    pub(crate) engine: usize,
}

impl Seat {
    /// The operation of this machine, and then the call.
    pub(crate) fn beside(
        &self,
        machine: Box<dyn Machinery>,
        call: &Call<'_>,
        seed: u64,
    ) -> Box<dyn Machinery> {
        let (name, given) = said::said(call);
        Box::new(Twin { machine, seat: self.clone(), name, given, seed })
    }

    pub(crate) fn ask(&self, call: &str, given: &Value, seed: u64) -> Value {
        let random = Self::random(seed);
        self.host.call(&json!({ "engine": self.engine, "call": call, "given": given, "seed": random }))
    }

    /// The random bytes that a machine with a seed of this number has, in hexadecimal.
    pub(crate) fn random(seed: u64) -> String {
        said::hex(&Rng::new(seed).bytes())
    }
}

/// A machine, and what the host is asked when it is done.
struct Twin {
    machine: Box<dyn Machinery>,
    seat: Seat,
    name: &'static str,
    given: Value,
    seed: u64,
}

impl Machinery for Twin {
    fn poll(&mut self, now: Timestamp) -> Asked<'_> {
        let Self { machine, seat, name, given, seed } = self;
        match machine.poll(now) {
            Asked::Done(outcome) => {
                let told = seat.ask(name, given, *seed);
                Asked::Done(if agrees(&told, &outcome, now) { outcome } else { Ok(differs(&told, &outcome)) })
            }
            asked => asked,
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) -> Result<(), Misuse> {
        self.machine.reply(ticket, reply)
    }
}

fn differs(told: &Value, outcome: &Result<Told, Fault>) -> Told {
    let right = match outcome {
        Ok(Told { answer, token, device, .. }) => format!("{answer:?} {token:?} {device:?}"),
        Err(fault) => format!("{fault:?}"),
    };
    Answer::Other(format!("{told} at the host, where it is {right}")).into()
}

//! Opening a store: its keyring is made, or met and compared.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::keyring::KeyringRecord;
use crate::record::Key;

/// Makes sure that the store has a keyring and that the given master keys fit it. Idempotent; engines run it
/// before anything else.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Open {}

impl Open {
    /// The operation.
    pub fn new() -> Self {
        Self {}
    }
}

/// What was found at open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The store was empty; it has a keyring now.
    New,
    /// The store knew all the keys.
    Known,
    /// The store knew some; it knows all of them now.
    KeyAdded,
}

impl Decide for Open {
    type Outcome = Opened;

    fn name(&self) -> &'static str {
        "open"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Opened>, Fault> {
        let Some([keyring]) = facts.rows([&Key::Keyring]) else {
            return Ok(Decision::Read(vec![Key::Keyring]));
        };
        let write = |record: KeyringRecord| Writes::new().put(Key::Keyring, None, None, record);
        let Some(row) = keyring else {
            let record = KeyringRecord::new(cx.keys, cx.bytes("throttle key"));
            return Ok(Decision::Commit(write(record), Opened::New));
        };
        Ok(match row.keyring()?.accepting(cx.keys)? {
            None => Decision::Done(Opened::Known),
            Some(grown) => Decision::Commit(write(grown), Opened::KeyAdded),
        })
    }

    fn audit(&self, _: &Opened) -> (EventResult, Subject) {
        (EventResult::Success, Subject::default())
    }
}

//! Opening a store: its keyring is made, or met and compared.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::keyring::KeyringRecord;
use crate::record::Key;

/// Makes sure that the store has a keyring and that the given master keys and peppers fit it. Idempotent; engines run it
/// before anything else.
///
/// # Example: a wrong key is found at once
/// ```
/// use doorward_core::error::Fault;
/// use doorward_core::operation::open::Open;
/// use doorward_core::secret::{KeyError, MasterKey, MasterKeys};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # use std::sync::Arc;
/// # use doorward_core::{machine::Environment, policy::Policy};
/// # let mut engine = Engine::opened();
///
/// let keys = MasterKeys::new(MasterKey::new(1, [0xff; 32])); // another key under the known number
/// # engine.environment = Arc::new(Environment { policy: Policy::default(), keys });
/// assert!(matches!(engine.run(Open::new()), Err(Fault::Key(KeyError::Wrong(1)))));
/// ```
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
///
/// # Example: a new store, a known one
/// ```
/// use doorward_core::operation::open::{Open, Opened};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::new();
///
/// assert_eq!(engine.run(Open::new())?, Opened::New);
/// assert_eq!(engine.run(Open::new())?, Opened::Known);
/// # Ok::<(), doorward_core::error::Fault>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The store was empty; it has a keyring now.
    New,
    /// The store knew all the keys and peppers.
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

//! After a restored backup: nothing that was granted before lives on.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::operation::revoke_all_tokens::revoked;
use crate::planted::Planted;
use crate::record::{Key, RecordError};
use crate::store::Ending;

/// Raises the global epoch and replaces the signing keys: every session of the store is over, of every account, and every
/// token. A backup holds sessions that were ended since it was made; run this once after restoring it, before the doors open.
///
/// Where others change the keyring meanwhile, seven times in a row, it raises the epoch alone and leaves the keys: another
/// reason for closed doors. [`RevokeAllTokens`](crate::operation::revoke_all_tokens::RevokeAllTokens) replaces them then.
///
/// # Example: no session of the backup opens anything
/// ```
/// use doorward_core::operation::after_restore::AfterRestore;
/// use doorward_core::operation::authenticate::Authenticate;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// engine.run(AfterRestore::new())?;
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct AfterRestore {}

impl AfterRestore {
    /// The operation.
    pub fn new() -> Self {
        Self {}
    }
}

impl Decide for AfterRestore {
    type Outcome = ();

    fn name(&self) -> &'static str {
        "after_restore"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<()>, Fault> {
        let Some([keyring]) = facts.rows([&Key::Keyring]) else {
            return Ok(Decision::Read(vec![Key::Keyring]));
        };
        let keyring = keyring.ok_or(RecordError::NoKeyring)?;
        let until = cx.policy.floor_dies_at(cx.now);
        let writes = Writes::new().journal(Ending::Epoch { key: Key::Keyring, until });
        Ok(Decision::Commit(
            match () {
                () if cx.policy.has(Planted::RestoreSparesAll) => writes,
                // Whoever keeps the keyring busy keeps nobody from ending it all: without new keys, then.
                () if cx.is_last_attempt => writes.raise(Key::Keyring),
                // What was signed after the backup may carry an epoch that comes again now, so its keys must not.
                () => revoked(keyring, true, cx)?,
            },
            (),
        ))
    }

    fn audit(&self, (): &()) -> (EventResult, Subject) {
        (EventResult::Success, Subject::default())
    }
}

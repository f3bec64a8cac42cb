//! Rotating the keys that sign access tokens. Nothing that was signed before dies of it, but by a clock that was set back:
//! what was signed later than it shows is refused as much too early.

use alloc::vec;

use thiserror::Error;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::keyring::KeyringRecord;
use crate::operation::standing::keyring_row;
use crate::record::Key;
use crate::time::Timestamp;
use crate::token::ring::{Rotated, Rotation};

/// Makes the next signing key: published at once, in use after the policy's overlap, so that whoever keeps a JWKS has it
/// in time. Maintenance does it when it is time for it; call it when it is not. Idempotent while a key is to come.
///
/// # Example: what the old key signed is accepted to its end
/// ```
/// use doorward_core::operation::rotate_keys::RotateKeys;
/// use doorward_core::operation::verify::Verify;
/// # use doorward_core::operation::{issue::Issue, login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// let issue = || Issue::new(session.expose(), "web", "https://api.example");
/// let old = engine.run(issue())??.access;
/// engine.run(RotateKeys::at_once())??;
/// let new = engine.run(issue())??.access;
/// for token in [old, new] {
///     assert!(engine.run(Verify::new(token.expose(), "https://api.example"))?.is_ok());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RotateKeys {
    how: Rotation,
}

impl RotateKeys {
    /// Orderly: the key is used after the overlap.
    pub fn new() -> Self {
        Self { how: Rotation::Orderly }
    }

    /// The key signs from now on; one that is to come signs at once. Whoever keeps a JWKS may refuse its tokens until it
    /// is fetched again.
    pub fn at_once() -> Self {
        Self { how: Rotation::AtOnce }
    }

    /// Orderly, and only when the policy says that it is time, or there is no key that can sign.
    pub fn when_due() -> Self {
        Self { how: Rotation::WhenDue }
    }
}

impl Default for RotateKeys {
    fn default() -> Self {
        Self::new()
    }
}

/// Which key signs, and from when on.
///
/// # Example: nothing to do yet
/// ```
/// use doorward_core::operation::rotate_keys::RotateKeys;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let rotated = engine.run(RotateKeys::when_due())??;
/// assert!(!rotated.is_new);
/// let rotated = engine.run(RotateKeys::new())??;
/// assert!(rotated.is_new);
/// assert_eq!(rotated.active_from.since(engine.now).as_secs(), 24 * 3600);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotatedKeys {
    /// Whether this call has made a key, or brought one forward.
    pub is_new: bool,
    /// From when on the newest key signs. With keys of the host's own: the present.
    pub active_from: Timestamp,
}

/// Why there is no other key. Nothing was changed.
///
/// # Example: what to do
/// ```
/// use doorward_core::operation::rotate_keys::RotateKeysError;
///
/// assert!(RotateKeysError::Full.to_string().contains("wait"));
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RotateKeysError {
    /// More keys than 64 are in use, or were until a moment ago.
    #[error("too many keys are in use: wait until what the oldest signed has ended, or revoke all tokens")]
    Full,
    /// It is not done.
    #[error("the keys are not rotated: {0}")]
    Fault(#[from] Fault),
}

impl Decide for RotateKeys {
    type Outcome = Result<RotatedKeys, RotateKeysError>;

    fn name(&self) -> &'static str {
        "rotate_keys"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        if facts.rows([&Key::Keyring]).is_none() {
            return Ok(Decision::Read(vec![Key::Keyring]));
        }
        let record = keyring_row(facts)?.keyring()?;
        let told = |is_new, record: &KeyringRecord| RotatedKeys {
            is_new,
            active_from: record.signing.last().map_or(cx.now, |newest| newest.active_from),
        };
        Ok(match record.rotated(self.how, cx)? {
            Rotated::AsItIs => Decision::Done(Ok(told(false, record))),
            Rotated::Full => Decision::Done(Err(RotateKeysError::Full)),
            Rotated::To(next) => {
                let told = told(true, &next);
                Decision::Commit(Writes::new().put(Key::Keyring, None, None, next), Ok(told))
            }
        })
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(_) => EventResult::Success,
            Err(RotateKeysError::Full) => EventResult::Refused("full"),
            Err(RotateKeysError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, Subject::default())
    }
}

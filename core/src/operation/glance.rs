//! Recognising who is at the door where nothing has to be written down: what [`Authenticate`] decides by rows that were
//! read, without a machine around it and without a seed. Most requests by far are of this kind.

use alloc::vec::Vec;
use core::fmt;

use crate::event::{EventResult, Subject};
use crate::machine::Environment;
use crate::model::session::{Gone, Holder};
use crate::operation::authenticate::{self, AuthenticateError, Session, Visitor};
use crate::operation::standing::{Standing, keys_at};
use crate::policy::Policy;
use crate::record::{Key, Kind, Row};
use crate::time::Timestamp;
use crate::token::opaque::{Claim, Purpose, TokenError};

#[cfg(doc)]
use crate::operation::authenticate::Authenticate;

/// A session token that was read, and is held against rows.
///
/// # Example: a look, and an operation only where a look does not do
/// ```
/// use doorward_core::operation::authenticate::{Authenticate, Glance};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # use doorward_core::store::Store;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// # let environment = engine.environment.clone();
///
/// let glance = Glance::at(token, &environment)?;
/// let rows = engine.store.read(&glance.keys())?;
/// let session = match glance.of(&rows, engine.now) {
///     Some(outcome) => outcome?,
///     None => engine.run(Authenticate::new(token))??,
/// };
/// assert_eq!(session.account, ada);
///
/// engine.now = session.idle_ends; // over: which is written down before it is said
/// assert!(glance.of(&rows, engine.now).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Glance<'a> {
    claim: Claim<'a>,
    policy: &'a Policy,
}

impl<'a> Glance<'a> {
    /// At this token, as the client sent it.
    ///
    /// # Errors
    /// [`TokenError`]: no rows make it a token of this engine.
    pub fn at(token: &str, environment: &'a Environment) -> Result<Self, TokenError> {
        let claim = Claim::parse(Purpose::Session, token, &environment.keys)?;
        Ok(Self { claim, policy: &environment.policy })
    }

    /// The rows that it is held against: to be read in one snapshot, after the caller began to ask.
    pub fn keys(&self) -> Vec<Key> {
        keys_at(&self.claim)
    }

    /// What [`Authenticate`] says by these rows, in the order of [`Glance::keys`]; `None` when it has to write something
    /// down, or to say what is wrong with the rows.
    pub fn of(&self, rows: &[Option<Row>], now: Timestamp) -> Option<Result<Session, AuthenticateError>> {
        #[cfg(feature = "planted")]
        if self.policy.has_any() {
            return None;
        }
        let (row, account, keyring) = match (self.claim.account, rows) {
            (Some(_), [row, account, keyring]) => (row.as_ref(), Some(account.as_ref()), keyring.as_ref()),
            (None, [row, keyring]) => (row.as_ref(), None, keyring.as_ref()),
            _ => return None,
        };
        // A store that mixes rows up is believed nothing.
        let is_of = |row: Option<&Row>, kind| row.is_none_or(|row| row.record.kind() == kind);
        let fit = is_of(row, Kind::Session) && is_of(account.flatten(), Kind::Account);
        if !fit || !is_of(keyring, Kind::Keyring) {
            return None;
        }
        let holder = account.map_or(Holder::Nobody, Holder::Account);
        match Standing::by(&self.claim, row, holder, keyring, now).ok()? {
            Standing::Unread(_) | Standing::Proven { life: Err(Gone::Idle | Gone::Expired), .. } => None,
            Standing::Absent => Some(Err(Gone::Ended.into())),
            Standing::Forged => Some(Err(TokenError::Forged.into())),
            Standing::Proven { life: Err(gone), .. } => Some(Err(gone.into())),
            Standing::Proven { record, life: Ok(()), .. } => {
                let is_quiet = record.touched(self.policy.touch_every(), now).is_none();
                is_quiet.then(|| Visitor::of(self.claim.session(), self.claim.account, record, now).person())
            }
        }
    }

    /// What the audit trail says of an outcome, under [`Authenticate`]'s name.
    pub fn audit(outcome: &Result<Session, AuthenticateError>) -> (EventResult, Subject) {
        authenticate::audit(outcome)
    }
}

impl fmt::Debug for Glance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Glance(..)")
    }
}

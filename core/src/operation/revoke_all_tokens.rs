//! The last resort: new signing keys now, and every access and refresh token of everybody is dead for every engine.

use alloc::vec;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::operation::standing::keyring_row;
use crate::planted::Planted;
use crate::record::{Key, Row};
use crate::store::Ending;
use crate::token::ring::{Rotated, Rotation};

/// Replaces the signing keys, and ends every access token and every refresh token. Sessions live on, unless they are to
/// end as well. Every other instance knows within its revocation mode's bound.
///
/// Who verifies elsewhere, by a JWKS, accepts a token until it has fetched the new one. A signing key of the host's own is not
/// replaced: no engine accepts what it signed before, but whoever has its public half does, until the host takes it out.
///
/// # Example: a key may be in other hands
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::refresh::Refresh;
/// use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
/// use doorward_core::operation::verify::Verify;
/// # use doorward_core::operation::{issue::Issue, login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// # let session = session.expose();
/// let issued = engine.run(Issue::new(session, "web", "https://api.example").with_refresh())??;
/// engine.run(RevokeAllTokens::new())?;
/// assert!(engine.run(Verify::new(issued.access.expose(), "https://api.example"))?.is_err());
/// let refresh = issued.refresh.ok_or("none was asked for")?;
/// assert!(engine.run(Refresh::new(refresh.expose(), "web"))?.is_err());
/// assert!(engine.run(Authenticate::new(session))?.is_ok());
///
/// engine.run(RevokeAllTokens::new().and_sessions())?;
/// assert!(engine.run(Authenticate::new(session))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct RevokeAllTokens {
    and_sessions: bool,
}

impl RevokeAllTokens {
    /// Of everybody; sessions live on.
    pub fn new() -> Self {
        Self::default()
    }

    /// The sessions of everybody as well.
    #[must_use]
    pub fn and_sessions(mut self) -> Self {
        self.and_sessions = true;
        self
    }
}

impl Decide for RevokeAllTokens {
    type Outcome = ();

    fn name(&self) -> &'static str {
        "revoke_all_tokens"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<()>, Fault> {
        if facts.rows([&Key::Keyring]).is_none() {
            return Ok(Decision::Read(vec![Key::Keyring]));
        }
        let keyring = keyring_row(facts)?;
        Ok(Decision::Commit(revoked(keyring, self.and_sessions, cx)?, ()))
    }

    fn audit(&self, (): &()) -> (EventResult, Subject) {
        (EventResult::Success, Subject::default())
    }
}

/// The keyring under which no token lives that was granted before, nor a session if these are to end.
pub(super) fn revoked(keyring: &Row, and_sessions: bool, cx: &Context<'_>) -> Result<Writes, Fault> {
    let record = keyring.keyring()?;
    let mut next = match record.rotated(Rotation::Only, cx)? {
        Rotated::To(next) => next,
        Rotated::AsItIs | Rotated::Full => record.clone(),
    };
    if cx.policy.has(Planted::RevokeAllSparesTokens) {
        next = record.clone();
    } else {
        next.token_epoch = next.token_epoch.saturating_add(1);
    }
    let until = cx.policy.floor_dies_at(cx.now);
    let writes = Writes::new().journal(Ending::Epoch { key: Key::Keyring, until });
    Ok(if and_sessions {
        writes.put_raised(Key::Keyring, None, None, next)
    } else {
        writes.put(Key::Keyring, None, None, next)
    })
}

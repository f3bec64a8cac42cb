//! Replacing a session's token: the session goes on under a new generation, and the old token is dead at once.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::operation::authenticate::{AuthenticateError, Session, Visitor};
use crate::operation::standing::Entrance;
use crate::token::opaque::SessionToken;

/// Rotates the token of a live session, an anonymous one too: after a change of privilege, or whenever a copy of the old
/// one might exist (ASVS 5.0, 7.2.4).
///
/// # Example: a new token, the same session
/// ```
/// use doorward_core::operation::authenticate::Authenticate;
/// use doorward_core::operation::rotate_session::RotateSession;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let renewed = engine.run(RotateSession::new(token))??;
/// assert_eq!(renewed.session.id(), login.session.id);
/// assert!(engine.run(Authenticate::new(renewed.token.expose()))?.is_ok());
/// assert!(engine.run(Authenticate::new(token))?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RotateSession {
    token: Zeroizing<String>,
}

impl RotateSession {
    /// For the session of this token.
    pub fn new(token: &str) -> Self {
        Self { token: Zeroizing::new(token.into()) }
    }
}

/// A session under its new token. The token is shown here and never again. The session is a [`Session`] where only a
/// person is let in, and a [`Visitor`] where anybody is.
///
/// # Example: what goes where
/// ```
/// use doorward_core::operation::rotate_session::{Renewed, RotateSession};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let token = login.token.expose();
/// let Renewed { token, session } = engine.run(RotateSession::new(token))??;
/// assert!(token.expose().starts_with("dws_")); // into the cookie, in place of the old one
/// assert_eq!(session.account(), Some(ada));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Renewed<S = Session> {
    /// What the client must send from now on.
    pub token: SessionToken,
    /// The session, otherwise as it was.
    pub session: S,
}

impl Decide for RotateSession {
    type Outcome = Result<Renewed<Visitor>, AuthenticateError>;

    fn name(&self) -> &'static str {
        "rotate_session"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        Ok(match Entrance::of_anybody(&self.token, facts, cx)? {
            Entrance::Read(keys) => Decision::Read(keys),
            Entrance::Refused(refusal) => refusal.decision(),
            Entrance::Live(live) => {
                let next = live.record.next_generation(cx.now);
                let (writes, renewed) = live.renew(next, Writes::new(), Visitor::of, cx);
                Decision::Commit(writes, Ok(renewed))
            }
        })
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(renewed) => (EventResult::Success, renewed.session.subject()),
            Err(error) => (error.result(), Subject::default()),
        }
    }
}

impl fmt::Debug for RotateSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotateSession(..)")
    }
}

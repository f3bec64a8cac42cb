//! Revoking one token (RFC 7009): an access token, or a refresh token with all that came of it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::grant::{GrantsRecord, RevokedToken};
use crate::operation::logout::Ended;
use crate::operation::refresh::{Absence, Presented, RefreshError};
use crate::operation::standing::{Live, keyring_row};
use crate::operation::verify::{Kept, Seen, VerifyError};
use crate::planted::Planted;
use crate::record::{Key, Row};
use crate::store::Ending;
use crate::time::Timestamp;
use crate::token::jwt::{Compact, JwtError};
use crate::token::opaque::{REFRESH_PREFIX, TokenError};
use crate::token::terms::{ClientId, TermError};

/// Revokes a token that was issued to this client: one read, one durable commit. A refresh token ends its family, and all
/// access tokens that came of it (RFC 7009, section 2.1); an access token ends alone. The session lives on.
///
/// A token that is none, or opens nothing any more, is no error: what the client wants is true.
///
/// # Example: a client is done with its tokens
/// ```
/// use doorward_core::operation::revoke_token::RevokeToken;
/// use doorward_core::operation::verify::Verify;
/// # use doorward_core::operation::{authenticate::Authenticate, issue::Issue, login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// let issue = Issue::new(session.expose(), "web", "https://api.example").with_refresh();
/// let issued = engine.run(issue)??;
/// let refresh = issued.refresh.ok_or("none was asked for")?;
///
/// engine.run(RevokeToken::new(refresh.expose(), "web"))??;
/// assert!(engine.run(Verify::new(issued.access.expose(), "https://api.example"))?.is_err());
/// assert!(engine.run(Authenticate::new(session.expose()))?.is_ok());
/// assert!(engine.run(RevokeToken::new("no token", "web"))?.is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RevokeToken {
    token: Kept,
    client: Result<ClientId, TermError>,
}

impl RevokeToken {
    /// This token, in the hands of this client.
    pub fn new(token: &str, client: &str) -> Self {
        Self { token: Kept::new(token), client: ClientId::parse(client) }
    }
}

/// Why a token is not revoked. Nothing was changed.
///
/// # Example: somebody else's token
/// ```
/// use doorward_core::operation::revoke_token::{RevokeToken, RevokeTokenError};
/// # use doorward_core::operation::{issue::Issue, login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// # let issued = engine.run(Issue::new(session.expose(), "web", "https://api.example"))??;
/// let refused = engine.run(RevokeToken::new(issued.access.expose(), "another"))?;
/// assert!(matches!(refused, Err(RevokeTokenError::Client)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RevokeTokenError {
    /// It was issued to another client.
    #[error("the token was issued to another client")]
    Client,
    /// The client is none.
    #[error(transparent)]
    Term(#[from] TermError),
    /// It was made under a master key that this engine does not have. Another instance may have it, and accept it.
    #[error("the token is not revoked: it was made under a master key that this engine does not have")]
    UnknownKey,
    /// More access tokens of one session are revoked than are remembered.
    #[error("the token is not revoked: too many of its session are; log it out instead")]
    TooMany,
    /// It is not done.
    #[error("the token is not revoked: {0}")]
    Fault(#[from] Fault),
}

/// What is known of the token.
enum Found<'a> {
    Unread(Vec<Key>),
    /// It opens nothing.
    Nothing,
    UnknownKey,
    /// Its session is over by its time: it must be over for an instance that is behind, too, before that is said.
    Over(Writes),
    Of(&'a ClientId, Live<'a>, Revocation),
}

/// What its revocation makes of the session's grants, and what the journal is told.
struct Revocation {
    grants: Option<GrantsRecord>,
    ending: Ending,
}

impl Decide for RevokeToken {
    type Outcome = Result<Ended, RevokeTokenError>;

    fn name(&self) -> &'static str {
        "revoke_token"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error: RevokeTokenError| Ok(Decision::Done(Err(error)));
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return refused((*error).into()),
        };
        let seen;
        let found = if self.token.text.starts_with(REFRESH_PREFIX) {
            refresh_token(&self.token.text, facts, cx)?
        } else {
            let mark = mark(facts)?;
            seen = Seen::of(self.token.digested(), None, facts, &cx.furthest_behind(mark))?;
            access_token(&self.token.text, &seen, mark, facts, cx)?
        };
        Ok(match found {
            Found::Unread(keys) => Decision::Read(keys),
            Found::Nothing => Decision::Done(Ok(Ended::AlreadyGone)),
            Found::UnknownKey => Decision::Done(Err(RevokeTokenError::UnknownKey)),
            Found::Over(writes) => Decision::Commit(writes, Ok(Ended::AlreadyGone)),
            Found::Of(owner, ..) if owner != client => Decision::Done(Err(RevokeTokenError::Client)),
            Found::Of(_, _, Revocation { grants: None, .. }) => {
                Decision::Done(Err(RevokeTokenError::TooMany))
            }
            Found::Of(_, live, Revocation { grants: Some(grants), ending }) => {
                Decision::Commit(live.granted(grants).journal(ending), Ok(Ended::Ended))
            }
        })
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        outcome.is_ok()
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        let result = match outcome {
            Ok(_) => EventResult::Success,
            Err(RevokeTokenError::Client) => EventResult::Refused("client"),
            Err(RevokeTokenError::Term(_)) => EventResult::Refused("term"),
            Err(RevokeTokenError::UnknownKey) => EventResult::Refused("unknown key"),
            Err(RevokeTokenError::TooMany) => EventResult::Refused("too many"),
            Err(RevokeTokenError::Fault(fault)) => EventResult::Failed(fault.word()),
        };
        (result, Subject::default())
    }
}

/// Any token of the family will do, an old one too: taking away is always safe.
fn refresh_token<'a>(token: &str, facts: &'a Facts, cx: &Context<'_>) -> Result<Found<'a>, Fault> {
    let Presented { live, grants, family, .. } = match Presented::of(token, facts, cx)? {
        Ok(presented) => presented,
        Err(Absence::Unread(keys)) => return Ok(Found::Unread(keys)),
        Err(Absence::Refused(RefreshError::Token(TokenError::Key))) => return Ok(Found::UnknownKey),
        Err(Absence::Refused(_)) => return Ok(Found::Nothing),
        Err(Absence::Over(..)) if cx.policy.has(Planted::RevokedLateIsLeft) => return Ok(Found::Nothing),
        Err(Absence::Over(_, writes)) => return Ok(Found::Over(writes)),
    };
    let ending = Ending::Grant { grant: family.id, until: live.revocation_dies_at(cx) };
    let lives = cx.policy.has(Planted::RevokedFamilyLives);
    let grants = Some(if lives { grants.clone() } else { grants.clone().without(family.number) });
    Ok(Found::Of(&family.client, live, Revocation { grants, ending }))
}

/// How late it was by the store's mark; longer ago than anything where there is none, or it is not read yet.
fn mark(facts: &Facts) -> Result<Timestamp, Fault> {
    let row = facts.rows([&Key::Clock]).and_then(|[row]| row);
    let mark = row.map(Row::clock).transpose()?.map(|seen| seen.highest);
    Ok(mark.unwrap_or(Timestamp::from_millis(i64::MIN)))
}

/// It is over when no clock can find it alive: until then it is revoked, whatever this one says.
fn access_token<'a>(
    token: &str,
    seen: &'a Seen,
    mark: Timestamp,
    facts: &'a Facts,
    cx: &Context<'_>,
) -> Result<Found<'a>, Fault> {
    let behind = cx.furthest_behind(mark);
    let access = match seen {
        Seen::Unread(keys) => return Ok(Found::Unread(keys.iter().cloned().chain([Key::Clock]).collect())),
        Seen::Refused(VerifyError::Fault(fault)) => return Err(fault.clone()),
        Seen::Refused(VerifyError::Token(JwtError::UnknownKey)) => {
            // The store knows the key: it is its master key that this engine lacks.
            let kid = Compact::parse(token).map(|said| String::from(said.kid())).unwrap_or_default();
            let state = keyring_row(facts)?.keyring()?.state_of(&kid, cx.policy, behind.now);
            return Ok(state.map_or(Found::Nothing, |_| Found::UnknownKey));
        }
        Seen::Refused(_) => return Ok(Found::Nothing),
        Seen::Proven(proven) => proven.access(),
    };
    let session = Key::Session(access.session);
    let Some([Some(row), grants]) = facts.rows([&session, &Key::Grants(access.session)]) else {
        return Ok(Found::Nothing);
    };
    if let Err(gone) = access.present(facts, &behind)? {
        // It was shortened since: where no store is asked, the token outlives it.
        return Ok(access.over(gone, facts, cx)?.map_or(Found::Nothing, Found::Over));
    }
    // By its own end: the clock may have stepped back since it was issued. And later than that, by as much as it may yet step
    // back across a restart: it would find the token alive.
    let dead = access.expires.saturating_add(cx.policy.access_outlives_end());
    let until = dead.saturating_add(cx.policy.restart_sets_back());
    let token = RevokedToken { id: access.token, until };
    let grants = grants.map(Row::grants).transpose()?.cloned().unwrap_or_default();
    let live = Live { id: access.session, account: access.account, record: row.session()? };
    let ending = Ending::Grant { grant: access.token, until };
    let grants = grants.revoking(token, cx.now.min(mark));
    Ok(Found::Of(&access.client, live, Revocation { grants, ending }))
}

impl fmt::Debug for RevokeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevokeToken").field("client", &self.client).finish_non_exhaustive()
    }
}

//! Refreshing: a refresh token is used once, and gives the next one and an access token. What comes back a second time says
//! that somebody holds a copy, and ends the session.

use alloc::string::String;

use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::{AccountId, SessionId};
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::grant::{Family, GrantsRecord, Turn};
use crate::model::keyring::Epochs;
use crate::model::session::{Gone, Holder};
use crate::operation::issue::Issued;
use crate::operation::minting::{Minting, Unissuable, may_add};
use crate::operation::standing::{Live, end, keyring_row};
use crate::planted::Planted;
use crate::record::Key;
use crate::token::opaque::{Claim, Purpose, TokenError};
use crate::token::terms::{Audience, ClientId, Scope, TermError};

/// Uses a refresh token: one read, one signature, one durable commit. It counts as an activity of the session.
///
/// The same token again within the policy's grace gives the same successor (and another access token): the answer was
/// lost, and its client asks again. Later than that it is reuse, whatever it asks for: RFC 9700, section 4.14.2.
///
/// # Example: once, once more because the answer was lost, and never again
/// ```
/// use core::time::Duration;
/// use doorward_core::operation::issue::Issue;
/// use doorward_core::operation::refresh::{Refresh, RefreshError};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// let issue = Issue::new(session.expose(), "web", "https://api.example").with_refresh();
/// let first = engine.run(issue)??.refresh.ok_or("none was asked for")?;
///
/// let next = engine.run(Refresh::new(first.expose(), "web"))??.refresh.ok_or("there always is")?;
/// let again = engine.run(Refresh::new(first.expose(), "web"))??.refresh.ok_or("there always is")?;
/// assert_eq!(next.expose(), again.expose());
///
/// engine.now = engine.now.saturating_add(Duration::from_mins(1)); // no client waits that long for an answer
/// assert!(matches!(engine.run(Refresh::new(first.expose(), "web"))?, Err(RefreshError::Reused { .. })));
/// assert!(engine.run(Refresh::new(next.expose(), "web"))?.is_err()); // thief and owner alike must log in again
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Refresh {
    token: Zeroizing<String>,
    client: Result<ClientId, TermError>,
    scope: Option<Scope>,
    audience: Vec<Result<Audience, TermError>>,
    claims: Map<String, Value>,
}

impl Refresh {
    /// This token, in the hands of this client.
    pub fn new(token: &str, client: &str) -> Self {
        Self {
            token: Zeroizing::new(token.into()),
            client: ClientId::parse(client),
            scope: None,
            audience: Vec::new(),
            claims: Map::new(),
        }
    }

    /// What this access token is to allow: at most what the family was granted, which stays as it is (RFC 6749, section
    /// 6). Without it: all of that.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// For this audience only, or these: of those that the family was granted. Without it: all of them.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audience.push(Audience::parse(audience));
        self
    }

    /// A claim of the host's own in this access token: no registered one, and 2 KiB of them at most.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }
}

/// Why there are no new tokens.
///
/// # Example: what the client is to do
/// ```
/// use doorward_core::model::session::Gone;
/// use doorward_core::operation::refresh::RefreshError;
///
/// /// The `error` of RFC 6749, section 5.2.
/// fn code(error: &RefreshError) -> &'static str {
///     match error {
///         RefreshError::Scope => "invalid_scope",
///         RefreshError::Term(_) | RefreshError::Claims => "invalid_request",
///         RefreshError::Conflict => "temporarily_unavailable", // the next token is there already: look for it
///         RefreshError::Fault(_) | RefreshError::NoKey => "server_error",
///         _ => "invalid_grant", // log in again
///     }
/// }
/// assert_eq!(code(&Gone::Ended.into()), "invalid_grant");
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// It is no refresh token of ours.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Its session or its family is over.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// It was used before: somebody holds a copy. The session is over, by the commit before this was said.
    #[error("a refresh token was used twice: the session has ended, log in again")]
    Reused {
        /// Whose: somebody should be told.
        account: AccountId,
        /// The session that has ended.
        session: SessionId,
    },
    /// It was used a moment ago, by a client whose answer may be on its way. Nothing was changed.
    #[error("the token was used a moment ago: use the one that was given for it")]
    Conflict,
    /// It was issued to another client. Nothing was changed.
    #[error("the token was issued to another client")]
    Client,
    /// It asks for more than its family was granted. Nothing was changed.
    #[error("the scope or audience is wider than what was granted: ask for less, or issue anew")]
    Scope,
    /// Client or audience are none.
    #[error(transparent)]
    Term(#[from] TermError),
    /// The host's claims have registered names, or are too many.
    #[error("claims must not have registered names, and fit a token")]
    Claims,
    /// The store has no key to sign with that this engine may use.
    #[error("there is no key to sign with: rotate the keys")]
    NoKey,
    /// It could not be decided. After [`Fault::Unresolved`] the token may be used: try again with it within the grace.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Unissuable> for RefreshError {
    fn from(why: Unissuable) -> Self {
        match why {
            Unissuable::NoKey => Self::NoKey,
            Unissuable::Over(gone) => gone.into(),
            Unissuable::TooLarge => Self::Claims,
        }
    }
}

impl Decide for Refresh {
    type Outcome = Result<Issued, RefreshError>;

    fn name(&self) -> &'static str {
        "refresh"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error: RefreshError| Ok(Decision::Done(Err(error)));
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return refused((*error).into()),
        };
        let asked: Vec<Audience> = match self.audience.iter().cloned().collect() {
            Ok(audience) => audience,
            Err(error) => return refused(TermError::into(error)),
        };
        if !may_add(&self.claims) {
            return refused(RefreshError::Claims);
        }
        let presented = match Presented::of(&self.token, facts, cx)? {
            Ok(presented) => presented,
            Err(Absence::Unread(keys)) => return Ok(Decision::Read(keys)),
            Err(Absence::Refused(error)) => return refused(error),
            Err(Absence::Over(gone, writes)) => return Ok(Decision::Commit(writes, Err(gone.into()))),
        };
        let Presented { live, grants, family, generation } = presented;
        if family.client != *client && !cx.policy.has(Planted::ClientIgnored) {
            return refused(RefreshError::Client);
        }
        // Its turn comes first: a copy that asks for more than was granted is a copy.
        let turn = family.turn(generation, cx.policy.tokens().grace, cx.policy.max_skew(), cx.now);
        #[cfg(feature = "planted")]
        let turn = turn.planted(cx);
        let next = match turn {
            Turn::Next => match family.next(cx.now) {
                Some(next) => next,
                None => return Ok(live.over(Err(Gone::Expired.into()), cx)),
            },
            Turn::Again => family.clone(),
            Turn::Conflict => return refused(RefreshError::Conflict),
            Turn::Unknown => return refused(Gone::Ended.into()),
            Turn::Reuse => {
                let writes = end(live.id, Some(live.account), live.record, Writes::new(), cx);
                let (account, session) = (live.account, live.id);
                return Ok(Decision::Commit(writes, Err(RefreshError::Reused { account, session })));
            }
        };
        let audience = if asked.is_empty() { &family.audience } else { &asked };
        let scope = self.scope.as_ref().unwrap_or(&family.scope);
        let is_granted = scope.is_within(&family.scope)
            && audience.iter().all(|audience| family.audience.contains(audience));
        if !is_granted && !cx.policy.has(Planted::RefreshWidens) {
            return refused(RefreshError::Scope);
        }
        let minting = Minting {
            account: live.account,
            session: live.id,
            record: live.record,
            epochs: family.epochs,
            client,
            audience,
            scope,
            family: Some(family.id),
            claims: &self.claims,
        };
        let refresh = next.token(live.account, live.id, cx);
        let issued = match minting.issued(Some(refresh), facts, cx)? {
            Ok(issued) => issued,
            Err(unissued) => return Ok(unissued.decision(&live, cx)),
        };
        Ok(match turn {
            Turn::Next => Decision::Commit(live.used(grants.clone().moved_on(next), cx), Ok(issued)),
            Turn::Again | Turn::Conflict | Turn::Reuse | Turn::Unknown => {
                live.for_anybody().touched(Ok(issued), cx)
            }
        })
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(issued) => (EventResult::Success, issued.subject()),
            Err(error @ RefreshError::Reused { account, session }) => {
                let subject =
                    Subject { account: Some(*account), session: Some(*session), ..Subject::default() };
                (error.result(), subject)
            }
            Err(error) => (error.result(), Subject::default()),
        }
    }
}

impl RefreshError {
    fn result(&self) -> EventResult {
        EventResult::Refused(match self {
            Self::Token(_) => "token",
            Self::Gone(_) => "gone",
            Self::Reused { .. } => "reused",
            Self::Conflict => "conflict",
            Self::Client => "client",
            Self::Scope => "scope",
            Self::Term(_) => "term",
            Self::Claims => "claims",
            Self::NoKey => "no key",
            Self::Fault(fault) => return EventResult::Failed(fault.word()),
        })
    }
}

/// A refresh token that was made for a family which lives, and its turn is yet to be judged.
pub(super) struct Presented<'a> {
    pub(super) live: Live<'a>,
    pub(super) grants: &'a GrantsRecord,
    pub(super) family: &'a Family,
    pub(super) generation: u32,
}

/// Why there is none.
pub(super) enum Absence {
    /// These rows must be read first, in one snapshot.
    Unread(Vec<Key>),
    /// It opens nothing.
    Refused(RefreshError),
    /// Its session is seen over by its own time, and so goes for good.
    Over(Gone, Writes),
}

impl<'a> Presented<'a> {
    pub(super) fn of(
        token: &str,
        facts: &'a Facts,
        cx: &Context<'_>,
    ) -> Result<Result<Self, Absence>, Fault> {
        let refused = |error: RefreshError| Ok(Err(Absence::Refused(error)));
        let claim = match Claim::parse(Purpose::Refresh, token, cx.keys) {
            Ok(claim) => claim,
            Err(error) => return refused(error.into()),
        };
        let (id, Some(account)) = (claim.session(), claim.account) else {
            return refused(TokenError::Forged.into());
        };
        let keys = [Key::Session(id), Key::Account(account), Key::Keyring, Key::Grants(id)];
        let Some([session, account_row, _, grants]) = facts.rows(keys.each_ref()) else {
            return Ok(Err(Absence::Unread(keys.into())));
        };
        let keyring = keyring_row(facts)?;
        let (Some(session), Some(grants)) = (session, grants) else {
            return refused(Gone::Ended.into());
        };
        let (record, grants) = (session.session()?, grants.grants()?);
        let (number, generation) = claim.family();
        let Some(family) = grants.family(number) else {
            return refused(Gone::Ended.into());
        };
        // The proof comes first: nothing that follows may be told to who did not receive the token.
        if !claim.proven_by(&family.salt) || session.owner != Some(account) {
            return refused(TokenError::Forged.into());
        }
        let live = Live { id, account, record };
        match record.present(Holder::Account(account_row), keyring, cx.now) {
            Ok(()) => {}
            Err(gone @ (Gone::Idle | Gone::Expired)) => {
                return Ok(Err(Absence::Over(gone, end(id, session.owner, record, Writes::new(), cx))));
            }
            Err(gone) => return refused(gone.into()),
        }
        if family.epochs != Epochs::now(account_row, keyring)? && !cx.policy.has(Planted::FamilyEpochsIgnored)
        {
            return refused(Gone::Revoked.into());
        }
        Ok(Ok(Self { live, grants, family, generation }))
    }
}

#[cfg(feature = "planted")]
impl Turn {
    /// What a planted bug makes of it.
    fn planted(self, cx: &Context<'_>) -> Self {
        match self {
            Self::Reuse if cx.policy.has(Planted::ReuseIsAgain) => Self::Again,
            Self::Reuse if cx.policy.has(Planted::ReuseIsSpared) => Self::Conflict,
            Self::Again | Self::Reuse if cx.policy.has(Planted::ParentRotatesAgain) => Self::Next,
            turn => turn,
        }
    }
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh").field("client", &self.client).finish_non_exhaustive()
    }
}

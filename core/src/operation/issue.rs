//! Turning a session into tokens: an access token, and a refresh token if asked for.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::{AccountId, GrantId, SessionId};
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::grant::{Family, GrantsRecord};
use crate::model::keyring::Epochs;
use crate::model::session::Gone;
use crate::operation::authenticate::AuthenticateError;
use crate::operation::minting::{MOST_AUDIENCES, MOST_CLAIM_BYTES, Minting, Unissuable, may_add};
use crate::operation::standing::{Entrance, Live, keyring_row, latest_grant};
use crate::planted::Planted;
use crate::record::{Key, Row};
use crate::store::Ending;
use crate::time::Timestamp;
use crate::token::jwt::AccessToken;
use crate::token::opaque::{self, RefreshToken, TokenError};
use crate::token::terms::{Audience, ClientId, Scope, TermError};

/// Issues an access token for the session of a token: one read, one signature. With a refresh token, one durable commit
/// as well.
///
/// # Example: a token for an API, and one to come back with
/// ```
/// use doorward_core::operation::issue::Issue;
/// use doorward_core::operation::verify::Verify;
/// use doorward_core::token::terms::Scope;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
///
/// let scope = Scope::parse("read write")?; // what this session's tokens may allow at most
/// let login = engine.run(Login::new("ada", "plum kettle orbit").scope(scope))??;
/// let issue = Issue::new(login.token.expose(), "web", "https://api.example");
/// let issued = engine.run(issue.scope(Scope::parse("read")?).claim("tenant", "acme").with_refresh())??;
///
/// let proven = engine.run(Verify::new(issued.access.expose(), "https://api.example"))??;
/// let access = proven.access();
/// assert_eq!((access.scope.as_str(), access.claims["tenant"].as_str()), ("read", Some("acme")));
/// assert!(issued.refresh.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Issue {
    token: Zeroizing<String>,
    client: Result<ClientId, TermError>,
    audience: Vec<Result<Audience, TermError>>,
    scope: Option<Scope>,
    claims: Map<String, Value>,
    with_refresh: bool,
}

impl Issue {
    /// For the session of this token, to this client, for this audience.
    pub fn new(token: &str, client: &str, audience: &str) -> Self {
        Self {
            token: Zeroizing::new(token.into()),
            client: ClientId::parse(client),
            audience: vec![Audience::parse(audience)],
            scope: None,
            claims: Map::new(),
            with_refresh: false,
        }
    }

    /// For one more audience. A token for several can be used by each of them at the others.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audience.push(Audience::parse(audience));
        self
    }

    /// What it is to allow. Without it: all that the session was granted at its login.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// A claim of the host's own: no registered one, and 2 KiB of them at most. Whoever holds the token reads them.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// With a refresh token, which opens a family of the session's.
    #[must_use]
    pub fn with_refresh(mut self) -> Self {
        self.with_refresh = true;
        self
    }
}

/// Tokens that were just made. They are shown here and never again: nothing of them is stored.
///
/// # Example: the members of a token response (RFC 6749, section 5.1)
/// ```
/// use doorward_core::operation::issue::{Issue, Issued};
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// let Issued { access, expires, scope, refresh, .. } =
///     engine.run(Issue::new(session.expose(), "web", "https://api.example"))??;
/// let expires_in = expires.since(engine.now).as_secs();
/// assert_eq!((expires_in, scope.as_str(), refresh.is_some()), (600, "", false));
/// assert_eq!(access.expose().split('.').count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Issued {
    /// The access token.
    pub access: AccessToken,
    /// Its `jti`.
    pub token: GrantId,
    /// When it ends: never after its session.
    pub expires: Timestamp,
    /// What it allows.
    pub scope: Scope,
    /// The refresh token, if it was asked for.
    pub refresh: Option<RefreshToken>,
    /// Whose they are.
    pub account: AccountId,
    /// Of which session.
    pub session: SessionId,
}

/// Why no token was issued. Nothing was granted.
///
/// # Example: more than the session was granted
/// ```
/// use doorward_core::operation::issue::{Issue, IssueError};
/// use doorward_core::token::terms::Scope;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token; // without a scope
/// let issue = Issue::new(session.expose(), "web", "https://api.example").scope(Scope::parse("admin")?);
/// assert!(matches!(engine.run(issue)?, Err(IssueError::Scope)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// It is no token of ours.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The session is over.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The session is nobody's: log in first.
    #[error("the session is anonymous: log in first")]
    Anonymous,
    /// Client or audience are none.
    #[error(transparent)]
    Term(#[from] TermError),
    /// It asks for more than the session was granted.
    #[error("the scope is wider than what the session was granted: ask for less, or log in with more")]
    Scope,
    /// The host's claims have registered names, or are too many; or there are more than 8 audiences.
    #[error(
        "claims must not have registered names, nor be more than {MOST_CLAIM_BYTES} bytes; {MOST_AUDIENCES} audiences at most"
    )]
    Claims,
    /// The store has no key to sign with that this engine may use.
    #[error("there is no key to sign with: rotate the keys")]
    NoKey,
    /// It could not be decided, which means no.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl IssueError {
    pub(super) fn result(&self) -> EventResult {
        EventResult::Refused(match self {
            Self::Token(_) => "token",
            Self::Gone(_) => "gone",
            Self::Anonymous => "anonymous",
            Self::Term(_) => "term",
            Self::Scope => "scope",
            Self::Claims => "claims",
            Self::NoKey => "no key",
            Self::Fault(fault) => return EventResult::Failed(fault.word()),
        })
    }
}

impl From<AuthenticateError> for IssueError {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::Token(error) => error.into(),
            AuthenticateError::Gone(gone) => gone.into(),
            AuthenticateError::Anonymous(_) => Self::Anonymous,
            AuthenticateError::Fault(fault) => fault.into(),
        }
    }
}

impl From<Unissuable> for IssueError {
    fn from(why: Unissuable) -> Self {
        match why {
            Unissuable::NoKey => Self::NoKey,
            Unissuable::Over(gone) => gone.into(),
            Unissuable::TooLarge => Self::Claims,
        }
    }
}

impl Decide for Issue {
    type Outcome = Result<Issued, IssueError>;

    fn name(&self) -> &'static str {
        "issue"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let refused = |error: IssueError| Ok(Decision::Done(Err(error)));
        let client = match &self.client {
            Ok(client) => client,
            Err(error) => return refused((*error).into()),
        };
        let audience: Vec<Audience> = match self.audience.iter().cloned().collect() {
            Ok(audience) => audience,
            Err(error) => return refused(TermError::into(error)),
        };
        if audience.len() > MOST_AUDIENCES || !may_add(&self.claims) {
            return refused(IssueError::Claims);
        }
        let (live, grants) = match Entrance::with_grants(&self.token, self.with_refresh, facts, cx)? {
            (Entrance::Read(keys), _) => return Ok(Decision::Read(keys)),
            (Entrance::Refused(refusal), _) => return Ok(refusal.decision()),
            (Entrance::Live(live), grants) => (live, grants),
        };
        let scope = self.scope.as_ref().unwrap_or(&live.record.scope);
        if !scope.is_within(&live.record.scope) && !cx.policy.has(Planted::IssueWidens) {
            return refused(IssueError::Scope);
        }
        let keyring = keyring_row(facts)?;
        let epochs = Epochs {
            account: live.record.account_epoch,
            global: live.record.global_epoch,
            tokens: keyring.keyring()?.token_epoch,
        };
        let grants = grants.map(Row::grants).transpose()?.cloned().unwrap_or_default();
        let family = self.with_refresh.then(|| Family {
            number: grants.opened,
            id: GrantId::from_bytes(cx.bytes("family")),
            salt: cx.bytes("family salt"),
            generation: 1,
            rotated: cx.now,
            epochs,
            client: client.clone(),
            audience: audience.clone(),
            scope: scope.clone(),
        });
        let minting = Minting {
            account: live.account,
            session: live.id,
            record: live.record,
            epochs,
            client,
            audience: &audience,
            scope,
            family: family.as_ref().map(|family| family.id),
            claims: &self.claims,
        };
        let refresh = family.as_ref().map(|family| family.token(live.account, live.id, cx));
        let issued = match minting.issued(refresh, facts, cx)? {
            Ok(issued) => issued,
            Err(unissued) => return Ok(unissued.decision(&live, cx)),
        };
        Ok(match family {
            None => live.for_anybody().touched(Ok(issued), cx),
            Some(family) => Decision::Commit(opened(&live, grants, family, cx), Ok(issued)),
        })
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(issued) => (EventResult::Success, issued.subject()),
            Err(error) => (error.result(), Subject::default()),
        }
    }
}

impl Issued {
    pub(super) fn subject(&self) -> Subject {
        Subject { account: Some(self.account), session: Some(self.session), ..Subject::default() }
    }
}

impl Family {
    /// Its latest token.
    pub(super) fn token(&self, account: AccountId, session: SessionId, cx: &Context<'_>) -> RefreshToken {
        opaque::mint_refresh(cx.keys, account, session, (self.number, self.generation), &self.salt)
    }
}

/// The session has this family as well, and the one that it pushes out is over.
fn opened(live: &Live<'_>, grants: GrantsRecord, family: Family, cx: &Context<'_>) -> Writes {
    let most = usize::try_from(cx.policy.tokens().families).unwrap_or(usize::MAX);
    let most = if cx.policy.has(Planted::FamiliesUnbounded) { usize::MAX } else { most };
    let (grants, pushed_out) = grants.with(family, most);
    let until = live.revocation_dies_at(cx);
    let over = pushed_out.into_iter().map(|grant| Ending::Grant { grant, until });
    over.fold(live.used(grants, cx), Writes::journal)
}

impl Live<'_> {
    /// When nobody need know any more that one of its families is over: the last access token that came of it is dead for every
    /// clock, one that is set back across a restart included.
    pub(super) fn revocation_dies_at(&self, cx: &Context<'_>) -> Timestamp {
        cx.policy.revocation_dies_at(latest_grant(self.record, cx))
    }

    /// What the session has granted by now; and it was active.
    pub(super) fn used(&self, grants: GrantsRecord, cx: &Context<'_>) -> Writes {
        let writes = self.granted(grants);
        match self.record.touched(cx.policy.touch_every(), cx.now) {
            Some(record) => self.put(record, writes),
            None => writes,
        }
    }

    /// What the session has granted by now.
    pub(super) fn granted(&self, grants: GrantsRecord) -> Writes {
        let absolute_end = Some(self.record.absolute_end);
        Writes::new().put(Key::Grants(self.id), Some(self.account), absolute_end, grants)
    }
}

impl fmt::Debug for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issue").field("client", &self.client).finish_non_exhaustive()
    }
}

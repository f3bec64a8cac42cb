//! What the operations about tokens told.

use doorward_core::error::Fault;
use doorward_core::id::{AccountId, GrantId, SessionId};
use doorward_core::operation::introspect::{Introspect, Introspection};
use doorward_core::operation::issue::{Issue, IssueError, Issued};
use doorward_core::operation::jwks::{Jwks, PublishedKeys};
use doorward_core::operation::refresh::{Refresh, RefreshError};
use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward_core::operation::revoke_token::{RevokeToken, RevokeTokenError};
use doorward_core::operation::rotate_keys::{RotateKeys, RotateKeysError};
use doorward_core::operation::verify::{Proven, Verify, VerifyError};
use doorward_core::time::Timestamp;
use doorward_core::token::jwt::JwtError;

use super::{Answer, Simulated, Told, other};

/// What is told of tokens that were just made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    pub(crate) account: AccountId,
    pub(crate) session: SessionId,
    pub(crate) scope: String,
    /// When the access token ends; as it is judged: when its session does.
    pub(crate) ends: Timestamp,
    pub(crate) has_refresh: bool,
}

/// What is told of an access token that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(crate) token: GrantId,
    pub(crate) account: AccountId,
    pub(crate) session: SessionId,
    pub(crate) client: String,
    pub(crate) audience: Vec<String>,
    pub(crate) scope: String,
    pub(crate) ends: Timestamp,
}

/// What is told to a service that asks: scope, client and end, in seconds.
pub(crate) type Members = (String, String, i64);

/// What is wrong with an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flaw {
    /// No key of ours made it.
    Forged,
    /// Its key is none, or none any more.
    Key,
    Expired,
    Audience,
}

impl Simulated for Issue {
    fn told(outcome: Self::Outcome) -> Result<Told, Fault> {
        match outcome {
            Ok(issued) => Ok(granted(issued)),
            Err(IssueError::Token(_)) => Ok(Answer::BadToken.into()),
            Err(IssueError::Gone(gone)) => Ok(Answer::Gone(gone).into()),
            Err(IssueError::Anonymous) => Ok(Answer::Anonymous(None).into()),
            Err(IssueError::Scope) => Ok(Answer::TooWide.into()),
            Err(IssueError::Fault(fault)) => Err(fault),
            Err(error) => Ok(other(error)),
        }
    }
}

impl Simulated for Refresh {
    fn told(outcome: Self::Outcome) -> Result<Told, Fault> {
        match outcome {
            Ok(issued) => Ok(granted(issued)),
            Err(RefreshError::Token(_)) => Ok(Answer::BadToken.into()),
            Err(RefreshError::Gone(gone)) => Ok(Answer::Gone(gone).into()),
            Err(RefreshError::Reused { .. }) => Ok(Answer::Reused.into()),
            Err(RefreshError::Conflict) => Ok(Answer::Conflict.into()),
            Err(RefreshError::Client) => Ok(Answer::OtherClient.into()),
            Err(RefreshError::Scope) => Ok(Answer::TooWide.into()),
            Err(RefreshError::Fault(fault)) => Err(fault),
            Err(error) => Ok(other(error)),
        }
    }
}

impl Simulated for Verify {
    fn told(outcome: Self::Outcome) -> Result<Told, Fault> {
        match outcome {
            Ok(proven) => {
                let answer = Answer::Verified(Seen::of(&proven));
                Ok(Told { proven: Some(proven), ..answer.into() })
            }
            Err(VerifyError::Token(error)) => Ok(Answer::Unfit(Flaw::of(error)).into()),
            Err(VerifyError::Gone(gone)) => Ok(Answer::Gone(gone).into()),
            Err(VerifyError::Fault(fault)) => Err(fault),
            Err(error) => Ok(other(error)),
        }
    }
}

impl Simulated for Introspect {
    fn told(outcome: Introspection) -> Result<Told, Fault> {
        let text = |name| outcome.members().get(name).and_then(|value| value.as_str()).unwrap_or_default();
        let ends = outcome.members().get("exp").map_or(0, |value| value.as_i64().unwrap_or_default());
        let members = (text("scope").to_owned(), text("client_id").to_owned(), ends);
        let is_silent = outcome.members().len() == 1;
        Ok(match outcome.is_active() {
            true => Answer::Active(members).into(),
            false if is_silent => Answer::Inactive.into(),
            false => other("more is told of a token than that it is not active"),
        })
    }
}

impl Simulated for RevokeToken {
    fn told(outcome: Self::Outcome) -> Result<Told, Fault> {
        match outcome {
            Ok(ended) => Ok(Answer::Ended(ended).into()),
            Err(RevokeTokenError::Client) => Ok(Answer::OtherClient.into()),
            Err(RevokeTokenError::UnknownKey) => Ok(Answer::BadToken.into()),
            Err(RevokeTokenError::Fault(fault)) => Err(fault),
            Err(error) => Ok(other(error)),
        }
    }
}

impl Simulated for RotateKeys {
    fn told(outcome: Self::Outcome) -> Result<Told, Fault> {
        match outcome {
            Ok(rotated) => Ok(Answer::Rotated(rotated.is_new, rotated.active_from).into()),
            Err(RotateKeysError::Fault(fault)) => Err(fault),
            Err(error) => Ok(other(error)),
        }
    }
}

impl Simulated for RevokeAllTokens {
    fn told((): ()) -> Result<Told, Fault> {
        Ok(Answer::Done.into())
    }
}

impl Simulated for Jwks {
    fn told(published: PublishedKeys) -> Result<Told, Fault> {
        let names = published.keys.keys.into_iter().map(|key| key.common.key_id.unwrap_or_default());
        Ok(Answer::Published(names.collect()).into())
    }
}

impl Seen {
    fn of(proven: &Proven) -> Self {
        let access = proven.access();
        Self {
            token: access.token,
            account: access.account,
            session: access.session,
            client: access.client.as_str().to_owned(),
            audience: access.audience.clone(),
            scope: access.scope.as_str().to_owned(),
            ends: access.expires,
        }
    }
}

impl Flaw {
    fn of(error: JwtError) -> Self {
        match error {
            JwtError::UnknownKey => Self::Key,
            JwtError::Expired => Self::Expired,
            JwtError::Audience => Self::Audience,
            _ => Self::Forged,
        }
    }
}

fn granted(issued: Issued) -> Told {
    let grant = Grant {
        account: issued.account,
        session: issued.session,
        scope: issued.scope.as_str().to_owned(),
        ends: issued.expires,
        has_refresh: issued.refresh.is_some(),
    };
    Told { issued: Some(issued), ..Answer::Issued(grant).into() }
}

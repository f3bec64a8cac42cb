//! Saying what a token is (RFC 7662), to a resource server or a client that asks.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value};

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::machine::{Context, Decide, Decision};
use crate::model::grant::Turn;
use crate::operation::refresh::{Absence, Presented};
use crate::operation::verify::{Kept, Seen, VerifyError};
use crate::time::Timestamp;
use crate::token::opaque::REFRESH_PREFIX;

/// Looks at an access token or a refresh token, in one read. Whoever may ask is the host's affair: the answer tells whose
/// the token is.
///
/// # Example: the answer of an introspection endpoint
/// ```
/// use doorward_core::operation::introspect::Introspect;
/// # use doorward_core::operation::{issue::Issue, login::Login, logout::Logout, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// # let issued = engine.run(Issue::new(session.expose(), "web", "https://api.example"))??;
/// let token = issued.access.expose();
/// let answer = engine.run(Introspect::new(token).audience("https://api.example"))?;
/// assert_eq!(answer.members()["sub"].as_str(), Some(ada.to_string().as_str()));
///
/// engine.run(Logout::new(session.expose()))??;
/// assert_eq!(engine.run(Introspect::new(token))?.to_json(), r#"{"active":false}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Introspect {
    token: Kept,
    audience: Option<String>,
}

impl Introspect {
    /// This token.
    pub fn new(token: &str) -> Self {
        Self { token: Kept::new(token), audience: None }
    }

    /// As it is for this resource server: a token for others is not active for it (RFC 7662, section 4), and a refresh
    /// token is for none (RFC 6749, section 1.5). Without it: for any, and a refresh token is told as well, by the one mark
    /// that it has no `token_type`. So whoever answers resource servers says which one asks.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.into());
        self
    }

    fn is_for(&self, audience: &[String]) -> bool {
        self.audience.as_ref().is_none_or(|asked| audience.contains(asked))
    }
}

/// What a token is: the members of RFC 7662, section 2.2, and of one that is not active nothing but that.
///
/// # Example: a token that is none
/// ```
/// use doorward_core::operation::introspect::Introspect;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// let answer = engine.run(Introspect::new("no token"))?;
/// assert!(!answer.is_active());
/// assert_eq!(answer.to_json(), r#"{"active":false}"#);
/// # Ok::<(), doorward_core::error::Fault>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Introspection {
    members: Map<String, Value>,
    subject: Subject,
}

impl Introspection {
    fn inactive() -> Self {
        let members = [("active".to_string(), Value::Bool(false))].into_iter().collect();
        Self { members, subject: Subject::default() }
    }

    /// Whether the token opens anything.
    pub fn is_active(&self) -> bool {
        self.members.get("active") == Some(&Value::Bool(true))
    }

    /// The members, as they are to be sent.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The answer's body.
    pub fn to_json(&self) -> String {
        Value::Object(self.members.clone()).to_string()
    }
}

impl Decide for Introspect {
    type Outcome = Introspection;

    fn name(&self) -> &'static str {
        "introspect"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Introspection>, Fault> {
        let inactive = || Ok(Decision::Done(Introspection::inactive()));
        if self.token.text.starts_with(REFRESH_PREFIX) {
            if self.audience.is_some() {
                return inactive();
            }
            let presented = match Presented::of(&self.token.text, facts, cx)? {
                Ok(presented) => presented,
                Err(Absence::Unread(keys)) => return Ok(Decision::Read(keys)),
                Err(Absence::Refused(_)) => return inactive(),
                Err(Absence::Over(_, writes)) => {
                    return Ok(Decision::Commit(writes, Introspection::inactive()));
                }
            };
            let (tokens, family) = (cx.policy.tokens(), presented.family);
            let turn = family.turn(presented.generation, tokens.grace, cx.policy.max_skew(), cx.now);
            if turn != Turn::Next {
                return inactive();
            }
            let live = presented.live;
            return Ok(Decision::Done(Introspection {
                members: members([
                    ("scope", text(family.scope.as_str())),
                    ("client_id", Some(family.client.as_str().into())),
                    ("exp", Some(seconds(live.record.idle_end()))),
                    ("iat", Some(seconds(family.rotated))),
                    ("sub", Some(live.account.to_string().into())),
                    ("aud", Some(audience(family.audience.iter().map(|one| one.as_str().into()).collect()))),
                    ("iss", Some(tokens.issuer.as_str().into())),
                ]),
                subject: Subject {
                    account: Some(live.account),
                    session: Some(live.id),
                    ..Subject::default()
                },
            }));
        }
        let proven = match Seen::of(self.token.digested(), None, facts, cx)? {
            Seen::Unread(keys) => return Ok(Decision::Read(keys)),
            Seen::Refused(VerifyError::Fault(fault)) => return Err(fault),
            Seen::Refused(_) => return inactive(),
            Seen::Proven(proven) => proven,
        };
        let access = proven.access();
        if let Err(gone) = access.present(facts, cx)? {
            return Ok(Decision::after(access.over(gone, facts, cx)?, Introspection::inactive()));
        }
        if !self.is_for(&access.audience) {
            return inactive();
        }
        Ok(Decision::Done(Introspection {
            members: members([
                ("scope", text(access.scope.as_str())),
                ("client_id", Some(access.client.as_str().into())),
                ("token_type", Some("Bearer".into())),
                ("exp", Some(seconds(access.expires))),
                ("iat", Some(seconds(access.issued_at))),
                ("sub", Some(access.account.to_string().into())),
                ("aud", Some(audience(access.audience.iter().cloned().map(Value::from).collect()))),
                ("iss", Some(cx.policy.tokens().issuer.as_str().into())),
                ("jti", Some(access.token.to_string().into())),
            ]),
            subject: access.subject(),
        }))
    }

    fn says_over(&self, outcome: &Introspection) -> bool {
        !outcome.is_active()
    }

    fn audit(&self, outcome: &Introspection) -> (EventResult, Subject) {
        (EventResult::Success, outcome.subject.clone())
    }
}

fn members<const N: usize>(all: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let present = all.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?)));
    [("active".to_string(), Value::Bool(true))].into_iter().chain(present).collect()
}

fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

/// One is a string, as in the token (RFC 7519, section 4.1.3).
fn audience(all: Vec<Value>) -> Value {
    match <[Value; 1]>::try_from(all) {
        Ok([one]) => one,
        Err(all) => all.into(),
    }
}

fn seconds(moment: Timestamp) -> Value {
    moment.as_millis().div_euclid(1000).into()
}

impl fmt::Debug for Introspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspect").field("audience", &self.audience).finish_non_exhaustive()
    }
}

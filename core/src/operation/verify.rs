//! Verifying an access token: its form, its signature, its times, its audience; and that its session lives.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::event::{EventResult, Subject};
use crate::facts::Facts;
use crate::id::Stamp;
use crate::machine::{Context, Decide, Decision, Writes};
use crate::model::keyring::Epochs;
use crate::model::session::{Gone, Holder};
use crate::operation::standing::{end, keyring_row};
use crate::planted::Planted;
use crate::policy::Policy;
use crate::record::{Key, Row};
use crate::secret::MasterKeys;
use crate::time::Timestamp;
use crate::token::access::{Access, Unproven};
use crate::token::jwt::{Expected, JwtError, MAX_BYTES, Signed, VerifyingKey};
use crate::token::ring;

/// Verifies an access token for an audience against session, account, keyring and grants, in one read: what
/// [`RevocationMode::Bound`](crate::policy::RevocationMode::Bound) does. It is no activity of the session; one that is over by its time goes for good.
///
/// # Example: refused from the logout on
/// ```
/// use doorward_core::operation::logout::Logout;
/// use doorward_core::operation::verify::{Verify, VerifyError};
/// # use doorward_core::operation::{issue::Issue, login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// # let issued = engine.run(Issue::new(session.expose(), "web", "https://api.example"))??;
/// let token = issued.access.expose();
/// assert_eq!(engine.run(Verify::new(token, "https://api.example"))??.access().account, ada);
/// engine.run(Logout::new(session.expose()))??;
/// let refused = engine.run(Verify::new(token, "https://api.example"))?;
/// assert!(matches!(refused, Err(VerifyError::Gone(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Verify {
    token: Kept,
    audience: String,
    remembered: Option<Proven>,
}

impl Verify {
    /// This token, as the client sent it, for this audience.
    pub fn new(token: &str, audience: &str) -> Self {
        Self::digested(Digested::of(token), audience)
    }

    /// The same of a token whose digest was made already.
    pub fn digested(token: Digested<'_>, audience: &str) -> Self {
        Self { token: token.keep(), audience: audience.into(), remembered: None }
    }

    /// With what an earlier verification has proven, under the same policy and the same keys of the host's own: if that was of
    /// this very token, and under the present keyring, its signature, issuer and `nbf` are not looked at again. Everything else
    /// is.
    #[must_use]
    pub fn remembering(mut self, proven: Proven) -> Self {
        self.remembered = Some(proven).filter(|proven| proven.digest == self.token.digest);
        self
    }
}

/// The name of a token that tells nothing of it: its SHA-256.
///
/// # Example: the same token, the same name
/// ```
/// use doorward_core::operation::verify::TokenDigest;
///
/// assert_eq!(TokenDigest::of("a.b.c"), TokenDigest::of("a.b.c"));
/// assert_ne!(TokenDigest::of("a.b.c"), TokenDigest::of("a.b.d"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Of this token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Which of so many shards it belongs to; 0 where there are none.
    pub fn spread(self, shards: usize) -> usize {
        let [first, second, third, fourth, ..] = self.0;
        let number = usize::try_from(u32::from_be_bytes([first, second, third, fourth])).unwrap_or(0);
        number.checked_rem(shards).unwrap_or(0)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// An access token as a client sent it, and its digest: made once, which takes longer than all that is done again of a token
/// that was verified before.
///
/// # Example: looked for, and not found
/// ```
/// use std::collections::HashMap;
/// use doorward_core::operation::verify::{Digested, TokenDigest};
///
/// let seen = HashMap::from([(TokenDigest::of("a.b.c"), "a moment ago")]);
/// assert_eq!(seen.get(&Digested::of("a.b.c").digest()), Some(&"a moment ago"));
/// assert_eq!(seen.get(&Digested::of("a.b.d").digest()), None);
/// ```
#[derive(Clone, Copy)]
pub struct Digested<'a> {
    text: &'a str,
    digest: TokenDigest,
}

impl<'a> Digested<'a> {
    /// Makes the digest of this token. Of a text that is too long for one no more is looked at, or kept, than tells that it is.
    pub fn of(text: &'a str) -> Self {
        let text = text.get(..text.ceil_char_boundary(MAX_BYTES + 1)).unwrap_or(text);
        Self { text, digest: TokenDigest::of(text) }
    }

    /// The digest.
    pub fn digest(self) -> TokenDigest {
        self.digest
    }

    fn keep(self) -> Kept {
        Kept { text: Zeroizing::new(self.text.into()), digest: self.digest }
    }
}

impl fmt::Debug for Digested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digested(..)")
    }
}

/// The same, for as long as an operation takes.
pub(super) struct Kept {
    pub(super) text: Zeroizing<String>,
    digest: TokenDigest,
}

impl Kept {
    pub(super) fn new(text: &str) -> Self {
        Digested::of(text).keep()
    }

    pub(super) fn digested(&self) -> Digested<'_> {
        Digested { text: &self.text, digest: self.digest }
    }
}

/// That a token was signed by a key of one keyring: what may be remembered of a verification. Only a verification makes one.
///
/// # Example: verified once, and looked at again
/// ```
/// use doorward_core::operation::verify::{Digested, Proof};
/// # use doorward_core::operation::{issue::Issue, login::Login, register::Register};
/// # use doorward_core::{record::Key, store::Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # let ada = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
/// # let issued = engine.run(Issue::new(session.expose(), "web", "https://api.example"))??;
/// # let rows = engine.store.read(&[Key::Keyring])?;
/// # let keyring = rows[0].as_ref().unwrap();
/// # let environment = &engine.environment;
/// # let proof = Proof { keyring, policy: &environment.policy, keys: &environment.keys, now: engine.now };
/// let token = issued.access.expose();
/// let token = Digested::of(token);
/// let proven = proof.of(token, None)?;
/// assert_eq!((proven.access().account, proven.digest()), (ada, token.digest()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Proven {
    access: Arc<Access>,
    digest: TokenDigest,
    kid: Arc<str>,
    keyring: Stamp,
}

impl Proven {
    /// What the token says.
    pub fn access(&self) -> &Arc<Access> {
        &self.access
    }

    /// Which token it was.
    pub fn digest(&self) -> TokenDigest {
        self.digest
    }
}

/// What a signature is held against.
///
/// # Example: a gateway that keeps the keyring for a moment
/// ```
/// use doorward_core::operation::verify::{Digested, Proof};
/// use doorward_core::token::jwt::JwtError;
/// # use doorward_core::{record::Key, store::Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let engine = Engine::opened();
/// # let rows = engine.store.read(&[Key::Keyring])?;
/// # let keyring = rows[0].as_ref().unwrap();
/// # let environment = &engine.environment;
/// let proof = Proof { keyring, policy: &environment.policy, keys: &environment.keys, now: engine.now };
/// assert!(proof.of(Digested::of("not.a.token"), None).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The keyring row.
    pub keyring: &'a Row,
    /// The policy in force.
    pub policy: &'a Policy,
    /// The master keys.
    pub keys: &'a MasterKeys,
    /// The time.
    pub now: Timestamp,
}

impl Proof<'_> {
    /// That a key of this keyring made the token, and that it is valid now, whatever its audience. What was proven before
    /// under the same keyring is not proven again.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn of(&self, token: Digested<'_>, remembered: Option<&Proven>) -> Result<Proven, VerifyError> {
        let own = remembered.filter(|proven| proven.digest == token.digest);
        match own.filter(|proven| proven.keyring == self.keyring.stamp) {
            Some(proven) => self.again(proven),
            None => self.anew(token),
        }
    }

    fn anew(&self, Digested { text, digest }: Digested<'_>) -> Result<Proven, VerifyError> {
        let writer = |head: &str| ring::writer(head, self.keyring, self.keys, self.now);
        let signed = Signed::parse(text, writer)?;
        let body = signed.body()?;
        let said = Unproven::parse(&body)?;
        let signature = signed.signature()?;
        let key = self.key(signed.kid())?;
        signed.verify(&signature, &key)?;
        let tokens = self.policy.tokens();
        let issuer = tokens.issuer.as_str();
        said.check(&Expected { issuer, audience: None, now: self.now, leeway: tokens.leeway })?;
        let access = Arc::new(Access::of(said)?);
        Ok(Proven { access, digest, kid: key.shared_kid(), keyring: self.keyring.stamp })
    }

    /// A key retires and a token ends by the clock, without a new stamp.
    fn again(&self, proven: &Proven) -> Result<Proven, VerifyError> {
        self.key(&proven.kid)?;
        let is_over = self.now >= proven.access.expires.saturating_add(self.policy.tokens().leeway);
        if is_over && !self.policy.has(Planted::RememberedIsEndless) {
            return Err(JwtError::Expired.into());
        }
        Ok(proven.clone())
    }

    fn key(&self, kid: &str) -> Result<VerifyingKey, VerifyError> {
        let key = ring::verifying_key(kid, self.keyring, self.policy, self.keys, self.now)?;
        Ok(key.ok_or(JwtError::UnknownKey)?)
    }
}

/// Why a token is not accepted. Every one means no.
///
/// # Example: what to answer (RFC 6750, section 3.1)
/// ```
/// use doorward_core::operation::verify::VerifyError;
/// use doorward_core::token::jwt::JwtError;
///
/// fn status(error: &VerifyError) -> u16 {
///     match error {
///         VerifyError::Fault(_) | VerifyError::Stale => 503,
///         _ => 401,
///     }
/// }
/// assert_eq!(status(&JwtError::Expired.into()), 401);
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token itself says so.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// Its session is over, or it was revoked.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// What was ended elsewhere is not known, and the policy says to refuse then.
    #[error("it is not known what was revoked: the store does not answer")]
    Stale,
    /// It could not be decided.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl VerifyError {
    /// What the audit trail says of it.
    pub fn result(&self) -> EventResult {
        EventResult::Refused(match self {
            Self::Token(error) => error.rule(),
            Self::Gone(_) => "gone",
            Self::Stale => "stale",
            Self::Fault(fault) => return EventResult::Failed(fault.word()),
        })
    }
}

impl Access {
    /// The rows that its life depends on.
    fn keys(&self) -> [Key; 4] {
        [Key::Session(self.session), Key::Account(self.account), Key::Keyring, Key::Grants(self.session)]
    }

    /// Whether it lives, by these rows.
    pub(super) fn present(&self, facts: &Facts, cx: &Context<'_>) -> Result<Result<(), Gone>, Fault> {
        let keys = self.keys();
        let Some([session, account, _, grants]) = facts.rows(keys.each_ref()) else {
            return Ok(Err(Gone::Ended));
        };
        let keyring = keyring_row(facts)?;
        let Some(session) = session.filter(|row| row.owner == Some(self.account)) else {
            return Ok(if cx.policy.has(Planted::AccessOutlivesSession) { Ok(()) } else { Err(Gone::Ended) });
        };
        if let Err(gone) = session.session()?.present(Holder::Account(account), keyring, cx.now) {
            return Ok(Err(gone));
        }
        if self.epochs != Epochs::now(account, keyring)? && !cx.policy.has(Planted::AccessEpochsIgnored) {
            return Ok(Err(Gone::Revoked));
        }
        let family = self.family.filter(|_| !cx.policy.has(Planted::AccessOutlivesFamily));
        let is_revoked = match grants.map(Row::grants).transpose()? {
            Some(grants) => grants.has_revoked(self.token, family),
            None => family.is_some(),
        };
        let is_revoked = is_revoked && !cx.policy.has(Planted::RevokedTokenAccepted);
        Ok(if is_revoked { Err(Gone::Revoked) } else { Ok(()) })
    }

    /// What must be written down before this is said of it: a session that is seen over by its own time goes for good.
    pub(super) fn over(&self, gone: Gone, facts: &Facts, cx: &Context<'_>) -> Result<Option<Writes>, Fault> {
        if !matches!(gone, Gone::Idle | Gone::Expired) || cx.policy.has(Planted::OverIsLeft) {
            return Ok(None);
        }
        let Some([Some(row)]) = facts.rows([&Key::Session(self.session)]) else { return Ok(None) };
        Ok(Some(end(self.session, row.owner, row.session()?, Writes::new(), cx)))
    }
}

/// How far a token has come.
pub(super) enum Seen {
    /// These rows must be read first, in one snapshot.
    Unread(Vec<Key>),
    /// It is not accepted.
    Refused(VerifyError),
    /// A key of ours made it, and it is valid now. Whether its session lives is another question.
    Proven(Proven),
}

/// The rows that a token names, if it is in the form of one.
fn named(text: &str) -> Result<[Key; 4], JwtError> {
    let signed = Signed::parse(text, |_| None)?;
    let body = signed.body()?;
    let said = Unproven::parse(&body)?;
    signed.signature()?;
    Ok(Access::of(said)?.keys())
}

impl Seen {
    pub(super) fn of(
        token: Digested<'_>,
        remembered: Option<&Proven>,
        facts: &Facts,
        cx: &Context<'_>,
    ) -> Result<Self, Fault> {
        if facts.rows([&Key::Keyring]).is_none() {
            // What it says of itself is believed as far as to read these rows.
            let named = match remembered {
                Some(proven) => Ok(proven.access.keys()),
                None => named(token.text),
            };
            return Ok(match named {
                Ok(keys) => Self::Unread(keys.into()),
                Err(error) => Self::Refused(error.into()),
            });
        }
        let proof = Proof { keyring: keyring_row(facts)?, policy: cx.policy, keys: cx.keys, now: cx.now };
        match proof.of(token, remembered) {
            Ok(proven) => Ok(Self::Proven(proven)),
            Err(VerifyError::Fault(fault)) => Err(fault),
            Err(error) => Ok(Self::Refused(error)),
        }
    }
}

impl Decide for Verify {
    type Outcome = Result<Proven, VerifyError>;

    fn name(&self) -> &'static str {
        "verify"
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<Self::Outcome>, Fault> {
        let proven = match Seen::of(self.token.digested(), self.remembered.as_ref(), facts, cx)? {
            Seen::Unread(keys) => return Ok(Decision::Read(keys)),
            Seen::Refused(error) => return Ok(Decision::Done(Err(error))),
            Seen::Proven(proven) => proven,
        };
        if let Err(error) = proven.access.check_audience(&self.audience) {
            return Ok(Decision::Done(Err(error.into())));
        }
        let Err(gone) = proven.access.present(facts, cx)? else {
            return Ok(Decision::Done(Ok(proven)));
        };
        Ok(Decision::after(proven.access.over(gone, facts, cx)?, Err(gone.into())))
    }

    fn says_over(&self, outcome: &Self::Outcome) -> bool {
        matches!(outcome, Err(VerifyError::Gone(_)))
    }

    fn audit(&self, outcome: &Self::Outcome) -> (EventResult, Subject) {
        match outcome {
            Ok(proven) => (EventResult::Success, proven.access.subject()),
            Err(error) => (error.result(), Subject::default()),
        }
    }
}

impl fmt::Debug for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify").field("audience", &self.audience).finish_non_exhaustive()
    }
}

//! A session has one life, from a login to one of its ends; nothing brings it back.
//!
//! | from | by | to |
//! |---|---|---|
//! | – | login, or opened for nobody | live, generation 1 |
//! | live | activity (at most once per `touch_every`) | live, idle end moved, never past the absolute end |
//! | live | rotated, kept by a logout everywhere | live, next generation |
//! | live | the password is shown again, or changed | live, next generation, both ends moved |
//! | live | a lifetime of its own | live, absolute end moved: back; of an anonymous one forth too, within its policy |
//! | live | idle end, absolute end | over ([`Gone::Idle`], [`Gone::Expired`]) |
//! | live | account or global epoch raised, account gone | over ([`Gone::Revoked`]) |
//! | live | logout, replaced by a login, ended by one at the cap | over, row deleted ([`Gone::Ended`]) |
//! | over | anything | over |
//!
//! [`SessionRecord::present`] is the one rule that says which it is.

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use thiserror::Error;

use crate::record::{ClientLabel, Row};
use crate::time::Timestamp;
use crate::token::terms::Scope;

/// What a session row says. Whose it is stands in the row's owner.
///
/// # Example: live, idle, revoked
/// ```
/// use core::time::Duration;
/// use doorward_core::model::session::{Gone, Holder};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # use doorward_core::{operation::{login::Login, register::Register}, record::Key, store::Store};
/// # let mut engine = Engine::opened();
/// # let account = engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.session.id;
///
/// let rows = engine.store.read(&[Key::Session(session), Key::Account(account), Key::Keyring])?;
/// let [Some(session), Some(account), Some(keyring)] = &rows[..] else { unreachable!() };
/// let record = session.session()?;
/// let idle = record.idle_end();
/// assert_eq!(idle.since(record.last_seen), Duration::from_hours(1));
/// assert_eq!(record.present(Holder::Account(Some(account)), keyring, record.created), Ok(()));
/// assert_eq!(record.present(Holder::Account(Some(account)), keyring, idle), Err(Gone::Idle));
/// let no_account = Holder::Account(None);
/// assert_eq!(record.present(no_account, keyring, record.created), Err(Gone::Revoked));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, minicbor::Encode, minicbor::Decode)]
pub struct SessionRecord {
    /// Half of what makes its token; the other half is a master key.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub salt: [u8; 16],
    /// Which of its tokens is the present one.
    #[n(1)]
    pub generation: u64,
    /// The account row's epoch when it was granted.
    #[n(2)]
    pub account_epoch: u64,
    /// The keyring row's epoch when it was granted.
    #[n(3)]
    pub global_epoch: u64,
    /// When it began.
    #[n(4)]
    pub created: Timestamp,
    /// The last activity that was written down.
    #[n(5)]
    pub last_seen: Timestamp,
    /// How long it lives without activity, in milliseconds.
    #[n(6)]
    pub idle_millis: u64,
    /// When it ends whatever happens.
    #[n(7)]
    pub absolute_end: Timestamp,
    /// When the person last proved who they are.
    #[n(8)]
    pub auth_time: Timestamp,
    /// How.
    #[n(9)]
    pub amr: Amr,
    /// What the client is called.
    #[n(10)]
    pub label: Option<ClientLabel>,
    /// What its tokens may allow at most.
    #[cbor(n(11), default, skip_if = "Scope::is_none")]
    pub scope: Scope,
}

impl SessionRecord {
    /// When it ends without further activity: never after the absolute end.
    pub fn idle_end(&self) -> Timestamp {
        self.last_seen.saturating_add(Duration::from_millis(self.idle_millis)).min(self.absolute_end)
    }

    /// What is said of it when its time has come, if it is not used until then.
    pub(crate) fn ends_as(&self) -> Gone {
        if self.idle_end() < self.absolute_end { Gone::Idle } else { Gone::Expired }
    }

    /// The same session under its next token, which is an activity too.
    pub(crate) fn next_generation(&self, now: Timestamp) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            last_seen: self.last_seen.max(now),
            ..self.clone()
        }
    }

    /// The same session after its person has proven again who they are: both ends begin anew.
    pub(crate) fn reauthenticated(&self, now: Timestamp) -> Self {
        let absolute = self.absolute_end.since(self.auth_time);
        let absolute_end = self.absolute_end.max(now.saturating_add(absolute));
        Self { auth_time: self.auth_time.max(now), absolute_end, ..self.next_generation(now) }
    }

    /// No life of it that began by `now` ends later. An ending compares nothing: since it looked, the session may have
    /// been proven anew, and the journal must outlast that life too.
    pub(crate) fn latest_end(&self, now: Timestamp) -> Timestamp {
        self.reauthenticated(now).absolute_end
    }

    /// No life of it as an anonymous session ends later: it may be given another lifetime, up to this span in all.
    pub(crate) fn latest_anonymous_end(&self, span: Span) -> Timestamp {
        self.absolute_end.max(self.created.saturating_add(span.absolute))
    }

    /// The same session after an activity, when that must be written down. It moves forwards only, also where another
    /// instance's clock is ahead of this one's; and in half of a short idle time, or an active session would end as idle.
    pub(crate) fn touched(&self, every: Duration, now: Timestamp) -> Option<Self> {
        let every = every.min(Duration::from_millis(self.idle_millis) / 2);
        let is_due = now > self.last_seen && now.since(self.last_seen) >= every;
        is_due.then(|| Self { last_seen: now, ..self.clone() })
    }

    /// The same session with no more than this lifetime left: a life that was granted is never made longer. (A proof of the
    /// password grants as long again as there was from the last one to the end.)
    pub(crate) fn shortened(&self, lifetime: Duration, now: Timestamp) -> Self {
        Self {
            last_seen: self.last_seen.max(now),
            idle_millis: self.idle_millis.min(millis(lifetime)),
            absolute_end: self.absolute_end.min(now.saturating_add(lifetime)),
            ..self.clone()
        }
    }

    /// The same anonymous session with this lifetime from now on, and no more than the span in all.
    pub(crate) fn anonymous_for(&self, lifetime: Duration, span: Span, now: Timestamp) -> Self {
        let longest = self.created.saturating_add(span.absolute);
        Self {
            last_seen: self.last_seen.max(now),
            idle_millis: millis(span.idle.min(lifetime)),
            absolute_end: longest.min(now.saturating_add(lifetime)),
            ..self.clone()
        }
    }

    /// Whether this session is live at `now`, given the rows it depends on, all from one snapshot.
    ///
    /// # Errors
    /// Why it is over. A session is over *at* its end, not a millisecond later.
    pub fn present(&self, holder: Holder<'_>, keyring: &Row, now: Timestamp) -> Result<(), Gone> {
        if now >= self.absolute_end {
            return Err(Gone::Expired);
        }
        if now >= self.idle_end() {
            return Err(Gone::Idle);
        }
        let is_held = match holder {
            Holder::Nobody => true,
            Holder::Account(row) => row.is_some_and(|row| row.epoch == self.account_epoch),
        };
        if !is_held || keyring.epoch != self.global_epoch {
            return Err(Gone::Revoked);
        }
        Ok(())
    }
}

/// On whom a session's life depends.
///
/// # Example: an anonymous session outlives every account
/// ```
/// use doorward_core::id::Stamp;
/// use doorward_core::model::session::{Amr, Gone, Holder, SessionRecord};
/// # use doorward_core::{model::keyring::KeyringRecord, record::Row, time::Timestamp};
/// # let now = Timestamp::from_millis(0);
/// # let keyring = Row { stamp: Stamp::from_bytes([1; 16]), epoch: 0, owner: None, expires: None,
/// #     record: KeyringRecord { checks: vec![], throttle_key: [0; 32], peppers: vec![], token_epoch: 0, signing: vec![] }.into() };
/// let record = SessionRecord {
///     idle_millis: 3_600_000,
///     absolute_end: Timestamp::from_millis(86_400_000),
///     amr: Amr::default(), // nobody has proven anything
///     // …
/// #     salt: [7; 16], generation: 1, account_epoch: 0, global_epoch: 0, created: now, last_seen: now, auth_time: now,
/// #     label: None, scope: Default::default(),
/// };
/// assert_eq!(record.present(Holder::Nobody, &keyring, now), Ok(()));
/// assert_eq!(record.present(Holder::Account(None), &keyring, now), Err(Gone::Revoked));
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// An anonymous session: on nobody.
    Nobody,
    /// The row of its account, `None` when it is gone.
    Account(Option<&'a Row>),
}

/// A span as a record holds it.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("generation", &self.generation)
            .field("created", &self.created)
            .field("last_seen", &self.last_seen)
            .field("absolute_end", &self.absolute_end)
            .finish_non_exhaustive()
    }
}

/// Why a session is no longer there.
///
/// # Example: the words on a login page
/// ```
/// use doorward_core::model::session::Gone;
///
/// fn notice(gone: Gone) -> &'static str {
///     match gone {
///         Gone::Idle | Gone::Expired => "You were away for a while. Please log in again.",
///         _ => "Please log in.",
///     }
/// }
/// assert_eq!(notice(Gone::Revoked), "Please log in.");
/// assert_eq!(Gone::Idle.to_string(), "the session ended for lack of activity"); // for a log
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Gone {
    /// It was ended (logout, or a login that replaced it), was over and is purged, or never was.
    #[error("the session has ended")]
    Ended,
    /// It was not used for too long.
    #[error("the session ended for lack of activity")]
    Idle,
    /// Its absolute end has come.
    #[error("the session has reached its absolute end")]
    Expired,
    /// Everything of its account, or of the whole store, was ended.
    #[error("all sessions of this account were ended")]
    Revoked,
    /// The token was replaced by a newer one of the same session.
    #[error("the token was replaced by a newer one")]
    Replaced,
}

/// How long sessions of a login live.
///
/// # Example: what the "remember me" box means
/// ```
/// use core::time::Duration;
/// use doorward_core::{model::session::Lifetime, policy::Policy};
///
/// let remember_me = true;
/// let lifetime = if remember_me { Lifetime::Remembered } else { Lifetime::Web };
/// let span = Policy::default().span(lifetime);
/// assert_eq!(span.idle, Duration::from_hours(7 * 24));
/// assert_eq!(span.absolute, Duration::from_hours(30 * 24));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lifetime {
    /// A browser session: idle 1 h, absolute 24 h by default.
    #[default]
    Web,
    /// "Remember me": idle 7 days, absolute 30 days by default.
    Remembered,
    /// An installed application: idle 30 days, absolute 90 days by default.
    Device,
}

/// The two ends of a session's life.
///
/// # Example: half an hour idle, eight hours in all
/// ```
/// use core::time::Duration;
/// use doorward_core::model::session::Span;
///
/// let office = Span { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(8 * 3600) };
/// assert!(office.idle <= office.absolute);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// How long it lives without activity.
    pub idle: Duration,
    /// How long it lives whatever happens.
    pub absolute: Duration,
}

/// How many sessions an account may have at once (ASVS 5.0, 7.1.2). No cap unless the policy has one.
///
/// # Example: one at a time, the latest wins
/// ```
/// # use core::num::NonZeroU32;
/// use doorward_core::model::session::{SessionCap, WhenFull};
/// use doorward_core::policy::Policy;
///
/// let one = SessionCap { most: NonZeroU32::MIN, when_full: WhenFull::EndOldest };
/// let policy = Policy::builder().session_cap(one).build()?;
/// assert_eq!(policy.session_cap(), Some(one));
/// # Ok::<(), doorward_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCap {
    /// How many. What a login replaces does not count.
    pub most: NonZeroU32,
    /// What a login does that finds as many.
    pub when_full: WhenFull,
}

/// What a login does when the account has as many sessions as it may.
///
/// # Example: the words for each
/// ```
/// use doorward_core::model::session::WhenFull;
///
/// fn notice(when_full: WhenFull) -> &'static str {
///     match when_full {
///         WhenFull::EndOldest => "You will be logged out where you logged in first.",
///         WhenFull::Refuse => "Log out somewhere else first.",
///     }
/// }
/// assert!(notice(WhenFull::Refuse).starts_with("Log out"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhenFull {
    /// It ends those that began first.
    EndOldest,
    /// It is refused, once the password is shown to be right.
    Refuse,
}

/// How the person proved who they are: a set of methods (`amr`, RFC 8176, section 2).
///
/// # Example: the `amr` claim of a password login
/// ```
/// use doorward_core::model::session::Amr;
///
/// assert_eq!(Amr::PASSWORD.names(), ["pwd"]);
/// assert!(Amr::default().names().is_empty());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Amr(#[n(0)] u8);

impl Amr {
    /// A password: `pwd`.
    pub const PASSWORD: Self = Self(1);

    /// The registered names of its methods.
    pub fn names(self) -> Vec<&'static str> {
        [(Self::PASSWORD, "pwd")]
            .into_iter()
            .filter(|(one, _)| self.0 & one.0 != 0)
            .map(|(_, name)| name)
            .collect()
    }
}

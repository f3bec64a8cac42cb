//! The audit trail: one event per finished operation, after its commit (ASVS 5.0, 16.2.2 and 16.3.1).
//!
//! Events hold ids, times, addresses and canonical names, no token and no key; a name may be a password that was typed
//! there by mistake. Names cannot hold control characters, ids are public, and reasons are fixed words, so that a line made
//! of them cannot be broken (ASVS 5.0, 16.4.1).

use core::net::IpAddr;

use crate::id::{AccountId, SessionId};
use crate::name::LoginName;
use crate::time::Timestamp;

/// Where a request came from, as the host sees it: the client's address, not a proxy's. Who shares it is slowed together.
///
/// # Example: an address as the host's server gives it
/// ```
/// use doorward_core::event::Source;
///
/// let source: Source = "2001:db8::1".parse::<std::net::IpAddr>().unwrap().into();
/// assert_eq!(source.address().to_string(), "2001:db8::1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The address.
    pub fn address(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(address)
    }
}

/// One finished operation.
///
/// # Example: one line for a log
/// ```
/// use doorward_core::event::{Event, EventResult, Subject};
/// use doorward_core::time::Timestamp;
///
/// fn line(event: &Event) -> String {
///     let (how, why) = match event.result {
///         EventResult::Success => ("success", ""),
///         EventResult::Refused(why) => ("refused", why),
///         EventResult::Failed(why) => ("failed", why),
///     };
///     format!("{} {} {how} {why}", event.at.as_millis(), event.operation)
/// }
///
/// let (at, result) = (Timestamp::from_millis(1_700_000_000_000), EventResult::Refused("denied"));
/// let event = Event { at, operation: "login", result, subject: Subject::default() };
/// assert_eq!(line(&event), "1700000000000 login refused denied");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The engine's time when it ended.
    pub at: Timestamp,
    /// Which operation: the name of its module under [`operation`](crate::operation), or `disable`, `enable`,
    /// `update_session_data`, `purge` or `maintain`.
    pub operation: &'static str,
    /// How it ended.
    pub result: EventResult,
    /// Who and what it was about.
    pub subject: Subject,
}

/// How an operation ended.
///
/// # Example: somebody guesses, or something is broken
/// ```
/// use doorward_core::event::EventResult;
///
/// fn wakes_somebody(result: EventResult) -> bool {
///     match result {
///         EventResult::Success => false,
///         EventResult::Refused(_) => false, // counted, and looked at when there are many
///         EventResult::Failed(why) => why != "busy" && why != "contended",
///     }
/// }
/// assert!(wakes_somebody(EventResult::Failed("store")));
/// assert!(!wakes_somebody(EventResult::Refused("throttled")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventResult {
    /// It did what was asked.
    Success,
    /// It decided against it. Of an access token that is none, the word is
    /// [`JwtError::rule`](crate::token::jwt::JwtError::rule); else the word says why: `name`, `password`, `taken`, `denied`,
    /// `throttled`, `other account`, `token`, `gone`, `anonymous`, `overtaken`, `too large`, `lifetime`, `must change`,
    /// `too many sessions`, `not found`, `no account`, `new password`, `compromised`, `unknown key`, `claims`, `client`,
    /// `conflict`, `full`, `no key`, `reused`, `scope`, `stale`, `term`, `too many`.
    Refused(&'static str),
    /// It could not decide; the word is [`Fault::word`](crate::error::Fault::word), or `abandoned`: nobody waited for its
    /// outcome any more, and what it had begun may be done or not.
    Failed(&'static str),
}

/// Who and what an operation was about, as far as it is known and may be told.
///
/// # Example: a name that was only claimed
/// ```
/// use std::net::IpAddr;
/// use doorward_core::machine::Decide;
/// use doorward_core::operation::login::Login;
///
/// let login = Login::new("Ada", "a guess").source(IpAddr::from([192, 0, 2, 1]));
/// let subject = login.subject();
/// assert_eq!(subject.name.unwrap().as_str(), "ada");
/// assert_eq!(subject.source.unwrap().address(), IpAddr::from([192, 0, 2, 1]));
/// assert_eq!(subject.account, None); // nothing is proven before the outcome
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The login name that was given, when it can be one.
    pub name: Option<LoginName>,
    /// The account, once proven.
    pub account: Option<AccountId>,
    /// The session, once proven.
    pub session: Option<SessionId>,
    /// Where the request came from.
    pub source: Option<Source>,
}

//! What must be true: every account, session and counter as the rules have them, moved only by what has landed.
//!
//! The model knows no row, stamp, epoch or precondition. Because the simulator runs on one thread, each commit lands at
//! one known moment; the model is told of it and holds the store's rows against what it expects. An operation that only
//! reads is judged at its last read.
//!
//! | file | question |
//! |---|---|
//! | this one | who is there? |
//! | `judge` | what should this request be told, and what should it change? |
//! | `verdict` | what is an answer, what a change? |
//! | `guess` | and a guess at a password? |
//! | `device` | what do failures and successes come to, from a known device and from others? |
//! | `land` | what is true after the change? |
//! | `counters` | and of failures and devices? |
//! | `leave` | what is true when an account goes, or a session for want of room? |
//! | `rows` | do the rows say the same? |
//! | `token` | what has a session granted, and what is each token worth? |
//! | `terms` | to whom, for whom and for what? |
//! | `granted` | what is true when that changes? |
//! | `keys` | which keys sign access tokens? |
//! | `promise` | does what a client was told before still hold? |

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_core::id::{AccountId, DeviceId, SessionId};
use doorward_core::model::session::{Gone, Lifetime};
use doorward_core::password::PasswordHash;
use doorward_core::policy::Policy;
use doorward_core::record::Key;
use doorward_core::time::Timestamp;

use self::device::Device;
use self::judge::{Intent, Shown};
use self::keys::SigningKey;
use self::terms::Scopes;
use self::token::{AccessToken, Family, Grants, RefreshToken, Request};
use crate::answer::Life;

mod counters;
pub(crate) mod device;
mod granted;
mod guess;
pub(crate) mod judge;
mod keys;
pub(crate) mod land;
mod leave;
pub(crate) mod promise;
mod rows;
pub(crate) mod terms;
pub(crate) mod token;
pub(crate) mod verdict;

/// The names that people sign up under and log in with; most come to exist.
pub(crate) const NAMES: usize = 20;

/// Passwords that anybody may choose.
pub(crate) const PASSWORDS: [&str; 8] = [
    "plum kettle orbit lantern",
    "seven quiet harbour stones",
    "walnut drawer under rain",
    "copper finch on the stair",
    "marble onion railway dusk",
    "velvet anchor and thistle",
    "paper lighthouse at noon",
    "gravel cello in december",
];

pub(crate) fn name(number: usize) -> String {
    format!("person{number:02}")
}

#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) policy: Policy,
    /// The latest time that the store has seen.
    pub(crate) mark: Timestamp,
    pub(crate) accounts: Vec<Account>,
    pub(crate) names: Vec<Name>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) by_id: BTreeMap<SessionId, usize>,
    pub(crate) by_account: BTreeMap<AccountId, usize>,
    pub(crate) tokens: Vec<Token>,
    /// All that ever were opened.
    pub(crate) families: Vec<Family>,
    pub(crate) refresh_tokens: Vec<RefreshToken>,
    pub(crate) access_tokens: Vec<AccessToken>,
    /// The keys that sign access tokens.
    pub(crate) keys: Vec<SigningKey>,
    /// What every key that ever was is called.
    pub(crate) once_keys: BTreeSet<String>,
    /// How many changes have landed: what moments are counted in.
    pub(crate) landed: usize,
    /// At which moment everything of everybody was ended.
    pub(crate) ended: usize,
    /// At which moment all tokens were.
    pub(crate) tokens_ended: usize,
    /// Which counter a throttle row or a decoy's row belongs to: learned when it is first written.
    pub(crate) counter_rows: BTreeMap<Key, Counted>,
    /// The same, the other way about.
    pub(crate) row_of: BTreeMap<Counted, Key>,
    /// Every id and salt that was ever drawn.
    pub(crate) drawn: BTreeSet<[u8; 16]>,
    /// The needs of an undisturbed login that was denied; all are alike.
    pub(crate) denied_shape: Option<Vec<crate::task::Shape>>,
    /// The same of one that was told to wait.
    pub(crate) throttled_shape: Option<Vec<crate::task::Shape>>,
}

#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    /// What becomes of it.
    pub(crate) stage: Stage,
    /// The last name that it had.
    pub(crate) name: usize,
    /// Every name that it had.
    pub(crate) once_named: BTreeSet<usize>,
    pub(crate) password: usize,
    pub(crate) hash: PasswordHash,
    /// Whether others know the password.
    pub(crate) is_compromised: bool,
    pub(crate) may_log_in: bool,
    pub(crate) failures: u32,
    /// Which of them known devices have made.
    pub(crate) held: BTreeMap<DeviceId, u32>,
    pub(crate) devices: Vec<Device>,
    /// Every device that ever was known.
    pub(crate) once_known: BTreeSet<DeviceId>,
    /// What slows guesses inside its sessions.
    pub(crate) throttle: Throttle,
    pub(crate) sessions: Vec<usize>,
    /// At which moment everything that it was granted was ended.
    pub(crate) ended: usize,
}

/// An account has one life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    There,
    /// It is deleted, and perhaps something is left.
    Remains,
    Gone,
}

#[derive(Clone, Default, Hash)]
pub(crate) struct Name {
    pub(crate) account: Option<usize>,
    pub(crate) throttle: Throttle,
    /// Failures under it while nobody had it, and until when they are kept.
    pub(crate) decoy: Option<(u32, Timestamp)>,
}

/// Failures in a row; `None`: none that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct Throttle(pub(crate) Option<Failures>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Failures {
    pub(crate) count: u32,
    pub(crate) until: Timestamp,
    pub(crate) kept_until: Timestamp,
}

/// Whose failures a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Counted {
    Name(usize),
    Account(usize),
    Decoy(usize),
}

#[derive(Debug, Clone, Hash)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// `None`: nobody's.
    pub(crate) account: Option<usize>,
    pub(crate) account_id: Option<AccountId>,
    pub(crate) salt: [u8; 16],
    pub(crate) generation: u64,
    pub(crate) created: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) idle: Duration,
    pub(crate) absolute_end: Timestamp,
    pub(crate) auth_time: Timestamp,
    /// Whether it is remembered at all.
    pub(crate) is_there: bool,
    /// Whether everything of its account, or of the store, was ended since.
    pub(crate) is_revoked: bool,
    /// What the host keeps with it.
    pub(crate) data: Vec<u8>,
    /// What its tokens may allow.
    pub(crate) scope: Scopes,
    pub(crate) grants: Grants,
    /// Whether a purge took it, and left what is kept to a later one.
    pub(crate) was_purged: bool,
}

/// A token that an engine gave out.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) session: usize,
    pub(crate) generation: u64,
    /// When it was given out.
    pub(crate) given: usize,
    /// Since when a client knows that it is dead, and by which invariant.
    pub(crate) dead: Option<(usize, u8)>,
}

impl Model {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            mark: Timestamp::from_millis(0),
            accounts: Vec::new(),
            names: (0..NAMES).map(|_| Name::default()).collect(),
            sessions: Vec::new(),
            by_id: BTreeMap::new(),
            by_account: BTreeMap::new(),
            tokens: Vec::new(),
            families: Vec::new(),
            refresh_tokens: Vec::new(),
            access_tokens: Vec::new(),
            keys: Vec::new(),
            once_keys: BTreeSet::new(),
            landed: 0,
            ended: 0,
            tokens_ended: 0,
            counter_rows: BTreeMap::new(),
            row_of: BTreeMap::new(),
            drawn: BTreeSet::new(),
            denied_shape: None,
            throttled_shape: None,
        }
    }
}

impl Model {
    /// The session that a request works in, when its genuine token is there.
    pub(crate) fn session_of(&self, intent: &Intent, now: Timestamp) -> Option<(usize, Session)> {
        let session = match intent {
            Intent::Token(Request::Refresh { token, .. }) => self.session_refreshed(*token, now)?,
            _ => match intent.session_token()? {
                Shown::Token(number) => self.tokens[number].session,
                Shown::WrongProof(_) | Shown::OtherKind | Shown::Garbage => return None,
            },
        };
        Some((session, self.sessions[session].clone())).filter(|(_, record)| record.is_there)
    }
}

impl Account {
    pub(crate) fn is_there(&self) -> bool {
        self.stage == Stage::There
    }
}

impl Session {
    pub(crate) fn idle_end(&self) -> Timestamp {
        self.last_seen.saturating_add(self.idle).min(self.absolute_end)
    }

    /// Whether it is over at this time, and how; it is there.
    pub(crate) fn over(&self, now: Timestamp) -> Option<Gone> {
        if now >= self.absolute_end {
            Some(Gone::Expired)
        } else if now >= self.idle_end() {
            Some(Gone::Idle)
        } else {
            self.is_revoked.then_some(Gone::Revoked)
        }
    }

    /// Whether an activity now is to be written down.
    pub(crate) fn is_due(&self, now: Timestamp, policy: &Policy) -> bool {
        now > self.last_seen && now.since(self.last_seen) >= policy.touch_every().min(self.idle / 2)
    }

    /// The session after an update of what is kept with it, which may also say how long it is to live.
    pub(crate) fn updated(&self, lifetime: Option<Duration>, now: Timestamp, policy: &Policy) -> Self {
        let mut next = self.clone();
        if lifetime.is_some() || self.is_due(now, policy) {
            next.last_seen = self.last_seen.max(now);
        }
        if let Some(lifetime) = lifetime {
            let end = now.saturating_add(lifetime);
            let span = policy.anonymous();
            // A person's session has one life; nobody's may gain, within its bounds.
            let (idle, bound) = match self.account {
                Some(_) => (self.idle, self.absolute_end),
                None => (span.idle, self.created.saturating_add(span.absolute)),
            };
            (next.idle, next.absolute_end) = (idle.min(lifetime), bound.min(end));
        }
        next
    }

    /// The session after its token was replaced.
    pub(crate) fn renewed(&self, now: Timestamp, reauthenticated: bool) -> Self {
        let mut next = self.clone();
        next.generation += 1;
        next.last_seen = self.last_seen.max(now);
        if reauthenticated {
            let span = self.absolute_end.since(self.auth_time);
            next.absolute_end = self.absolute_end.max(now.saturating_add(span));
            next.auth_time = self.auth_time.max(now);
        }
        next
    }

    pub(crate) fn life(&self) -> Life {
        Life {
            id: self.id,
            account: self.account_id,
            created: self.created,
            auth_time: self.auth_time,
            idle_ends: self.idle_end(),
            absolute_ends: self.absolute_end,
        }
    }
}

impl Throttle {
    fn remembered(self, now: Timestamp) -> Option<Failures> {
        self.0.filter(|failures| now < failures.kept_until)
    }

    /// Until when guesses wait.
    pub(crate) fn wait(self, now: Timestamp) -> Option<Timestamp> {
        self.remembered(now).map(|failures| failures.until).filter(|until| *until > now)
    }

    /// After one more failure: the wait doubles, and no step of a clock shortens it.
    pub(crate) fn failed(self, policy: &Policy, now: Timestamp) -> Failures {
        let rule = policy.throttle();
        let before = self.remembered(now);
        let count = before.map_or(0, |before| before.count) + 1;
        let mut wait = Duration::ZERO;
        for step in rule.free..=count {
            wait = if step == rule.free {
                rule.first_wait
            } else {
                wait.saturating_mul(2).min(rule.longest_wait)
            };
        }
        let waited = before.map_or(Timestamp::from_millis(0), |before| before.until);
        let until = if wait.is_zero() { waited } else { now.saturating_add(wait).max(waited) };
        let kept_until = until.max(now).saturating_add(rule.forget_after);
        Failures { count, until, kept_until }
    }
}

pub(crate) fn lifetime(number: u8) -> Lifetime {
    match number % 4 {
        0 | 1 => Lifetime::Web,
        2 => Lifetime::Remembered,
        _ => Lifetime::Device,
    }
}

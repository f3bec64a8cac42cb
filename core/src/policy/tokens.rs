//! The numbers of access tokens, refresh tokens and the keys that sign them.

use core::time::Duration;

use crate::token::jwt::Algorithm;
use crate::token::terms::Audience;

/// How tokens are made, and how their revocation is heard of.
///
/// # Example: tokens of this service, a quarter of an hour long, refused within half a second of a logout elsewhere
/// ```
/// use core::time::Duration;
/// use doorward_core::policy::{Policy, RevocationMode, TokenPolicy, WhenStale};
/// use doorward_core::token::terms::Audience;
///
/// let tokens = TokenPolicy {
///     issuer: Audience::parse("https://login.example")?,
///     lifetime: Duration::from_mins(15),
///     revocation: RevocationMode::Watched {
///         max_staleness: Duration::from_millis(500),
///         when_stale: WhenStale::AskStore,
///     },
///     ..TokenPolicy::default()
/// };
/// let policy = Policy::builder().tokens(tokens).build()?;
/// assert_eq!(policy.tokens().leeway, Duration::from_secs(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPolicy {
    /// The `iss` of every token that is made, and the only one that is accepted (RFC 9068, section 4). Default
    /// `doorward`: give your service's own, an HTTPS URL as a rule.
    pub issuer: Audience,
    /// What access tokens are signed with. Default [`Algorithm::EdDsa`].
    pub algorithm: Algorithm,
    /// How long an access token lives, and never past its session's end: whole seconds. Default 10 min. Give every
    /// instance the same: a longer-lived one's token is accepted while its key is, and `Watched` asks the store for it.
    pub lifetime: Duration,
    /// How long after its end a token is still accepted, for clocks that differ (INV 18). Default 5 s, at most 1 min.
    pub leeway: Duration,
    /// How long after a refresh the same refresh token gives the same successor: an answer that was lost is asked for
    /// again. Default 10 s, at most 1 min.
    pub grace: Duration,
    /// How many refresh families a session has: a further one takes the place of the one that rested longest. Default 16.
    pub families: u32,
    /// How long a signing key is in use. Default 30 d.
    pub rotate_every: Duration,
    /// How long a signing key is published before it is used: longer than anybody keeps a JWKS. Default 1 d.
    pub overlap: Duration,
    /// How an access token's revocation is heard of.
    pub revocation: RevocationMode,
}

/// What stands between a logout and the access tokens of its session.
///
/// | mode | a verification reads | after a logout, by this engine | by others |
/// |---|---|---|---|
/// | `UntilExpiry` | nothing; the keys now and then | accepted to their end | the same |
/// | `Bound` | session, account, keyring, grants | refused at once | refused at once |
/// | `Watched` | nothing; the journal now and then | refused at once | refused within `max_staleness` |
///
/// # Example: how long may others go on accepting?
/// ```
/// use core::time::Duration;
/// use doorward_core::policy::{RevocationMode, TokenPolicy, WhenStale};
///
/// fn others_lag(tokens: &TokenPolicy) -> Duration {
///     match tokens.revocation {
///         RevocationMode::Bound => Duration::ZERO,
///         RevocationMode::Watched { max_staleness, .. } => max_staleness,
///         RevocationMode::UntilExpiry { .. } => tokens.lifetime + tokens.leeway,
///     }
/// }
/// assert_eq!(others_lag(&TokenPolicy::default()), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RevocationMode {
    /// A token is accepted until it ends: no session is asked for. Only `revoke_all_tokens`, `after_restore` and a retired
    /// key end it sooner, within `max_key_age`.
    UntilExpiry {
        /// How old the keyring may be that a token is held against: from 1 ms to 1 h.
        max_key_age: Duration,
    },
    /// A token is accepted while its session lives: every verification asks the store.
    #[default]
    Bound,
    /// A token is accepted while nothing is known of its end: what this engine ended is known at once, what others
    /// ended within `max_staleness`.
    Watched {
        /// How old the view of the journal may be: from 1 ms to 1 h, counted on a monotonic clock from when it was asked for.
        max_staleness: Duration,
        /// What a verification does that finds it older, and the journal not to be read.
        when_stale: WhenStale,
    },
}

/// What a verification does without a view that is fresh enough.
///
/// # Example: never accept what nobody knows
/// ```
/// use doorward_core::policy::WhenStale;
///
/// assert_eq!(WhenStale::default(), WhenStale::AskStore);
/// assert_ne!(WhenStale::Refuse, WhenStale::AskStore); // both end in no, when the store is down
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhenStale {
    /// It asks the store, as in [`RevocationMode::Bound`].
    #[default]
    AskStore,
    /// It refuses.
    Refuse,
}

impl TokenPolicy {
    /// Whether each number makes sense, and all of them together.
    pub(super) fn is_sensible(&self) -> bool {
        let (second, minute, hour) =
            (Duration::from_secs(1), Duration::from_mins(1), Duration::from_hours(1));
        let is_heard_of = match self.revocation {
            RevocationMode::UntilExpiry { max_key_age: age }
            | RevocationMode::Watched { max_staleness: age, .. } => {
                (Duration::from_millis(1)..=hour).contains(&age)
            }
            RevocationMode::Bound => true,
        };
        is_heard_of
            && (second..=Duration::from_hours(24)).contains(&self.lifetime)
            && self.lifetime.subsec_nanos() == 0
            && self.leeway <= minute
            && self.grace <= minute
            && (1..=64).contains(&self.families)
            && (second..=Duration::from_hours(400 * 24)).contains(&self.rotate_every)
            && self.overlap <= self.rotate_every
            && self.algorithm != Algorithm::Rs256
    }
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self {
            issuer: Audience::parse("doorward").expect("eight visible ASCII characters are one"),
            algorithm: Algorithm::default(),
            lifetime: Duration::from_mins(10),
            leeway: Duration::from_secs(5),
            grace: Duration::from_secs(10),
            families: 16,
            rotate_every: Duration::from_hours(30 * 24),
            overlap: Duration::from_hours(24),
            revocation: RevocationMode::default(),
        }
    }
}

//! Policy: every number the engine goes by, with its default. Checked once, when it is built.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::model::data::DataLimits;
use crate::model::device::DevicePolicy;
use crate::model::session::{Lifetime, SessionCap, Span};
use crate::model::source::SourcePolicy;
use crate::model::throttle::ThrottlePolicy;
use crate::password::{Argon2Params, PasswordRules};
use crate::planted::Planted;
use crate::time::Timestamp;

pub use builder::{PolicyBuilder, PolicyError};
pub use json::PolicyTextError;
pub use tokens::{RevocationMode, TokenPolicy, WhenStale};

mod builder;
mod json;
mod tokens;

/// The rules in force, immutable once built: by [`Policy::builder`], or from a text of JSON ([`Policy::from_json`]).
///
/// | | default | in JSON |
/// |---|---|---|
/// | passwords | [`PasswordRules::default`] | `password` |
/// | what people call the service | nothing | `service_names` |
/// | hashing | Argon2id, 19456 KiB, 2 passes, 1 lane | `argon2` |
/// | throttle | [`ThrottlePolicy::default`] | `throttle` |
/// | sources | [`SourcePolicy::default`] | `sources` |
/// | known devices | [`DevicePolicy::default`] | `devices` |
/// | sessions of an account | no cap | `session_cap` |
/// | `web` sessions | idle 1 h, absolute 24 h | `sessions.web` |
/// | `remembered` | idle 7 d, absolute 30 d | `sessions.remembered` |
/// | `device` | idle 30 d, absolute 90 d | `sessions.device` |
/// | anonymous sessions | idle 1 h, absolute 24 h | `sessions.anonymous` |
/// | host data | 64 KiB with a session, 16 KiB with an anonymous one | `data` |
/// | tokens | [`TokenPolicy::default`] | `tokens` |
/// | touch | every 60 s | `touch_every_ms` |
/// | skew between instances | 2 s | `max_skew_ms` |
/// | a clock may be behind its mark | 5 min | `max_clock_regression_ms` |
/// | a clock may be ahead of its mark, for a purge | 30 d | `max_clock_jump_ms` |
///
/// # Example: an office day instead of an hour
/// ```
/// use core::time::Duration;
/// use doorward_core::model::session::{Lifetime, Span};
/// use doorward_core::policy::Policy;
///
/// let office = Span { idle: Duration::from_hours(2), absolute: Duration::from_hours(10) };
/// let policy = Policy::builder().session(Lifetime::Web, office).build()?;
/// assert_eq!(policy.span(Lifetime::Web), office);
/// # Ok::<(), doorward_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    password: PasswordRules,
    service_names: Vec<String>,
    argon2: Argon2Params,
    throttle: ThrottlePolicy,
    sources: SourcePolicy,
    devices: DevicePolicy,
    session_cap: Option<SessionCap>,
    spans: Spans,
    data_limits: DataLimits,
    tokens: TokenPolicy,
    touch_every: Duration,
    max_skew: Duration,
    max_clock_regression: Duration,
    max_clock_jump: Duration,
    #[cfg(feature = "planted")]
    planted: Option<Planted>,
}

/// How long sessions live.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spans {
    web: Span,
    remembered: Span,
    device: Span,
    anonymous: Span,
}

impl Policy {
    /// A builder that starts from the defaults.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder { policy: Self::default() }
    }

    /// What a new password must be.
    pub fn password(&self) -> &PasswordRules {
        &self.password
    }

    /// What people call the service: passwords made of it are refused.
    pub fn service_names(&self) -> impl Iterator<Item = &str> {
        self.service_names.iter().map(String::as_str)
    }

    /// How hard new hashes are; a stored one of other costs, lower or higher, is made anew at the next login.
    pub fn argon2(&self) -> &Argon2Params {
        &self.argon2
    }

    /// How guessing is slowed.
    pub fn throttle(&self) -> &ThrottlePolicy {
        &self.throttle
    }

    /// How guessing and registration are slowed by where they come from.
    pub fn sources(&self) -> &SourcePolicy {
        &self.sources
    }

    /// What a known device may.
    pub fn devices(&self) -> &DevicePolicy {
        &self.devices
    }

    /// How many sessions an account may have at once, when there is a limit.
    pub fn session_cap(&self) -> Option<SessionCap> {
        self.session_cap
    }

    /// How long a session of this lifetime lives.
    pub fn span(&self, lifetime: Lifetime) -> Span {
        match lifetime {
            Lifetime::Web => self.spans.web,
            Lifetime::Remembered => self.spans.remembered,
            Lifetime::Device => self.spans.device,
        }
    }

    /// How long an anonymous session lives.
    pub fn anonymous(&self) -> Span {
        self.spans.anonymous
    }

    /// How much a host may keep with a session.
    pub fn data_limits(&self) -> DataLimits {
        self.data_limits
    }

    /// How long the longest session may live.
    pub fn longest_session(&self) -> Duration {
        self.spans.all().iter().map(|span| span.absolute).max().unwrap_or(Duration::ZERO)
    }

    /// How tokens are made, and how their revocation is heard of.
    pub fn tokens(&self) -> &TokenPolicy {
        &self.tokens
    }

    /// From when on no instance accepts an access token that was made before `moment`, however its clock differs.
    pub(crate) fn access_dies_at(&self, moment: Timestamp) -> Timestamp {
        moment.saturating_add(self.tokens.lifetime).saturating_add(self.access_outlives_end())
    }

    /// Until when a revocation at `moment` must be remembered. What it revokes may have been issued later than that: by a
    /// clock that was set back across a restart since.
    pub(crate) fn revocation_dies_at(&self, moment: Timestamp) -> Timestamp {
        self.access_dies_at(moment).saturating_add(self.restart_sets_back())
    }

    /// Until when the journal tells of a floor that was set at `moment`: no session from before it lives longer, and no
    /// token either. Spans may have been made shorter than a token's life, and a token from before that was not. The clock
    /// may have been set back since it was made, and be set back once more.
    pub(crate) fn floor_dies_at(&self, moment: Timestamp) -> Timestamp {
        let made = moment.saturating_add(self.restart_sets_back());
        moment.saturating_add(self.longest_session()).max(self.revocation_dies_at(made))
    }

    /// By how much the time may be earlier after a restart than it was before. It begins at the mark then, whatever the
    /// clock shows; and the mark is written down when it is behind by `touch_every`, by a maintenance, of which one succeeds
    /// in `max_clock_regression`.
    pub(crate) fn restart_sets_back(&self) -> Duration {
        self.max_clock_regression.saturating_add(self.touch_every)
    }

    /// How long after its end some instance may still accept an access token.
    pub(crate) fn access_outlives_end(&self) -> Duration {
        self.tokens.leeway.saturating_add(self.max_skew * 2)
    }

    /// How long what has expired must be kept: until no instance believes in it any more, however its clock differs; nor in
    /// an access token of a session that was shortened since, so that whoever logs out finds what is to be told of. The clock
    /// may have been set back when it was shortened, and be set back once more: to the mark, which every purge raises when it
    /// is behind by `touch_every`.
    pub fn purge_after(&self) -> Duration {
        let access_lives_on = self.tokens.lifetime.saturating_add(self.access_outlives_end());
        access_lives_on.saturating_add(self.restart_sets_back()).saturating_add(self.touch_every)
    }

    /// How often activity is written down, at most; as seldom, the latest time that was seen.
    pub fn touch_every(&self) -> Duration {
        self.touch_every
    }

    /// How far the clocks of two instances on one store may differ.
    pub fn max_skew(&self) -> Duration {
        self.max_skew
    }

    /// How far behind the latest time that the store has seen a clock may be at open.
    pub fn max_clock_regression(&self) -> Duration {
        self.max_clock_regression
    }

    /// How far ahead of the latest time that the store has seen a clock may be for a purge to believe it.
    pub fn max_clock_jump(&self) -> Duration {
        self.max_clock_jump
    }

    /// Whether a test planted this bug.
    #[cfg(feature = "planted")]
    pub(crate) fn has(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }

    /// Whether a test planted any.
    #[cfg(feature = "planted")]
    pub(crate) fn has_any(&self) -> bool {
        self.planted.is_some()
    }

    /// Whether a test planted this bug: never, without the feature.
    #[cfg(not(feature = "planted"))]
    #[allow(clippy::unused_self, reason = "with the feature, it is asked")]
    pub(crate) const fn has(&self, _: Planted) -> bool {
        false
    }
}

impl Spans {
    fn all(&self) -> [Span; 4] {
        [self.web, self.remembered, self.device, self.anonymous]
    }
}

impl Default for Policy {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        const DAY: u64 = 24 * HOUR;
        let span = |idle, absolute| Span {
            idle: Duration::from_secs(idle),
            absolute: Duration::from_secs(absolute),
        };
        Self {
            password: PasswordRules::default(),
            service_names: Vec::new(),
            argon2: Argon2Params::default(),
            throttle: ThrottlePolicy::default(),
            sources: SourcePolicy::default(),
            devices: DevicePolicy::default(),
            session_cap: None,
            spans: Spans {
                web: span(HOUR, DAY),
                remembered: span(7 * DAY, 30 * DAY),
                device: span(30 * DAY, 90 * DAY),
                anonymous: span(HOUR, DAY),
            },
            data_limits: DataLimits::default(),
            tokens: TokenPolicy::default(),
            touch_every: Duration::from_mins(1),
            max_skew: Duration::from_secs(2),
            max_clock_regression: Duration::from_mins(5),
            max_clock_jump: Duration::from_secs(30 * DAY),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }
}

//! How attempts are slowed by where they come from: a bucket for each source, in the memory of whoever drives the core.
//!
//! | event | the source's bucket |
//! |---|---|
//! | an attempt begins | one is taken; if none is left, it is turned away until the next comes back |
//! | it was due: a wrong guess, a registration, a name found to be taken | nothing more: one comes back every `refill` |
//! | it was not due, or nothing was decided | one is given back |
//! | time passes until it is full | forgotten |
//!
//! One is taken before the work and not after it, or a thousand guesses in parallel would all find a full bucket. So a
//! source has at most `size` attempts decided at once, and `size` and one for each `refill` in the long run. It is never
//! off: many people may stand behind one address, and one of them may be guessing. Hence these buckets are nobody's
//! precondition and are not stored; a restart forgets them, while the throttles by name and by account stay.
//!
//! A bucket is one moment, when it is full again: the generic cell rate algorithm (ITU-T I.371, annex A).

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use crate::event::Source;
use crate::time::Timestamp;

pub use buckets::SourceBuckets;

mod buckets;

/// What counts as one source: an IPv4 address, or the first 64 bits of an IPv6 address, within which a single
/// subscriber chooses freely (RFC 4291, section 2.5.4). IPv4 written as IPv6 is IPv4 (section 2.5.5.2).
///
/// # Example: one subscriber, two addresses
/// ```
/// use std::net::IpAddr;
/// use doorward_core::event::Source;
/// use doorward_core::model::source::SourcePrefix;
///
/// let prefix = |address: &str| SourcePrefix::from(Source::from(address.parse::<IpAddr>().unwrap()));
/// assert_eq!(prefix("2001:db8::1"), prefix("2001:db8::feed:1"));
/// assert_ne!(prefix("2001:db8::1"), prefix("2001:db8:0:1::1"));
/// assert_eq!(prefix("::ffff:192.0.2.1"), prefix("192.0.2.1"));
/// assert_ne!(prefix("192.0.2.1"), prefix("192.0.2.2"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePrefix(IpAddr);

impl From<Source> for SourcePrefix {
    fn from(source: Source) -> Self {
        Self(match source.address().to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }
}

/// What an attempt takes from whose bucket. Guesses and registrations have a bucket each.
///
/// # Example: which operations are slowed by source
/// ```
/// use std::net::IpAddr;
/// use doorward_core::machine::Decide;
/// use doorward_core::model::source::Toll;
/// use doorward_core::operation::{login::Login, register::Register};
///
/// let source = IpAddr::from([192, 0, 2, 1]);
/// assert!(matches!(Login::new("ada", "a guess").source(source).toll(), Some(Toll::Guess(_))));
/// let register = Register::new("ada", "plum kettle orbit");
/// assert_eq!(register.toll(), None); // no source was given
/// assert!(matches!(register.source(source).toll(), Some(Toll::Registration(_))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Toll {
    /// A guess at a password.
    Guess(SourcePrefix),
    /// A registration, which also tells whether a name is taken.
    Registration(SourcePrefix),
}

/// How much a source may do at once, and how fast it may do more.
///
/// # Example: three at once, then one a minute
/// ```
/// use core::time::Duration;
/// use doorward_core::model::source::{Bucket, SourcePolicy};
/// use doorward_core::policy::Policy;
///
/// let registrations = Bucket { size: 3, refill: Duration::from_mins(1) };
/// let policy = Policy::builder().sources(SourcePolicy { registrations, ..SourcePolicy::default() }).build()?;
/// assert_eq!(policy.sources().registrations, registrations);
/// # Ok::<(), doorward_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Attempts in a full bucket.
    pub size: u32,
    /// How long it takes for one to come back.
    pub refill: Duration,
}

/// How sources are slowed, and how many of them are remembered.
///
/// | | default |
/// |---|---|
/// | guesses | 30 at once, one more every 10 s |
/// | registrations | 30 at once, one more every 10 s |
/// | sources | 65536 for each |
///
/// # Example: a service behind one address is not slowed
/// ```
/// use doorward_core::model::source::{Bucket, SourcePolicy};
/// use doorward_core::policy::Policy;
///
/// let mut sources = SourcePolicy::default();
/// sources.guesses.size = u32::MAX; // the throttles by name and by account remain
/// let policy = Policy::builder().sources(sources).build()?;
/// assert_eq!(policy.sources().registrations.size, 30);
/// # Ok::<(), doorward_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourcePolicy {
    /// Wrong guesses.
    pub guesses: Bucket,
    /// Registrations, and names found to be taken.
    pub registrations: Bucket,
    /// Sources that each kind of bucket is kept for at most, about 100 bytes apiece. When there are more, the one whose
    /// bucket is full first is forgotten.
    pub most_sources: usize,
}

impl Default for SourcePolicy {
    fn default() -> Self {
        let bucket = Bucket { size: 30, refill: Duration::from_secs(10) };
        Self { guesses: bucket, registrations: bucket, most_sources: 1 << 16 }
    }
}

/// The source's bucket is empty: the attempt is turned away, before any work and alike for every name.
///
/// # Example: what to tell a client
/// ```
/// use doorward_core::{model::source::Throttled, time::Timestamp};
///
/// let throttled = Throttled { until: Timestamp::from_millis(12_000) };
/// assert_eq!(throttled.until.since(Timestamp::from_millis(2_000)).as_secs(), 10); // Retry-After
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled {
    /// When the next attempt comes back.
    pub until: Timestamp,
}

//! Time is an integer: UTC milliseconds since 1970, given by the caller. The core reads no clock.

use core::fmt;
use core::time::Duration;

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Arithmetic saturates, so that no stored or hostile
/// value can wrap (0, negative, 2^53 and `i64::MAX` included).
///
/// # Example: an hour later
/// ```
/// use doorward_core::time::Timestamp;
/// use core::time::Duration;
///
/// let noon = Timestamp::from_millis(1_700_000_000_000);
/// let one = noon.saturating_add(Duration::from_secs(3600));
/// assert_eq!(one.since(noon), Duration::from_secs(3600));
/// assert_eq!(noon.since(one), Duration::ZERO);
/// assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] i64);

impl Timestamp {
    /// The last moment there is; saturating arithmetic ends here.
    pub const MAX: Self = Self(i64::MAX);

    /// The moment `millis` milliseconds after 1970 (before it, when negative).
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment moved into the future, [`Timestamp::MAX`] at most. Fractions of a millisecond are dropped.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment moved into the past. Fractions of a millisecond are dropped.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_23_extremes_saturate() {
        for millis in [i64::MIN, -1, 0, 1, 1 << 53, i64::MAX] {
            let at = Timestamp::from_millis(millis);
            assert!(at.saturating_add(Duration::MAX) >= at);
            assert!(at.saturating_sub(Duration::MAX) <= at);
            assert_eq!(at.since(at), Duration::ZERO);
        }
        let all = Timestamp::MAX.since(Timestamp::from_millis(i64::MIN));
        assert_eq!(all, Duration::from_millis(u64::MAX));
    }
}

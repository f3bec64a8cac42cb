//! What time it is.

use std::sync::Arc;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::time::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward_core::time::Timestamp;

/// Tells the time. An engine asks it once per step and takes the latest answer it ever had: its own time
/// never goes back while the process lives.
///
/// # Example: a clock that runs a minute ahead
/// ```
/// use std::time::Duration;
/// use doorward::core::time::Timestamp;
/// use doorward::{Clock, SystemClock};
///
/// struct Ahead;
///
/// impl Clock for Ahead {
///     fn now(&self) -> Timestamp {
///         SystemClock.now().saturating_add(Duration::from_mins(1))
///     }
/// }
/// assert!(Ahead.now() > SystemClock.now());
/// ```
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// How much time has passed since some moment in the past, whatever anybody does to the clock: by it, an engine that
    /// watches revocations knows how old its view is. Without it: the system's monotonic clock; on Linux and Android that
    /// which runs on while the machine sleeps (`CLOCK_BOOTTIME`), elsewhere as [`Instant`](std::time::Instant) does.
    fn elapsed(&self) -> Duration {
        uptime()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn uptime() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn uptime() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// The system's clock.
///
/// # Example: milliseconds since 1970
/// ```
/// use doorward::{Clock, SystemClock};
///
/// assert!(SystemClock.now().as_millis() > 1_700_000_000_000); // it is later than November 2023
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            // A clock before 1970 tells nothing; the engine goes on with the latest time it has seen.
            Err(_) => 0,
        };
        Timestamp::from_millis(millis)
    }
}

/// A clock that the host sets: for tests, and for hosts that know better. Clones show the same time.
///
/// # Example: an hour passes at once
/// ```
/// use doorward::{Clock, ManualClock, core::time::Timestamp};
/// use std::time::Duration;
///
/// let clock = ManualClock::at(Timestamp::from_millis(1_000));
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now(), Timestamp::from_millis(3_601_000));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Manual>);

#[derive(Debug)]
struct Manual {
    now: AtomicI64,
    passed: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at this time.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Manual { now: AtomicI64::new(now.as_millis()), passed: AtomicU64::new(0) }))
    }

    /// Sets it, forwards or back, as somebody sets a clock: no time passes by it.
    pub fn set(&self, now: Timestamp) {
        self.0.now.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Lets so much time pass.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
        self.0.passed.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.passed.load(Ordering::SeqCst))
    }
}

/// A clock that never goes back.
pub(super) struct Monotonic {
    clock: Box<dyn Clock>,
    latest: AtomicI64,
}

impl Monotonic {
    pub(super) fn new(clock: Box<dyn Clock>) -> Self {
        Self { clock, latest: AtomicI64::new(i64::MIN) }
    }

    /// Never shows less than this from here on.
    pub(super) fn start_at(&self, mark: Timestamp) {
        self.latest.fetch_max(mark.as_millis(), Ordering::SeqCst);
    }

    /// How much time has passed, by no clock that anybody sets.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    pub(super) fn now(&self) -> Timestamp {
        let [_, now] = self.shown_and_now();
        now
    }

    /// What the clock shows, also where that is less than it has shown before, and the time.
    pub(super) fn shown_and_now(&self) -> [Timestamp; 2] {
        let shown = self.clock.now();
        let millis = shown.as_millis();
        [shown, Timestamp::from_millis(self.latest.fetch_max(millis, Ordering::SeqCst).max(millis))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn inv_19_inv_21_the_engines_time_never_goes_back() {
        let clock = ManualClock::at(at(1_000));
        let engine = Monotonic::new(Box::new(clock.clone()));
        for (shown, told) in
            [(1_000, 1_000), (999, 1_000), (5_000, 5_000), (i64::MIN, 5_000), (0, 5_000), (5_001, 5_001)]
        {
            clock.set(at(shown));
            assert_eq!(engine.now(), at(told), "the clock shows {shown}");
        }
    }

    #[test]
    fn inv_21_what_has_passed_is_told_by_a_clock_that_runs() {
        let before = SystemClock.elapsed();
        std::thread::sleep(Duration::from_millis(20));
        let passed = SystemClock.elapsed().saturating_sub(before);
        assert!((20..20_000).contains(&passed.as_millis()), "{passed:?}");
    }

    #[test]
    fn inv_20_the_engines_time_begins_at_the_mark() {
        let clock = ManualClock::at(at(1_000));
        let engine = Monotonic::new(Box::new(clock.clone()));
        engine.start_at(at(3_000));
        assert_eq!(engine.now(), at(3_000));
        engine.start_at(at(2_000));
        assert_eq!(engine.now(), at(3_000));
        clock.set(at(3_001));
        assert_eq!(engine.now(), at(3_001));
    }

    #[test]
    fn inv_23_a_clock_at_its_extremes_neither_panics_nor_wraps() {
        let clock = ManualClock::at(at(i64::MIN));
        let engine = Monotonic::new(Box::new(clock.clone()));
        for millis in [i64::MIN, -1, 0, 1 << 53, i64::MAX] {
            clock.set(at(millis));
            assert_eq!(engine.now(), at(millis));
        }
        clock.advance(std::time::Duration::MAX);
        assert_eq!(engine.now(), Timestamp::MAX);
    }

    #[test]
    fn inv_21_threads_never_see_it_go_back_either() {
        let clock = ManualClock::at(at(0));
        let engine = Monotonic::new(Box::new(clock.clone()));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (clock, engine) = (&clock, &engine);
                scope.spawn(move || {
                    let mut last = at(i64::MIN);
                    for step in 0..20_000_i64 {
                        clock.set(at((step * 7919 + thread) % 10_007));
                        let now = engine.now();
                        assert!(now >= last);
                        last = now;
                    }
                });
            }
        });
    }
}

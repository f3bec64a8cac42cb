//! What sources are charged for their attempts: one set of buckets, shared by the engine's threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use doorward_core::model::source::{SourceBuckets, SourcePolicy, Throttled, Toll};

use super::clock::Monotonic;

pub(super) struct Sources(Mutex<SourceBuckets>);

impl Sources {
    pub(super) fn new(policy: &SourcePolicy) -> Self {
        Self(Mutex::new(SourceBuckets::new(policy)))
    }

    /// Takes what an attempt costs, if anything, before it begins.
    pub(super) fn charge(&self, toll: Option<Toll>, clock: &Monotonic) -> Result<Charge<'_>, Throttled> {
        if let Some(toll) = toll {
            let now = clock.now();
            self.buckets().charge(toll, now)?;
        }
        Ok(Charge { sources: self, toll })
    }

    fn buckets(&self) -> MutexGuard<'_, SourceBuckets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was taken; given back when dropped, also when the attempt panics.
pub(super) struct Charge<'a> {
    sources: &'a Sources,
    toll: Option<Toll>,
}

impl Charge<'_> {
    /// It was due.
    pub(super) fn keep(mut self) {
        self.toll = None;
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if let Some(toll) = self.toll {
            self.sources.buckets().refund(toll);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use doorward_core::event::Source;

    use super::*;
    use crate::engine::SystemClock;

    #[test]
    fn a_charge_is_given_back_when_the_attempt_panics_and_stays_when_it_was_due() {
        let sources = Sources::new(&SourcePolicy::default());
        let toll = Some(Toll::Guess(Source::from(IpAddr::from([192, 0, 2, 1])).into()));
        let clock = Monotonic::new(Box::new(SystemClock));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _charge = sources.charge(toll, &clock);
            assert_eq!(sources.buckets().remembered(), 1);
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
        assert_eq!(sources.buckets().remembered(), 0);
        sources.charge(toll, &clock).ok().unwrap().keep();
        assert_eq!(sources.buckets().remembered(), 1);
    }
}

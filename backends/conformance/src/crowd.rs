//! Threads that call one store at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::promise::{Checked, Finding, panic_text};

/// Runs the job in `count` threads that start together; the first finding, or all they found.
pub(crate) fn crowd<T: Send>(count: usize, job: impl Fn(usize) -> Checked<T> + Sync) -> Checked<Vec<T>> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (start, job) = (&start, &job);
                scope.spawn(move || {
                    start.wait();
                    job(number)
                })
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        let panicked = |payload: Box<dyn std::any::Any + Send>| {
            Err(Finding::Broken(format!("the store panicked: {}", panic_text(&*payload))))
        };
        results.into_iter().map(|result| result.unwrap_or_else(panicked)).collect()
    })
}

/// Runs `work` round after round in one thread while `watchers` threads look on, also round after round: until
/// they have looked between enough rounds, also on a busy machine, and no longer than a slow store can bear.
pub(crate) fn while_working(
    watchers: usize,
    work: impl Fn(u64) -> Checked + Sync,
    watch: impl Fn(usize) -> Checked + Sync,
) -> Checked {
    let over = AtomicBool::new(false);
    let (round, looks) = (AtomicU64::new(0), AtomicU64::new(0));
    let watching = |number: usize| {
        let mut last = u64::MAX;
        while !over.load(Ordering::Acquire) {
            let now = round.load(Ordering::Relaxed);
            watch(number)?;
            if now != last {
                looks.fetch_add(1, Ordering::Relaxed);
            }
            last = now;
        }
        Ok(())
    };
    let working = || {
        let _over = SetOnDrop(&over);
        let begun = Instant::now();
        let goes_on = |done: u64| {
            let seen = looks.load(Ordering::Relaxed) >= ENOUGH_LOOKS && begun.elapsed() > LONG_ENOUGH;
            done < LEAST_ROUNDS || !seen && done < MOST_ROUNDS && begun.elapsed() < TOO_LONG
        };
        let mut done = 0;
        while goes_on(done) && !over.load(Ordering::Acquire) {
            work(done)?;
            done += 1;
            round.store(done, Ordering::Relaxed);
        }
        Ok(())
    };
    crowd(watchers + 1, |number| {
        if number == 0 {
            return working();
        }
        // A watcher that found something ends the work.
        watching(number).inspect_err(|_| over.store(true, Ordering::Release))
    })
    .map(drop)
}

const LEAST_ROUNDS: u64 = 60;
const MOST_ROUNDS: u64 = 5_000;
const ENOUGH_LOOKS: u64 = 100;
const LONG_ENOUGH: Duration = Duration::from_millis(30);
const TOO_LONG: Duration = Duration::from_millis(500);

/// Ends the watch also when the work panics.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

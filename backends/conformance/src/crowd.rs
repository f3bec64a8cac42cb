//! Threads that call one store at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Runs `work` round after round in one thread while `watchers` threads look on, also round after round: long
/// enough to meet on a fast store, few enough rounds for a slow one.
pub(crate) fn while_working(
    watchers: usize,
    work: impl Fn(u64) -> Checked + Sync,
    watch: impl Fn(usize) -> Checked + Sync,
) -> Checked {
    let over = AtomicBool::new(false);
    let at_work = |number: usize| {
        if number > 0 {
            while !over.load(Ordering::Acquire) {
                watch(number)?;
            }
            return Ok(());
        }
        let _over = SetOnDrop(&over);
        let begun = Instant::now();
        (0..MOST_ROUNDS)
            .take_while(|round| *round < LEAST_ROUNDS || begun.elapsed() < LONG_ENOUGH)
            .try_for_each(&work)
    };
    crowd(watchers + 1, at_work).map(drop)
}

const LEAST_ROUNDS: u64 = 60;
const MOST_ROUNDS: u64 = 5_000;
const LONG_ENOUGH: Duration = Duration::from_millis(30);

/// Ends the watch also when the work panics.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

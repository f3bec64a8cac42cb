//! Futures polled by hand, so that a test says when one is dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// A future, polled only when it was woken.
pub(crate) struct Polled<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    flag: Arc<Flag>,
    pub(crate) polls: u32,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl<'a, T> Polled<'a, T> {
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self { future: Box::pin(future), flag: Arc::new(Flag(AtomicBool::new(true))), polls: 0 }
    }

    /// Its outcome, when it was woken and has one.
    pub(crate) fn poll(&mut self) -> Option<T> {
        if !self.flag.0.swap(false, Ordering::SeqCst) {
            return None;
        }
        self.polls += 1;
        let waker = Waker::from(Arc::clone(&self.flag));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Its outcome, if it has one within this time.
    pub(crate) fn within(&mut self, patience: Duration) -> Option<T> {
        let begun = Instant::now();
        loop {
            if let Some(outcome) = self.poll() {
                return Some(outcome);
            }
            if begun.elapsed() >= patience {
                return None;
            }
            thread::yield_now();
        }
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T> + Send) -> T {
    Polled::new(future).within(Duration::from_mins(1)).expect("nothing here takes a minute")
}

//! Waiting for a future on the test's own thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// What comes of it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let (mut future, woken) = (pin!(future), Woken::here());
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => woken.wait(),
        }
    }
}

/// Whether a thread was woken.
pub(crate) struct Woken {
    is_woken: AtomicBool,
    thread: Thread,
}

impl Woken {
    /// Of this thread.
    pub(crate) fn here() -> Arc<Self> {
        Arc::new(Self { is_woken: AtomicBool::new(false), thread: thread::current() })
    }

    /// Blocks until it was, since the last time.
    pub(crate) fn wait(&self) {
        let begun = Instant::now();
        while !self.is_woken.swap(false, Ordering::SeqCst) {
            assert!(begun.elapsed() < Duration::from_mins(2), "nobody wakes it");
            thread::park_timeout(Duration::from_secs(1));
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

//! Futures, waited for on the calling thread: what lets a kit that asks blocking stores ask an asynchronous one.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use doorward_core::error::StoreError;
use doorward_core::record::{Key, Row};
use doorward_core::store::{
    AsyncStore, Batch, Changes, Commit, Cursor, Guarantees, Range, Store, StoreFuture,
};
use doorward_core::time::Timestamp;

/// An [`AsyncStore`] as a [`Store`]: each call polls its future on the calling thread and parks until it is woken.
///
/// It brings no runtime. A store whose futures need one (a timer, a socket) is made inside a runtime that runs on
/// threads of its own, and keeps a handle to it. Never call it on a thread that the runtime needs to go on.
///
/// A panic in a future goes on in the caller. A future that is never woken waits for ever.
///
/// # Example: the whole test file of an asynchronous store
/// ```
/// use std::sync::Arc;
/// use doorward_conformance::{Blocking, Fixture};
/// use doorward_core::store::Store;
/// # use doorward_core::{record::{Key, Row}, store::*, time::Timestamp};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # #[derive(Default)]
/// # struct MyAsyncStore(hidden::Memory);
/// # impl AsyncStore for MyAsyncStore {
/// #     fn read<'a>(&'a self, keys: &'a [Key]) -> StoreFuture<'a, Vec<Option<Row>>> {
/// #         Box::pin(async { self.0.read(keys) })
/// #     }
/// #     fn commit<'a>(&'a self, batch: &'a Batch) -> StoreFuture<'a, Commit> {
/// #         Box::pin(async { self.0.commit(batch) })
/// #     }
/// #     fn scan<'a>(&'a self, range: &'a Range, limit: usize) -> StoreFuture<'a, Vec<(Key, Row)>> {
/// #         Box::pin(async move { self.0.scan(range, limit) })
/// #     }
/// #     fn changes(&self, after: Cursor, limit: usize) -> StoreFuture<'_, Changes> {
/// #         Box::pin(async move { self.0.changes(after, limit) })
/// #     }
/// #     fn purge(&self, now: Timestamp, limit: usize) -> StoreFuture<'_, usize> {
/// #         Box::pin(async move { self.0.purge(now, limit) })
/// #     }
/// #     fn guarantees(&self) -> Guarantees {
/// #         self.0.guarantees()
/// #     }
/// # }
///
/// struct Mine;
///
/// impl Fixture for Mine {
///     fn open(&self) -> Arc<dyn Store> {
///         Arc::new(Blocking(MyAsyncStore::default())) // the one line more
///     }
/// }
///
/// doorward_conformance::suite!(Mine);
/// # doorward_conformance::uphold("no_raise_is_lost", &Mine); // the tests themselves need a test harness
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Blocking<S>(pub S);

impl<S: AsyncStore> Store for Blocking<S> {
    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        wait(self.0.read(keys))
    }

    fn commit(&self, batch: &Batch) -> Result<Commit, StoreError> {
        wait(self.0.commit(batch))
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        wait(self.0.scan(range, limit))
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        wait(self.0.changes(after, limit))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        wait(self.0.purge(now, limit))
    }

    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }
}

/// Wakes a thread. The wake is remembered here: that which the thread remembers is lost when the poll itself parks, as
/// receiving from a channel of the standard library does.
struct Unpark {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

fn wait<T>(future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    let mut future = pin!(future);
    let sleeper = Arc::new(Unpark { thread: thread::current(), is_woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&sleeper));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        while !sleeper.is_woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

//! What a store's author provides: a database in a known state, and as much of its medium as can be played with.

use std::sync::Arc;

use doorward_core::store::Store;

/// One database of the store under test, empty at first. Each promise gets a fixture of its own, so promises
/// run in parallel and leave nothing behind for each other.
///
/// Only [`open`](Self::open) is required. What a fixture does not offer, the kit cannot ask: such a promise
/// answers [`Verdict::NotAsked`](crate::Verdict::NotAsked), which is printed and never counted as kept. A store
/// that declares `durable: true` must offer [`reopen`](Self::reopen).
///
/// | method | a file store offers it by | a memory store |
/// |---|---|---|
/// | [`open`](Self::open) | opening a path in a fresh temporary folder | making one |
/// | [`second_handle`](Self::second_handle) | opening the same path again | – |
/// | [`reopen`](Self::reopen) | copying the files as they are and opening the copy | – |
/// | [`medium`](Self::medium) | a simulated file system below it | – |
///
/// # Example: two handles on one database
/// ```
/// use std::sync::Arc;
/// use doorward_conformance::{Fixture, uphold};
/// use doorward_core::store::Store;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
///
/// #[derive(Default)]
/// struct Mine(Arc<Memory>);
///
/// impl Fixture for Mine {
///     fn open(&self) -> Arc<dyn Store> {
///         Arc::clone(&self.0) as Arc<dyn Store>
///     }
///
///     fn second_handle(&self) -> Option<Arc<dyn Store>> {
///         Some(self.open())
///     }
/// }
/// uphold("another_handle_sees_what_was_applied", &Mine::default());
/// ```
pub trait Fixture: Sync {
    /// The database, empty. Called once per promise.
    fn open(&self) -> Arc<dyn Store>;

    /// Another handle on the same database, as another process would have: its own connection, its own caches.
    /// Called while the first one is open.
    fn second_handle(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// The database as it would be found if the process died now by `kill -9`, opened anew: no destructor may
    /// run and nothing may be flushed for the occasion. Called, perhaps several times, while the first handle
    /// is open, and while no call runs on it except one that waits in a held sync.
    fn reopen(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// The medium under the database, when it is a simulated one.
    fn medium(&self) -> Option<&dyn Medium> {
        None
    }
}

/// A simulated medium: where "durable" can be taken at its word.
///
/// # Example: a file with a gate before its syncs
/// ```
/// use std::sync::{Arc, Condvar, Mutex};
/// use doorward_conformance::Medium;
/// # use doorward_core::store::Store;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # fn open_on(_: Vec<u8>) -> Arc<dyn Store> { Arc::new(hidden::Memory::default()) }
///
/// #[derive(Default)]
/// struct Disk { file: Mutex<File>, opened: Condvar }
///
/// #[derive(Default)]
/// struct File { written: Vec<u8>, synced: Vec<u8>, is_held: bool, waiting: usize, fails: bool }
///
/// impl Disk {
///     /// What the store calls as `fsync`.
///     fn sync(&self) -> std::io::Result<()> {
///         let mut file = self.file.lock().unwrap();
///         file.waiting += 1;
///         file = self.opened.wait_while(file, |file| file.is_held).unwrap();
///         file.waiting -= 1;
///         if std::mem::take(&mut file.fails) {
///             return Err(std::io::Error::other("the medium failed"));
///         }
///         file.synced = file.written.clone();
///         Ok(())
///     }
/// }
///
/// impl Medium for Disk {
///     fn hold_syncs(&self) {
///         self.file.lock().unwrap().is_held = true;
///     }
///
///     fn syncs_held(&self) -> usize {
///         self.file.lock().unwrap().waiting
///     }
///
///     fn release_syncs(&self) {
///         self.file.lock().unwrap().is_held = false;
///         self.opened.notify_all();
///     }
///
///     fn fail_next_sync(&self) {
///         self.file.lock().unwrap().fails = true;
///     }
///
///     fn cut_power(&self) -> Arc<dyn Store> {
///         open_on(self.file.lock().unwrap().synced.clone())
///     }
/// }
/// # let disk = Disk::default();
/// # disk.file.lock().unwrap().written.push(1);
/// disk.fail_next_sync();
/// assert!(disk.sync().is_err() && disk.file.lock().unwrap().synced.is_empty());
/// assert!(disk.sync().is_ok() && disk.file.lock().unwrap().synced == [1]);
/// ```
pub trait Medium: Sync {
    /// From now on every sync waits at a gate; nothing that waits there is durable.
    fn hold_syncs(&self);

    /// How many syncs wait at the gate.
    fn syncs_held(&self) -> usize;

    /// Opens the gate: the waiting syncs are carried out, and later ones no longer wait.
    fn release_syncs(&self);

    /// Makes the next sync fail, once, without making anything durable.
    fn fail_next_sync(&self);

    /// The database as it would be found after a power cut now, opened anew: whatever was not synced is gone.
    /// The first handle stays usable, on the medium that had no power cut.
    fn cut_power(&self) -> Arc<dyn Store>;
}

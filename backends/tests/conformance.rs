//! The kit on the stores of this crate: one named test per promise and store.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

use std::sync::Arc;

use doorward::core::store::Store;
use doorward::store::{MemoryStore, Pooled};
use doorward_conformance::{Blocking, Fixture};

/// The same stores behind threads of their own, as an asynchronous engine has them, waited for.
struct Faced<F>(F);

impl<F: Fixture> Fixture for Faced<F> {
    fn open(&self) -> Arc<dyn Store> {
        faced(self.0.open())
    }

    fn second_handle(&self) -> Option<Arc<dyn Store>> {
        self.0.second_handle().map(faced)
    }

    fn reopen(&self) -> Option<Arc<dyn Store>> {
        self.0.reopen().map(faced)
    }
}

fn faced(store: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Blocking(Pooled::new(store).unwrap()))
}

mod memory {
    struct Memory;

    impl super::Fixture for Memory {
        fn open(&self) -> super::Arc<dyn super::Store> {
            super::Arc::new(super::MemoryStore::new())
        }
    }

    doorward_conformance::suite!(Memory);

    mod asynchronous {
        doorward_conformance::suite!(super::super::Faced(super::Memory));
    }
}

#[cfg(feature = "sqlite-host")]
mod sqlite {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use doorward::core::store::Store;
    use doorward::store::SqliteStore;
    use doorward_conformance::Fixture;
    use tempfile::TempDir;

    struct Sqlite {
        folder: TempDir,
        copies: AtomicU32,
    }

    impl Sqlite {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), copies: AtomicU32::new(0) }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("doorward.db")
        }
    }

    impl Fixture for Sqlite {
        fn open(&self) -> Arc<dyn Store> {
            Arc::new(SqliteStore::open(self.path()).unwrap())
        }

        fn second_handle(&self) -> Option<Arc<dyn Store>> {
            Some(self.open())
        }

        /// What a kill leaves: the database and its log as they are now, without the shared index, which the next
        /// process rebuilds from the log.
        fn reopen(&self) -> Option<Arc<dyn Store>> {
            let number = self.copies.fetch_add(1, Ordering::SeqCst);
            let copy = self.folder.path().join(format!("killed-{number}.db"));
            fs::copy(self.path(), &copy).unwrap();
            let (mut log, mut log_copy) = (self.path().into_os_string(), copy.clone().into_os_string());
            log.push("-wal");
            log_copy.push("-wal");
            fs::copy(log, log_copy).unwrap();
            Some(Arc::new(SqliteStore::open(copy).unwrap()))
        }
    }

    doorward_conformance::suite!(Sqlite::new());

    mod asynchronous {
        doorward_conformance::suite!(super::super::Faced(super::Sqlite::new()));
    }
}

#[cfg(feature = "sled")]
mod sled {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use doorward::core::store::Store;
    use doorward::store::SledStore;
    use doorward_conformance::Fixture;
    use tempfile::TempDir;

    use folder::copy_folder;

    #[path = "../support/folder.rs"]
    mod folder;

    struct Sled {
        folder: TempDir,
        copies: AtomicU32,
    }

    impl Sled {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), copies: AtomicU32::new(0) }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("doorward")
        }
    }

    impl Fixture for Sled {
        fn open(&self) -> Arc<dyn Store> {
            Arc::new(SledStore::open(self.path()).unwrap())
        }

        /// What a kill leaves: the files as they are now. The copy is not locked, for the lock is the open file's.
        fn reopen(&self) -> Option<Arc<dyn Store>> {
            let number = self.copies.fetch_add(1, Ordering::SeqCst);
            let copy = self.folder.path().join(format!("killed-{number}"));
            copy_folder(&self.path(), &copy);
            Some(Arc::new(SledStore::open(copy).unwrap()))
        }
    }

    doorward_conformance::suite!(Sled::new());

    mod asynchronous {
        doorward_conformance::suite!(super::super::Faced(super::Sled::new()));
    }
}

//! The kit on the stores of this crate: one named test per promise and store.

use std::sync::Arc;

use doorward::core::store::Store;
use doorward::store::MemoryStore;
use doorward_conformance::Fixture;

mod memory {
    struct Memory;

    impl super::Fixture for Memory {
        fn open(&self) -> super::Arc<dyn super::Store> {
            super::Arc::new(super::MemoryStore::new())
        }
    }

    doorward_conformance::suite!(Memory);
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
}

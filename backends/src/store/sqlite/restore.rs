//! A backup put in the place of a database that is lost.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::backup::{self, BackupError, Progress};
use super::draft::Draft;
use super::{SqliteStore, connect};

impl SqliteStore {
    /// Copies a backup to where the database was, checked before and whole or not at all. The backup stays as it is.
    ///
    /// **Then open the engine and call `after_restore`**, before anybody is let in: the backup remembers sessions that
    /// were ended since, and knows nothing of their end. The [module's documentation](crate::store::sqlite) tells the whole
    /// way back.
    ///
    /// # Errors
    /// [`BackupError`]: something is at `path`; a log lies beside it; the backup is missing, damaged, empty,
    /// of a newer Doorward or of another program. Nothing was changed.
    ///
    /// # Example: the database is lost, and comes back
    /// ```
    /// use std::ops::ControlFlow;
    /// use doorward::store::SqliteStore;
    /// use doorward::{Engine, MasterKey, Register};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("auth.db");
    /// # let backup = folder.path().join("auth.backup");
    /// # let engine = Engine::builder(SqliteStore::open(&path)?).master_key(MasterKey::new(1, [7; 32])).open()?;
    /// # let ada = engine.register(Register::new("ada", "plum kettle orbit"))?;
    /// # let session = engine.login(doorward::Login::new("ada", "plum kettle orbit"))?;
    /// # drop(engine);
    /// # SqliteStore::open(&path)?.backup(&backup, |_| ControlFlow::Continue(()))?;
    /// # std::fs::remove_file(&path)?;
    /// SqliteStore::restore(&backup, &path, |_| ControlFlow::Continue(()))?;
    /// let engine = Engine::builder(SqliteStore::open(&path)?).master_key(MasterKey::new(1, [7; 32])).open()?;
    /// engine.after_restore()?;
    ///
    /// assert!(engine.authenticate(session.token.expose()).is_err()); // of before: over
    /// assert_eq!(engine.login(doorward::Login::new("ada", "plum kettle orbit"))?.session.account, ada);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restore(
        backup: impl AsRef<Path>,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), BackupError> {
        let (backup, path) = (connect::locate(backup.as_ref())?, connect::locate(path.as_ref())?);
        if !backup.exists() {
            return Err(BackupError::Missing);
        }
        let draft = Draft::beside(&path)?;
        // Read by SQLite, and not as a file: it may be a database that somebody has open, log and all.
        let mut source = connect::source(&backup, PATIENCE)?;
        if connect::lacks_everything(&mut source)? {
            return Err(BackupError::Empty);
        }
        backup::begin(&source)?;
        backup::copy(&source, draft.path(), &mut || Ok(()), &mut progress)?;
        drop(source);
        backup::check(draft.path(), PATIENCE)?;
        draft.publish()
    }
}

/// For a lock on the backup, which nobody should hold.
const PATIENCE: Duration = Duration::from_secs(5);

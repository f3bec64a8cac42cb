//! The stores that are searched.
//!
//! | kind | in a folder | outlives the process | for |
//! |---|---|---|---|
//! | memory | nothing | no | the model, at its full speed |
//! | SQLite | `auth.db` and its log | yes, and several processes share it | the model and all rigs |
//! | sled | `auth.sled` | yes | the model, and the rigs of one process |

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "planted")]
use doorward::store::sled::SledOptions;
use doorward::store::{MemoryStore, SledStore, SqliteStore};
use doorward_core::store::Store;
use tempfile::TempDir;
use thiserror::Error;

/// A kind of store.
///
/// # Example: by its name on a command line
/// ```
/// use doorward_fuzz::store::StoreKind;
///
/// assert_eq!("sqlite".parse(), Ok(StoreKind::Sqlite));
/// assert!("paper".parse::<StoreKind>().unwrap_err().to_string().contains("memory, sqlite"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// Rows in memory.
    Memory,
    /// Rows in a SQLite database file.
    Sqlite,
    /// Rows in a sled folder.
    Sled,
    /// The same on a disk whose syncs do nothing: what it acknowledges is in the process's memory.
    #[cfg(feature = "planted")]
    SledWithoutSyncs,
}

impl StoreKind {
    /// Every kind that keeps the contract, or all of it but durability.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Sqlite, Self::Sled];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Sled => "sled",
            #[cfg(feature = "planted")]
            Self::SledWithoutSyncs => "sled-without-syncs",
        }
    }

    /// Opens the store in this folder; makes it where there is none. A store in memory is always a new one.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(self, folder: &Path) -> Result<Arc<dyn Store>, OpenStoreError> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sqlite => Arc::new(SqliteStore::open(folder.join("auth.db"))?),
            Self::Sled => Arc::new(SledStore::open(folder.join("auth.sled"))?),
            #[cfg(feature = "planted")]
            Self::SledWithoutSyncs => {
                let options = SledOptions::new().disk(Arc::new(NoSync));
                Arc::new(options.open(folder.join("auth.sled"))?)
            }
        })
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for StoreKind {
    type Err = UnknownStore;

    fn from_str(name: &str) -> Result<Self, UnknownStore> {
        #[cfg(feature = "planted")]
        if name == Self::SledWithoutSyncs.name() {
            return Ok(Self::SledWithoutSyncs);
        }
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownStore { known: Self::ALL.map(Self::name).join(", ") })
    }
}

/// No store has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no store has this name: give one of {known}")]
pub struct UnknownStore {
    known: String,
}

/// Why a store does not open.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// A sled folder.
    #[error("the sled store does not open: {0}")]
    Sled(#[from] doorward::store::sled::OpenError),
    /// A SQLite database.
    #[error("the SQLite store does not open: {0}")]
    Sqlite(#[from] doorward::store::sqlite::OpenError),
    /// The folder that it is to be in.
    #[error("there is no folder for the store: {0}")]
    Folder(#[from] io::Error),
}

/// In place of a disk's.
#[cfg(feature = "planted")]
struct NoSync;

#[cfg(feature = "planted")]
impl doorward::store::sled::Disk for NoSync {
    fn sync(&self, _sync: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        Ok(())
    }
}

/// A store that may be opened again and again, in a folder that goes with it.
///
/// # Example: what was committed is there again
/// ```
/// use doorward_core::record::Key;
/// use doorward_fuzz::store::{Shelf, StoreKind};
///
/// for kind in StoreKind::ALL {
///     let mut shelf = Shelf::new(kind)?;
///     shelf.back_up()?;
///     for _ in 0..2 {
///         assert_eq!(shelf.open()?.read(&[Key::Keyring])?, [None]);
///     }
///     assert!(shelf.restore()?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Shelf {
    place: Place,
    backup: Option<Place>,
}

#[derive(Debug)]
enum Place {
    Memory(Arc<MemoryStore>),
    Folder(StoreKind, TempDir),
}

impl Shelf {
    /// With nothing in it. Where there is a file system in memory, it is there: syncs are cheap, and promise nothing.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(kind: StoreKind) -> io::Result<Self> {
        let place = match kind {
            StoreKind::Memory => Place::Memory(Arc::default()),
            StoreKind::Sqlite | StoreKind::Sled => place_in_folder(kind)?,
            #[cfg(feature = "planted")]
            StoreKind::SledWithoutSyncs => place_in_folder(kind)?,
        };
        Ok(Self { place, backup: None })
    }

    /// Opens it. Only one that is in memory may be open twice.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(&self) -> Result<Arc<dyn Store>, OpenStoreError> {
        match &self.place {
            Place::Memory(store) => Ok(Arc::clone(store) as Arc<dyn Store>),
            Place::Folder(kind, folder) => kind.open(folder.path()),
        }
    }

    /// Makes a backup of the store, which is closed, in the place of the one before.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn back_up(&mut self) -> io::Result<()> {
        self.backup = Some(self.place.copy()?);
        Ok(())
    }

    /// Puts the backup in the place of the store, which is closed. Whether there is one.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn restore(&mut self) -> io::Result<bool> {
        let Some(backup) = &self.backup else { return Ok(false) };
        self.place = backup.copy()?;
        Ok(true)
    }
}

impl Place {
    fn copy(&self) -> io::Result<Self> {
        match self {
            Self::Memory(store) => Ok(Self::Memory(Arc::new(MemoryStore::clone(store)))),
            Self::Folder(kind, folder) => {
                let copy = place_in_folder(*kind)?;
                if let Self::Folder(_, to) = &copy {
                    copy_folder(folder.path(), to.path())?;
                }
                Ok(copy)
            }
        }
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&to)?;
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

fn place_in_folder(kind: StoreKind) -> io::Result<Place> {
    let shared_memory = Path::new("/dev/shm");
    let is_there = shared_memory.is_dir();
    let folder = if is_there { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() };
    Ok(Place::Folder(kind, folder?))
}

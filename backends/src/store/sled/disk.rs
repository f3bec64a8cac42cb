//! The folder's files, and how what was written to them becomes durable.
//!
//! | file | holds | written by | made durable |
//! |---|---|---|---|
//! | `db` | sled's log and pages | sled, with every group | with every group |
//! | `blobs/*` | pages beyond 128 KiB, a file each | sled, once each | with the group that wrote it, and their folder |
//! | `conf`, `snap.*` | sled's settings; where pages stand | sled, at creation and when it opens | when it opens |
//! | `doorward` | [`Mark`](super::mark::Mark) | the writer, after every group | when it opens |
//! | `doorward.kept/` | a [copy](super::kept) of the others, while it opens | the opener | before sled opens |
//!
//! sled's `flush` hands its buffers to the system and asks it to write them (`sync_file_range`); that reaches neither the
//! file's new length nor the drive's own memory. So every group is synced through a handle of our own, which was opened
//! before sled's: the system tells each handle of a failed write once.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
#[cfg(feature = "planted")]
use std::sync::Arc;

use super::error::{OpenError, refused_io};
use super::mark;

pub(super) struct Files {
    folder: PathBuf,
    data: File,
    blobs: HashSet<OsString>,
}

impl Files {
    pub(super) fn open(folder: &Path) -> Result<Self, OpenError> {
        let data = rewritable(&folder.join(DATA)).map_err(|error| refused_io(&error))?;
        Ok(Self { folder: folder.to_owned(), data, blobs: HashSet::new() })
    }

    /// Takes the lock that sled takes; [`OpenError::Locked`] when somebody has it, in this process too.
    pub(super) fn lock(&self) -> Result<(), OpenError> {
        self.data.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::Locked,
            TryLockError::Error(error) => refused_io(&error),
        })
    }

    /// Lets go of the lock where sled takes it: elsewhere it takes none, and this one stays.
    pub(super) fn hand_over_lock(&self) -> Result<(), OpenError> {
        let sled_locks = cfg!(any(target_os = "linux", target_os = "macos", target_os = "windows"));
        if sled_locks { self.unlock() } else { Ok(()) }
    }

    pub(super) fn unlock(&self) -> Result<(), OpenError> {
        self.data.unlock().map_err(|error| refused_io(&error))
    }

    /// Removes a snapshot that sled was writing when it was killed, under a name that is not yet its own: sled 0.34.7 takes
    /// it for its newest one all the same, and one that is cut short for damage, for good. The one before it is still
    /// there, and the log tells the rest. Only while the lock is held.
    pub(super) fn remove_half_snapshots(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(SNAPSHOT) && name.ends_with(HALF) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes every file's bytes onto themselves, and syncs. What a process before this one wrote and could not sync may
    /// be in the system's memory only, and taken for written there: a sync alone would answer that all is well. Only
    /// while the lock is held.
    pub(super) fn rewrite(&mut self) -> io::Result<()> {
        for file in files(&self.folder)? {
            rewrite(&mut rewritable(&self.folder.join(file))?)?;
        }
        self.sync_folders()
    }

    /// Syncs all that sled and the opener may have written.
    pub(super) fn sync_all(&mut self) -> io::Result<()> {
        self.data.sync_all()?;
        for file in files(&self.folder)? {
            File::open(self.folder.join(file))?.sync_all()?;
        }
        self.blobs = blobs(&self.folder)?;
        self.sync_folders()
    }

    /// Syncs what a group may have written.
    pub(super) fn sync_group(&mut self) -> io::Result<()> {
        self.data.sync_data()?;
        let blobs = blobs(&self.folder)?;
        if !blobs.is_subset(&self.blobs) {
            let folder = self.folder.join(BLOBS);
            for blob in blobs.difference(&self.blobs) {
                match File::open(folder.join(blob)) {
                    Ok(blob) => blob.sync_all()?,
                    // sled removes a blob once nothing durable points to it.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            sync_folder(&folder)?;
        }
        self.blobs = blobs;
        if self.is_in_place()? { Ok(()) } else { Err(io::Error::from(ErrorKind::NotFound)) }
    }

    /// Whether the folder's data is what is written to. Elsewhere than on Unix nobody can tell.
    pub(super) fn is_in_place(&self) -> io::Result<bool> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let held = self.data.metadata()?;
            match std::fs::metadata(self.folder.join(DATA)) {
                Ok(found) => Ok((found.dev(), found.ino()) == (held.dev(), held.ino())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        }
        #[cfg(not(unix))]
        Ok(true)
    }

    fn sync_folders(&self) -> io::Result<()> {
        sync_folder(&self.folder.join(BLOBS))?;
        sync_folder(&self.folder)
    }
}

/// The names of all files in a folder like this, `blobs/…` included.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = [DATA, CONF, mark::NAME].map(PathBuf::from).into();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with(SNAPSHOT) {
            files.push(name.into());
        }
    }
    files.extend(blobs(folder)?.iter().map(|blob| Path::new(BLOBS).join(blob)));
    Ok(files)
}

fn blobs(folder: &Path) -> io::Result<HashSet<OsString>> {
    fs::read_dir(folder.join(BLOBS))?.map(|entry| Ok(entry?.file_name())).collect()
}

/// Makes a folder's names durable. Not every system can open a folder; those that cannot need no such sync.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn rewritable(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn rewrite(file: &mut File) -> io::Result<()> {
    let mut place = 0;
    let mut bytes = vec![0; PIECE];
    loop {
        file.seek(SeekFrom::Start(place))?;
        let Some(piece) = read_piece(file, &mut bytes)? else { break };
        file.seek(SeekFrom::Start(place))?;
        file.write_all(piece)?;
        place += piece.len() as u64;
    }
    file.sync_all()
}

/// What comes next in a file; nothing at its end.
pub(super) fn read_piece<'a>(file: &mut File, bytes: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    loop {
        match file.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read.map(|length| bytes.get(..length).filter(|piece| !piece.is_empty())),
        }
    }
}

/// How much of a file is in memory while it is written again, or copied.
pub(super) const PIECE: usize = 1 << 20;

pub(super) const DATA: &str = "db";
pub(super) const CONF: &str = "conf";
pub(super) const BLOBS: &str = "blobs";
const SNAPSHOT: &str = "snap.";
const HALF: &str = ".generating";

/// Where the store's syncs go: to the files, and in tests through a disk of the test's own.
#[derive(Clone, Default)]
pub(super) struct Syncs {
    #[cfg(feature = "planted")]
    pub(super) disk: Option<Arc<dyn Disk>>,
}

impl Syncs {
    #[cfg_attr(
        not(feature = "planted"),
        expect(clippy::unused_self, reason = "the disk that is asked is planted")
    )]
    pub(super) fn run(&self, sync: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        #[cfg(feature = "planted")]
        if let Some(disk) = &self.disk {
            return disk.sync(sync);
        }
        sync()
    }
}

/// Test-only, behind the feature `planted`: what every sync of a store goes through.
///
/// # Example: a disk that lies
/// ```
/// use std::io;
/// use std::sync::Arc;
/// use doorward::core::store::{Guarantees, Store};
/// use doorward::store::sled::{Disk, SledOptions};
///
/// struct Liar;
///
/// impl Disk for Liar {
///     fn sync(&self, _sync: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
///         Ok(()) // and nothing was synced
///     }
/// }
/// # let home = tempfile::tempdir()?;
/// # let path = home.path().join("auth");
/// let store = SledOptions::new().disk(Arc::new(Liar)).open(&path)?;
/// assert_eq!(store.guarantees(), Guarantees::ALL); // so the store believes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "planted")]
pub trait Disk: Send + Sync {
    /// Has `sync` make durable what was written, or does not; its answer is the store's truth. Called at each opening
    /// before sled is asked and after it, and once for each group of commits.
    fn sync(&self, sync: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()>;
}

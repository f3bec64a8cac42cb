//! A master key in a file of its own, which only its owner can read.
//!
//! One line: `doorward-master-key-1 NUMBER KEY`, the key as 43 characters of base64url. Keep it apart from
//! the database and from the database's backups: either alone opens nothing, both together open everything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward_core::secret::MasterKey;
use thiserror::Error;
use zeroize::Zeroizing;

const HEADER: &str = "doorward-master-key-1";
/// Longer than any key file.
const MAX_BYTES: u64 = 256;

/// Reads and makes key files.
///
/// # Example: made at the first start, read at every other
/// ```
/// use doorward::KeyFile;
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("app.key");
/// let made = KeyFile::load_or_create(&path)?;
/// let read = KeyFile::load(&path)?;
/// assert_eq!(made.number(), read.number());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyFile {}

impl KeyFile {
    /// The key in this file.
    ///
    /// # Errors
    /// [`KeyFileError`]: missing, readable by others (on Unix), or not a key file. The file is not changed.
    pub fn load(path: impl AsRef<Path>) -> Result<MasterKey, KeyFileError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing,
            _ => KeyFileError::Io(error),
        })?;
        refuse_others(&file)?;
        let mut text = Zeroizing::new(String::with_capacity(128));
        match file.take(MAX_BYTES).read_to_string(&mut text) {
            Ok(_) => parse(&text),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(KeyFileError::Malformed),
            Err(error) => Err(KeyFileError::Io(error)),
        }
    }

    /// Makes a file with a new random key of this number, readable by its owner only, and returns the key. It is
    /// written under another name beside it first; a crash in between may leave that draft (`*.new`): remove it.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] when there is a file already: a key is never overwritten.
    pub fn create(path: impl AsRef<Path>, number: u32) -> Result<MasterKey, KeyFileError> {
        let path = path.as_ref();
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| KeyFileError::Entropy)?;
        let text = Zeroizing::new(format!("{HEADER} {number} {}\n", *encode(&bytes)));

        // Written whole under another name first, so that a crash or a second process never meets half a key.
        let mut suffix = [0; 8];
        getrandom::fill(&mut suffix).map_err(|_| KeyFileError::Entropy)?;
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{:016x}.new", u64::from_be_bytes(suffix)));
        let written = write_private(Path::new(&draft), &text).and_then(|()| fs::hard_link(&draft, path));
        let removed = fs::remove_file(&draft);
        match written {
            Ok(()) => removed.map_err(KeyFileError::Io)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(KeyFileError::Exists),
            Err(error) => return Err(KeyFileError::Io(error)),
        }
        with_a_durable_name(path, MasterKey::new(number, *bytes))
    }

    /// The key in this file, which is made with key number 1 when it is not there. Of processes that start
    /// together, one makes it and all get the same.
    ///
    /// A database that was made with a lost key file stays closed to the new one: opening the engine says so.
    ///
    /// # Errors
    /// As [`KeyFile::load`] and [`KeyFile::create`], but for a file that is missing or there already.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<MasterKey, KeyFileError> {
        match Self::load(&path) {
            Err(KeyFileError::Missing) => {}
            // Whoever made the file may have been killed before its name was durable.
            found => return found.and_then(|key| with_a_durable_name(path.as_ref(), key)),
        }
        match Self::create(&path, 1) {
            Err(KeyFileError::Exists) => {
                Self::load(&path).and_then(|key| with_a_durable_name(path.as_ref(), key))
            }
            made => made,
        }
    }
}

/// Why a key file gives no key. Neither path nor content is in the message.
///
/// # Example: a key is never overwritten, and never read from a public file
/// ```
/// use doorward::{KeyFile, KeyFileError};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("app.key");
/// assert!(matches!(KeyFile::load(&path), Err(KeyFileError::Missing)));
/// KeyFile::create(&path, 1)?;
/// assert!(matches!(KeyFile::create(&path, 2), Err(KeyFileError::Exists)));
/// # #[cfg(unix)]
/// # {
/// use std::{fs, os::unix::fs::PermissionsExt};
/// fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
/// let refused = KeyFile::load(&path).unwrap_err();
/// assert!(refused.to_string().contains("chmod 600"));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no such file.
    #[error("the key file is missing: restore it from where keys are kept, or create one for a new database")]
    Missing,
    /// There is one already.
    #[error("the key file exists: it is never overwritten; load it, or create another under another name")]
    Exists,
    /// It is another user's, or others may read or write it.
    #[error(
        "the key file is open to others than this process's user: make it that user's own and private (chown, chmod 600), and change the key if anybody may have read it"
    )]
    Permissions,
    /// It is not a key file, or only a part of one.
    #[error(
        "the key file does not hold one line `doorward-master-key-1 NUMBER KEY`: restore it from where keys are kept"
    )]
    Malformed,
    /// The system gave no random bytes.
    #[error("no random bytes were to be had from the system: nothing was made")]
    Entropy,
    /// The file system failed.
    #[error("the key file cannot be read or made: {0}")]
    Io(#[source] io::Error),
}

fn parse(text: &str) -> Result<MasterKey, KeyFileError> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let mut words = line.split(' ');
    let (Some(HEADER), Some(number), Some(key), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(KeyFileError::Malformed);
    };
    let malformed = |_| KeyFileError::Malformed;
    let number = match number.parse::<u32>() {
        Ok(value) if value.to_string() == number => value,
        _ => return Err(KeyFileError::Malformed),
    };
    let mut bytes = Zeroizing::new([0; 32]);
    let decoded = Base64UrlUnpadded::decode(key, bytes.as_mut()).map_err(malformed)?;
    if decoded.len() == 32 { Ok(MasterKey::new(number, *bytes)) } else { Err(KeyFileError::Malformed) }
}

fn encode(bytes: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(Base64UrlUnpadded::encode_string(bytes))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A key, once its file's name is durable: what is encrypted under a key must not outlive it. Where the folder cannot be
/// asked to be synced, all of its file system is on Linux; elsewhere the key is refused.
fn with_a_durable_name(path: &Path, key: MasterKey) -> Result<MasterKey, KeyFileError> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    let synced = sync_folder(path).or_else(|error| match error.kind() {
        InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported => sync_all_around(path, error),
        // A disk that failed says so once.
        _ => Err(error),
    });
    synced.map(|()| key).map_err(KeyFileError::Io)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sync_all_around(path: &Path, _: io::Error) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sync_all_around(_: &Path, error: io::Error) -> io::Result<()> {
    Err(error)
}

/// A new name is only durable once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn refuse_others(file: &File) -> Result<(), KeyFileError> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().map_err(KeyFileError::Io)?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if is_ours && metadata.mode() & 0o077 == 0 { Ok(()) } else { Err(KeyFileError::Permissions) }
}

#[cfg(not(unix))]
fn refuse_others(_: &File) -> Result<(), KeyFileError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        KeyFile::create(&path, 7).unwrap();
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
        let before = fs::read(&path).unwrap();
        assert!(matches!(KeyFile::create(&path, 8), Err(KeyFileError::Exists)));
        assert_eq!(KeyFile::load(&path).unwrap().number(), 7);
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
    }

    /// The story: in a folder that may be written and not read, whoever came next took a key for durable whose name nobody had
    /// synced; and then the key was refused, there and where a file system has no sync of a folder.
    #[cfg(target_os = "linux")]
    #[test]
    fn inv_41_where_a_folder_cannot_be_synced_all_of_its_file_system_is() {
        let key = || MasterKey::new(1, [1; 32]);
        let there = Path::new("/proc/self/status");
        assert!(sync_folder(there).is_err(), "its folder has no sync");
        assert!(with_a_durable_name(there, key()).is_ok());
        let none = with_a_durable_name(Path::new("/proc/self/none"), key());
        assert!(matches!(none, Err(KeyFileError::Io(_))));
    }

    #[test]
    fn bad_key_files_are_refused_each_for_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        assert!(matches!(KeyFile::load(&path), Err(KeyFileError::Missing)));
        KeyFile::create(&path, 1).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let key = whole.split(' ').next_back().unwrap().trim();
        for bad in [
            "",
            &whole[..whole.len() - 5],
            &whole.replace(HEADER, "other"),
            &whole.replace(" 1 ", " -1 "),
            &whole.replace(" 1 ", " +1 "),
            &format!("{HEADER} 1 {key}="),
            &format!("{HEADER} 1 {key} more"),
            &"x".repeat(100_000),
        ] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(KeyFile::load(&path), Err(KeyFileError::Malformed)), "{bad:?}");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(KeyFile::load(&path), Err(KeyFileError::Malformed)));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        KeyFile::create(&path, 1).unwrap();
        // Only root can give a file away; anybody else has a file of root's to try.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            assert!(matches!(KeyFile::load(&path), Err(KeyFileError::Permissions)));
        } else {
            assert!(matches!(KeyFile::load("/etc/hostname"), Err(KeyFileError::Permissions)));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        KeyFile::create(&path, 1).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(KeyFile::load(&path), Err(KeyFileError::Permissions)), "{mode:o}");
        }
    }

    #[test]
    fn processes_that_start_together_get_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let load = || {
            KeyFile::load_or_create(&path).unwrap();
            fs::read_to_string(&path).unwrap()
        };
        let seen: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "a key was replaced");
    }
}

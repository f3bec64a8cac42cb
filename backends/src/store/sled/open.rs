//! From a path to a sled that may be trusted: refused, with the reason, or made durable, recovered and looked through.
//!
//! | step | because |
//! |---|---|
//! | the folder is looked at | sled writes into whatever folder it is given, and half of that before it takes its lock |
//! | the lock is taken | nobody else may write what the next steps read |
//! | what an opening kept that came to no end is put back | sled may have been in the middle of writing over it |
//! | every byte is written again and synced | what a process before us wrote may be in memory only; sled's recovery would build on it, and its snapshot outlive it |
//! | every file is copied | sled writes over what it cannot read; an opening that fails puts all of it back |
//! | sled opens, with a deadline | on damaged files it may panic, or never come back |
//! | every entry is read, decoded and counted up | damage that sled took for the end of its log; nothing is found out later |
//! | what sled wrote is synced | as with every group |

use std::fs;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::sled::{Config, Db};

use super::SledOptions;
use super::disk::{BLOBS, CONF, DATA, Files, sync_folder};
use super::error::{OpenError, refused, refused_io};
use super::kept::{self, private_folder};
use super::layout::{self, Place};
use super::mark::{self, Mark};
use super::value::{self, Meta};

/// A sled whose every entry was seen, and the files below it.
pub(super) struct Opened {
    pub(super) sled: Db,
    pub(super) meta: Meta,
    pub(super) files: Files,
    pub(super) mark: Mark,
}

/// Opens what is at `path`; makes it where there is nothing.
pub(super) fn open(path: &Path, options: &SledOptions) -> Result<Opened, OpenError> {
    if path.as_os_str().is_empty() {
        return Err(OpenError::NotAPath);
    }
    let path = std::path::absolute(path).map_err(|_| OpenError::NotAPath)?;
    match fs::metadata(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => create(&path, options)?,
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(OpenError::Create(error)),
        Err(error) => return Err(OpenError::Unreachable(error.kind())),
    }
    reopen(&path, options)
}

/// Opens what must be there.
pub(super) fn reopen(path: &Path, options: &SledOptions) -> Result<Opened, OpenError> {
    let (path, options) = (path.to_owned(), options.clone());
    contained(options.open_deadline, move || revive(&path, &options))
}

fn revive(path: &Path, options: &SledOptions) -> Result<Opened, OpenError> {
    let least = inspect(path)?;
    let mut files = Files::open(path)?;
    files.lock()?;
    kept::put_back(path).map_err(|error| refused_io(&error))?;
    files.remove_half_snapshots().map_err(|error| refused_io(&error))?;
    options.syncs.run(&mut || files.rewrite()).map_err(|error| refused_io(&error))?;
    let mark = Mark::open(path).map_err(|error| refused_io(&error))?;
    kept::keep(path).map_err(|error| refused_io(&error))?;
    files.hand_over_lock()?;
    // A panic of sled's is an end like any other.
    let recovered = catch_unwind(AssertUnwindSafe(|| recover(path, options, least, &mut files)));
    match recovered.unwrap_or(Err(OpenError::Damaged)) {
        Ok((sled, meta)) => Ok(Opened { sled, meta, files, mark }),
        // Somebody else has it, so what was kept is theirs; or the next opening's.
        Err(OpenError::Locked) => Err(OpenError::Locked),
        Err(error) => {
            if await_lock(&files) && files.is_in_place().is_ok_and(|is_in_place| is_in_place) {
                // If it cannot be put back now, the next opening does.
                let _later = kept::put_back(path);
            }
            Err(error)
        }
    }
}

/// Has sled open the files, and sees that all is there and durable.
fn recover(
    path: &Path,
    options: &SledOptions,
    least: u64,
    files: &mut Files,
) -> Result<(Db, Meta), OpenError> {
    let sled = start(path, options)?;
    let meta = look_through(&sled)?;
    if meta.sequence < least {
        return Err(OpenError::Damaged);
    }
    options.syncs.run(&mut || files.sync_all()).map_err(|error| refused_io(&error))?;
    match files.is_in_place() {
        Ok(true) => kept::forget(path).map_err(|error| refused_io(&error))?,
        Ok(false) => return Err(OpenError::Unreachable(ErrorKind::NotFound)),
        Err(error) => return Err(refused_io(&error)),
    }
    Ok((sled, meta))
}

/// Whether sled may be given this folder, and how many groups it must know of. Changes nothing.
fn inspect(path: &Path) -> Result<u64, OpenError> {
    let unreachable = |error: io::Error| OpenError::Unreachable(error.kind());
    if !fs::metadata(path).map_err(unreachable)?.is_dir() {
        return Err(OpenError::NotAFolder);
    }
    if fs::read_dir(path).map_err(unreachable)?.next().is_none() {
        return Err(OpenError::Empty);
    }
    let least = mark::read(path)?;
    inspect_conf(path)?;
    let is_whole = path.join(DATA).is_file() && path.join(BLOBS).is_dir();
    if !is_whole {
        return Err(OpenError::Damaged);
    }
    #[cfg(unix)]
    for folder in [path.to_owned(), path.join(BLOBS)] {
        use rustix::fs::{Access, access};
        access(&folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|_| OpenError::ReadOnly)?;
    }
    Ok(least)
}

/// sled's settings must be the ones that it is given here, or it would make new ones, or none of the rest fits.
fn inspect_conf(path: &Path) -> Result<(), OpenError> {
    let conf = fs::read(path.join(CONF)).map_err(|error| refused_io(&error))?;
    let (text, _checksum) = conf.split_last_chunk::<4>().ok_or(OpenError::Damaged)?;
    if text == SETTINGS.as_bytes() {
        return Ok(());
    }
    let settings = str::from_utf8(text).map_err(|_| OpenError::Damaged)?;
    let is_named = |line: &str| ["segment_size", "use_compression", "version"].contains(&line);
    let names = settings.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name);
    if names.filter(|name| is_named(name)).count() == 3 {
        Err(OpenError::OtherSled)
    } else {
        Err(OpenError::Damaged)
    }
}

/// What sled 0.34 writes down of itself.
const SETTINGS: &str = "segment_size: 524288\nuse_compression: false\nversion: 0.34\n";

fn start(path: &Path, options: &SledOptions) -> Result<Db, OpenError> {
    Config::new()
        .path(path)
        .cache_capacity(options.cache_bytes)
        // No thread of sled's own: what is written, and when, is the writer's affair.
        .flush_every_ms(None)
        .open()
        .map_err(refused)
}

/// Reads and decodes every entry. Their sum is the one that was written with them: none is missing, and none is of
/// another moment than the rest.
fn look_through(sled: &Db) -> Result<Meta, OpenError> {
    let mut found = Meta::default();
    let mut written = None;
    for entry in sled.iter() {
        let (raw, bytes) = entry.map_err(refused)?;
        let is_sound = match Place::of(&raw) {
            Some(Place::Row(key)) => value::row(&key, &bytes).is_ok(),
            Some(Place::Ending(cursor)) => value::change(cursor, &bytes).is_ok(),
            Some(Place::Expiry { .. } | Place::Owned { .. } | Place::Lapse(_)) => bytes.is_empty(),
            Some(Place::Meta) => {
                written = Meta::decode(&bytes).ok();
                continue;
            }
            None => false,
        };
        if !is_sound {
            return Err(OpenError::Damaged);
        }
        found.add(&raw, &bytes);
    }
    written.filter(|meta| meta.sum == found.sum).ok_or(OpenError::Damaged)
}

/// Makes a store under another name beside the path, and gives it its own name when it is whole and durable. Of several
/// that do so at once one wins; the others find its store. A kill leaves at most a folder `.NAME.new-…`, which nobody
/// opens and anybody may remove.
fn create(path: &Path, options: &SledOptions) -> Result<(), OpenError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(OpenError::NotAPath);
    };
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".new-{}-{moment}", std::process::id()));
    let beside = parent.join(beside);
    private_folder().create(&beside).map_err(OpenError::Create)?;
    let made = (|| {
        let (folder, options) = (beside.clone(), options.clone());
        contained(options.open_deadline, move || furnish(&folder, &options))?;
        match fs::rename(&beside, path) {
            Ok(()) => sync_folder(parent).map_err(OpenError::Create),
            // Somebody was quicker. Theirs is looked at like any that is there.
            Err(_) if fs::metadata(path).is_ok() => {
                remove(&beside);
                Ok(())
            }
            Err(error) => Err(OpenError::Create(error)),
        }
    })();
    if made.is_err() {
        remove(&beside);
    }
    made
}

/// An empty store, durable and closed. Its mark comes last: a folder without one is not opened.
fn furnish(folder: &Path, options: &SledOptions) -> Result<(), OpenError> {
    let sled = start(folder, options)?;
    sled.insert(layout::meta(), Meta::default().encode()).map_err(refused)?;
    sled.flush().map_err(refused)?;
    let created = |error: io::Error| OpenError::Create(error);
    // sled syncs while it closes, and panics when that fails.
    catch_unwind(AssertUnwindSafe(|| drop(sled)))
        .map_err(|_| created(io::Error::other("sled could not close what it made")))?;
    Mark::create(folder, 0).map_err(created)?;
    let mut files = Files::open(folder)?;
    await_release(&files);
    options.syncs.run(&mut || files.sync_all()).map_err(created)
}

fn remove(folder: &Path) {
    // What is left is harmless; see `create`.
    let _left = fs::remove_dir_all(folder);
}

/// sled's own threads may hold its file, and so its lock, a little longer than the last who used it. Waits for them, within
/// a bound.
pub(super) fn await_release(files: &Files) {
    if await_lock(files) {
        // Whoever opens the folder next finds out if not.
        let _released = files.unlock();
    }
}

/// The same, and takes the lock: whether it has it.
fn await_lock(files: &Files) -> bool {
    let start = Instant::now();
    while files.lock().is_err() {
        if start.elapsed() > RELEASE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

const RELEASE: Duration = Duration::from_secs(5);

/// Runs what enters sled on a thread of its own: a panic ends there, and whoever waits for ever is not the caller.
fn contained<T: Send + 'static>(
    deadline: Duration,
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let (answer, answered) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("doorward-sled-open".into())
        .spawn(move || {
            // A panic drops the sender, which says so. Nobody may be waiting any more.
            if let Ok(opened) = catch_unwind(AssertUnwindSafe(work)) {
                let _unheard = answer.send(opened);
            }
        })
        .map_err(OpenError::Thread)?;
    match answered.recv_timeout(deadline) {
        Ok(opened) => opened,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(OpenError::Stuck),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(OpenError::Damaged),
    }
}

/// The absolute path that [`open`] went by.
pub(super) fn located(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

//! A copy of the folder's files, for as long as sled recovers them.
//!
//! sled takes what it cannot read for what was never written, and makes it so: one failed read of its recovery overwrote a
//! whole segment with zeros, and every row was gone. So a copy is made first, durable, and given its name last; it is put
//! back when the opening fails, by the next opening if the process ends before, and it is removed, durably, before anything
//! is acknowledged. A copy that is there under its name is therefore not behind what it is a copy of; one whose
//! [mark](super::mark) is another is somebody else's work, and is not put back. All of this is done under the lock.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::disk::{BLOBS, PIECE, files, read_piece, sync_folder};
use super::mark;

/// The copy, whole.
const KEPT: &str = "doorward.kept";
/// The copy while it is made, or removed: nobody looks into it.
const HALF: &str = "doorward.half";

/// Copies every file. There must be no copy: see [`put_back`].
pub(super) fn keep(folder: &Path) -> io::Result<()> {
    let half = folder.join(HALF);
    remove(&half)?;
    let kept = make(folder, &half).and_then(|()| fs::rename(&half, folder.join(KEPT)));
    if kept.is_err() {
        // A disk that is full is to be so no longer than it must.
        let _left = remove(&half);
    }
    kept?;
    sync_folder(folder)
}

fn make(folder: &Path, half: &Path) -> io::Result<()> {
    private_folder().create(half)?;
    private_folder().create(half.join(BLOBS))?;
    for name in files(folder)? {
        copy(&folder.join(&name), &half.join(&name))?;
    }
    sync_folder(&half.join(BLOBS))?;
    sync_folder(half)
}

/// Puts every file back as it was, if there is a copy, and removes others. Afterwards there is none.
pub(super) fn put_back(folder: &Path) -> io::Result<()> {
    let kept = folder.join(KEPT);
    if !kept.try_exists()? {
        return Ok(());
    }
    // Whoever writes groups changes the mark; no opening does.
    if fs::read(kept.join(mark::NAME))? == fs::read(folder.join(mark::NAME))? {
        let names: BTreeSet<PathBuf> = files(&kept)?.into_iter().collect();
        for name in files(folder)?.iter().filter(|name| !names.contains(*name)) {
            fs::remove_file(folder.join(name))?;
        }
        // Also what seems to be the same: it may be so in the system's memory alone. Nobody sees them shorter on the way.
        for name in &names {
            copy(&kept.join(name), &folder.join(name))?;
        }
        sync_folder(&folder.join(BLOBS))?;
        sync_folder(folder)?;
    }
    forget(folder)
}

/// Removes the copy: it is gone, also after a power cut, when this returns.
pub(super) fn forget(folder: &Path) -> io::Result<()> {
    let half = folder.join(HALF);
    remove(&half)?;
    match fs::rename(folder.join(KEPT), &half) {
        Ok(()) => sync_folder(folder)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    // What is left of it is no copy any more.
    let _left = remove(&half);
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Into the file that is there, if one is: whoever has it open has this one.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut to = OpenOptions::new().write(true).create(true).truncate(false).open(to)?;
    let mut bytes = vec![0; PIECE];
    let mut length = 0;
    while let Some(piece) = read_piece(&mut from, &mut bytes)? {
        to.write_all(piece)?;
        length += piece.len() as u64;
    }
    to.set_len(length)?;
    to.sync_all()
}

/// For its owner only.
pub(super) fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

//! A copy of the folder's files, for as long as sled recovers them.
//!
//! sled takes what it cannot read for what was never written, and makes it so: one failed read of its recovery overwrote a whole segment
//! with zeros, and every row was gone. So a copy is made first, durable, and given its name last; it is put back when the
//! opening fails, by the next opening if the process ends before, and it is removed, durably, before anything is acknowledged. A
//! copy that is there under its name is therefore never behind what it is a copy of. All of this is done under the lock.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::disk::{BLOBS, PIECE, files, read_piece, sync_folder};

/// The copy, whole.
const KEPT: &str = "doorward.kept";
/// The copy while it is made, or removed: nobody looks into it.
const HALF: &str = "doorward.half";

/// Whether an opening was left in the middle.
pub(super) fn is_there(folder: &Path) -> io::Result<bool> {
    folder.join(KEPT).try_exists()
}

/// Copies every file.
pub(super) fn keep(folder: &Path) -> io::Result<()> {
    forget(folder)?;
    let half = folder.join(HALF);
    private_folder().create(&half)?;
    private_folder().create(half.join(BLOBS))?;
    for name in files(folder)? {
        copy(&folder.join(&name), &half.join(&name))?;
    }
    sync_folder(&half.join(BLOBS))?;
    sync_folder(&half)?;
    fs::rename(half, folder.join(KEPT))?;
    sync_folder(folder)
}

/// Puts every file back as it was, if there is a copy, and removes others.
pub(super) fn put_back(folder: &Path) -> io::Result<()> {
    if !is_there(folder)? {
        return Ok(());
    }
    let kept = folder.join(KEPT);
    let names: BTreeSet<PathBuf> = files(&kept)?.into_iter().collect();
    for name in files(folder)?.iter().filter(|name| !names.contains(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    for name in &names {
        let (kept, file) = (kept.join(name), folder.join(name));
        // Another process may be looking at the folder, before it asks for the lock.
        if !is_same(&kept, &file)? {
            copy(&kept, &file)?;
        }
    }
    sync_folder(&folder.join(BLOBS))?;
    sync_folder(folder)?;
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

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let other = match File::open(other) {
        Ok(other) => other,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(other));
    loop {
        let (ours, theirs) = (one.fill_buf()?, other.fill_buf()?);
        let length = ours.len().min(theirs.len());
        if length == 0 {
            return Ok(ours.is_empty() && theirs.is_empty());
        }
        if ours.get(..length) != theirs.get(..length) {
            return Ok(false);
        }
        one.consume(length);
        other.consume(length);
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

//! The file that says whose folder it is, of which format, and how much must be in it.
//!
//! sled takes damage in its log for the torn end of it: it drops what follows, and opens as if that had never been. So
//! after each group the writer notes here how many there were. A folder that knows of fewer has lost some.
//!
//! It is written after the group's sync and not synced itself: it never says too much. A process that is killed leaves
//! it up to date; a power cut may leave an older one, which asks for less.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::Path;

use super::error::OpenError;

pub(super) struct Mark(File);

impl Mark {
    /// Makes the file, durable with its content.
    pub(super) fn create(folder: &Path, sequence: u64) -> io::Result<()> {
        let mut mark = Self(OpenOptions::new().write(true).create_new(true).open(folder.join(NAME))?);
        mark.note(sequence)?;
        mark.0.sync_all()
    }

    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().write(true).open(folder.join(NAME))?))
    }

    /// In place, and in one write: within one sector it is the old line or the new one.
    pub(super) fn note(&mut self, sequence: u64) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(line(FORMAT, sequence).as_bytes())
    }
}

/// How many groups the folder must know of.
pub(super) fn read(folder: &Path) -> Result<u64, OpenError> {
    let bytes = std::fs::read(folder.join(NAME)).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::IsADirectory => OpenError::Foreign,
        kind => OpenError::Unreachable(kind),
    })?;
    let text = str::from_utf8(&bytes).map_err(|_| OpenError::Damaged)?;
    let rest = text.strip_prefix(OURS).ok_or(OpenError::Foreign)?;
    let (format, rest) = rest.split_once(',').ok_or(OpenError::Damaged)?;
    let found: u32 = format.parse().map_err(|_| OpenError::Damaged)?;
    if found > FORMAT {
        return Err(OpenError::Newer { found, known: FORMAT });
    }
    let number = rest.split_whitespace().nth(1).and_then(|number| number.parse().ok());
    let sequence = number.ok_or(OpenError::Damaged)?;
    // Whatever else stands there, or stands otherwise, was not written by this store.
    if line(FORMAT, sequence) == text { Ok(sequence) } else { Err(OpenError::Damaged) }
}

/// The number stands there twice, once upside down, so that no flip of a bit makes another number of it.
fn line(format: u32, sequence: u64) -> String {
    format!("{OURS}{format}, groups {sequence:020} of {:020}\n", !sequence)
}

pub(super) const NAME: &str = "doorward";
const OURS: &str = "Doorward, rows in sled, format ";
const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_note_stands_and_no_flip_of_a_bit_makes_another() {
        let folder = tempfile::tempdir().unwrap();
        Mark::create(folder.path(), 0).unwrap();
        for sequence in [u64::MAX, 7, 12_345] {
            Mark::open(folder.path()).unwrap().note(sequence).unwrap();
            assert_eq!(read(folder.path()).unwrap(), sequence);
        }
        let whole = std::fs::read(folder.path().join(NAME)).unwrap();
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[place] ^= 1 << bit;
                std::fs::write(folder.path().join(NAME), flipped).unwrap();
                assert!(read(folder.path()).is_err(), "byte {place}, bit {bit}");
            }
            std::fs::write(folder.path().join(NAME), &whole[..place]).unwrap();
            assert!(read(folder.path()).is_err(), "cut at {place}");
        }
        std::fs::write(folder.path().join(NAME), line(2, 0)).unwrap();
        assert!(matches!(read(folder.path()), Err(OpenError::Newer { found: 2, known: 1 })));
    }
}

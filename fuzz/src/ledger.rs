//! What was searched, and how far: a page of JSON for each search, from which `core/EVIDENCE.md` is written.
//!
//! A search goes through units that are numbered: seeds, schedules, seconds. Its page says which of them were gone through, on
//! which sources, and that nothing was found: what finds something stops, and is mended first. A search that was
//! interrupted, or is to go further, begins at [`Page::next`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How far one search has come.
///
/// # Example: two runs, the second of which goes on
/// ```
/// use doorward_fuzz::ledger::Page;
///
/// let folder = tempfile::tempdir()?;
/// for units in [0..1000, 1000..1500] {
///     let mut page = Page::open(folder.path(), "simulate-memory", "simulate --resume", "seeds")?;
///     assert_eq!(page.next(), units.start);
///     page.add(units, [("operations", 2000)], 0.5);
///     page.save()?;
/// }
/// let page = Page::open(folder.path(), "simulate-memory", "simulate --resume", "seeds")?;
/// assert_eq!((page.units(), page.count("operations"), page.parts.len()), (1500, 4000, 1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    #[serde(skip)]
    file: PathBuf,
    #[serde(skip)]
    sources: String,
    /// What runs it, and goes on with it.
    pub command: String,
    /// What is numbered.
    pub unit: String,
    /// Which units, in the order in which they were gone through.
    pub parts: Vec<Part>,
}

/// Units that were gone through on the same sources, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// [`sources`] when the search began.
    pub sources: String,
    /// The first unit.
    pub from: u64,
    /// The first one that is left.
    pub to: u64,
    /// What was counted on the way.
    pub counts: BTreeMap<String, u64>,
    /// How long it took; with several jobs, the time of each is added.
    pub seconds: f64,
}

impl Page {
    /// The page of this name; without a part when there is none yet.
    ///
    /// # Errors
    /// It cannot be read, or is no page.
    pub fn open(folder: &Path, name: &str, command: &str, unit: &str) -> io::Result<Self> {
        let file = folder.join(name).with_extension("json");
        let parts = match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str::<Self>(&text)?.parts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file, sources: sources(), command: command.to_owned(), unit: unit.to_owned(), parts })
    }

    /// Forgets what was gone through on other sources: for units that are the same each time, and say nothing more on old ones.
    ///
    /// # Example: what is left is of the present sources
    /// ```
    /// use doorward_fuzz::ledger::Page;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let mut page = Page::open(folder.path(), "schedules-pairs", "schedules --resume", "pairs")?;
    /// page.add(0..9, [("schedules", 40)], 0.1);
    /// page.parts[0].sources = "others".to_owned();
    /// page.add(9..12, [("schedules", 7)], 0.1);
    /// page.forget_others();
    /// assert_eq!((page.units(), page.count("schedules")), (3, 7));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn forget_others(&mut self) {
        self.parts.retain(|part| part.sources == self.sources);
    }

    /// The first unit that nobody went through.
    pub fn next(&self) -> u64 {
        self.parts.iter().map(|part| part.to).max().unwrap_or(0)
    }

    /// How many units were gone through.
    pub fn units(&self) -> u64 {
        self.parts.iter().map(|part| part.to - part.from).sum()
    }

    /// How much of this was counted.
    pub fn count(&self, name: &str) -> u64 {
        self.parts.iter().filter_map(|part| part.counts.get(name)).sum()
    }

    /// How long it took one processor.
    pub fn seconds(&self) -> f64 {
        self.parts.iter().map(|part| part.seconds).sum()
    }

    /// The same page with nothing but what was gone through on these sources.
    #[must_use]
    pub fn of(&self, sources: &str) -> Self {
        let mut page = self.clone();
        page.parts.retain(|part| part.sources == sources);
        page
    }

    /// Writes down units that were gone through, with what was counted; if they go on where the last part ended, on the same
    /// sources, they become a part of that.
    pub fn add<'a>(
        &mut self,
        units: Range<u64>,
        counts: impl IntoIterator<Item = (&'a str, u64)>,
        seconds: f64,
    ) {
        let goes_on = |last: &Part| last.sources == self.sources && last.to == units.start;
        if !self.parts.last().is_some_and(goes_on) {
            let (sources, counts) = (self.sources.clone(), BTreeMap::new());
            self.parts.push(Part { sources, from: units.start, to: units.start, counts, seconds: 0.0 });
        }
        let Some(last) = self.parts.last_mut() else { return };
        last.to = units.end;
        last.seconds += seconds;
        for (name, count) in counts {
            *last.counts.entry(name.to_owned()).or_default() += count;
        }
    }

    /// Saves the page: whole, or as it was.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self) -> io::Result<()> {
        let next = self.file.with_extension("json.next");
        fs::write(&next, serde_json::to_string_pretty(self)? + "\n")?;
        fs::rename(next, &self.file)
    }
}

/// Where the project keeps its pages.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ledger")
}

/// A digest of what is searched, the sources of the core and of the engine: 16 hexadecimal digits.
///
/// # Panics
/// The sources are not where they were when this was built.
pub fn sources() -> String {
    let mut files = Vec::new();
    for folder in ["core/src", "backends/src"] {
        gather(&root().join(folder), &mut files).expect("the sources are where they were built");
    }
    files.sort();
    digest(&files).expect("the sources are where they were built")
}

/// A digest of what is in these files, one after the other, but for lines that are a comment: 16 hexadecimal digits.
///
/// # Example: the same code, the same digest
/// ```
/// use doorward_fuzz::ledger::digest;
///
/// let folder = tempfile::tempdir()?;
/// let files = ["one", "told", "other"].map(|name| folder.path().join(name));
/// std::fs::write(&files[0], "fn main() {}\n")?;
/// std::fs::write(&files[1], "/// Does nothing.\nfn main() {}\n")?;
/// std::fs::write(&files[2], "fn main() { loop {} }\n")?;
/// assert_eq!(digest(&files[..1])?, digest(&files[1..2])?);
/// assert_ne!(digest(&files[..1])?, digest(&files[2..])?);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// One of them cannot be read.
pub fn digest(files: &[PathBuf]) -> io::Result<String> {
    let mut digest = Sha256::new();
    for file in files {
        let text = fs::read(file)?;
        let is_code = |line: &&[u8]| !line.trim_ascii_start().starts_with(b"//");
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(is_code) {
            digest.update(line);
        }
    }
    let digest: [u8; 32] = digest.finalize().into();
    Ok(format!("{:016x}", digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))))
}

/// The root of the tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of Rust in this folder and below.
pub(crate) fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

//! What the ledger has of mutants: two files, one for what was gone through, one for what survives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Fate, without_place};
use crate::ledger;

/// The name in the ledger of the files that were gone through.
pub const FILES: &str = "mutants";
/// The name in the ledger of the list of those that survive.
pub const SURVIVORS: &str = "survivors";

/// What survives, with why; empty: nobody has said it yet.
pub type Survivors = BTreeMap<String, String>;

/// The files that were gone through.
pub type Searched = BTreeMap<String, Search>;

/// What became of one file's mutants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// A digest of the file as it was, but for its comments: [`ledger::digest`].
    pub source: String,
    /// On so many a test failed, or did not end.
    pub caught: u64,
    /// So many do not compile.
    pub not_compiled: u64,
    /// No test failed on so many, then.
    pub survived: u64,
    /// How long it took, in seconds of the clock on the wall.
    pub seconds: f64,
}

/// Whose mutants there are: the files of the core, without tests and planted bugs.
///
/// # Example: as paths from the root of the tree
/// ```
/// let files = doorward_fuzz::mutants::files()?;
/// assert!(files.contains(&"core/src/id.rs".to_owned()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// A folder cannot be read.
pub fn files() -> io::Result<Vec<String>> {
    let root = ledger::root();
    let mut files = Vec::new();
    ledger::gather(&root.join("core/src"), &mut files)?;
    let names = files.iter().filter_map(|file| file.strip_prefix(&root).ok()?.to_str());
    let is_tried = |name: &&str| !name.contains("/tests") && !name.ends_with("/planted.rs");
    let mut names: Vec<String> = names.filter(is_tried).map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

/// What the ledger in this folder has of each file.
///
/// # Example: none yet
/// ```
/// assert!(doorward_fuzz::mutants::searched(tempfile::tempdir()?.path())?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// It cannot be read, or is none.
pub fn searched(folder: &Path) -> io::Result<Searched> {
    read(folder, FILES)
}

/// Those of [`files`] that nobody has gone through as they are now.
///
/// # Errors
/// A file cannot be read, or the ledger in this folder.
pub fn left(folder: &Path) -> io::Result<Vec<String>> {
    let searched = searched(folder)?;
    let mut left = Vec::new();
    for file in files()? {
        let source = ledger::digest(&[ledger::root().join(&file)])?;
        if searched.get(&file).is_none_or(|search| search.source != source) {
            left.push(file);
        }
    }
    Ok(left)
}

/// Writes down a file that was gone through, and in the list of survivors those of its mutants that did survive, and no others.
///
/// # Example: what survived before has a line that says why, and what does not any more is gone
/// ```
/// use doorward_fuzz::ledger;
/// use doorward_fuzz::mutants::{self, Fate, Survivors};
///
/// let folder = tempfile::tempdir()?;
/// let known = r#"{ "core/src/id.rs: a": "it is the same", "core/src/id.rs: b": "" }"#;
/// std::fs::write(folder.path().join("survivors.json"), known)?;
/// let fate = Fate { caught: 8, survived: vec!["core/src/id.rs:1:2: a".to_owned()], ..Fate::default() };
/// mutants::note(folder.path(), "core/src/id.rs", &fate)?;
/// assert_eq!(mutants::survivors(folder.path())?.len(), 1);
/// assert_eq!(mutants::survivors(folder.path())?["core/src/id.rs: a"], "it is the same");
/// assert!(!mutants::left(folder.path())?.contains(&"core/src/id.rs".to_owned()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// A file cannot be read, or the ledger in this folder not written.
pub fn note(folder: &Path, file: &str, fate: &Fate) -> io::Result<()> {
    let mut known = survivors(folder)?;
    let survived: BTreeSet<String> = fate.survived.iter().map(|name| without_place(name)).collect();
    known.retain(|name, _| name.split(':').next() != Some(file) || survived.contains(name));
    for name in survived {
        known.entry(name).or_default();
    }
    save(folder, SURVIVORS, &known)?;
    let mut searched = searched(folder)?;
    let search = Search {
        source: ledger::digest(&[ledger::root().join(file)])?,
        caught: fate.caught,
        not_compiled: fate.unviable,
        survived: u64::try_from(fate.survived.len()).unwrap_or(u64::MAX),
        seconds: fate.seconds,
    };
    searched.insert(file.to_owned(), search);
    let files = files()?;
    searched.retain(|file, _| files.contains(file));
    save(folder, FILES, &searched)
}

/// The survivors, as the ledger in this folder has them.
///
/// # Example: none yet
/// ```
/// use doorward_fuzz::mutants;
///
/// assert!(mutants::survivors(tempfile::tempdir()?.path())?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// The list cannot be read, or is none.
pub fn survivors(folder: &Path) -> io::Result<Survivors> {
    read(folder, SURVIVORS)
}

/// Takes out of the list in this folder what does not survive any more.
///
/// # Example: a test was written
/// ```
/// use doorward_fuzz::mutants;
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("survivors.json"), r#"{ "caught": "", "not caught": "" }"#)?;
/// mutants::retain(folder.path(), &["not caught".to_owned()])?;
/// assert_eq!(mutants::survivors(folder.path())?.len(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`note`].
pub fn retain(folder: &Path, survived: &[String]) -> io::Result<()> {
    let mut known = survivors(folder)?;
    known.retain(|known, _| survived.iter().any(|name| without_place(name) == *known));
    save(folder, SURVIVORS, &known)
}

fn read<T: DeserializeOwned + Default>(folder: &Path, name: &str) -> io::Result<T> {
    match fs::read_to_string(page(folder, name)) {
        Ok(text) => Ok(serde_json::from_str(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}

fn save<T: Serialize>(folder: &Path, name: &str, content: &T) -> io::Result<()> {
    let next = page(folder, name).with_extension("json.next");
    fs::write(&next, serde_json::to_string_pretty(content)? + "\n")?;
    fs::rename(next, page(folder, name))
}

fn page(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).with_extension("json")
}

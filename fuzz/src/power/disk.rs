//! A disk, as far as a program may rely on it: what was synced is there after a power cut; of what was not, anything.
//!
//! | | after a power cut |
//! |---|---|
//! | bytes that were synced after they were written | there |
//! | other bytes | each sector of 512 bytes there or not, whatever came before or after |
//! | a length that was not synced | any that the file had since, with zeros where nothing arrived |
//! | names made, changed and removed since their folder was synced | the first few of them |

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::STORY;
use super::trace::Call;
use crate::rng::Rng;

const SECTOR: usize = 512;

/// The disk at some point of a trace.
#[derive(Debug)]
pub(super) struct Disk {
    /// The first is the folder that the trace is of.
    files: Vec<File>,
    /// As the program sees them.
    names: Names,
    synced: Names,
    /// Since then, in their order.
    namings: Vec<Naming>,
    /// The story is no part of the disk: it says what the program had been told.
    pub(super) story: Vec<u8>,
    /// Of each sync under way, what it will have brought to the disk.
    syncs: BTreeMap<usize, Synced>,
}

/// Each file's bytes; no bytes: a folder.
pub(super) type Left = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// What is called so in a folder.
type Names = BTreeMap<(usize, OsString), usize>;

#[derive(Debug, Default)]
struct File {
    is_folder: bool,
    synced: Vec<u8>,
    /// Since then, in their order.
    changes: Vec<Change>,
    len: u64,
}

#[derive(Debug)]
struct Change {
    /// The call.
    by: usize,
    /// Whether that had returned.
    is_done: bool,
    to: To,
}

#[derive(Debug)]
enum To {
    Bytes(u64, Vec<u8>),
    Len(u64),
}

/// Names that change at once; no file: one that goes.
#[derive(Debug, Clone)]
struct Naming {
    by: usize,
    names: Vec<((usize, OsString), Option<usize>)>,
}

/// A file or a folder, and the calls that came before.
#[derive(Debug)]
struct Synced {
    file: usize,
    calls: BTreeSet<usize>,
}

/// What of the unsynced is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    Nothing,
    Everything,
    /// The first few writes, of the last a part.
    First,
    /// Of all writes some.
    Some,
    /// Of all sectors some.
    Torn,
}

impl Disk {
    /// An empty one, and what had been told before.
    pub(super) fn new(story: Vec<u8>) -> Self {
        Self {
            files: vec![File { is_folder: true, ..File::default() }],
            names: Names::new(),
            synced: Names::new(),
            namings: Vec::new(),
            story,
            syncs: BTreeMap::new(),
        }
    }

    /// A call begins.
    pub(super) fn begin(&mut self, number: usize, call: &Call) {
        match call {
            Call::Write { path, .. } if path.ends_with(STORY) => {}
            Call::Write { path, at, bytes } => {
                let Some(file) = self.file(path) else { return };
                let at = at.unwrap_or(file.len);
                file.len = file.len.max(at + bytes.len() as u64);
                file.changes.push(Change { by: number, is_done: false, to: To::Bytes(at, bytes.clone()) });
            }
            Call::Resize { path, len } => {
                let Some(file) = self.file(path) else { return };
                file.len = *len;
                file.changes.push(Change { by: number, is_done: false, to: To::Len(*len) });
            }
            Call::Sync { path } => {
                let Some(file) = self.find(path) else { return };
                let changes = self.files[file].changes.iter().filter(|change| change.is_done);
                let namings = self.namings.iter().map(|naming| naming.by);
                let calls = changes.map(|change| change.by).chain(namings).collect();
                self.syncs.insert(number, Synced { file, calls });
            }
            Call::Open { .. } | Call::MakeFolder { .. } | Call::Remove { .. } | Call::Rename { .. } => {}
        }
    }

    /// It returns.
    pub(super) fn end(&mut self, number: usize, call: &Call) {
        match call {
            Call::Write { path, bytes, .. } if path.ends_with(STORY) => self.story.extend(bytes),
            Call::Write { path, .. } | Call::Resize { path, .. } => {
                let Some(file) = self.file(path) else { return };
                let its = file.changes.iter_mut().filter(|change| change.by == number);
                its.for_each(|change| change.is_done = true);
            }
            Call::Sync { .. } => {
                let Some(Synced { file, calls }) = self.syncs.remove(&number) else { return };
                self.files[file].sync(&calls);
                self.sync_names(file, &calls);
            }
            Call::Open { path, .. } if path.ends_with(STORY) => {}
            Call::Open { path, creates, empties } => {
                if *creates && self.find(path).is_none() {
                    self.make(number, path, false);
                }
                if let (true, Some(file)) = (*empties, self.file(path)) {
                    file.len = 0;
                    file.changes.push(Change { by: number, is_done: true, to: To::Len(0) });
                }
            }
            Call::MakeFolder { path } => self.make(number, path, true),
            Call::Remove { path } => {
                if let Some(name) = self.name_of(path) {
                    self.rename(number, vec![(name, None)]);
                }
            }
            Call::Rename { from, to } => {
                if let (Some(file), Some(from), Some(to)) =
                    (self.find(from), self.name_of(from), self.name_of(to))
                {
                    self.rename(number, vec![(from, None), (to, Some(file))]);
                }
            }
        }
    }

    fn make(&mut self, by: usize, path: &Path, is_folder: bool) {
        let Some(name) = self.name_of(path) else { return };
        self.files.push(File { is_folder, ..File::default() });
        self.rename(by, vec![(name, Some(self.files.len() - 1))]);
    }

    fn rename(&mut self, by: usize, names: Vec<((usize, OsString), Option<usize>)>) {
        let naming = Naming { by, names };
        naming.apply(&mut self.names);
        self.namings.push(naming);
    }

    /// What of the names in this folder these calls changed is on the disk.
    fn sync_names(&mut self, folder: usize, calls: &BTreeSet<usize>) {
        let is_in = |naming: &Naming| naming.names.iter().any(|((of, _), _)| *of == folder);
        let synced = &mut self.synced;
        self.namings.retain(|naming| {
            let is_synced = calls.contains(&naming.by) && is_in(naming);
            if is_synced {
                naming.apply(synced);
            }
            !is_synced
        });
    }

    fn name_of(&self, path: &Path) -> Option<(usize, OsString)> {
        Some((self.find(path.parent()?)?, path.file_name()?.to_owned()))
    }

    fn find(&self, path: &Path) -> Option<usize> {
        path.iter().try_fold(0, |folder, name| self.names.get(&(folder, name.to_owned())).copied())
    }

    fn file(&mut self, path: &Path) -> Option<&mut File> {
        self.find(path).map(|at| &mut self.files[at])
    }

    /// What a power cut now leaves.
    pub(super) fn after_power_cut(&self, luck: Luck, rng: &mut Rng) -> Left {
        let mut names = self.synced.clone();
        let kept = match luck {
            Luck::Nothing => 0,
            Luck::Everything => self.namings.len(),
            Luck::First | Luck::Some | Luck::Torn => below(rng, self.namings.len() + 1),
        };
        self.namings.iter().take(kept).for_each(|naming| naming.apply(&mut names));
        let changes = self.files.iter().flat_map(|file| &file.changes);
        let calls: BTreeSet<usize> = changes.map(|change| change.by).collect();
        let first = calls.iter().nth(below(rng, calls.len() + 1)).copied().unwrap_or(usize::MAX);
        let mut left = BTreeMap::new();
        let mut folders = vec![(0, PathBuf::new())];
        while let Some((folder, path)) = folders.pop() {
            for ((_, name), &at) in names.range((folder, OsString::new())..(folder + 1, OsString::new())) {
                let (file, path) = (&self.files[at], path.join(name));
                if file.is_folder {
                    folders.push((at, path.clone()));
                }
                left.insert(path, (!file.is_folder).then(|| file.after_power_cut(luck, first, rng)));
            }
        }
        left
    }
}

impl Naming {
    fn apply(&self, names: &mut Names) {
        for (name, file) in &self.names {
            match file {
                Some(file) => _ = names.insert(name.clone(), *file),
                None => _ = names.remove(name),
            }
        }
    }
}

impl File {
    fn sync(&mut self, calls: &BTreeSet<usize>) {
        let mut left = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            if calls.contains(&change.by) {
                change.to.apply(&mut self.synced, |_| true);
            } else {
                left.push(change);
            }
        }
        self.changes = left;
    }

    fn after_power_cut(&self, luck: Luck, first: usize, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for change in &self.changes {
            match luck {
                Luck::Nothing => {}
                Luck::Everything => change.to.apply(&mut bytes, |_| true),
                Luck::First if change.by < first => change.to.apply(&mut bytes, |_| true),
                Luck::First if change.by == first => {
                    let sectors = below(rng, change.to.sectors() + 1);
                    change.to.apply(&mut bytes, |sector| sector < sectors);
                }
                Luck::First => {}
                Luck::Some if rng.in_thousand(500) => change.to.apply(&mut bytes, |_| true),
                Luck::Some => {}
                Luck::Torn => change.to.apply(&mut bytes, |_| rng.in_thousand(500)),
            }
        }
        // The length may have arrived, and nothing of what it was for.
        if let (Luck::Some | Luck::Torn, Some(change)) =
            (luck, self.changes.get(below(rng, self.changes.len() + 1)))
        {
            let end = change.to.end();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
        }
        bytes
    }
}

impl To {
    /// How many sectors it touches, at least one.
    fn sectors(&self) -> usize {
        match self {
            Self::Bytes(at, bytes) => (to_usize(*at) % SECTOR + bytes.len()).div_ceil(SECTOR),
            Self::Len(_) => 1,
        }
    }

    /// How long the file is after it, at least.
    fn end(&self) -> usize {
        match self {
            Self::Bytes(at, bytes) => to_usize(*at).saturating_add(bytes.len()),
            Self::Len(len) => to_usize(*len),
        }
    }

    /// Applies those of its sectors that arrive.
    fn apply(&self, to: &mut Vec<u8>, mut arrives: impl FnMut(usize) -> bool) {
        match self {
            Self::Bytes(at, bytes) => {
                let at = to_usize(*at);
                let mut from = 0;
                for sector in 0..self.sectors() {
                    let until = ((at / SECTOR + sector + 1) * SECTOR - at).min(bytes.len());
                    if arrives(sector) {
                        let end = at + until;
                        if to.len() < end {
                            to.resize(end, 0);
                        }
                        to[at + from..end].copy_from_slice(&bytes[from..until]);
                    }
                    from = until;
                }
            }
            Self::Len(len) => {
                if arrives(0) {
                    to.resize(to_usize(*len), 0);
                }
            }
        }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    rng.below(u32::try_from(bound).unwrap_or(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in this file after each luck, many times over.
    fn left(disk: &Disk, path: &str) -> BTreeSet<Option<String>> {
        let mut rng = Rng::new(1);
        let lucks = [Luck::Nothing, Luck::Everything, Luck::First, Luck::Some, Luck::Torn];
        let images = (0..500).map(|at| disk.after_power_cut(lucks[at % lucks.len()], &mut rng));
        let text =
            |bytes: &Vec<u8>| String::from_utf8(bytes.iter().copied().filter(|byte| *byte != 0).collect());
        images
            .map(|image| image.get(Path::new(path)).map(|file| text(file.as_ref().unwrap()).unwrap()))
            .collect()
    }

    fn set<const N: usize>(texts: [Option<&str>; N]) -> BTreeSet<Option<String>> {
        texts.into_iter().map(|text| text.map(str::to_owned)).collect()
    }

    struct Program {
        disk: Disk,
        calls: usize,
    }

    impl Program {
        fn new() -> Self {
            Self { disk: Disk::new(Vec::new()), calls: 0 }
        }

        fn call(&mut self, call: Call) {
            self.disk.begin(self.calls, &call);
            self.disk.end(self.calls, &call);
            self.calls += 1;
        }

        fn make(&mut self, path: &str) {
            self.call(Call::Open { path: path.into(), creates: true, empties: false });
        }

        fn write(&mut self, path: &str, at: u64, text: &str) {
            self.call(Call::Write { path: path.into(), at: Some(at), bytes: text.into() });
        }

        fn sync(&mut self, path: &str) {
            self.call(Call::Sync { path: path.into() });
        }
    }

    #[test]
    fn what_was_synced_is_there_and_of_the_rest_any_part() {
        let mut program = Program::new();
        program.make("db");
        program.write("db", 0, "a");
        assert_eq!(left(&program.disk, "db"), set([None, Some(""), Some("a")]));
        program.sync("");
        assert_eq!(left(&program.disk, "db"), set([Some(""), Some("a")]));
        program.sync("db");
        program.write("db", 511, "bc");
        // The sectors apart: one may be there without the other.
        assert_eq!(left(&program.disk, "db"), set([Some("a"), Some("ab"), Some("ac"), Some("abc")]));
    }

    #[test]
    fn a_length_may_arrive_without_what_it_is_for() {
        let mut program = Program::new();
        program.make("db");
        program.sync("");
        program.write("db", 0, "ab");
        let mut rng = Rng::new(1);
        let image =
            |_| program.disk.after_power_cut(Luck::Torn, &mut rng).remove(Path::new("db")).unwrap().unwrap();
        let images: BTreeSet<Vec<u8>> = (0..100).map(image).collect();
        assert_eq!(images, BTreeSet::from([vec![], vec![0, 0], b"ab".to_vec()]));
    }

    #[test]
    fn a_sync_brings_what_was_written_before_it_began() {
        let mut program = Program::new();
        program.make("db");
        program.sync("");
        let sync = Call::Sync { path: "db".into() };
        let late = Call::Write { path: "db".into(), at: Some(0), bytes: b"b".into() };
        program.write("db", 1, "a");
        program.disk.begin(10, &late);
        program.disk.begin(11, &sync);
        program.disk.end(10, &late);
        program.disk.end(11, &sync);
        assert_eq!(left(&program.disk, "db"), set([Some("a"), Some("ba")]));
    }

    #[test]
    fn a_folder_under_another_name_is_seen_whole_or_not_at_all() {
        let mut program = Program::new();
        program.call(Call::MakeFolder { path: "new".into() });
        program.make("new/db");
        program.write("new/db", 0, "a");
        for path in ["new/db", "new"] {
            program.sync(path);
        }
        program.call(Call::Rename { from: "new".into(), to: "old".into() });
        assert_eq!(left(&program.disk, "old/db"), set([None, Some("a")]));
        program.sync("");
        assert_eq!(left(&program.disk, "old/db"), set([Some("a")]));
        assert_eq!(left(&program.disk, "new/db"), set([None]));
    }

    #[test]
    fn what_was_removed_may_be_back_until_its_folder_is_synced() {
        let mut program = Program::new();
        program.make("log");
        program.write("log", 0, "a");
        program.sync("log");
        program.sync("");
        program.call(Call::Remove { path: "log".into() });
        assert_eq!(left(&program.disk, "log"), set([None, Some("a")]));
        program.sync("");
        assert_eq!(left(&program.disk, "log"), set([None]));
    }
}

//! What `strace` wrote down, as calls: when each began and when it had an answer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// What changes a disk, or says that it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// A file of this name is there, made if it was not, and emptied if that was asked for.
    Open {
        path: PathBuf,
        creates: bool,
        empties: bool,
    },
    /// Bytes at this place; without one, at the end.
    Write {
        path: PathBuf,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    /// A file is so long.
    Resize {
        path: PathBuf,
        len: u64,
    },
    /// What this file or folder was when the call began is on the disk when it returns.
    Sync {
        path: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
}

/// A call that did what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Traced {
    pub(super) call: Call,
    /// The line at which it began.
    pub(super) begun: usize,
    /// The line at which it returned.
    pub(super) ended: usize,
}

/// Which calls `strace` is to write down: all that could change a file.
pub(super) const TRACED: &str = "trace=openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,\
     fdatasync,sync_file_range,msync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,copy_file_range,sendfile,\
     mmap,lseek,dup,dup2,dup3";

/// The calls on what is below this folder.
///
/// # Errors
/// A call that is not understood, or never returned: its effect would be missing.
pub(super) fn calls(trace: &str, folder: &Path) -> Result<Vec<Traced>, String> {
    let mut reader = Reader { folder, waiting: BTreeMap::new(), places: BTreeMap::new(), calls: Vec::new() };
    let whole = trace.rfind('\n').and_then(|end| trace.get(..end)).unwrap_or_default();
    for (number, line) in whole.lines().enumerate() {
        reader
            .line(number, line)
            .map_err(|what| format!("line {number} of the trace: {what}: {}", ends_of(line)))?;
    }
    if let Some((line, begins)) = reader.waiting.values().find(|(_, begins)| reader.may_change(begins)) {
        return Err(format!("line {line} of the trace: {INTERRUPTED}: {}", ends_of(begins)));
    }
    reader.calls.sort_by_key(|traced| traced.begun);
    Ok(reader.calls)
}

/// What the next program sees may be with it or without it.
const INTERRUPTED: &str = "it was interrupted, and may have been done";

/// Its beginning and its end: a call may have written megabytes.
fn ends_of(line: &str) -> String {
    let (begins, ends) = (line.get(..200), line.get(line.len().saturating_sub(100)..));
    begins.zip(ends).map_or_else(|| line.to_owned(), |(begins, ends)| format!("{begins} … {ends}"))
}

struct Reader<'a> {
    folder: &'a Path,
    /// Of each thread in a call, where it began, and its arguments. Who is ended in one stays here.
    waiting: BTreeMap<&'a str, (usize, String)>,
    /// Where each open file is written next.
    places: BTreeMap<u64, u64>,
    calls: Vec<Traced>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: usize, line: &'a str) -> Result<(), String> {
        let (thread, text) = line.split_once(' ').ok_or("no thread")?;
        let text = text.trim_start();
        if text.starts_with("+++") || text.starts_with("---") {
            return Ok(());
        }
        if let Some(resumed) = text.strip_prefix("<... ") {
            let (begun, begins) = self.waiting.remove(thread).ok_or("it was not begun")?;
            let (_, rest) = resumed.split_once(" resumed>").ok_or("no call")?;
            return self.call(begun, number, &format!("{begins}{rest}"));
        }
        if self.waiting.contains_key(thread) {
            return Err("the thread goes on, and its last call has no answer".to_owned());
        }
        // `<unfinished ...>`, when another thread calls meanwhile; `<detached ...>`, when it is killed in it.
        if !text.contains(" = ") {
            let begins = text.strip_suffix(" <unfinished ...>").unwrap_or(text);
            self.waiting.insert(thread, (number, begins.to_owned()));
            return Ok(());
        }
        self.call(number, number, text)
    }

    fn call(&mut self, begun: usize, ended: usize, text: &str) -> Result<(), String> {
        let (name, rest) = text.split_once('(').ok_or("no call")?;
        let (arguments, answer) = rest.rsplit_once(" = ").ok_or("no answer")?;
        if answer.starts_with('?') && self.may_change(text) {
            return Err(INTERRUPTED.to_owned());
        }
        if answer.starts_with('-') || answer.starts_with('?') {
            return Ok(());
        }
        let arguments: Vec<&str> = arguments.trim_end().trim_end_matches(')').split(", ").collect();
        let argument = |at: usize| arguments.get(at).copied().ok_or("an argument is missing");
        let answer_number = || answer.split('<').next().and_then(|number| number.trim().parse::<u64>().ok());
        let file = |text: &str| opened(text).map(|path| self.below(&path));
        let named = |at: usize| {
            let path = argument(at).and_then(quoted)?;
            if path.is_absolute() { Ok(self.below(&path)) } else { Err("the path is relative") }
        };
        let call = match name {
            "openat" => {
                // Relative to its first argument, where it is relative.
                let from = opened(argument(0)?)?;
                let Some(path) = self.below(&from.join(quoted(argument(1)?)?)) else { return Ok(()) };
                let flags = argument(2)?;
                if flags.contains("O_APPEND") && !path.ends_with(super::STORY) {
                    return Err("it is appended to".to_owned());
                }
                let descriptor = answer_number().ok_or("no descriptor")?;
                self.places.insert(descriptor, 0);
                let (creates, empties) = (flags.contains("O_CREAT"), flags.contains("O_TRUNC"));
                Call::Open { path, creates, empties }
            }
            "write" | "pwrite64" => {
                let Some(path) = file(argument(0)?)? else { return Ok(()) };
                let mut bytes = unescaped(argument(1)?)?;
                bytes.truncate(
                    answer_number().and_then(|len| usize::try_from(len).ok()).unwrap_or(usize::MAX),
                );
                let at = if name == "pwrite64" {
                    Some(argument(3)?.parse().map_err(|_| "no offset")?)
                } else {
                    let place = self.places.entry(descriptor(argument(0)?)?).or_default();
                    let at = *place;
                    *place += bytes.len() as u64;
                    (!path.ends_with(super::STORY)).then_some(at)
                };
                Call::Write { path, at, bytes }
            }
            "lseek" => {
                if file(argument(0)?)?.is_some() {
                    let place = answer_number().ok_or("no place")?;
                    self.places.insert(descriptor(argument(0)?)?, place);
                }
                return Ok(());
            }
            "ftruncate" => {
                let Some(path) = file(argument(0)?)? else { return Ok(()) };
                Call::Resize { path, len: argument(1)?.parse().map_err(|_| "no length")? }
            }
            "fsync" | "fdatasync" => {
                let Some(path) = file(argument(0)?)? else { return Ok(()) };
                Call::Sync { path }
            }
            "unlink" => {
                let Some(path) = named(0)? else { return Ok(()) };
                Call::Remove { path }
            }
            "unlinkat" => {
                let from = opened(argument(0)?)?;
                let Some(path) = self.below(&from.join(quoted(argument(1)?)?)) else { return Ok(()) };
                Call::Remove { path }
            }
            "rename" => match (named(0)?, named(1)?) {
                (Some(from), Some(to)) => Call::Rename { from, to },
                (None, None) => return Ok(()),
                _ => return Err("it leaves the folder".to_owned()),
            },
            "mkdir" => {
                let Some(path) = named(0)? else { return Ok(()) };
                Call::MakeFolder { path }
            }
            // It promises nothing: what it writes may sit in the disk's own cache.
            "sync_file_range" => return Ok(()),
            // SQLite's index of its log: nothing that a restart reads.
            "mmap" if !text.contains("MAP_SHARED") || !text.contains("PROT_WRITE") => return Ok(()),
            "mmap" => match opened(argument(4)?).ok().and_then(|path| self.below(&path)) {
                None => return Ok(()),
                Some(path) if path.to_string_lossy().ends_with("-shm") => return Ok(()),
                Some(_) => return Err("a file is written through memory".to_owned()),
            },
            _ if arguments.iter().any(|text| self.concerns(text)) => {
                return Err("this call is not known".to_owned());
            }
            _ => return Ok(()),
        };
        self.calls.push(Traced { call, begun, ended });
        Ok(())
    }

    /// The path below the folder, if it is there.
    fn below(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(self.folder).ok().map(Path::to_owned)
    }

    /// Whether a call that has no answer could have changed something of the folder.
    fn may_change(&self, text: &str) -> bool {
        let (name, arguments) = text.split_once('(').unwrap_or((text, ""));
        let only_asks = match name {
            "openat" => !text.contains("O_CREAT") && !text.contains("O_TRUNC"),
            _ => ["fsync", "fdatasync", "sync_file_range", "lseek", "mmap", "dup", "dup2", "dup3"]
                .contains(&name),
        };
        !only_asks && arguments.split(", ").any(|argument| self.concerns(argument))
    }

    fn concerns(&self, argument: &str) -> bool {
        let path = opened(argument).or_else(|_| quoted(argument));
        path.is_ok_and(|path| path.starts_with(self.folder))
    }
}

/// `7<\x2f\x74>`: of which file. One that was removed, `7<\x2f\x74>(deleted)`, has no path.
fn opened(argument: &str) -> Result<PathBuf, &'static str> {
    let (_, path) = argument.split_once('<').ok_or("no open file")?;
    if path.ends_with("(deleted)") {
        return Ok(PathBuf::new());
    }
    Ok(PathBuf::from(OsString::from_vec(unescaped(path.trim_end_matches('>'))?)))
}

fn descriptor(argument: &str) -> Result<u64, &'static str> {
    argument.split('<').next().and_then(|number| number.parse().ok()).ok_or("no descriptor")
}

fn quoted(argument: &str) -> Result<PathBuf, &'static str> {
    Ok(PathBuf::from(OsString::from_vec(unescaped(argument)?)))
}

/// `"\x61\x62"`.
fn unescaped(text: &str) -> Result<Vec<u8>, &'static str> {
    if text.ends_with("...") {
        return Err("a string is cut");
    }
    let digits = text.trim_matches('"').split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).map_err(|_| "no hexadecimal digits")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        text.bytes().fold(String::new(), |escaped, byte| format!("{escaped}\\x{byte:02x}"))
    }

    #[test]
    fn calls_are_read_with_their_beginning_and_their_end() {
        let (file, folder) = (escaped("/f/db"), escaped("/f"));
        let trace = format!(
            "1 openat(AT_FDCWD<{folder}>, \"{file}\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<{file}>\n\
             1 pwrite64(3<{file}>, \"{a}\", 2, 8 <unfinished ...>\n\
             2 fsync(3<{file}>) = 0\n\
             1 <... pwrite64 resumed>)   = 2\n\
             1 unlink(\"{file}\") = -1 ENOENT (No such file or directory)\n\
             2 write(3<{file}>, \"{a}\", 2) = 2\n\
             2 write(3<{file}>(deleted), \"{a}\", 2) = 2\n\
             1 fdatasync(3<{file}>) = ?\n\
             3 fsync(3<{file}> <detached ...>\n\
             2 +++ killed by SIGKILL +++\n\
             2 cut",
            a = escaped("ab"),
        );
        let path = || PathBuf::from("db");
        let write = |at| Call::Write { path: path(), at: Some(at), bytes: b"ab".to_vec() };
        let calls = calls(&trace, Path::new("/f")).unwrap();
        assert_eq!(
            calls,
            [
                Traced {
                    call: Call::Open { path: path(), creates: true, empties: false },
                    begun: 0,
                    ended: 0
                },
                Traced { call: write(8), begun: 1, ended: 3 },
                Traced { call: Call::Sync { path: path() }, begun: 2, ended: 2 },
                Traced { call: write(0), begun: 5, ended: 5 },
            ]
        );
    }

    /// A victim that was killed while a call was written down left a line without an answer, and its recording was refused.
    #[test]
    fn only_a_thread_that_says_no_more_may_owe_an_answer() {
        let owes = format!("1 fsync(3<{}> <detached ...>\n", escaped("/f/db"));
        assert_eq!(calls(&owes, Path::new("/f")), Ok(Vec::new()));
        let more = calls(&format!("{owes}1 fsync(3<{}>) = 0\n", escaped("/f/db")), Path::new("/f"));
        assert!(more.unwrap_err().contains("line 1 of the trace: the thread goes on"));
    }

    /// A line of the story was there, and its recording said `= ?`: the next victim went on from it, and what the power left looked torn.
    #[test]
    fn a_call_that_was_interrupted_may_have_been_done() {
        let file = escaped("/f/story");
        for interrupted in [
            format!("1 write(3<{file}>, \"\\x61\", 1) = ?\n"),
            format!("1 write(3<{file}>, \"\\x61\", 1 <unfinished ...>\n1 <... write resumed>) = ?\n"),
            format!("1 pwrite64(3<{file}>, \"\\x61\", 1, 0 <detached ...>\n"),
            format!("1 openat(AT_FDCWD<{}>, \"{file}\", O_RDWR|O_CREAT, 0600) = ?\n", escaped("/")),
            format!("1 unlink(\"{file}\" <unfinished ...>\n"),
        ] {
            let refused = calls(&interrupted, Path::new("/f")).unwrap_err();
            assert!(refused.contains(INTERRUPTED), "{refused}");
            assert_eq!(calls(&interrupted, Path::new("/g")), Ok(Vec::new()));
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_where_it_matters() {
        let other = format!("1 sendfile(4<{}>, 5, NULL, 9) = 9\n", escaped("/g/db"));
        assert_eq!(calls(&other, Path::new("/f")), Ok(Vec::new()));
        let ours = other.replace(&escaped("/g/db"), &escaped("/f/db"));
        assert!(calls(&ours, Path::new("/f")).unwrap_err().contains("not known"));
    }
}

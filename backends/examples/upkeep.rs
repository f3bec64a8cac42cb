//! Looks after a database file: `upkeep backup FILE TARGET`, `check FILE`, `size FILE`, `vacuum FILE`,
//! `restore BACKUP FILE`. Progress goes to standard error.
//!
//! Exit code: 0 done, 1 the check found something wrong, 2 the command is wrong, 3 it could not be done.

use std::error::Error;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use doorward::store::SqliteStore;
use doorward::store::sqlite::{CheckProgress, Progress, Size};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(code) => code,
        Err(error) => {
            let _nobody_reads = writeln!(io::stderr(), "{error}");
            ExitCode::from(3)
        }
    }
}

fn run(words: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    match words {
        ["backup", file, target] => open(file)?.backup(target, copied)?,
        ["restore", backup, file] => {
            SqliteStore::restore(backup, file, copied)?;
            writeln!(io::stdout(), "now open the engine and call after_restore, before anybody is let in")?;
        }
        ["size", file] => print(open(file)?.size()?)?,
        ["vacuum", file] => print(open(file)?.vacuum(Duration::from_mins(10))?)?,
        ["check", file] => return check(file),
        _ => {
            let usage = "usage: upkeep backup FILE TARGET | check FILE | size FILE | vacuum FILE | restore BACKUP FILE";
            writeln!(io::stderr(), "{usage}")?;
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check(file: &str) -> Result<ExitCode, Box<dyn Error>> {
    let report = open(file)?.check(looked)?;
    for problem in report.problems() {
        writeln!(io::stdout(), "{problem}")?;
    }
    if report.unlisted() > 0 {
        writeln!(io::stdout(), "and {} more", report.unlisted())?;
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Only a file that is there: `open` would make one.
fn open(file: &str) -> Result<SqliteStore, Box<dyn Error>> {
    if !std::path::Path::new(file).exists() {
        return Err("there is no such file".into());
    }
    Ok(SqliteStore::open(file)?)
}

fn print(size: Size) -> io::Result<()> {
    let worth = if size.is_vacuum_worth_it() { ": a vacuum is worth it" } else { "" };
    writeln!(
        io::stdout(),
        "{} bytes, {} of them free, and a log of {}{worth}",
        size.file,
        size.free,
        size.log
    )
}

fn copied(progress: Progress) -> ControlFlow<()> {
    let _nobody_reads = write!(io::stderr(), "\r{} of {} pages", progress.done, progress.total);
    if progress.done == progress.total {
        let _nobody_reads = writeln!(io::stderr());
    }
    ControlFlow::Continue(())
}

fn looked(progress: CheckProgress) -> ControlFlow<()> {
    let (part, parts, rows) = (progress.part, progress.parts, progress.rows);
    let _nobody_reads = write!(io::stderr(), "\rpart {part} of {parts}, {rows} rows");
    if part == parts {
        let _nobody_reads = writeln!(io::stderr());
    }
    ControlFlow::Continue(())
}

//! Writes `core/EVIDENCE.md` out of the ledger.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

use std::process::ExitCode;
use std::{fs, io};

use doorward_fuzz::{evidence, ledger};

fn main() -> ExitCode {
    match write() {
        Ok(()) => {
            println!("core/EVIDENCE.md is written; the sources are {} now", ledger::sources());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("core/EVIDENCE.md is not written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> io::Result<()> {
    fs::write(evidence::file(), evidence::text(&ledger::folder())?)
}

//! Where the others are built and begun: each in its language, from what its lockfile pins.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;

use super::Language;
use crate::Failure;

/// Where a path is to stand in the arguments of a process.
pub(super) const FILE: &str = "FILE";

/// Where the others were built.
#[derive(Debug, Clone)]
pub struct Home {
    target: PathBuf,
}

impl Home {
    /// Builds them, from the registries of their languages, below `target/peers`; what is there already is kept.
    ///
    /// # Errors
    /// `cargo`, `cc`, `npm` or `python3` is not there, or what they ask for is not.
    pub fn build(tell: impl Fn(&str)) -> Result<Self, Failure> {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        let home = Self { target: target.join("peers") };
        tell("Rust: tower-sessions, axum-login, sqlx");
        run(&mut cargo(&sources().join("Cargo.toml"), &home.target.join("rust")))?;
        tell("C: our own library");
        let c = home.target.join("c");
        fs::create_dir_all(&c)?;
        run(cargo(&root().join("Cargo.toml"), &target).args(["--package", "libdoorward"]))?;
        let library = target.join("release/libdoorward.a");
        run(Command::new("cc")
            .args(["-O2", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread", "-I"])
            .arg(root().join("ffi/include"))
            .arg(sources().join("c/peer.c"))
            .arg(library)
            .args(["-lm", "-ldl", "-lrt", "-o"])
            .arg(c.join("peer")))?;
        tell("Node: express, express-session, passport, better-sqlite3, jose, jsonwebtoken");
        let node = home.target.join("node");
        fs::create_dir_all(&node)?;
        for name in ["package.json", "package-lock.json", "peer.mjs", "express.mjs"] {
            fs::copy(sources().join("node").join(name), node.join(name))?;
        }
        run(Command::new("npm").current_dir(&node).args(["ci", "--no-audit", "--no-fund", "--silent"]))?;
        tell("Python: Django, PyJWT, argon2-cffi, PyNaCl, and our own package");
        let python = home.target.join("python");
        if !python.join("bin/python").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&python))?;
        }
        let pip = || {
            let mut pip = Command::new(python.join("bin/pip"));
            pip.args(["install", "--quiet"]);
            pip
        };
        run(pip().arg("-r").arg(sources().join("python/requirements.txt")))?;
        run(pip().args(["--no-deps", "--force-reinstall"]).arg(root().join("bindings/python")))?;
        Ok(home)
    }

    /// One of the programs in Rust.
    pub(crate) fn rust(&self, program: &str) -> Command {
        Command::new(self.target.join("rust/release").join(program))
    }

    /// One of the scripts for Node.
    pub(crate) fn node(&self, script: &str) -> Command {
        let mut node = Command::new("node");
        node.arg(self.target.join("node").join(script));
        node
    }

    pub(super) fn command(&self, language: Language, words: &[&str], folder: &TempDir) -> Command {
        let mut command = match language {
            Language::C => Command::new(self.target.join("c/peer")),
            Language::Rust => self.rust("doorward-peers"),
            Language::Node => self.node("peer.mjs"),
            Language::Python => {
                let mut python = Command::new(self.target.join("python/bin/python"));
                python.arg(sources().join("python/peer.py"));
                python
            }
        };
        for word in words {
            if *word == FILE {
                command.arg(folder.path().join("sessions.db"));
            } else {
                command.arg(word);
            }
        }
        command
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn sources() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))
}

fn cargo(manifest: &Path, target: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--locked", "--release", "--manifest-path"]).arg(manifest);
    cargo.env("CARGO_TARGET_DIR", target);
    cargo
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

//! The example, as whoever tries it starts it: in an empty folder, on a free port.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) enum Transport {
    Default,
    /// `PLAIN_HTTP=1`.
    Plain,
}

pub(crate) struct Site {
    process: Child,
    address: String,
    _folder: TempDir,
}

impl Site {
    pub(crate) fn start(transport: Transport) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let build = ["build", "--quiet", "--locked", "--example", "web", "--manifest-path", manifest];
        assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
        // Beside the folder that this test stands in: where cargo has just put it.
        let tests = std::env::current_exe().unwrap();
        let example = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/web");
        let plain = if matches!(transport, Transport::Plain) { "1" } else { "0" };
        let mut process = Command::new(example)
            .current_dir(&folder)
            .env_remove("PORT")
            .env("PLAIN_HTTP", plain)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { process, address: address.trim().into(), _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

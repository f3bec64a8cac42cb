//! Processes that are measured: each is asked on a line, and answers with a number.

use std::io::{self, BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Failure;

/// A process that answers lines with numbers.
#[derive(Debug)]
pub struct Answering {
    child: Child,
    asks: ChildStdin,
    hears: BufReader<ChildStdout>,
}

impl Answering {
    /// Begins it. Its first line is for [`hear`](Self::hear).
    ///
    /// # Errors
    /// It could not be begun.
    pub fn begin(command: &mut Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let asks = child.stdin.take().ok_or("it takes no questions")?;
        let hears = BufReader::new(child.stdout.take().ok_or("it gives no answers")?);
        Ok(Self { child, asks, hears })
    }

    /// Waits for the line `ready`.
    ///
    /// # Errors
    /// It ended, or said something else.
    pub fn wait_until_ready(&mut self) -> Result<(), Failure> {
        match self.line()?.trim() {
            "ready" => Ok(()),
            other => Err(before_ready(other)),
        }
    }

    /// Waits for the line `ready PORT`, and gives the port.
    ///
    /// # Errors
    /// It ended, or said something else.
    pub fn wait_for_port(&mut self) -> Result<u16, Failure> {
        let line = self.line()?;
        let port = line.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
        port.ok_or_else(|| before_ready(line.trim()))
    }

    /// The numbers of its next line.
    ///
    /// # Errors
    /// It ended, or said something else.
    pub fn hear(&mut self) -> Result<Vec<f64>, Failure> {
        Ok(self.line()?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.hears.read_line(&mut line)?;
        if line.is_empty() {
            return Err(format!("a process that is measured ended: {}", self.child.wait()?).into());
        }
        Ok(line)
    }

    /// The number that it answers with.
    ///
    /// # Errors
    /// It ended, or said something else.
    pub fn ask(&mut self, line: &str) -> Result<f64, Failure> {
        writeln!(self.asks, "{line}")?;
        self.asks.flush()?;
        Ok(*self.hear()?.first().ok_or("no number")?)
    }
}

/// What such a process does: says its first line, and answers each that it is asked with a number, until nobody asks any more.
///
/// # Errors
/// It cannot answer.
pub(crate) fn answer(first: &str, mut ask: impl FnMut(&str) -> Result<f64, Failure>) -> Result<(), Failure> {
    say(first)?;
    for line in stdin().lock().lines() {
        say(&ask(&line?)?.to_string())?;
    }
    Ok(())
}

/// Tells whoever has begun this process.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut answers = stdout().lock();
    writeln!(answers, "{line}")?;
    answers.flush()
}

fn before_ready(said: &str) -> Failure {
    format!("a process that is measured said {said:?} before it was ready").into()
}

impl Drop for Answering {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_after_ready() {
        let port = |line: &str| Answering::begin(Command::new("echo").arg(line))?.wait_for_port();
        assert_eq!(port("ready 8080").unwrap(), 8080);
        for line in ["ready", "ready 65536", "8080", "already 8080", ""] {
            let refused = port(line).unwrap_err();
            assert!(
                refused.to_string().ends_with(&format!("said {line:?} before it was ready")),
                "{refused}"
            );
        }
    }
}

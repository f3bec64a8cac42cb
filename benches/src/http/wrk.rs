//! `wrk`: so many requests per second, by what it prints.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;

/// How many connections are open at once, each of which asks again when it has its answer.
pub const CONNECTIONS: usize = 16;

/// Whether `wrk` can be run.
///
/// # Errors
/// It cannot.
pub fn look() -> Result<(), Failure> {
    // Without an address it prints how it is used, and fails.
    let found = Command::new("wrk").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.map(drop).map_err(|error| format!("wrk cannot be run ({error}): install it").into())
}

/// How many requests with this cookie the address answers in a second, asked for that long by one thread of `wrk`.
///
/// # Errors
/// An answer was an error, or none came; `wrk` failed; or the time is no whole number of seconds.
pub(super) fn per_second(address: &str, cookie: &str, time: Duration) -> Result<f64, Failure> {
    if time.as_secs() == 0 || time.subsec_nanos() != 0 {
        return Err(format!("wrk takes whole seconds, not {time:?}").into());
    }
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--connections", &CONNECTIONS.to_string()]);
    wrk.args([
        "--duration",
        &format!("{}s", time.as_secs()),
        "--header",
        &format!("Cookie: {cookie}"),
        address,
    ]);
    let output = wrk.output().map_err(|error| format!("wrk: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(
            format!("wrk: {}: {printed}{}", output.status, String::from_utf8_lossy(&output.stderr)).into()
        );
    }
    Ok(read(&printed)?)
}

/// What is wrong with what `wrk` printed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unfit {
    /// So its line says: answers that were no success, or connections that failed.
    Failed(String),
    /// It does not say how many requests there were in a second, or none.
    NoFigure,
}

fn read(printed: &str) -> Result<f64, Unfit> {
    let mut lines = printed.lines().map(str::trim);
    // They are printed only when there were some.
    if let Some(failed) = lines.clone().find(|line| FAILURES.iter().any(|start| line.starts_with(start))) {
        return Err(Unfit::Failed(failed.to_owned()));
    }
    let figure = lines.find_map(|line| line.strip_prefix("Requests/sec:")).ok_or(Unfit::NoFigure)?;
    let figure: f64 = figure.trim().parse().map_err(|_| Unfit::NoFigure)?;
    if figure.is_finite() && figure > 0.0 { Ok(figure) } else { Err(Unfit::NoFigure) }
}

const FAILURES: [&str; 2] = ["Socket errors:", "Non-2xx or 3xx responses:"];

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(line) => write!(f, "wrk has no fair figure: {line}"),
            Self::NoFigure => write!(f, "wrk does not tell how many requests were answered"),
        }
    }
}

impl std::error::Error for Unfit {}

#[cfg(test)]
mod tests {
    use super::*;

    /// As wrk 4.1.0 printed it.
    const PRINTED: &str = "Running 2s test @ http://127.0.0.1:41291/me
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.38ms  719.72us  11.28ms   89.30%
    Req/Sec    12.06k     1.04k   12.76k    95.24%
  25186 requests in 2.10s, 3.10MB read
Requests/sec:  11992.97
Transfer/sec:      1.48MB
";

    fn with(line: &str) -> String {
        PRINTED.replace("Requests/sec", &format!("{line}\nRequests/sec"))
    }

    #[test]
    fn the_figure_of_all_threads_is_read() {
        assert_eq!(read(PRINTED), Ok(11992.97));
    }

    #[test]
    fn a_run_with_refused_requests_has_no_figure() {
        let line = "  Non-2xx or 3xx responses: 5751";
        assert_eq!(read(&with(line)), Err(Unfit::Failed(line.trim().to_owned())));
    }

    #[test]
    fn a_run_with_failed_connections_has_no_figure() {
        for line in [
            "  Socket errors: connect 16, read 0, write 0, timeout 0",
            "  Socket errors: connect 0, read 0, write 0, timeout 3",
        ] {
            assert_eq!(read(&with(line)), Err(Unfit::Failed(line.trim().to_owned())));
        }
    }

    #[test]
    fn without_a_number_there_is_no_figure() {
        let without = |line: &str| PRINTED.replace("Requests/sec:  11992.97", line);
        for printed in [
            String::new(),
            "unable to connect to 127.0.0.1:9 Connection refused\n".to_owned(),
            without(""),
            without("Requests/sec:"),
            without("Requests/sec:  many"),
            // Nothing was answered.
            without("Requests/sec:      0.00"),
            without("Requests/sec:      -nan"),
            without("Requests/sec:      inf"),
        ] {
            assert_eq!(read(&printed), Err(Unfit::NoFigure), "{printed}");
        }
    }

    #[test]
    fn time_that_wrk_cannot_be_asked_for_is_refused() {
        for millis in [0, 500, 1500] {
            let refused = per_second("http://127.0.0.1:1/", "", Duration::from_millis(millis)).unwrap_err();
            assert!(refused.to_string().starts_with("wrk takes whole seconds"), "{refused}");
        }
    }
}

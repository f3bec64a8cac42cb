//! The comparison over HTTP, as a section of `RESULTS.md`.

use std::fmt::Write;
use std::time::Duration;

use super::{CONNECTIONS, MANY, Outcome};
use crate::table::Summary;

/// The section, of so many rounds, that long each.
pub fn page(outcomes: &[Outcome], rounds: usize, time: Duration) -> String {
    let mut page = format!(
        "## Over HTTP\n\n![a request of somebody logged in](http.svg)\n\n`GET /me` of somebody logged in, on loopback: {rounds} rounds of {} s, `wrk` with one thread and {CONNECTIONS} \
         connections, which shares the cores with the server. Each server has a SQLite file of its own with {MANY} sessions (a \
         write-ahead log, `synchronous` FULL where nothing else is said), was logged in to by its own form (Argon2id, 19 MiB, 2 \
         passes), and answers 401 without the cookie. Ours is `doorward-axum` as in the README, and says `Cache-Control: no-store` \
         besides. More is better; a ratio is ours by theirs.\n\n\
         | requests per second: ours | theirs | | ratio | bound |\n|---:|---|---:|---:|---|\n",
        time.as_secs()
    );
    let mut reasons = String::new();
    for outcome in outcomes {
        let Outcome { peer, ours, theirs, ratio } = outcome;
        let bound = peer.at_least.map_or_else(String::new, |least| {
            format!("≥ {least}: {}", if outcome.is_kept() { "kept" } else { "**not kept**" })
        });
        let _infallible = writeln!(
            page,
            "| {} | {} | {} | {:.2} ({:.2} – {:.2}) | {bound} |",
            figure(ours),
            peer.theirs,
            figure(theirs),
            ratio.median,
            ratio.low,
            ratio.high
        );
        if !outcome.is_kept() {
            let _infallible = write!(reasons, "\n**{}.** {}\n", peer.theirs, peer.why);
        }
    }
    page.push_str("\nWhat is not alike:\n\n");
    for outcome in outcomes {
        let _infallible = writeln!(page, "- {}: {}.", outcome.peer.theirs, outcome.peer.note);
    }
    page + &reasons
}

fn figure(Summary { median, low, high, .. }: &Summary) -> String {
    format!("{median:.0} ({low:.0} – {high:.0})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{ALL, Peer};

    #[test]
    fn what_is_not_kept_is_told_with_its_reason() {
        let [first, second, ..] = ALL else { unreachable!() };
        let late = Box::leak(Box::new(Peer { why: "It is slow.", ..*second }));
        let outcomes = [
            Outcome::of(first, &[60.0], &[20.0]).unwrap(),
            Outcome::of(late, &[60.0, 68.0], &[20.0, 20.0]).unwrap(),
        ];
        let page = page(&outcomes, 7, Duration::from_secs(2));
        assert!(page.contains("| 60 (60 – 60) | axum-login"), "{page}");
        assert!(page.contains("| 20 (20 – 20) | 3.00 (3.00 – 3.00) | ≥ 3: kept |\n"), "{page}");
        assert!(page.contains("| 3.20 (3.10 – 3.30) | ≥ 10: **not kept** |\n"), "{page}");
        assert!(page.ends_with(&format!(".\n\n**{}.** It is slow.\n", second.theirs)), "{page}");
        assert!(outcomes.iter().all(|outcome| page.contains(outcome.peer.note)));
    }
}

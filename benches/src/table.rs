//! Medians, quartiles, ratios.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Samples by what was measured and on which store, in the order in which they first came.
#[derive(Debug, Default)]
pub struct Table {
    lines: Vec<(String, Unit)>,
    samples: BTreeMap<(String, String), Vec<f64>>,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds.
    Micros,
    /// Mebibytes.
    MiB,
    /// Bytes.
    Bytes,
}

/// What is printed of a set of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Half of the samples are at most this.
    pub median: f64,
    /// A quarter is at most this.
    pub low: f64,
    /// Three quarters are at most this.
    pub high: f64,
    /// How many there are.
    pub count: usize,
}

impl Table {
    /// Adds a sample.
    pub fn add(&mut self, what: &str, unit: Unit, store: &str, sample: f64) {
        if !self.lines.iter().any(|(line, _)| line == what) {
            self.lines.push((what.to_owned(), unit));
        }
        self.samples.entry((what.to_owned(), store.to_owned())).or_default().push(sample);
    }

    /// The table for a person; the ratios are to the first store that has such a figure.
    pub fn text<S: AsRef<str>>(&self, stores: &[S]) -> String {
        let mut text = String::new();
        for (what, unit) in &self.lines {
            let mut first = None;
            for store in stores.iter().map(AsRef::as_ref) {
                let Some(found) = self.summary(what, store) else {
                    let _infallible = writeln!(text, "{what:<32} {store:<14} {:>12}", "–");
                    continue;
                };
                let ratio = found.median / *first.get_or_insert(found.median);
                let (median, low, high) = (found.median, found.low, found.high);
                let _infallible = writeln!(
                    text,
                    "{what:<32} {store:<14} {median:>12.2} {:<4} ({low:.2} – {high:.2})  ×{ratio:.2}",
                    unit.name()
                );
            }
        }
        text
    }

    /// The same for a program, on one line.
    pub fn json<S: AsRef<str>>(&self, stores: &[S]) -> String {
        let mut figures = Vec::new();
        for (what, unit) in &self.lines {
            for store in stores.iter().map(AsRef::as_ref) {
                if let Some(Summary { median, low, high, count }) = self.summary(what, store) {
                    figures.push(format!(
                        r#"{{"what":"{what}","store":"{store}","unit":"{}","median":{median:.3},"q1":{low:.3},"q3":{high:.3},"samples":{count}}}"#,
                        unit.name()
                    ));
                }
            }
        }
        format!("[{}]", figures.join(","))
    }

    /// The same for a page, a column for each store.
    pub fn markdown<S: AsRef<str>>(&self, stores: &[S]) -> String {
        let mut text = String::from("| |");
        for store in stores {
            let _infallible = write!(text, " {} |", store.as_ref());
        }
        text.push_str("\n|---|");
        text.push_str(&"---:|".repeat(stores.len()));
        for (what, unit) in &self.lines {
            let _infallible = write!(text, "\n| {what} |");
            let mut first = None;
            for store in stores.iter().map(AsRef::as_ref) {
                let Some(Summary { median, low, high, .. }) = self.summary(what, store) else {
                    text.push_str(" – |");
                    continue;
                };
                let ratio = median / *first.get_or_insert(median);
                let _infallible =
                    write!(text, " {median:.1} {} ({low:.1} – {high:.1}), ×{ratio:.2} |", unit.name());
            }
        }
        text + "\n"
    }

    /// What was found of this on that store.
    pub fn summary(&self, what: &str, store: &str) -> Option<Summary> {
        self.samples.get(&(what.to_owned(), store.to_owned())).and_then(|samples| Summary::of(samples))
    }
}

/// A figure, and what we have set ourselves.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Who did what.
    pub what: String,
    /// What it came to.
    pub figure: String,
    /// What it is to be.
    pub bound: String,
    /// Whether it is.
    pub is_kept: bool,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Micros => "µs",
            Self::MiB => "MiB",
            Self::Bytes => "B",
        }
    }
}

impl Summary {
    /// Of these samples; `None` of none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| {
            // Between two samples lies their mean, as the median of an even number is.
            let (whole, rest) = ((sorted.len() - 1) * quarter / 4, (sorted.len() - 1) * quarter % 4);
            let below = sorted.get(whole)?;
            let above = sorted.get(whole + 1).unwrap_or(below);
            Some(below + (above - below) * [0.0, 0.25, 0.5, 0.75].get(rest)?)
        };
        if sorted.is_empty() {
            return None;
        }
        Some(Self { median: at(2)?, low: at(1)?, high: at(3)?, count: sorted.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quartiles() {
        let of = |samples: &[f64]| Summary::of(samples).map(|found| (found.low, found.median, found.high));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7.0]), Some((7.0, 7.0, 7.0)));
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0, 5.0]), Some((2.0, 3.0, 4.0)));
        assert_eq!(of(&[1.0, 2.0, 3.0, 4.0]), Some((1.75, 2.5, 3.25)));
    }

    #[test]
    fn ratios_are_to_the_first_store_that_has_the_figure() {
        let mut table = Table::default();
        table.add("open", Unit::Micros, "two", 4.0);
        table.add("open", Unit::Micros, "three", 2.0);
        let text = table.text(&["one", "two", "three"]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].ends_with('–') && lines[1].ends_with("×1.00") && lines[2].ends_with("×0.50"),
            "{text}"
        );
        assert_eq!(
            table.markdown(&["two", "three", "four"]),
            "| | two | three | four |\n|---|---:|---:|---:|\n\
             | open | 4.0 µs (4.0 – 4.0), ×1.00 | 2.0 µs (2.0 – 2.0), ×0.50 | – |\n"
        );
        assert!(
            table
                .json(&["one", "two"])
                .starts_with(r#"[{"what":"open","store":"two","unit":"µs","median":4.000"#)
        );
    }
}

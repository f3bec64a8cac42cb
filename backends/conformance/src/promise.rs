//! A promise, how it is put to a store, and what can come of it.

use std::fmt;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::fixture::Fixture;
use crate::suite::PROMISES;

/// One sentence of the [`Store`](doorward_core::store::Store) contract, and the test that asks for it.
///
/// # Example: one promise, put to one store
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::store::Store;
/// use doorward_conformance::{Fixture, Verdict, promises};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
/// # struct Mine;
/// # impl Fixture for Mine {
/// #     fn open(&self) -> Arc<dyn Store> {
/// #         Arc::new(Memory::default())
/// #     }
/// # }
///
/// let promise = promises().iter().find(|promise| promise.name == "an_empty_read_is_empty").unwrap();
/// assert_eq!(promise.text, "read: no keys, no rows, no error");
/// assert_eq!(promise.put_to(&Mine), Verdict::Kept);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// Its name, which is also the name of the `#[test]` that [`suite!`](crate::suite!) makes of it.
    pub name: &'static str,
    /// What the contract says.
    pub text: &'static str,
    /// Asks a store, given as a fixture that nothing else has used. A store that panics panics here; see
    /// [`Promise::put_to`].
    pub check: fn(&dyn Fixture) -> Verdict,
}

impl Promise {
    /// Asks a store; a panic in it is a broken promise.
    pub fn put_to(&self, fixture: &dyn Fixture) -> Verdict {
        match catch_unwind(AssertUnwindSafe(|| (self.check)(fixture))) {
            Ok(verdict) => verdict,
            Err(payload) => Verdict::Broken(format!("the store panicked: {}", panic_text(&*payload))),
        }
    }
}

/// What came of asking a store for a promise.
///
/// # Example: what was not asked is not kept
/// ```
/// use doorward_conformance::Verdict;
///
/// fn is_kept(verdict: &Verdict) -> bool {
///     *verdict == Verdict::Kept
/// }
/// let verdict = Verdict::NotAsked("the fixture offers no medium".into());
/// assert!(!is_kept(&verdict));
/// assert_eq!(verdict.to_string(), "NOT ASKED: the fixture offers no medium");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was asked, and kept.
    Kept,
    /// It was asked, and broken: what was seen.
    Broken(String),
    /// The fixture gives no way to ask it: why. Nothing is known, and nothing counts as passed.
    NotAsked(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Broken(what) => write!(f, "BROKEN: {what}"),
            Self::NotAsked(why) => write!(f, "NOT ASKED: {why}"),
        }
    }
}

/// Every promise of the contract, in the order of its documentation.
///
/// # Example: what a store is asked
/// ```
/// for promise in doorward_conformance::promises() {
///     assert!(!promise.text.is_empty(), "{}", promise.name);
/// }
/// ```
pub fn promises() -> &'static [Promise] {
    PROMISES
}

/// Puts every promise to a store, one after the other, each on a fixture of its own.
///
/// # Example: a report about a store
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::store::Store;
/// use doorward_conformance::{Fixture, Verdict, verdicts};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
/// # struct Mine;
/// # impl Fixture for Mine {
/// #     fn open(&self) -> Arc<dyn Store> {
/// #         Arc::new(Memory::default())
/// #     }
/// # }
///
/// let report = verdicts(|| Mine);
/// let count = |is: fn(&Verdict) -> bool| report.iter().filter(|(_, verdict)| is(verdict)).count();
/// assert_eq!(count(|verdict| matches!(verdict, Verdict::Broken(_))), 0);
/// assert!(count(|verdict| matches!(verdict, Verdict::NotAsked(_))) > 0); // power cuts, for one
/// ```
pub fn verdicts<F: Fixture>(mut fixture: impl FnMut() -> F) -> Vec<(&'static Promise, Verdict)> {
    let ask = |promise: &'static Promise| (promise, promise.put_to(&fixture()));
    PROMISES.iter().map(ask).collect()
}

/// Fails the running test when the store breaks the promise, and says so on the terminal when it cannot be
/// asked. What [`suite!`](crate::suite!) expands to.
///
/// # Panics
/// When the promise is broken, or there is none of this name.
///
/// # Example: one promise as a test of its own
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::store::Store;
/// use doorward_conformance::{Fixture, uphold};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
/// # struct Mine;
/// # impl Fixture for Mine {
/// #     fn open(&self) -> Arc<dyn Store> {
/// #         Arc::new(Memory::default())
/// #     }
/// # }
///
/// uphold("no_raise_is_lost", &Mine); // panics with the contract's sentence when it is broken
/// ```
pub fn uphold(name: &str, fixture: &dyn Fixture) {
    let Some(promise) = PROMISES.iter().find(|promise| promise.name == name) else {
        panic!("there is no promise named {name}");
    };
    match promise.put_to(fixture) {
        Verdict::Kept => {}
        Verdict::Broken(what) => panic!("broken promise: {}\n  seen: {what}", promise.text),
        Verdict::NotAsked(why) => {
            // Written past the test harness, which would swallow the line of a test that does not fail.
            let _ = writeln!(std::io::stderr(), "NOT ASKED: {name}: {why}");
        }
    }
}

/// What a check found wrong, or why it could not look.
#[derive(Debug)]
pub(crate) enum Finding {
    Broken(String),
    NotAsked(String),
}

impl Finding {
    pub(crate) fn not_asked(why: &str) -> Self {
        Self::NotAsked(why.to_owned())
    }
}

pub(crate) type Checked<T = ()> = Result<T, Finding>;

pub(crate) fn verdict(checked: Checked) -> Verdict {
    match checked {
        Ok(()) => Verdict::Kept,
        Err(Finding::Broken(what)) => Verdict::Broken(what),
        Err(Finding::NotAsked(why)) => Verdict::NotAsked(why),
    }
}

/// Leaves the check with a broken promise unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err($crate::promise::Finding::Broken(format!($($said)+)));
        }
    };
}
pub(crate) use ensure;

pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

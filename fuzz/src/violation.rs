//! What is found.

use thiserror::Error;

/// An invariant that did not hold.
///
/// # Example: what it says
/// ```
/// use doorward_fuzz::violation::Violation;
///
/// let found = Violation::new(11, "a token was accepted after its logout");
/// assert_eq!(found.to_string(), "invariant 11: a token was accepted after its logout");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invariant {invariant}: {what}")]
pub struct Violation {
    /// Its number.
    pub invariant: u8,
    /// What happened instead.
    pub what: String,
}

impl Violation {
    /// Of this invariant.
    pub fn new(invariant: u8, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

/// `Ok` when it holds.
pub(crate) fn ensure(holds: bool, invariant: u8, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(invariant, what())) }
}

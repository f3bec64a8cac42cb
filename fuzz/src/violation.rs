//! What is found.

use thiserror::Error;

/// An invariant that did not hold.
///
/// # Example: what it says
/// ```
/// use doorward_fuzz::violation::Violation;
///
/// let found = Violation::new(11, "a token was accepted after its logout");
/// assert!(found.to_string().starts_with("invariant 11 (a logout is final): "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invariant {invariant} ({}): {what}", name_of(*invariant))]
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

/// The invariants that a run is held against: number and name. An engine's clock that is set back is shown to it only across a restart,
/// and to another engine on the store: while it runs, no engine of the simulation's goes back, as none does whose clock is
/// `doorward`'s, which has tests of its own.
///
/// # Example: which one is it?
/// ```
/// use doorward_fuzz::violation::INVARIANTS;
///
/// assert!(INVARIANTS.contains(&(43, "nobody starves an ending")));
/// ```
pub const INVARIANTS: [(u8, &str); 45] = [
    // No invariant of the engine's: ASVS 5.0, 7.1.2.
    (0, "an account has no more sessions than the policy's cap"),
    (1, "a refresh token has one child"),
    (2, "a family has one live token"),
    (3, "a refresh token that comes back ends the session"),
    (4, "a refresh asked for again gives the same, or says why not"),
    (5, "a revoked token gets no grace"),
    (6, "ending a family costs the same, however long it is"),
    (7, "no token outlives its session's end"),
    (8, "privileges never widen"),
    (9, "a refused refresh changes nothing"),
    (10, "a purge turns no replay into a token that is merely unknown"),
    (11, "a logout is final"),
    (12, "a logout everywhere is final"),
    (13, "a login beside a logout everywhere is before it or after it"),
    (14, "a changed password and a disabled account end everything"),
    (15, "nothing that is over comes back"),
    (16, "a logout can be repeated, and unknown ids are alike"),
    (17, "what cannot be read means no"),
    (18, "an access token is accepted until its end, and no longer"),
    (19, "once seen over, over for good"),
    (20, "a restart brings back nothing that was over"),
    (21, "a clock that steps back extends nothing"),
    (22, "no touch passes the absolute end"),
    (23, "no time is too far away to be counted with"),
    (24, "a login is whole or not at all"),
    (25, "a refresh is whole or not at all"),
    (26, "what was acknowledged is in the store"),
    (27, "recovery can be repeated"),
    (28, "a secret that was never returned opens nothing"),
    (29, "nobody's operation touches another's rows"),
    (30, "no token can be had from the store or from what is printed"),
    (31, "nothing drawn comes again"),
    (32, "a login or a renewal replaces the token"),
    (33, "no caller's id is adopted"),
    (34, "kinds of tokens are not interchangeable"),
    (35, "no other form of a token is accepted"),
    (36, "a key that is gone is refused, and no rotation kills or revives"),
    (37, "ways to be denied are alike"),
    (38, "failures are never undercounted"),
    (39, "a concurrent change of password wins over a rehash"),
    (40, "misfitting replies change nothing, and the same seed gives the same bytes"),
    (41, "no outcome rests on what a power cut undoes"),
    (42, "the key and the ids alone make no token"),
    (43, "nobody starves an ending"),
    (44, "what ends all tokens ends them everywhere"),
];

fn name_of(invariant: u8) -> &'static str {
    INVARIANTS.iter().find(|(number, _)| *number == invariant).map_or("unnamed", |(_, name)| name)
}

/// `Ok` when it holds.
pub(crate) fn ensure(holds: bool, invariant: u8, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(invariant, what())) }
}

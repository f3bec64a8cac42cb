//! Our operations next to the raw part that each cannot do without.

pub(crate) mod hashing;
pub(crate) mod sessions;
pub(crate) mod tokens;

use crate::Failure;
use crate::duel::Bound::{Nanos, Times};
use crate::duel::{Bound, Duel};

/// One of our operations, and what it is measured by.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Which work, on which store and in which mode.
    pub what: &'static str,
    /// What we have set ourselves; `None`: it is shown, and no more.
    pub bound: Option<Bound>,
    prepare: fn() -> Result<Duel, Failure>,
}

/// All of them.
pub const ALL: &[Limit] = &[
    limit("verify EdDSA, first, UntilExpiry, memory", Some(Times(0.97)), tokens::first_eddsa),
    limit("verify EdDSA, again, UntilExpiry, memory", Some(Times(0.02)), tokens::again_eddsa),
    limit("verify EdDSA, again, Watched over UntilExpiry", Some(Nanos(100.0)), tokens::watched),
    limit("verify EdDSA, again, Bound, SQLite", Some(Times(1.25)), tokens::bound_sqlite),
    limit("verify HS256, first, UntilExpiry, memory", Some(Times(0.35)), tokens::first_hs256),
    limit("sign EdDSA and encode", Some(Times(0.65)), tokens::sign_eddsa),
    limit("sign ES256 and encode", Some(Times(0.75)), tokens::sign_es256),
    limit("authenticate, memory", None, sessions::memory),
    limit("authenticate, SQLite", Some(Times(1.3)), sessions::sqlite),
    limit("login, memory", None, hashing::login),
];

impl Limit {
    /// Sets both up: it takes a moment, and none of it is measured.
    ///
    /// # Errors
    /// A store, an engine or a key could not be made.
    pub fn duel(&self) -> Result<Duel, Failure> {
        (self.prepare)()
    }
}

const fn limit(what: &'static str, bound: Option<Bound>, prepare: fn() -> Result<Duel, Failure>) -> Limit {
    Limit { what, bound, prepare }
}

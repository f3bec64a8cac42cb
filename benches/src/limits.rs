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
    /// Why it is not kept, where it is not, and what was tried.
    pub why: &'static str,
    prepare: fn() -> Result<Duel, Failure>,
}

/// All of them.
pub const ALL: &[Limit] = &[
    Limit {
        why: "Nine tenths of both are the signature, by the same library. Of what is left, ours makes the digest by which a token is \
              known again, keeps what it says, and drops what it kept of another. Tried: a header that our key writes is compared \
              and not read; claims are borrowed from the text; what is kept keeps its room. That was two hundredths. What is left is \
              memory that has become cold: with HS256, an engine that remembers none of its tokens took 2.7 µs, one that remembers 64 \
              3.1 µs, and one that remembers 4,096, as here, 4.3 µs, all in one run.",
        ..limit("verify EdDSA, first, UntilExpiry, memory", Some(Times(0.97)), tokens::first_eddsa)
    },
    limit("verify EdDSA, again, UntilExpiry, memory", Some(Times(0.02)), tokens::again_eddsa),
    limit("verify EdDSA, again, Watched over UntilExpiry", Some(Nanos(100.0)), tokens::watched),
    limit("verify EdDSA, again, Bound, SQLite", Some(Times(1.25)), tokens::bound_sqlite),
    Limit {
        why: "By a profile, a fifth is what it takes to know the token again, a tenth its digest, a fifth the reading of claims, an \
              eighth the tag. An engine that remembers nothing stands below: it looks at every token as if for the first time. \
              Tried: the same as for EdDSA, which took it from 0.97 to here; and to remember fewer, which is told there.",
        ..limit("verify HS256, first, UntilExpiry, memory", Some(Times(0.35)), tokens::first_hs256)
    },
    limit("verify HS256, remembering nothing", None, tokens::unremembered_hs256),
    limit("verify ES256, first, UntilExpiry, memory", None, tokens::first_es256),
    limit("verify RS256, first, UntilExpiry, memory", None, tokens::first_rs256),
    limit("verify EdDSA, first, over its signature", None, tokens::over_eddsa),
    limit("verify ES256, first, over its signature", None, tokens::over_es256),
    limit("verify RS256, first, over its signature", None, tokens::over_rs256),
    limit("verify HS256, first, over its signature", None, tokens::over_hs256),
    limit("sign EdDSA and encode", Some(Times(0.65)), tokens::sign_eddsa),
    Limit {
        why: "Its quartiles lie far apart, and the other's do not: sometimes it is kept, and sometimes not. Why \
              that is was not found yet.",
        ..limit("sign ES256 and encode", Some(Times(0.75)), tokens::sign_es256)
    },
    limit("authenticate, memory", None, sessions::memory),
    Limit {
        why: "Two thirds are SQLite, and two fifths of that two calls to the system for a lock, on both sides. Of the rest, most \
              are the decoding of rows with their checksums, and the token's reading in constant time and its two tags. Tried: one \
              statement in place of a transaction around three; nobody is woken where nobody waits; no machine and no seed from the \
              system where nothing is written. That took it from 1.98 to here.",
        ..limit("authenticate, SQLite", Some(Times(1.3)), sessions::sqlite)
    },
    limit("a session opened and ended, SQLite, durable", None, sessions::comings_and_goings),
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
    Limit { what, bound, why: "", prepare }
}

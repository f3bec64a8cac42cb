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
              and not read; claims are borrowed from the text. That was two hundredths. Then, because what is remembered has become \
              cold: sets, of which each forgets one token for one that comes, in place of two maps that are emptied by turns; and two \
              blocks of memory fewer for each token. With HS256 a report said 0.71 before that and 0.65 after it; here five \
              said from 0.974 to 0.998, for the signature differs by more from one to the next.",
        ..limit("verify EdDSA, first, UntilExpiry, memory", Some(Times(0.97)), tokens::first_eddsa)
    },
    limit("verify EdDSA, again, UntilExpiry, memory", Some(Times(0.02)), tokens::again_eddsa),
    limit("verify EdDSA, again, Watched over UntilExpiry", Some(Nanos(100.0)), tokens::watched),
    limit("verify EdDSA, again, Bound, SQLite", Some(Times(1.25)), tokens::bound_sqlite),
    Limit {
        why: "By a profile of an engine that remembers nothing, as below, a fifth is SHA-256, for the tag and for the digest by which a \
              token is known again; a third the reading of claims, which are checked as strictly as anywhere; a tenth their encoding \
              in base64; a tenth the memory for what they say. jsonwebtoken's check of the tag alone takes a fifth of what it takes for all. Tried: \
              the same as for EdDSA, which took it from 0.97 to here.",
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
              system where nothing is written. That took it from 1.98 to here, where one report said 1.27 \
              and the next 1.32.",
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

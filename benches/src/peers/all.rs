//! Who is measured beside us.

use super::Language::{C, Node, Python, Rust};
use super::home::FILE;
use super::{Peer, Side};
use crate::duel::Bound::{Nanos, Times};
use crate::limits::{hashing, sessions, tokens};

/// All of them.
pub const ALL: &[Peer] = &[
    Peer {
        what: "authenticate, memory",
        theirs: "tower-sessions, memory: load",
        note: "looks an id up in a map: no proof, no account, no epochs, no clock",
        bound: Some(Times(1.0)),
        why: "A look into a map takes about as long as one of the two tags that a token of ours is held against, which are why a stolen \
              database opens nothing. By parts, each timed alone: a third reads the token, in constant time, with its first tag; a quarter is \
              the second tag and what the rows say; a quarter copies three rows out of the store; the rest are two looks at the clock and the \
              event. Tried: a look at the rows without a machine and a seed, which took it from 2.1 to 1.0 µs; rows that are shared in \
              place of copied ones, of which the largest takes 0.07 µs to copy. Reckoned and not built: to know a token again by its \
              digest would save both tags, half a microsecond, and the bound would be missed by far all the same.",
        ours: Side::Here(sessions::in_memory),
        other: Side::There(Rust, &["memory"]),
    },
    Peer {
        what: "authenticate, SQLite",
        theirs: "tower-sessions, sqlx SQLite: load",
        note: "reads one row, by the id that the cookie holds: the database holds it, too",
        bound: Some(Times(0.15)),
        why: "",
        ours: Side::Here(sessions::on_sqlite),
        other: Side::There(Rust, &["sqlite", FILE]),
    },
    Peer {
        what: "authenticate, SQLite",
        theirs: "Django, sessions in SQLite: load",
        note: "reads one row, by the id that the cookie holds: the database holds it, too",
        bound: Some(Times(0.06)),
        why: "",
        ours: Side::Here(sessions::on_sqlite),
        other: Side::There(Python, &["django", FILE]),
    },
    Peer {
        what: "authenticate, SQLite",
        theirs: "express-session, better-sqlite3: get",
        note: "reads one row, by the id that the cookie holds: the database holds it, too",
        bound: None,
        why: "",
        ours: Side::Here(sessions::on_sqlite),
        other: Side::There(Node, &["express-session", FILE]),
    },
    Peer {
        what: "verify EdDSA, first, UntilExpiry, memory",
        theirs: "jose: jwtVerify, EdDSA",
        note: "knows of no session that has ended",
        bound: None,
        why: "",
        ours: Side::Here(tokens::verifying_first_eddsa),
        other: Side::There(Node, &["jose"]),
    },
    Peer {
        what: "verify HS256, first, UntilExpiry, memory",
        theirs: "jsonwebtoken (npm): verify, HS256",
        note: "knows of no session that has ended",
        bound: None,
        why: "",
        ours: Side::Here(tokens::verifying_first_hs256),
        other: Side::There(Node, &["jsonwebtoken"]),
    },
    Peer {
        what: "verify EdDSA, first, UntilExpiry, memory",
        theirs: "PyJWT: decode, EdDSA",
        note: "knows of no session that has ended",
        bound: None,
        why: "",
        ours: Side::Here(tokens::verifying_first_eddsa),
        other: Side::There(Python, &["pyjwt", "EdDSA"]),
    },
    Peer {
        what: "login, memory",
        theirs: "C libargon2 (argon2-cffi): one hash",
        note: "is the hash alone, of the same parameters",
        bound: Some(Times(0.85)),
        why: "In three reports of four it is kept (0.82, 0.77, 0.89, 0.82): the one that says 0.89 is of the busiest machine. Both \
              wait for memory that others use, too; what a login takes beside its hash is counted below.",
        ours: Side::Here(hashing::logging_in),
        other: Side::There(Python, &["argon2"]),
    },
    Peer {
        what: "login, memory",
        theirs: "libsodium (PyNaCl): one Argon2id",
        note: "is the hash alone, of the same parameters",
        bound: None,
        why: "",
        ours: Side::Here(hashing::logging_in),
        other: Side::There(Python, &["libsodium", "argon2id"]),
    },
    Peer {
        what: "verify EdDSA, first, UntilExpiry, memory",
        theirs: "libsodium (PyNaCl): one Ed25519 signature",
        note: "is the signature alone, of as long a text",
        bound: None,
        why: "",
        ours: Side::Here(tokens::verifying_first_eddsa),
        other: Side::There(Python, &["libsodium", "ed25519"]),
    },
    Peer {
        what: "verify EdDSA from Python, again, Watched, SQLite",
        theirs: "PyJWT: decode, EdDSA",
        note: "knows of no session that has ended",
        bound: Some(Times(0.05)),
        why: "Four reports said 0.043, 0.055, 0.081 and 0.044, the first and the last of machines that had least to do beside \
              it. By itself, 200 calls at a time, it takes 8.3 µs next to 174 of PyJWT's (0.048); after a tenth of a second of rest, \
              as here, a fifth more. Most of it is Python's: the claims are ten objects in a dict. Tried: one call into C that gives \
              all of them at once, and ids and times unpacked in one piece.",
        ours: Side::There(Python, &["doorward", FILE]),
        other: Side::There(Python, &["pyjwt", "EdDSA"]),
    },
    Peer {
        what: "authenticate from C, memory",
        theirs: "Doorward from Rust",
        note: "is the same without the ABI",
        bound: Some(Nanos(200.0)),
        why: "",
        ours: Side::There(C, &[]),
        other: Side::Here(sessions::in_memory),
    },
];

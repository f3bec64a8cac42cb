//! What a fuzzer throws bytes at: one body for each reader of what strangers send, and for the C ABI and the operations.
//!
//! | body | bytes are | held to |
//! |---|---|---|
//! | [`opaque`](fn@opaque) | a text, a real token with changes, fields under the real key | an independent reader; accepted is what was given out and nothing else |
//! | [`jwt`](fn@jwt) | a text; header and claims, which are then signed | `jsonwebtoken`, and its reading |
//! | [`jwk`](fn@jwk) | a key or a set of keys | `jsonwebtoken`'s reading; the thumbprint, computed apart; no private member comes out |
//! | [`headers`](fn@headers) | cookies, their settings, bearers, origins | simple readers; the `url` crate for origins |
//! | [`returns`](fn@returns) | a return target | the `url` crate: the same origin, decoded once more too |
//! | [`phc`](fn@phc) | a password hash; its parts | a simple reader, both ways: one spelling, bounds |
//! | [`records`](fn@records) | a row, a frame of a log; content under a right checksum | what is read is written and read as the same |
//! | [`policy`](fn@policy) | a policy's text | `serde_json`, both ways; there and back |
//! | [`names`](fn@names) | names, labels, scopes, audiences | what is prepared stays so, whatever its spelling |
//! | [`entries`](fn@entries) | calls of the C ABI | what `doorward_ffi_host::random` holds every call to |
//! | [`operations`](fn@operations) | a [`Plan`](crate::plan::Plan) | the model of the [`World`](crate::world::World) |
//!
//! A body panics, with a sentence, when what it holds is not so. Binaries of libFuzzer call it (`fuzz_targets/`), and a test
//! calls it with every input that was worth keeping (`corpus/`, and [`Target::seeds`]).
#![allow(clippy::panic, reason = "a body says so what it has found")]

mod engines_own;
mod entries;
mod fuzzer;
mod headers;
mod house;
mod jwk;
mod jwt;
mod keys;
mod names;
mod opaque;
mod operations;
mod phc;
mod policy;
mod records;
mod returns;
mod take;
mod twins;

use std::path::{Path, PathBuf};

pub use entries::entries;
pub use fuzzer::{Fuzzer, FuzzerError, Hunt, Progress};
pub use headers::headers;
pub use jwk::jwk;
pub use jwt::jwt;
pub use names::names;
pub use opaque::opaque;
pub use operations::operations;
pub use phc::phc;
pub use policy::policy;
pub use records::records;
pub use returns::returns;

/// A body, and how a fuzzer is to call it.
///
/// # Example: each by its name
/// ```
/// use doorward_fuzz::target::Target;
///
/// let target = Target::named("phc").unwrap();
/// for seed in target.seeds() {
///     (target.body)(&seed); // nothing is found
/// }
/// assert_eq!(Target::ALL.len(), 11);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its binary's, its corpus's and its dictionary's name.
    pub name: &'static str,
    /// Panics when a property does not hold.
    pub body: fn(&[u8]),
    /// Inputs to begin with, made by the code that reads them.
    seeds: fn() -> Vec<Vec<u8>>,
    /// The longest input that is worth trying.
    pub most_bytes: usize,
    /// How many inputs are kept: each is replayed by every run of the tests.
    most_kept: usize,
}

const KEPT: usize = 200;

impl Target {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self { name: "opaque", body: opaque, seeds: opaque::seeds, most_bytes: 160, most_kept: KEPT },
        Self { name: "jwt", body: jwt, seeds: jwt::seeds, most_bytes: 2048, most_kept: KEPT },
        Self { name: "jwk", body: jwk, seeds: jwk::seeds, most_bytes: 4096, most_kept: KEPT },
        Self { name: "headers", body: headers, seeds: headers::seeds, most_bytes: 1024, most_kept: KEPT },
        Self { name: "returns", body: returns, seeds: returns::seeds, most_bytes: 256, most_kept: KEPT },
        Self { name: "phc", body: phc, seeds: phc::seeds, most_bytes: 160, most_kept: KEPT },
        Self { name: "records", body: records, seeds: records::seeds, most_bytes: 1024, most_kept: KEPT },
        Self { name: "policy", body: policy, seeds: policy::seeds, most_bytes: 2048, most_kept: KEPT },
        Self { name: "names", body: names, seeds: names::seeds, most_bytes: 256, most_kept: KEPT },
        Self { name: "entries", body: entries, seeds: entries::seeds, most_bytes: 1024, most_kept: 30 },
        Self {
            name: "operations",
            body: operations,
            seeds: operations::seeds,
            most_bytes: 4096,
            most_kept: KEPT,
        },
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name == name)
    }

    /// Inputs to begin with.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }

    /// Where the inputs are that were worth keeping.
    pub fn corpus(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(self.name)
    }

    /// Words that its inputs are made of, in libFuzzer's form; there may be none.
    pub fn dictionary(&self) -> Option<PathBuf> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionary").join(self.name);
        file.exists().then_some(file)
    }
}

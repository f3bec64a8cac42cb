//! The catalogue of planted bugs: how soon the model finds each.

use std::path::Path;
use std::{fs, io};

#[cfg(feature = "planted")]
use doorward_core::planted::Planted;
use serde::{Deserialize, Serialize};

#[cfg(feature = "planted")]
use crate::{plan::Plan, world::World};

/// How many operations a case has.
pub const OPERATIONS: usize = 2000;
/// In how many cases each is looked for.
pub const CASES: u64 = 200;

/// A bug that was found.
///
/// # Example: as it is written down
/// ```
/// use doorward_fuzz::catalogue::Caught;
///
/// let caught = Caught { bug: "LogoutKeepsRow".to_owned(), seeds: 1, operations: 700, invariant: 11 };
/// assert!(serde_json::to_string(&caught)?.contains(r#""invariant":11"#));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caught {
    /// Its name.
    pub bug: String,
    /// How many seeds it took, from the first on.
    pub seeds: u64,
    /// How many operations.
    pub operations: u64,
    /// Which invariant it broke first.
    pub invariant: u8,
}

/// Looks for this bug; `None`: it is not found.
///
/// # Panics
/// The same seed does not fail again, in the same place, in the same words.
#[cfg(feature = "planted")]
pub fn catch(bug: Planted) -> Option<Caught> {
    let world = || World::new().with(move |policy| policy.planted(bug));
    (0..CASES).find_map(|seed| {
        let plan = Plan::from_seed(seed, OPERATIONS);
        let found = world().run(&plan).err()?;
        assert_eq!(world().run(&plan).err().as_ref(), Some(&found), "a seed is a counterexample");
        let started = plan.up_to(found.at).operations();
        Some(Caught {
            bug: format!("{bug:?}"),
            seeds: seed + 1,
            operations: seed * OPERATIONS as u64 + started as u64,
            invariant: found.violation.invariant,
        })
    })
}

/// The catalogue as it was written down last; empty when it never was.
///
/// # Errors
/// It is none.
pub fn read(folder: &Path) -> io::Result<Vec<Caught>> {
    match fs::read_to_string(folder.join(FILE)) {
        Ok(text) => Ok(serde_json::from_str(&text)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Writes it down.
///
/// # Errors
/// It cannot be written.
pub fn write(folder: &Path, catalogue: &[Caught]) -> io::Result<()> {
    fs::write(folder.join(FILE), serde_json::to_string_pretty(catalogue)? + "\n")
}

/// Its name among the pages of the ledger.
pub(crate) const NAME: &str = "planted";
const FILE: &str = "planted.json";

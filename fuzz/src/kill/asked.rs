//! What the command line of a rig asks for.

use std::path::PathBuf;

use super::Rig;
use crate::store::{StoreKind, UnknownStore};

/// A rig, and whether it goes on where the ledger ends.
///
/// # Example: a hundred kills on sled, unless more are asked for
/// ```
/// use doorward_fuzz::kill::{Asked, Rig};
/// use doorward_fuzz::store::StoreKind;
///
/// let few = Rig { program: "kill".into(), store: StoreKind::Sled, seed: 1, from: 0, kills: 100, threads: 4, folder: None };
/// let given = ["--kills", "200", "--resume"].map(str::to_owned);
/// let asked = Asked::of(given, few, "--kills")?;
/// assert_eq!((asked.rig.kills, asked.resumes), (200, true));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone)]
pub struct Asked {
    /// What is to be run.
    pub rig: Rig,
    /// `--resume` was given.
    pub resumes: bool,
}

impl Asked {
    /// These arguments, which change a rig; `count` is how the option is called that says how many.
    ///
    /// # Errors
    /// What makes no sense, for people.
    pub fn of(given: impl IntoIterator<Item = String>, mut rig: Rig, count: &str) -> Result<Self, String> {
        let mut resumes = false;
        let mut given = given.into_iter();
        while let Some(name) = given.next() {
            if name == "--resume" {
                resumes = true;
                continue;
            }
            if name == "--without-syncs" {
                rig.store = without_syncs(rig.store)?;
                continue;
            }
            let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{name} needs a number, not {value}"));
            match name.as_str() {
                "--store" => {
                    rig.store = value.parse().map_err(|unknown: UnknownStore| unknown.to_string())?;
                }
                "--seed" => rig.seed = number()?,
                "--from" => rig.from = number()?,
                _ if name == count => rig.kills = number()?,
                "--threads" => {
                    rig.threads = usize::try_from(number()?.max(1)).map_err(|error| error.to_string())?;
                }
                "--folder" => rig.folder = Some(PathBuf::from(value)),
                _ => return Err(format!("{name} is not known")),
            }
        }
        Ok(Self { rig, resumes })
    }
}

/// The same store on a disk that does not sync.
#[cfg(feature = "planted")]
fn without_syncs(store: StoreKind) -> Result<StoreKind, String> {
    match store {
        StoreKind::Sled | StoreKind::SledWithoutSyncs => Ok(StoreKind::SledWithoutSyncs),
        StoreKind::Memory | StoreKind::Sqlite => Err("give --store sled before --without-syncs".to_owned()),
    }
}

#[cfg(not(feature = "planted"))]
fn without_syncs(_: StoreKind) -> Result<StoreKind, String> {
    Err("--without-syncs needs `--features planted`".to_owned())
}

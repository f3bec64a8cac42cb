//! Where seeds come from.

use doorward_core::error::Fault;
use doorward_core::secret::Seed;
use zeroize::Zeroizing;

/// Gives the random bytes of seeds. Only tests and fuzzers have a reason for another than [`SystemEntropy`]:
/// whoever can predict these bytes can predict salts and ids.
///
/// # Example: a run that can be replayed, for tests
/// ```
/// use std::sync::atomic::{AtomicU8, Ordering};
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, Entropy, EntropyError, MasterKey, Register};
///
/// struct Counting(AtomicU8);
///
/// impl Entropy for Counting {
///     fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
///         bytes.fill(1 + self.0.fetch_add(1, Ordering::SeqCst)); // never all zeros: that counts as none
///         Ok(())
///     }
/// }
///
/// let register = || {
///     let builder = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32]));
///     let engine = builder.entropy(Counting(AtomicU8::new(0))).open()?;
///     Ok::<_, Box<dyn std::error::Error>>(engine.register(Register::new("ada", "plum kettle orbit"))?)
/// };
/// assert_eq!(register()?, register()?); // the same account id
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Entropy: Send + Sync {
    /// Fills all of `bytes` (32 for each operation, but for the recognition of a session that writes nothing), or says that it
    /// cannot. An engine takes all zeros for a source that failed without saying so.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// No random bytes were to be had.
///
/// # Example: without random bytes nothing happens
/// ```
/// use doorward::core::error::Fault;
/// use doorward::store::MemoryStore;
/// use doorward::{Engine, Entropy, EntropyError, MasterKey, OpenError};
///
/// struct Dry;
///
/// impl Entropy for Dry {
///     fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
///         Err(EntropyError)
///     }
/// }
/// let builder = Engine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [1; 32]));
/// assert!(matches!(builder.entropy(Dry).open(), Err(OpenError::Fault(Fault::Entropy))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes were to be had")]
pub struct EntropyError;

/// The operating system's random source, asked anew for each operation that needs some: a forked process repeats nothing.
///
/// # Example: 32 bytes for a master key
/// ```
/// use doorward::{Entropy, MasterKey, SystemEntropy};
///
/// let mut bytes = [0; 32];
/// SystemEntropy.fill(&mut bytes)?;
/// assert_ne!(bytes, [0; 32]);
/// let key = MasterKey::new(1, bytes); // keep the bytes; `KeyFile` does all of this
/// # Ok::<(), doorward::EntropyError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}

/// A fresh seed. All zeros is what a source that fails without saying so gives: it counts as none.
pub(super) fn seed(entropy: &dyn Entropy) -> Result<Seed, Fault> {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(bytes.as_mut()).map_err(|_| Fault::Entropy)?;
    if *bytes == [0; 32] {
        return Err(Fault::Entropy);
    }
    Ok(Seed::from_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives these bytes, and then this answer.
    struct Source(u8, Result<(), EntropyError>);

    impl Entropy for Source {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            bytes.fill(self.0);
            self.1
        }
    }

    #[test]
    fn se_1_no_seed_of_a_source_that_fails_or_gives_zeros() {
        for (source, expected) in [
            (Source(7, Ok(())), true),
            (Source(7, Err(EntropyError)), false),
            (Source(0, Ok(())), false),
            (Source(0, Err(EntropyError)), false),
        ] {
            match seed(&source) {
                Ok(_) => assert!(expected),
                Err(fault) => assert!(!expected && matches!(fault, Fault::Entropy), "{fault:?}"),
            }
        }
    }

    #[test]
    fn inv_31_the_system_repeats_no_seed() {
        let first = |_| seed(&SystemEntropy).unwrap().bytes::<32>("test");
        let seeds: std::collections::BTreeSet<[u8; 32]> = (0..1_000).map(first).collect();
        assert_eq!(seeds.len(), 1_000);
    }
}

//! Where seeds come from.

use doorward_core::error::Fault;
use doorward_core::secret::Seed;
use zeroize::Zeroizing;

/// Gives the random bytes of seeds. Only tests and fuzzers have a reason for another than [`SystemEntropy`]:
/// whoever can predict these bytes can predict salts and ids.
pub trait Entropy: Send + Sync {
    /// Fills all of `bytes`, or says that it cannot.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// No random bytes were to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes were to be had")]
pub struct EntropyError;

/// The operating system's random source, asked anew for each operation: a forked process repeats nothing.
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

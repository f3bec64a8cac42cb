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

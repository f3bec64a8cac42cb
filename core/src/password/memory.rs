//! The memory of Argon2id: taken once, wiped after every run.

use alloc::vec::Vec;
use core::fmt;

use argon2::Block;
use zeroize::optimization_barrier;

use super::{Argon2Params, HashError};

/// Memory for one Argon2id run at a time; a pool keeps one for each worker.
///
/// It grows when a run asks for more and is wiped after each run, also after one that panics. What was taken beyond the
/// size to keep is given back at once, so that one costly import does not stay for good.
///
/// # Example: one for each worker
///
/// ```
/// use doorward_core::password::{Argon2Params, HashMemory};
///
/// let policy = Argon2Params::default().with_memory_kib(64 * 1024)?;
/// let memory = HashMemory::keeping(&policy);
/// assert_eq!(format!("{memory:?}"), "HashMemory { held_kib: 0, .. }"); // nothing is taken before the first run
/// # Ok::<(), doorward_core::password::ParamsError>(())
/// ```
pub struct HashMemory {
    blocks: Vec<Block>,
    keep: usize,
}

impl HashMemory {
    /// Memory that, once taken, is kept up to what these costs ask for.
    ///
    /// # Example: the default policy
    ///
    /// ```
    /// use doorward_core::password::{Argon2Params, HashMemory};
    ///
    /// let mut memory = HashMemory::keeping(&Argon2Params::default()); // the same as HashMemory::default()
    /// ```
    pub fn keeping(params: &Argon2Params) -> Self {
        Self { blocks: Vec::new(), keep: params.for_argon2().block_count() }
    }

    pub(super) fn lend(&mut self, blocks: usize) -> Result<Lease<'_>, HashError> {
        if self.blocks.len() < blocks {
            // Wiped already: dropping it first spares both the copy and the peak.
            self.blocks = Vec::new();
            self.blocks.try_reserve_exact(blocks).map_err(|_| HashError::OutOfMemory)?;
            self.blocks.resize(blocks, Block::new());
        }
        Ok(Lease { memory: self, used: blocks })
    }
}

impl Default for HashMemory {
    fn default() -> Self {
        Self::keeping(&Argon2Params::default())
    }
}

impl fmt::Debug for HashMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held_kib = self.blocks.len() * Block::SIZE / 1024;
        f.debug_struct("HashMemory").field("held_kib", &held_kib).finish_non_exhaustive()
    }
}

/// Blocks on loan: however the run ends, they are wiped.
pub(super) struct Lease<'a> {
    memory: &'a mut HashMemory,
    used: usize,
}

impl AsMut<[Block]> for Lease<'_> {
    fn as_mut(&mut self) -> &mut [Block] {
        self.memory.blocks.get_mut(..self.used).unwrap_or_default()
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        for block in self.as_mut() {
            // In wide steps: word by word, as `zeroize` wipes a block, takes 3 % of the instructions of a hash.
            block.as_mut().fill(0);
            optimization_barrier(block);
        }
        if self.memory.blocks.len() > self.memory.keep {
            self.memory.blocks = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Normalization, Password, hash};
    use super::*;

    fn cheap() -> Argon2Params {
        Argon2Params::default().with_memory_kib(12_288).and_then(|params| params.with_passes(1)).unwrap()
    }

    fn run(params: &Argon2Params, memory: &mut HashMemory) {
        hash(&Password::new("plum").unwrap(), Normalization::Nfc, [6; 16], params, None, memory).unwrap();
    }

    fn wiped(memory: &HashMemory) -> bool {
        memory.blocks.iter().all(|block| block.as_ref().iter().all(|&word| word == 0))
    }

    #[test]
    fn it_is_wiped_after_each_run_and_kept_for_the_next() {
        let mut memory = HashMemory::default();
        run(&Argon2Params::default(), &mut memory);
        assert_eq!(memory.blocks.len(), 19_456);
        assert_eq!(std::format!("{memory:?}"), "HashMemory { held_kib: 19456, .. }");
        assert!(wiped(&memory));
        let place = memory.blocks.as_ptr();
        run(&cheap(), &mut memory);
        assert_eq!((memory.blocks.as_ptr(), memory.blocks.len()), (place, 19_456));
        assert!(wiped(&memory));
    }

    #[test]
    fn a_panic_leaves_nothing_in_it() {
        let mut memory = HashMemory::default();
        let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            let mut lease = memory.lend(8).unwrap();
            lease.as_mut().iter_mut().for_each(|block| block.as_mut().fill(u64::MAX));
            std::panic::resume_unwind(std::boxed::Box::new(()));
        }));
        assert!(panicked.is_err());
        assert_eq!(memory.blocks.len(), 8);
        assert!(wiped(&memory));
    }

    #[test]
    fn what_a_costly_hash_took_is_given_back() {
        let mut memory = HashMemory::keeping(&cheap());
        run(&Argon2Params::default(), &mut memory);
        assert_eq!(memory.blocks.capacity(), 0);
        run(&cheap(), &mut memory);
        assert_eq!(memory.blocks.len(), 12_288);
    }

    #[test]
    fn what_cannot_be_had_is_an_error() {
        assert_eq!(HashMemory::default().lend(usize::MAX / 2048).err(), Some(HashError::OutOfMemory));
    }
}

//! What one run of Argon2id costs.

/// The cost of one Argon2id run (RFC 9106, section 3.1), always within bounds: a value of this type may be obeyed.
///
/// | | least | default | most |
/// |---|---|---|---|
/// | memory, KiB | 12,288 | 19,456 | 1,048,576 |
/// | passes | 1 | 2 | 16 |
/// | lanes | 1 | 1 | 4 |
///
/// The default is the OWASP Password Storage Cheat Sheet's. The least is what an imported hash may have: the sheet wants
/// three passes with 12 MiB and one from 46 MiB. Lanes are run one after another. The most of everything takes seconds.
///
/// # Example: a heavier policy
///
/// ```
/// use doorward_core::password::Argon2Params;
///
/// let params = Argon2Params::default().with_memory_kib(64 * 1024)?.with_passes(3)?;
/// assert_eq!((params.memory_kib(), params.passes(), params.lanes()), (65_536, 3, 1));
/// assert!(Argon2Params::default().with_memory_kib(4 << 20).is_err());
/// # Ok::<(), doorward_core::password::ParamsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Argon2Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Argon2Params {
    /// The same cost with this much memory, in KiB.
    ///
    /// # Errors
    ///
    /// [`ParamsError::Memory`] outside 12 MiB to 1 GiB.
    ///
    /// # Example: below the floor
    ///
    /// ```
    /// # use doorward_core::password::{Argon2Params, ParamsError};
    /// assert_eq!(Argon2Params::default().with_memory_kib(12_287), Err(ParamsError::Memory));
    /// ```
    pub const fn with_memory_kib(self, memory_kib: u32) -> Result<Self, ParamsError> {
        match memory_kib {
            12_288..=1_048_576 => Ok(Self { memory_kib, ..self }),
            _ => Err(ParamsError::Memory),
        }
    }

    /// The same cost with this many passes over the memory.
    ///
    /// # Errors
    ///
    /// [`ParamsError::Passes`] outside 1 to 16.
    ///
    /// # Example: no pass at all
    ///
    /// ```
    /// # use doorward_core::password::{Argon2Params, ParamsError};
    /// assert_eq!(Argon2Params::default().with_passes(0), Err(ParamsError::Passes));
    /// ```
    pub const fn with_passes(self, passes: u32) -> Result<Self, ParamsError> {
        match passes {
            1..=16 => Ok(Self { passes, ..self }),
            _ => Err(ParamsError::Passes),
        }
    }

    /// The same cost with this many lanes.
    ///
    /// # Errors
    ///
    /// [`ParamsError::Lanes`] outside 1 to 4.
    ///
    /// # Example: too many lanes
    ///
    /// ```
    /// # use doorward_core::password::{Argon2Params, ParamsError};
    /// assert_eq!(Argon2Params::default().with_lanes(5), Err(ParamsError::Lanes));
    /// ```
    pub const fn with_lanes(self, lanes: u32) -> Result<Self, ParamsError> {
        match lanes {
            1..=4 => Ok(Self { lanes, ..self }),
            _ => Err(ParamsError::Lanes),
        }
    }

    /// Memory, in KiB.
    ///
    /// # Example: the default
    ///
    /// ```
    /// # use doorward_core::password::Argon2Params;
    /// assert_eq!(Argon2Params::default().memory_kib(), 19_456);
    /// ```
    pub const fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    ///
    /// # Example: the default
    ///
    /// ```
    /// # use doorward_core::password::Argon2Params;
    /// assert_eq!(Argon2Params::default().passes(), 2);
    /// ```
    pub const fn passes(&self) -> u32 {
        self.passes
    }

    /// Lanes.
    ///
    /// # Example: the default
    ///
    /// ```
    /// # use doorward_core::password::Argon2Params;
    /// assert_eq!(Argon2Params::default().lanes(), 1);
    /// ```
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }

    /// The parameters as `argon2` takes them, for a tag of 32 bytes.
    pub(super) fn for_argon2(self) -> argon2::Params {
        argon2::Params::new(self.memory_kib, self.passes, self.lanes, Some(super::phc::TAG))
            .expect("our bounds lie within those of RFC 9106, and 12 MiB is more than 8 KiB a lane")
    }
}

impl Default for Argon2Params {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

/// Which cost is out of bounds.
///
/// # Example: the words for a log
///
/// ```
/// use doorward_core::password::ParamsError;
///
/// assert_eq!(ParamsError::Lanes.to_string(), "argon2 takes 1 to 4 lanes here");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Memory outside 12 MiB to 1 GiB.
    #[error("argon2 takes 12288 to 1048576 KiB of memory here")]
    Memory,
    /// Passes outside 1 to 16.
    #[error("argon2 takes 1 to 16 passes here")]
    Passes,
    /// Lanes outside 1 to 4.
    #[error("argon2 takes 1 to 4 lanes here")]
    Lanes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pw_14_the_bounds_are_where_the_table_says() {
        let params = Argon2Params::default();
        for (memory, ok) in
            [(0, false), (12_287, false), (12_288, true), (1 << 20, true), ((1 << 20) + 1, false)]
        {
            assert_eq!(params.with_memory_kib(memory).is_ok(), ok, "{memory}");
        }
        for (passes, ok) in [(0, false), (1, true), (16, true), (17, false), (u32::MAX, false)] {
            assert_eq!(params.with_passes(passes).is_ok(), ok, "{passes}");
        }
        for (lanes, ok) in [(0, false), (1, true), (4, true), (5, false), (u32::MAX, false)] {
            assert_eq!(params.with_lanes(lanes).is_ok(), ok, "{lanes}");
        }
    }

    /// The promise in `for_argon2`'s `expect`: every corner is legal for the crate.
    #[test]
    fn every_corner_is_legal_for_argon2() {
        for memory in [12_288, 1 << 20] {
            for (passes, lanes) in [(1, 1), (1, 4), (16, 1), (16, 4)] {
                let params = Argon2Params { memory_kib: memory, passes, lanes }.for_argon2();
                assert_eq!(params.block_count(), memory as usize);
            }
        }
    }
}

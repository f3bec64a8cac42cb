//! Numbers from a seed: `SplitMix64` (Steele, Lea and Flood, 2014). The same seed gives the same numbers everywhere.
//!
//! Or choices from bytes, as long as there are any, so that a fuzzer chooses: few bytes for each, and one changed byte is one
//! changed choice. What must never come twice comes from the seed all the same.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng {
    state: u64,
    /// What choices are made of, the next byte last.
    bytes: Vec<u8>,
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, bytes: Vec::new() }
    }

    /// Choices from these bytes, and then from a seed.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self { state: 0, bytes: bytes.iter().rev().copied().collect() }
    }

    /// Whether no byte is left to choose.
    pub(crate) fn is_used_up(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number that no other call has given.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`, which is above zero.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        if !self.is_used_up() {
            let count = 1 + usize::from(bound > 1 << 8) + 2 * usize::from(bound > 1 << 16);
            let bytes = (0..count).map_while(|_| self.bytes.pop());
            return bytes.fold(0, |number, byte| number << 8 | u32::from(byte)) % bound;
        }
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }

    /// A byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes.pop().unwrap_or_else(|| self.next().to_be_bytes()[0])
    }

    /// Whether something that happens so often in a thousand times happens now.
    pub(crate) fn in_thousand(&mut self, often: u32) -> bool {
        self.below(1000) < often
    }

    /// Thirty-two bytes: what a machine's seed is.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for eight in bytes.chunks_mut(8) {
            eight.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }

    /// One of these by weight. The weights are not all zero.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(u32, T)]) -> Option<T> {
        let mut at = self.below(choices.iter().map(|(weight, _)| weight).sum());
        choices.iter().find_map(|(weight, choice)| match at.checked_sub(*weight) {
            None => Some(*choice),
            Some(rest) => {
                at = rest;
                None
            }
        })
    }
}

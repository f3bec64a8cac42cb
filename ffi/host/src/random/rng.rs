//! Numbers from a seed: `SplitMix64` (Steele, Lea and Flood, 2014). Or choices from bytes, as long as there are any.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(super) struct Rng {
    state: u64,
    /// What choices are made of, the next byte last.
    bytes: Vec<u8>,
}

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed, bytes: Vec::new() }
    }

    /// Choices from these bytes, and then from a seed.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self { state: 0, bytes: bytes.iter().rev().copied().collect() }
    }

    /// Whether no byte is left to choose.
    pub(super) fn is_used_up(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A number that no other call has given.
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`; 0 when that is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        if !self.is_used_up() {
            let count = 1 + usize::from(bound > 1 << 8) + 2 * usize::from(bound > 1 << 16);
            let bytes = (0..count).map_while(|_| self.bytes.pop());
            return bytes.fold(0, |number, byte| number << 8 | usize::from(byte)) % bound.max(1);
        }
        let bound = u128::try_from(bound).unwrap_or(u128::MAX >> 64);
        usize::try_from((u128::from(self.next()) * bound) >> 64).unwrap_or(0)
    }

    /// Whether something that happens so often in a thousand times happens now.
    pub(super) fn chance(&mut self, often: usize) -> bool {
        self.below(1000) < often
    }

    /// One of these.
    pub(super) fn pick<T: Clone>(&mut self, choices: &[T]) -> Option<T> {
        choices.get(self.below(choices.len())).cloned()
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    pub(super) fn byte(&mut self) -> u8 {
        let drawn = self.bytes.pop();
        drawn.unwrap_or_else(|| self.next().to_le_bytes().into_iter().next_back().unwrap_or(0))
    }

    /// Any number, those at the edges more often than others.
    pub(super) fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => u64::MAX >> self.below(64),
            2 => 1 << self.below(64),
            3 => self.next(),
            4 => 1,
            _ => self.next() >> self.below(64),
        }
    }
}

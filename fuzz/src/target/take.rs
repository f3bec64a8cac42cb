//! Parts of an input, taken from its front. What is not there is empty or zero, so that every input is one.

use std::borrow::Cow;

/// What is left of an input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    /// So many bytes; the last of them are zero where the input ends.
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Up to this byte, which is taken away and left out; all of it when there is none.
    pub(super) fn until(&mut self, end: u8) -> &'a [u8] {
        let mut parts = self.0.splitn(2, |byte| *byte == end);
        let part = parts.next().unwrap_or_default();
        self.0 = parts.next().unwrap_or_default();
        part
    }

    /// The same as text: what is no UTF-8 is replaced.
    pub(super) fn text_until(&mut self, end: u8) -> Cow<'a, str> {
        String::from_utf8_lossy(self.until(end))
    }

    /// The rest as text.
    pub(super) fn text(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// Changes a text: of each three bytes, the first is what to do, the second where, the third with what.
pub(super) fn edited(mut text: Vec<u8>, mut edits: Input<'_>) -> Vec<u8> {
    while !edits.is_empty() {
        let [what, at, with] = edits.array();
        let at = (usize::from(what >> 2) << 8 | usize::from(at)) % (text.len() + 1);
        match what & 3 {
            0 if at < text.len() => text[at] = with,
            1 if at < text.len() => drop(text.remove(at)),
            2 => text.insert(at, with),
            _ => text.truncate(at),
        }
    }
    text
}

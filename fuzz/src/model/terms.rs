//! To whom, for whom and for what tokens are granted, as small numbers.

use doorward_core::token::terms::{Audience, ClientId, Scope};

/// A client, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Client(usize);

/// A set of audiences, never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Audiences(u8);

/// A set of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct Scopes(u8);

impl Client {
    pub(crate) fn numbered(number: u8) -> Self {
        Self(usize::from(number) % CLIENTS.len())
    }

    /// Somebody else.
    pub(crate) fn next(self) -> Self {
        Self((self.0 + 1) % CLIENTS.len())
    }

    pub(crate) fn text(self) -> String {
        CLIENTS[self.0].to_owned()
    }

    pub(super) fn is(self, id: &ClientId) -> bool {
        id.as_str() == CLIENTS[self.0]
    }
}

impl Audiences {
    pub(crate) fn numbered(number: u8) -> Self {
        Self(1 + number % 7)
    }

    /// One of these, or one of the others, if there is any.
    pub(crate) fn one(self, is_other: bool) -> Self {
        let all = if is_other && self.0 != 7 { !self.0 & 7 } else { self.0 };
        Self(1 << all.trailing_zeros())
    }

    pub(crate) fn texts(self) -> impl Iterator<Item = &'static str> {
        (0..3).filter(move |at| self.0 & 1 << at != 0).map(|at| AUDIENCES[at])
    }

    pub(crate) fn has(self, asked: Self) -> bool {
        asked.0 & !self.0 == 0
    }

    pub(super) fn are(self, audience: &[Audience]) -> bool {
        audience.iter().map(Audience::as_str).eq(self.texts())
    }
}

impl Scopes {
    pub(crate) fn numbered(number: u8) -> Self {
        Self(number % 8)
    }

    pub(crate) fn text(self) -> String {
        let words: Vec<_> = (0..3).filter(|at| self.0 & 1 << at != 0).map(|at| SCOPES[at]).collect();
        words.join(" ")
    }

    pub(crate) fn scope(self) -> Scope {
        Scope::parse(&self.text()).expect("these are words")
    }

    /// Those of them that these are, too.
    pub(crate) fn within(self, granted: Self) -> Self {
        Self(self.0 & granted.0)
    }

    pub(super) fn is_within(self, wider: Self) -> bool {
        self.0 & !wider.0 == 0
    }
}

const CLIENTS: [&str; 3] = ["app", "cli", "web"];
const AUDIENCES: [&str; 3] = ["https://a.example", "https://b.example", "https://c.example"];
/// In the order of bytes.
const SCOPES: [&str; 3] = ["admin", "read", "write"];

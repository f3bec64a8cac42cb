//! Stub.
use alloc::boxed::Box;
use thiserror::Error;
/// Name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(Box<str>);
/// Err.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// Empty.
    #[error("empty")]
    Empty,
}
impl LoginName {
    /// Parse.
    pub fn parse(s: &str) -> Result<Self, NameError> {
        if s.is_empty() { Err(NameError::Empty) } else { Ok(Self(s.to_lowercase().into())) }
    }
    /// Stored.
    pub fn from_stored(s: &str) -> Result<Self, NameError> {
        Self::parse(s)
    }
    pub(crate) fn before_all() -> Self {
        Self("".into())
    }
    /// Str.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

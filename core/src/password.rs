//! Stub.
use crate::name::LoginName;
use alloc::string::String;
use thiserror::Error;
/// P.
#[derive(Clone, PartialEq)]
pub struct Password(String);
impl core::fmt::Debug for Password {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Password(..)")
    }
}
impl Password {
    /// New.
    pub fn new(s: impl Into<String>) -> Result<Self, PasswordError> {
        Ok(Self(s.into()))
    }
}
/// E.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// S.
    #[error("short")]
    TooShort,
}
/// N.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Normalization {
    /// N.
    #[n(0)]
    Nfc,
}
/// R.
#[derive(Debug, Clone, Default)]
pub struct PasswordRules {}
impl PasswordRules {
    /// V.
    pub fn validate(&self) -> Result<(), PasswordError> {
        Ok(())
    }
    /// N.
    pub fn normalization(&self) -> Normalization {
        Normalization::Nfc
    }
    /// C.
    pub fn check(&self, p: &Password, _: Option<&LoginName>) -> Result<(), PasswordError> {
        if p.0.len() < 15 { Err(PasswordError::TooShort) } else { Ok(()) }
    }
}
/// A.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Argon2Params {}
impl Argon2Params {
    /// V.
    pub fn validate(&self) -> Result<(), PasswordError> {
        Ok(())
    }
}
/// H.
#[derive(Debug, Clone, PartialEq)]
pub struct PasswordHash(String);
impl PasswordHash {
    /// P.
    pub fn parse(s: &str) -> Result<Self, PasswordError> {
        Ok(Self(s.into()))
    }
    /// A.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// N.
    pub fn needs_rehash(&self, _: &Argon2Params) -> bool {
        false
    }
    /// D.
    pub fn decoy(_: Argon2Params, _: [u8; 48]) -> Self {
        Self("decoy".into())
    }
}
/// M.
#[derive(Debug, Default)]
pub struct HashMemory {}
impl HashMemory {
    /// N.
    pub fn new() -> Self {
        Self {}
    }
}
/// h.
pub fn hash(
    p: &Password,
    _: Normalization,
    _: [u8; 16],
    _: &Argon2Params,
    _: &mut HashMemory,
) -> PasswordHash {
    PasswordHash(p.0.clone())
}
/// v.
pub fn verify(p: &Password, _: Normalization, h: &PasswordHash, _: &mut HashMemory) -> bool {
    p.0 == h.0
}

//! One block of PEM (RFC 7468), unencrypted.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use base64ct::Base64;
use zeroize::Zeroizing;

use super::error::KeyLoadError;
use crate::secret::decoded;

pub(super) struct Block {
    pub(super) label: String,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// The one block of a text: nothing but white space stands around it.
pub(super) fn block(text: &str) -> Result<Block, KeyLoadError> {
    let refused = KeyLoadError::Pem;
    let rest = text.trim_ascii().strip_prefix("-----BEGIN ").ok_or(refused)?;
    let (label, rest) = rest.split_once("-----").ok_or(refused)?;
    let body = rest.strip_suffix("-----").and_then(|rest| rest.strip_suffix(label)).ok_or(refused)?;
    let body = body.strip_suffix("-----END ").ok_or(refused)?;
    let mut one_line = Zeroizing::new(String::with_capacity(body.len()));
    one_line.extend(body.split_ascii_whitespace());
    let bytes = decoded::<Base64>(&one_line).ok_or(refused)?;
    Ok(Block { label: label.to_owned(), bytes })
}

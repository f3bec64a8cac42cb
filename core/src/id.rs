//! Sixteen-byte identifiers. Each but [`NameHash`] is drawn at random by the engine (never by a caller), so that none
//! can be guessed, adopted or met again (128 bits: ASVS 5.0, 7.2.3).

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]);

        impl $name {
            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Reads the 32 lower-case hexadecimal digits that `Display` writes, and nothing else.
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text).map(Self)
            }
        }
    };
}

id! {
    /// An account. Public: it is the `sub` of tokens and may stand in logs.
    ///
    /// # Example: text and back
    /// ```
    /// use doorward_core::id::AccountId;
    ///
    /// let id = AccountId::from_bytes([7; 16]);
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// assert!("not an id".parse::<AccountId>().is_err());
    /// ```
    AccountId
}

id! {
    /// A session, and the `sid` of its tokens. Public: without the session's salt and the master key it
    /// opens nothing.
    ///
    /// # Example: ids print as hexadecimal
    /// ```
    /// use doorward_core::id::SessionId;
    ///
    /// assert_eq!(SessionId::from_bytes([0xab; 16]).to_string(), "ab".repeat(16));
    /// ```
    SessionId
}

id! {
    /// A known device. Public: without its salt and the master key it is worth nothing.
    ///
    /// # Example: text and back
    /// ```
    /// use doorward_core::id::DeviceId;
    ///
    /// let id = DeviceId::from_bytes([3; 16]);
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// ```
    DeviceId
}

id! {
    /// A login name under the keyring's own key: what throttle rows are filed under.
    ///
    /// # Example: the raw bytes
    /// ```
    /// use doorward_core::id::NameHash;
    ///
    /// assert_eq!(NameHash::from_bytes([1; 16]).as_bytes(), &[1; 16]);
    /// ```
    NameHash
}

id! {
    /// The version of a row: which attempt of which operation wrote it. Compared, never ordered by age.
    ///
    /// # Example: the raw bytes
    /// ```
    /// use doorward_core::id::Stamp;
    ///
    /// assert_ne!(Stamp::from_bytes([1; 16]), Stamp::from_bytes([2; 16]));
    /// ```
    Stamp
}

id! {
    /// What a session granted in tokens: the `jti` of one access token, or a family of refresh tokens and all access
    /// tokens that came of it. Public.
    ///
    /// # Example: text and back
    /// ```
    /// use doorward_core::id::GrantId;
    ///
    /// let id = GrantId::from_bytes([4; 16]);
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// ```
    GrantId
}

/// A text that is not an id.
///
/// # Example: upper case is not canonical
/// ```
/// use doorward_core::id::{IdError, SessionId};
///
/// assert_eq!("AB".repeat(16).parse::<SessionId>(), Err(IdError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an id is 32 lower-case hexadecimal digits")]
pub struct IdError;

fn parse_hex(text: &str) -> Result<[u8; 16], IdError> {
    let digits: &[u8; 32] = text.as_bytes().try_into().map_err(|_| IdError)?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return Err(IdError),
            };
            *byte = *byte << 4 | value;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_round_trips_and_nothing_else_is_read() {
        let id = SessionId::from_bytes([
            0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
        ]);
        assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "0", "00112233445566778899AABBCCDDEEFF", "0011223344556677889gaabbccddeeff"] {
            assert_eq!(bad.parse::<SessionId>(), Err(IdError), "{bad}");
        }
    }
}

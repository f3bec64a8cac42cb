//! Opaque tokens: a prefix and 92 characters of base64url (RFC 4648, section 5, no padding).
//!
//! | bytes | field | |
//! |---|---|---|
//! | 1 | version | 1 |
//! | 4 | master key number | big endian |
//! | 16 | account | zero: none |
//! | 16 | row id | the session, or the device |
//! | 8 | generation | big endian; a device's: 1; a refresh token's: four bytes of its family's number, four of its generation |
//! | 8 | tag | HMAC under the key alone: tells a forged or mangled token from a real one without the store |
//! | 16 | proof | HMAC under the key over all the above and the row's salt: 128 bits |
//!
//! Prefix and every field are under both MACs. Nothing of a token rests in the store, not even its hash: the
//! store keeps the salt, the host the key, and it takes both to make the proof.

use alloc::string::String;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::id::{AccountId, DeviceId, SessionId};
use crate::secret::{DerivedKeys, MasterKeys, same};

/// What a session's token begins with.
///
/// # Example: a pattern for secret scanners
/// ```
/// use doorward_core::token::opaque::SESSION_PREFIX;
///
/// let pattern = format!("{SESSION_PREFIX}[A-Za-z0-9_-]{{92}}");
/// assert_eq!(pattern, "dws_[A-Za-z0-9_-]{92}");
/// ```
pub const SESSION_PREFIX: &str = "dws_";

/// What a known device's token begins with.
///
/// # Example: a pattern for secret scanners
/// ```
/// use doorward_core::token::opaque::DEVICE_PREFIX;
///
/// let pattern = format!("{DEVICE_PREFIX}[A-Za-z0-9_-]{{92}}");
/// assert_eq!(pattern, "dwd_[A-Za-z0-9_-]{92}");
/// ```
pub const DEVICE_PREFIX: &str = "dwd_";

/// What a refresh token begins with.
///
/// # Example: a pattern for secret scanners
/// ```
/// use doorward_core::token::opaque::REFRESH_PREFIX;
///
/// let pattern = format!("{REFRESH_PREFIX}[A-Za-z0-9_-]{{92}}");
/// assert_eq!(pattern, "dwr_[A-Za-z0-9_-]{92}");
/// ```
pub const REFRESH_PREFIX: &str = "dwr_";

const VERSION: u8 = 1;
const FIELDS: usize = 1 + 4 + 16 + 16 + 8;
const TAG: usize = 8;
const PROOF: usize = 16;
const BYTES: usize = FIELDS + TAG + PROOF;
const CHARACTERS: usize = BYTES / 3 * 4;

token! {
    /// A session's token: the secret that a client keeps in its cookie. Redacted in `Debug`, wiped when dropped.
    ///
    /// # Example: it only shows itself when asked
    /// ```
    /// use doorward_core::token::opaque::SessionToken;
    /// # use doorward_core::operation::{login::Login, register::Register};
    /// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
    /// # use hidden::Engine;
    ///
    /// fn cookie(token: &SessionToken) -> String {
    ///     format!("__Host-session={}; Secure; HttpOnly; SameSite=Lax; Path=/", token.expose())
    /// }
    /// # let mut engine = Engine::opened();
    /// # engine.run(Register::new("ada", "plum kettle orbit"))??;
    /// # let token = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
    /// assert_eq!(token.expose().len(), 96); // ASCII, safe in a cookie as it is
    /// assert_eq!(format!("{token:?}"), "SessionToken(..)");
    /// assert!(cookie(&token).starts_with("__Host-session=dws_"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    SessionToken
}

token! {
    /// A known device's token: it lets its holder guess although strangers keep the name waiting, and opens nothing
    /// without the password. It outlives sessions, so it has a cookie of its own. Redacted in `Debug`, wiped when dropped.
    ///
    /// # Example: a cookie that lasts as long as browsers let one
    /// ```
    /// use doorward_core::policy::Policy;
    /// use doorward_core::token::opaque::DeviceToken;
    /// # use doorward_core::operation::{login::Login, register::Register};
    /// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
    /// # use hidden::Engine;
    ///
    /// fn cookie(token: &DeviceToken, policy: &Policy) -> String {
    ///     let seconds = policy.devices().lifetime.as_secs();
    ///     format!("__Host-device={}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax; Path=/", token.expose())
    /// }
    /// # let mut engine = Engine::opened();
    /// # engine.run(Register::new("ada", "plum kettle orbit"))??;
    /// let login = engine.run(Login::new("ada", "plum kettle orbit").remember_device())??;
    /// let token = login.device.ok_or("the device was known")?;
    /// assert!(cookie(&token, &Policy::default()).contains("=dwd_"));
    /// assert_eq!(format!("{token:?}"), "DeviceToken(..)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    DeviceToken
}

token! {
    /// A refresh token: it is used once, and gives the next and an access token
    /// ([`Refresh`](crate::operation::refresh::Refresh)). Redacted in `Debug`, wiped when dropped.
    ///
    /// # Example: kept where no script reads it
    /// ```
    /// use doorward_core::operation::issue::Issue;
    /// use doorward_core::token::opaque::RefreshToken;
    /// # use doorward_core::operation::{login::Login, register::Register};
    /// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
    /// # use hidden::Engine;
    ///
    /// fn cookie(token: &RefreshToken) -> String {
    ///     format!("__Secure-refresh={}; Secure; HttpOnly; SameSite=Strict; Path=/token", token.expose())
    /// }
    /// # let mut engine = Engine::opened();
    /// # engine.run(Register::new("ada", "plum kettle orbit"))??;
    /// # let session = engine.run(Login::new("ada", "plum kettle orbit"))??.token;
    /// let issued = engine.run(Issue::new(session.expose(), "web", "https://api.example").with_refresh())??;
    /// let token = issued.refresh.ok_or("none was asked for")?;
    /// assert!(cookie(&token).contains("=dwr_"));
    /// assert_eq!(format!("{token:?}"), "RefreshToken(..)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    RefreshToken
}

/// What a token is for. Its prefix is under both MACs, so that none passes for one of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Session,
    Device,
    Refresh,
}

impl Purpose {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Session => SESSION_PREFIX,
            Self::Device => DEVICE_PREFIX,
            Self::Refresh => REFRESH_PREFIX,
        }
    }
}

/// Why a text is not a token of this engine. Found without the store, and nothing was changed.
///
/// # Example: worth a look in the log?
/// ```
/// use doorward_core::token::opaque::TokenError;
///
/// fn is_suspicious(error: TokenError) -> bool {
///     match error {
///         TokenError::Kind | TokenError::Malformed => false, // noise: an empty or cut cookie
///         TokenError::Key => false,                          // a master key was retired
///         _ => true,                                         // `Forged`: somebody made it
///     }
/// }
/// assert!(is_suspicious(TokenError::Forged));
/// assert_eq!(TokenError::Forged.to_string(), "not made by this engine: log in again");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It does not begin as a token of this kind does: another kind of token, or no token.
    #[error("not a token of this kind: give the text that was returned for this")]
    Kind,
    /// Its length, alphabet or version is not a token's.
    #[error("not a whole token: it was cut, changed or mangled on the way")]
    Malformed,
    /// It was made under a master key that this engine does not have.
    #[error("made under a master key that this engine does not know: log in again")]
    Key,
    /// It was not made by this engine.
    #[error("not made by this engine: log in again")]
    Forged,
}

/// What a token says of itself: shown to be made under one of our keys, but not yet proven against its row.
pub(crate) struct Claim<'a> {
    pub(crate) account: Option<AccountId>,
    pub(crate) generation: u64,
    purpose: Purpose,
    row: [u8; 16],
    fields: [u8; FIELDS],
    proof: Zeroizing<[u8; PROOF]>,
    keys: &'a DerivedKeys,
}

impl<'a> Claim<'a> {
    /// Reads a token. Refuses every text but the one canonical form of a token that this engine made for this.
    pub(crate) fn parse(purpose: Purpose, text: &str, keys: &'a MasterKeys) -> Result<Self, TokenError> {
        let body = text.strip_prefix(purpose.prefix()).ok_or(TokenError::Kind)?;
        if body.len() != CHARACTERS {
            return Err(TokenError::Malformed);
        }
        let mut bytes = Zeroizing::new([0; BYTES]);
        // Decoding is strict: no padding, no other alphabet, no stray bits.
        Base64UrlUnpadded::decode(body, &mut *bytes).map_err(|_| TokenError::Malformed)?;
        let malformed = TokenError::Malformed;
        let (fields, rest) = bytes.split_first_chunk::<FIELDS>().ok_or(malformed)?;
        let (tag, rest) = rest.split_first_chunk::<TAG>().ok_or(malformed)?;
        let proof = Zeroizing::new(*rest.first_chunk::<PROOF>().ok_or(malformed)?);

        let (version, rest) = fields.split_first_chunk::<1>().ok_or(malformed)?;
        let (number, rest) = rest.split_first_chunk::<4>().ok_or(malformed)?;
        let (account, rest) = rest.split_first_chunk::<16>().ok_or(malformed)?;
        let (row, rest) = rest.split_first_chunk::<16>().ok_or(malformed)?;
        let generation = rest.first_chunk::<8>().ok_or(malformed)?;
        if *version != [VERSION] {
            return Err(malformed);
        }
        let keys = keys.numbered(u32::from_be_bytes(*number)).ok_or(TokenError::Key)?;
        if !same(tag, &keys.tag(&[purpose.prefix().as_bytes(), fields])) {
            return Err(TokenError::Forged);
        }
        Ok(Self {
            account: (*account != [0; 16]).then(|| AccountId::from_bytes(*account)),
            generation: u64::from_be_bytes(*generation),
            purpose,
            row: *row,
            fields: *fields,
            proof,
            keys,
        })
    }

    /// The session that it names.
    pub(crate) fn session(&self) -> SessionId {
        SessionId::from_bytes(self.row)
    }

    /// The known device that it names.
    pub(crate) fn device(&self) -> DeviceId {
        DeviceId::from_bytes(self.row)
    }

    /// The family that it belongs to, by its number in its session, and its generation there.
    pub(crate) fn family(&self) -> (u32, u32) {
        let [family, generation] = halves(self.generation);
        (family, generation)
    }

    /// Whether it was made under the key that makes new tokens.
    pub(crate) fn is_of_active_key(&self, keys: &MasterKeys) -> bool {
        self.keys.number == keys.active().number
    }

    /// Whether it was made for the row with this salt.
    pub(crate) fn proven_by(&self, salt: &[u8; 16]) -> bool {
        same(&*self.proof, &proof(self.purpose, self.keys, &self.fields, salt))
    }
}

/// Makes the token of a session's generation, under the active key.
pub(crate) fn mint_session(
    keys: &MasterKeys,
    account: Option<AccountId>,
    session: SessionId,
    generation: u64,
    salt: &[u8; 16],
) -> SessionToken {
    SessionToken(mint(Purpose::Session, keys, account, session.as_bytes(), generation, salt))
}

/// Makes the token of a known device, under the active key.
pub(crate) fn mint_device(
    keys: &MasterKeys,
    account: AccountId,
    device: DeviceId,
    salt: &[u8; 16],
) -> DeviceToken {
    DeviceToken(mint(Purpose::Device, keys, Some(account), device.as_bytes(), 1, salt))
}

/// Makes the refresh token of a family's generation, under the active key.
pub(crate) fn mint_refresh(
    keys: &MasterKeys,
    account: AccountId,
    session: SessionId,
    (family, generation): (u32, u32),
    salt: &[u8; 16],
) -> RefreshToken {
    let generation = u64::from(family) << 32 | u64::from(generation);
    RefreshToken(mint(Purpose::Refresh, keys, Some(account), session.as_bytes(), generation, salt))
}

/// The upper and the lower half.
fn halves(both: u64) -> [u32; 2] {
    [both >> 32, both & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(u32::MAX))
}

fn mint(
    purpose: Purpose,
    keys: &MasterKeys,
    account: Option<AccountId>,
    row: &[u8; 16],
    generation: u64,
    salt: &[u8; 16],
) -> String {
    let keys = keys.active();
    let mut fields = [0; FIELDS];
    let number = keys.number.to_be_bytes();
    let account = account.map_or([0; 16], |id| *id.as_bytes());
    let generation = generation.to_be_bytes();
    let all = [VERSION].into_iter().chain(number).chain(account).chain(*row).chain(generation);
    fields.iter_mut().zip(all).for_each(|(to, from)| *to = from);

    let tag = keys.tag(&[purpose.prefix().as_bytes(), &fields]);
    let mut bytes = [0; BYTES];
    let all = fields.into_iter().chain(tag).chain(proof(purpose, keys, &fields, salt));
    bytes.iter_mut().zip(all).for_each(|(to, from)| *to = from);

    let mut text = String::with_capacity(purpose.prefix().len() + CHARACTERS);
    text.push_str(purpose.prefix());
    let mut characters = [0; CHARACTERS];
    text.push_str(
        Base64UrlUnpadded::encode(&bytes, &mut characters).expect("the buffer has the encoded length"),
    );
    characters.zeroize();
    bytes.zeroize();
    text
}

fn proof(purpose: Purpose, keys: &DerivedKeys, fields: &[u8; FIELDS], salt: &[u8; 16]) -> [u8; PROOF] {
    keys.proof(&[purpose.prefix().as_bytes(), fields, salt])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::MasterKey;
    use proptest::prelude::*;
    use std::string::ToString;

    const SALT: [u8; 16] = [7; 16];

    fn keys() -> MasterKeys {
        MasterKeys::new(MasterKey::new(1, [1; 32]))
    }

    fn token() -> SessionToken {
        mint_session(&keys(), Some(AccountId::from_bytes([2; 16])), SessionId::from_bytes([3; 16]), 4, &SALT)
    }

    #[test]
    fn a_minted_token_reads_back_and_is_proven_by_its_salt_only() {
        let (keys, token) = (keys(), token());
        let claim = Claim::parse(Purpose::Session, token.expose(), &keys).ok().unwrap();
        assert_eq!(claim.account, Some(AccountId::from_bytes([2; 16])));
        assert_eq!((claim.session(), claim.generation), (SessionId::from_bytes([3; 16]), 4));
        assert!(claim.proven_by(&SALT));
        assert!(!claim.proven_by(&[8; 16]));
    }

    #[test]
    fn inv_35_every_changed_bit_and_every_other_form_is_refused() {
        let (keys, token) = (keys(), token());
        let text = token.expose();
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                let proven =
                    Claim::parse(Purpose::Session, &changed, &keys).is_ok_and(|claim| claim.proven_by(&SALT));
                assert!(!proven, "{changed}");
            }
        }
        for cut in 0..text.len() {
            assert!(Claim::parse(Purpose::Session, &text[..cut], &keys).is_err());
        }
        for other in [text.to_string() + "=", text.to_string() + "A", " ".to_string() + text] {
            assert!(Claim::parse(Purpose::Session, &other, &keys).is_err());
        }
    }

    #[test]
    fn inv_34_foreign_keys_and_other_kinds_are_told_apart() {
        let token = token();
        let refused = |text: &str, keys: &MasterKeys| Claim::parse(Purpose::Session, text, keys).err();
        let other_number = MasterKeys::new(MasterKey::new(2, [1; 32]));
        let other_key = MasterKeys::new(MasterKey::new(1, [9; 32]));
        let other_kind = token.expose().replacen("dws_", "dwr_", 1);
        assert_eq!(refused(token.expose(), &other_number), Some(TokenError::Key));
        assert_eq!(refused(token.expose(), &other_key), Some(TokenError::Forged));
        assert_eq!(refused(&other_kind, &keys()), Some(TokenError::Kind));
    }

    /// The same fields, the same salt: only the purpose is another.
    #[test]
    fn inv_34_a_devices_token_and_a_sessions_are_never_interchangeable() {
        let account = AccountId::from_bytes([2; 16]);
        let device = mint_device(&keys(), account, DeviceId::from_bytes([3; 16]), &SALT);
        let session = mint_session(&keys(), Some(account), SessionId::from_bytes([3; 16]), 1, &SALT);
        let tokens = [
            (Purpose::Device, device.expose(), Purpose::Session),
            (Purpose::Session, session.expose(), Purpose::Device),
        ];
        for (own, text, other) in tokens {
            let keys = keys();
            assert!(Claim::parse(own, text, &keys).is_ok_and(|claim| claim.proven_by(&SALT)));
            assert_eq!(Claim::parse(other, text, &keys).err(), Some(TokenError::Kind));
            let renamed = text.replacen(own.prefix(), other.prefix(), 1);
            assert_eq!(Claim::parse(other, &renamed, &keys).err(), Some(TokenError::Forged));
        }
    }

    proptest! {
        #[test]
        fn inv_40_no_text_panics(text in ".{0,200}") {
            let _ = Claim::parse(Purpose::Session, &text, &keys());
            prop_assert!(Claim::parse(Purpose::Session, &(SESSION_PREFIX.to_string() + &text), &keys()).is_err());
        }
    }
}

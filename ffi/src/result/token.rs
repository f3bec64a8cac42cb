//! Results about tokens, keys and upkeep.

use std::sync::Arc;

use doorward::{Access, Introspection, Issued, Maintained, PublishedKeys, RefreshToken, RotatedKeys};

use super::{Public, millis};
use crate::given::{Texts, free};
use crate::id::dw_id;
use crate::text::dw_text;

/// Tokens for an API. Freed with `dw_tokens_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_tokens {
    /// The access token (RFC 9068).
    pub access: dw_text,
    /// The refresh token; NULL unless it was asked for.
    pub refresh: dw_text,
    /// The access token's `jti`.
    pub token: dw_id,
    /// When the access token ends.
    pub expires: i64,
    /// What was granted: words with spaces between them.
    pub scope: dw_text,
    /// Whose it is.
    pub account: dw_id,
    /// Of which session.
    pub session: dw_id,
}

impl Public for Issued {
    type C = dw_tokens;

    fn public(&self, texts: &mut Texts) -> dw_tokens {
        dw_tokens {
            access: texts.keep(self.access.expose()),
            refresh: texts.keep_if(self.refresh.as_ref().map(RefreshToken::expose)),
            token: dw_id { bytes: *self.token.as_bytes() },
            expires: self.expires.as_millis(),
            scope: texts.keep(self.scope.as_str()),
            account: self.account.into(),
            session: self.session.into(),
        }
    }
}

/// A verified access token. Freed with `dw_access_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_access {
    /// Whose it is.
    pub account: dw_id,
    /// Of which session.
    pub session: dw_id,
    /// Its `jti`.
    pub token: dw_id,
    /// Which client it was made for.
    pub client: dw_text,
    /// Whom it was made for, the verifier among them: a JSON array of strings.
    pub audience: dw_text,
    /// What it allows: words with spaces between them.
    pub scope: dw_text,
    /// When it was made.
    pub issued_at: i64,
    /// When it ends.
    pub expires: i64,
    /// When the password was proven last.
    pub auth_time: i64,
    /// How: words with spaces between them.
    pub amr: dw_text,
    /// What the host has added: a JSON object.
    pub claims: dw_text,
}

impl Public for Arc<Access> {
    type C = dw_access;

    fn public(&self, texts: &mut Texts) -> dw_access {
        dw_access {
            account: self.account.into(),
            session: self.session.into(),
            token: dw_id { bytes: *self.token.as_bytes() },
            client: texts.keep(self.client.as_str()),
            audience: texts.keep(&json(&self.audience)),
            scope: texts.keep(self.scope.as_str()),
            issued_at: self.issued_at.as_millis(),
            expires: self.expires.as_millis(),
            auth_time: self.auth_time.as_millis(),
            amr: match &self.amr[..] {
                [one] if one == "pwd" => dw_text::fixed(c"pwd"),
                methods => texts.keep(&methods.join(" ")),
            },
            claims: if self.claims.is_empty() {
                dw_text::fixed(c"{}")
            } else {
                texts.keep(&json(&self.claims))
            },
        }
    }
}

/// A text, or bytes. Freed with `dw_string_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_string {
    /// It, with a zero after it that does not count.
    pub text: dw_text,
}

impl Public for str {
    type C = dw_string;

    fn public(&self, texts: &mut Texts) -> dw_string {
        dw_string { text: texts.keep(self) }
    }
}

impl Public for Introspection {
    type C = dw_string;

    fn public(&self, texts: &mut Texts) -> dw_string {
        self.to_json().public(texts)
    }
}

/// The public keys. Freed with `dw_jwks_result_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_jwks_result {
    /// The JWKS (RFC 7517, section 5).
    pub json: dw_text,
    /// How many milliseconds it may be kept.
    pub max_age_ms: u64,
}

impl Public for PublishedKeys {
    type C = dw_jwks_result;

    fn public(&self, texts: &mut Texts) -> dw_jwks_result {
        dw_jwks_result { json: texts.keep(self.to_json()), max_age_ms: millis(self.max_age) }
    }
}

/// The next signing key. Freed with `dw_rotated_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_rotated {
    /// Whether it was made now.
    pub is_new: bool,
    /// From when on it signs.
    pub active_from: i64,
}

impl Public for RotatedKeys {
    type C = dw_rotated;

    fn public(&self, _: &mut Texts) -> dw_rotated {
        dw_rotated { is_new: self.is_new, active_from: self.active_from.as_millis() }
    }
}

/// What maintenance has done. Freed with `dw_maintained_free`.
#[repr(C)]
#[derive(Debug)]
pub struct dw_maintained {
    /// Expired rows and journal entries removed.
    pub purged: usize,
    /// Deletions of accounts that are finished now.
    pub deletions: usize,
    /// Whether the next signing key was made.
    pub rotated: bool,
    /// Whether there is more to do than one call does.
    pub more: bool,
}

impl Public for Maintained {
    type C = dw_maintained;

    fn public(&self, _: &mut Texts) -> dw_maintained {
        dw_maintained {
            purged: self.purged,
            deletions: self.deletions,
            rotated: self.rotated,
            more: self.more,
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    // Strings, and values that were JSON before: there is nothing that could refuse.
    serde_json::to_string(value).unwrap_or_default()
}

/// Frees a `dw_tokens` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_tokens_free(given: *mut dw_tokens) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_access` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_access_free(given: *mut dw_access) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_string` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_string_free(given: *mut dw_string) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_jwks_result` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_jwks_result_free(given: *mut dw_jwks_result) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_rotated` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_rotated_free(given: *mut dw_rotated) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

/// Frees a `dw_maintained` and wipes its texts; NULL is nothing to free.
///
/// # Safety
/// As the conventions say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dw_maintained_free(given: *mut dw_maintained) {
    // SAFETY: it is one that a call gave, once, as the conventions say.
    unsafe { free(given) }
}

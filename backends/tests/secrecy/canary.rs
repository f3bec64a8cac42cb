//! Secrets that the test knows, in each form in which they could stand somewhere, and the search for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use doorward::core::record::{Record, Row};
use doorward::{Entropy, EntropyError};

use crate::support::story::{DATA, NEW, PASSWORD, WRONG};

pub(crate) const KEY: [u8; 32] = *b"\x8fK\x11canary master key 7\xd4\x02\xee\x97Zq\x0c\xa5\xb6\x01";
pub(crate) const PEPPER: [u8; 32] =
    *b"\xc3=canary pepper \x90\x07\xe1salt\xb8\x1d\xf2\x11\x6e\xd9\x4b\x9a\x05";

/// A host's own key to sign with.
pub(crate) const OWN: [u8; 32] =
    *b"\x91\x0ecanary signing \xd0\x1c\xf4key\x07\xbb\x93\x12\xee\x80\x5a\x33\xc7";

/// Seeds that the test knows, in their order.
#[derive(Clone, Default)]
pub(crate) struct Seeds(Arc<AtomicU16>);

pub(crate) fn seed(number: u16) -> [u8; 32] {
    let [high, low] = number.to_be_bytes();
    let byte = |at: u8| 0x9d ^ low.wrapping_mul(29) ^ at.wrapping_mul(83).wrapping_add(high.wrapping_mul(at));
    std::array::from_fn(|at| byte(u8::try_from(at).unwrap()))
}

impl Seeds {
    /// From this number on.
    pub(crate) fn from(number: u16) -> Self {
        Self(Arc::new(number.into()))
    }
}

impl Entropy for Seeds {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.copy_from_slice(&seed(self.0.fetch_add(1, Ordering::SeqCst)));
        Ok(())
    }
}

/// Secrets with their names.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    /// What the host and its users put in and keep to themselves, and as many seeds as an engine may have drawn.
    pub(crate) fn put_in() -> Self {
        let texts = [("password", PASSWORD), ("wrong password", WRONG), ("new password", NEW)];
        let mut secrets: Vec<_> = texts.map(|(name, text)| (name, text.into())).into();
        secrets.extend([
            ("master key", KEY.to_vec()),
            ("pepper", PEPPER.to_vec()),
            ("signing key", OWN.to_vec()),
        ]);
        secrets.extend((0..400).map(|number| ("seed", seed(number).to_vec())));
        Self(secrets)
    }

    /// What was given out: of each token the text, the whole, the tag and the proof; of an access token the signature.
    pub(crate) fn tokens(mut self, tokens: &[String]) -> Self {
        for token in tokens {
            self.0.push(("token", token.clone().into_bytes()));
            if let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] {
                // Its header is what it would be anywhere, its claims are of ids and times; what makes it good is this.
                let bytes = Base64UrlUnpadded::decode_vec(signature).unwrap();
                let half = bytes.len() / 2;
                self.0.extend([("signature", bytes[..half].to_vec()), ("signature", bytes[half..].to_vec())]);
                self.0.push(("signed text", format!("{header}.{claims}").into_bytes()));
                self.0.push(("claims", Base64UrlUnpadded::decode_vec(claims).unwrap()));
                continue;
            }
            let text = ["dws_", "dwr_", "dwd_"].iter().find_map(|prefix| token.strip_prefix(prefix)).unwrap();
            let bytes = Base64UrlUnpadded::decode_vec(text).unwrap();
            self.0.extend([("tag", bytes[45..53].to_vec()), ("proof", bytes[53..].to_vec())]);
            self.0.push(("whole token", bytes));
        }
        self
    }

    /// What may rest in the store, and be printed nowhere: the host's data, salts, password hashes.
    pub(crate) fn at_rest<'a>(mut self, rows: impl IntoIterator<Item = &'a Row>) -> Self {
        self.0.push(("host's data", DATA.into()));
        for row in rows {
            match &row.record {
                Record::Session(session) => self.0.push(("session's salt", session.salt.to_vec())),
                Record::Devices(record) => {
                    let salts = record.devices.iter().map(|device| ("device's salt", device.salt.to_vec()));
                    self.0.extend(salts);
                }
                Record::Credential(credential) => {
                    self.0.push(("password hash", credential.hash.as_str().into()));
                }
                Record::Keyring(keyring) => {
                    self.0.push(("throttle key", keyring.throttle_key.to_vec()));
                    let salts =
                        keyring.signing.iter().map(|entry| ("signing key's salt", entry.salt.to_vec()));
                    self.0.extend(salts);
                }
                Record::Grants(grants) => {
                    let salts = grants.families.iter().map(|family| ("family's salt", family.salt.to_vec()));
                    self.0.extend(salts);
                }
                _ => {}
            }
        }
        self
    }

    /// What must not be found either.
    pub(crate) fn and(mut self, name: &'static str, secret: &[u8]) -> Self {
        self.0.push((name, secret.to_vec()));
        self
    }

    pub(crate) fn assert_not_in(&self, what: &str, haystack: &[u8]) {
        if let Some((secret, around)) = self.found_in(haystack) {
            panic!("{what} holds the {secret}: {around}");
        }
    }

    /// The first secret that stands there in any form, and what is around it.
    pub(crate) fn found_in(&self, haystack: &[u8]) -> Option<(&'static str, String)> {
        let mut by_start: HashMap<[u8; 4], Vec<(&'static str, Vec<u8>)>> = HashMap::new();
        let mut begins = vec![false; 1 << 16];
        let two = |start: &[u8; 4]| usize::from(u16::from_be_bytes([start[0], start[1]]));
        for (name, secret) in &self.0 {
            for form in forms(secret) {
                let start = *form.first_chunk().unwrap();
                begins[two(&start)] = true;
                by_start.entry(start).or_default().push((name, form));
            }
        }
        let starts = haystack.array_windows().enumerate().filter(|(_, start)| begins[two(start)]);
        for (at, start) in starts {
            let forms = by_start.get(start).into_iter().flatten();
            if let Some((name, _)) = forms.into_iter().find(|(_, form)| haystack[at..].starts_with(form)) {
                let around = &haystack[at.saturating_sub(80)..haystack.len().min(at + 80)];
                return Some((name, around.escape_ascii().to_string()));
            }
        }
        None
    }
}

/// A secret in each form in which it could stand somewhere.
pub(crate) fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let list = format!("{secret:?}");
    let mut forms = vec![
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        list.trim_matches(['[', ']']).as_bytes().to_vec(),
        secret.escape_ascii().to_string().into_bytes(),
    ];
    // Within a longer text, base64 of a secret looks one of three ways, but for its ends.
    for shift in 0..3 {
        let shifted = [vec![0; shift], secret.to_vec()].concat();
        for text in [Base64::encode_string(&shifted), Base64UrlUnpadded::encode_string(&shifted)] {
            let text = text.trim_end_matches('=');
            let from = [0, 2, 3][shift];
            let to = shifted.len() / 3 * 4;
            forms.push(text.as_bytes()[from..to].to_vec());
        }
    }
    forms
}

pub(crate) fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The search finds each form of each secret, wherever it stands.
#[test]
fn rv_9_the_search_finds_what_it_looks_for() {
    for secret in [&KEY[..], PASSWORD.as_bytes(), &KEY[..8]] {
        let secrets = Secrets(vec![("canary", secret.to_vec())]);
        for form in forms(secret) {
            let haystack = [b"before ".to_vec(), form, b" after".to_vec()].concat();
            assert!(secrets.found_in(&haystack).is_some(), "{}", haystack.escape_ascii());
        }
        for at in 0..3 {
            let text = Base64::encode_string(&[&b"abc"[..at], secret, b"def"].concat());
            assert!(secrets.found_in(text.as_bytes()).is_some(), "{text}");
        }
    }
    assert!(Secrets::put_in().found_in(b"nothing of a canary's song").is_none());
}

//! What must be read nowhere: passwords, keys, tokens. Each error and each event that a test meets is searched for them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{PoisonError, RwLock};

static SECRETS: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// Nothing that the library says may hold it from now on: nor in hexadecimal digits, nor as a list of numbers, nor a half
/// of it.
pub fn keep_secret(secret: &[u8]) {
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    secrets.extend(forms(secret));
}

/// What was kept before is looked for no more: a test has secrets of its own.
pub fn forget_secrets() {
    SECRETS.write().unwrap_or_else(PoisonError::into_inner).clear();
}

fn forms(secret: &[u8]) -> Vec<String> {
    let (first, second) = secret.split_at(secret.len() / 2);
    let mut forms = Vec::new();
    for part in [first, second] {
        assert!(part.len() >= 8, "what is so short is found anywhere");
        let (mut lower, mut upper) = (String::new(), String::new());
        for byte in part {
            let _ = write!(lower, "{byte:02x}");
            let _ = write!(upper, "{byte:02X}");
        }
        let list = format!("{part:?}");
        forms.extend([lower, upper, list.trim_matches(['[', ']']).to_owned()]);
        if let Ok(text) = str::from_utf8(part) {
            forms.push(text.to_owned());
        }
    }
    forms
}

/// The secret that stands in this text.
pub fn secret_in(text: &str) -> Option<String> {
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    secrets.iter().find(|secret| text.contains(&**secret)).cloned()
}

/// Stops the test that has met a secret.
pub(crate) fn assert_none(place: &str, text: &str) {
    let secret = secret_in(text);
    assert!(secret.is_none(), "{place} tells the secret {secret:?}: {text}");
}

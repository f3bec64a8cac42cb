//! A policy's text: there and back, key by key, and all that it must not say.

mod keys;
mod refusals;
mod round_trip;

use std::string::{String, ToString};

use serde_json::{Value, json};

use super::PolicyTextError;
use crate::policy::Policy;

/// The text that says this of the key with this path, and no more.
fn saying(path: &str, value: &Value) -> String {
    let outer = path.rsplit('.').filter(|key| !key.is_empty());
    outer.fold(value.clone(), |value, key| json!({ key: value })).to_string()
}

fn refusal(text: &str) -> PolicyTextError {
    Policy::from_json(text).expect_err(text.get(..text.len().min(200)).unwrap_or_default())
}

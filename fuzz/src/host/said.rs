//! A call, as the methods and parameters of the Python package's engine: bytes in hexadecimal, lengths of time in seconds.

use std::fmt::Write as _;

use doorward_ffi_host::{Call, LoginOptions};
use serde_json::{Value, json};

/// The method, and what it is given.
#[allow(clippy::too_many_lines, reason = "an arm for each operation, and no more")]
pub(super) fn said(call: &Call<'_>) -> (&'static str, Value) {
    let source = |source: Option<&str>| assert_eq!(source, None, "the world has no sources");
    match call {
        Call::Register { name, password, source: from } => {
            source(*from);
            ("register", json!({ "name": name, "password": password }))
        }
        Call::SetPassword { account, password } => {
            ("set_password", json!({ "account": hex(account), "new": password }))
        }
        Call::Rename { account, name } => ("rename", json!({ "account": hex(account), "name": name })),
        Call::Unlock { account } => ("unlock", json!({ "account": hex(account) })),
        Call::Disable { account } => ("disable", json!({ "account": hex(account) })),
        Call::Enable { account } => ("enable", json!({ "account": hex(account) })),
        Call::MarkCompromised { account } => ("mark_compromised", json!({ "account": hex(account) })),
        Call::DeleteAccount { account } => ("delete_account", json!({ "account": hex(account) })),
        Call::Login { name, password, options } => ("login", login(name, password, options)),
        Call::Reauthenticate { token, password, source: from } => {
            source(*from);
            ("reauthenticate", json!({ "session_token": token, "password": password }))
        }
        Call::ChangePassword { token, current, password, source: from } => {
            source(*from);
            let given = json!({ "session_token": token, "current": current, "new": password });
            ("change_password", given)
        }
        Call::Authenticate { token } => ("authenticate", json!({ "session_token": token })),
        Call::Logout { token } => ("logout", json!({ "session_token": token })),
        Call::LogoutEverywhere { account, keep } => {
            ("logout_everywhere", json!({ "account": hex(account), "keep": keep }))
        }
        Call::Sessions { account } => ("sessions", json!({ "account": hex(account) })),
        Call::EndSession { account, session } => {
            ("end_session", json!({ "account": hex(account), "session_id": hex(session) }))
        }
        Call::RotateSession { token } => ("rotate_session", json!({ "session_token": token })),
        Call::OpenSession { data, lifetime_ms, label } => {
            ("open_session", json!({ "data": hex(data), "lifetime": seconds(*lifetime_ms), "label": label }))
        }
        Call::SessionData { token } => ("session_data", json!({ "session_token": token })),
        Call::UpdateSessionData { token, data, lifetime_ms } => (
            "update_session_data",
            json!({ "session_token": token, "data": hex(data), "lifetime": seconds(*lifetime_ms) }),
        ),
        Call::Issue { token, client, audience, audiences, scope, claims, refresh } => {
            assert_eq!(*claims, None, "the world adds no claims");
            let mut audience = vec![*audience];
            audience.extend(audiences.iter().map(String::as_str));
            let given = json!({
                "session_token": token, "client_id": client, "audience": audience, "scope": scope, "refresh": refresh,
            });
            ("issue", given)
        }
        Call::Refresh { token, client, scope, audiences, claims } => {
            assert_eq!(*claims, None, "the world adds no claims");
            let audience = (!audiences.is_empty()).then_some(audiences);
            let given =
                json!({ "refresh_token": token, "client_id": client, "scope": scope, "audience": audience });
            ("refresh", given)
        }
        Call::Verify { token, audience } => {
            ("verify", json!({ "access_token": token, "audience": audience }))
        }
        Call::Introspect { token, audience } => {
            ("introspect", json!({ "token": token, "audience": audience }))
        }
        Call::RevokeToken { token, client } => ("revoke", json!({ "token": token, "client_id": client })),
        Call::Jwks => ("jwks", json!({})),
        Call::RotateKeys { when } => {
            let when = ["soon", "at-once", "when-due"][usize::try_from(*when).unwrap_or(usize::MAX)];
            ("rotate_keys", json!({ "when": when }))
        }
        Call::RevokeAllTokens { and_sessions } => {
            ("revoke_all_tokens", json!({ "and_sessions": and_sessions }))
        }
        Call::Maintain => ("maintain", json!({})),
        Call::Purge { limit } => ("purge", json!({ "limit": limit })),
        Call::AfterRestore => ("after_restore", json!({})),
    }
}

fn login(name: &str, password: &str, options: &LoginOptions<'_>) -> Value {
    let LoginOptions { source, label, scope, lifetime, carry_data, previous, device, remember_device } =
        *options;
    let lifetime = ["web", "remembered", "device"][usize::try_from(lifetime).unwrap_or(usize::MAX)];
    json!({
        "name": name, "password": password, "source": source, "label": label, "lifetime": lifetime,
        "previous": previous, "device": device, "scope": scope, "carry_data": carry_data,
        "remember_device": remember_device,
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// None leaves it out.
#[allow(clippy::cast_precision_loss, reason = "no lifetime here is as long")]
fn seconds(lifetime_ms: u64) -> Option<f64> {
    (lifetime_ms > 0).then(|| lifetime_ms as f64 / 1000.0)
}

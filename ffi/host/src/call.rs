//! Operations: one line for each, which says its three functions and what they are given.

use core::ffi::{c_char, c_int, c_void};
use std::ptr;

use doorward_ffi as ffi;
use doorward_ffi::{
    dw_context, dw_engine, dw_id, dw_issue_options, dw_login_options, dw_op, dw_refresh_options, dw_text,
};

use crate::called::{Called, nothing, owned, plain, pointer};
use crate::given::{Given, Id};
use crate::op::Take;

/// An operation with all that can be said to it. `None` leaves out.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "they are the functions of the header, and their parameters")]
pub enum Call<'a> {
    Register {
        name: &'a str,
        password: &'a str,
        source: Option<&'a str>,
    },
    SetPassword {
        account: Id,
        password: &'a str,
    },
    Rename {
        account: Id,
        name: &'a str,
    },
    Unlock {
        account: Id,
    },
    Disable {
        account: Id,
    },
    Enable {
        account: Id,
    },
    MarkCompromised {
        account: Id,
    },
    DeleteAccount {
        account: Id,
    },
    Login {
        name: &'a str,
        password: &'a str,
        options: LoginOptions<'a>,
    },
    Reauthenticate {
        token: &'a str,
        password: &'a str,
        source: Option<&'a str>,
    },
    ChangePassword {
        token: &'a str,
        current: &'a str,
        password: &'a str,
        source: Option<&'a str>,
    },
    Authenticate {
        token: &'a str,
    },
    Logout {
        token: &'a str,
    },
    LogoutEverywhere {
        account: Id,
        keep: Option<&'a str>,
    },
    Sessions {
        account: Id,
    },
    EndSession {
        account: Id,
        session: Id,
    },
    RotateSession {
        token: &'a str,
    },
    OpenSession {
        data: &'a [u8],
        lifetime_ms: u64,
        label: Option<&'a str>,
    },
    SessionData {
        token: &'a str,
    },
    UpdateSessionData {
        token: &'a str,
        data: &'a [u8],
        lifetime_ms: u64,
    },
    Issue {
        token: &'a str,
        client: &'a str,
        audience: &'a str,
        audiences: &'a [String],
        scope: Option<&'a str>,
        claims: Option<&'a str>,
        refresh: bool,
    },
    Refresh {
        token: &'a str,
        client: &'a str,
        scope: Option<&'a str>,
        audiences: &'a [String],
        claims: Option<&'a str>,
    },
    Verify {
        token: &'a str,
        audience: &'a str,
    },
    Introspect {
        token: &'a str,
        audience: Option<&'a str>,
    },
    RevokeToken {
        token: &'a str,
        client: &'a str,
    },
    Jwks,
    RotateKeys {
        when: c_int,
    },
    RevokeAllTokens {
        and_sessions: bool,
    },
    Maintain,
    Purge {
        limit: usize,
    },
    AfterRestore,
}

/// `dw_login_options`
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "the fields are those of the header")]
pub struct LoginOptions<'a> {
    pub source: Option<&'a str>,
    pub label: Option<&'a str>,
    pub scope: Option<&'a str>,
    pub lifetime: c_int,
    pub carry_data: bool,
    pub previous: Option<&'a str>,
    pub device: Option<&'a str>,
    pub remember_device: bool,
}

/// The three functions of an operation: the call, its beginning at a context, and the taking of its outcome.
pub type Names = [&'static str; 3];

/// A text in.
fn p(text: &str) -> *const c_char {
    text.as_ptr().cast()
}

/// A text that may be left out: its pointer and its length.
fn maybe(text: Option<&str>) -> dw_text {
    let none = dw_text { ptr: ptr::null(), len: 0 };
    text.map_or(none, |text| dw_text { ptr: p(text), len: text.len() })
}

fn id(bytes: Id) -> dw_id {
    dw_id { bytes }
}

fn login_options(options: LoginOptions<'_>) -> dw_login_options {
    dw_login_options {
        size: size_of::<dw_login_options>(),
        source: maybe(options.source),
        label: maybe(options.label),
        scope: maybe(options.scope),
        lifetime: options.lifetime,
        carry_data: options.carry_data.into(),
        previous: maybe(options.previous),
        device: maybe(options.device),
        remember_device: options.remember_device.into(),
    }
}

/// `$do!($at; form, function, beginning, taking; what they are given)`, as `$call` has it.
macro_rules! each {
    ($do:ident, $at:expr, $call:expr) => {
        match $call {
            Call::Register { name, password, source } => {
                let source = maybe(*source);
                $do!($at; plain, dw_register, dw_op_register, dw_op_take_account;
                    p(name), name.len(), p(password), password.len(), source.ptr, source.len)
            }
            Call::SetPassword { account, password } => $do!(
                $at; nothing, dw_set_password, dw_op_set_password, dw_op_take;
                id(*account), p(password), password.len()),
            Call::Rename { account, name } => $do!(
                $at; nothing, dw_rename, dw_op_rename, dw_op_take; id(*account), p(name), name.len()),
            Call::Unlock { account } => {
                $do!($at; nothing, dw_unlock, dw_op_unlock, dw_op_take; id(*account))
            }
            Call::Disable { account } => {
                $do!($at; nothing, dw_disable, dw_op_disable, dw_op_take; id(*account))
            }
            Call::Enable { account } => {
                $do!($at; nothing, dw_enable, dw_op_enable, dw_op_take; id(*account))
            }
            Call::MarkCompromised { account } => {
                $do!($at; nothing, dw_mark_compromised, dw_op_mark_compromised, dw_op_take; id(*account))
            }
            Call::DeleteAccount { account } => {
                $do!($at; nothing, dw_delete_account, dw_op_delete_account, dw_op_take; id(*account))
            }
            Call::Login { name, password, options } => {
                let options = login_options(*options);
                $do!($at; owned, dw_login, dw_op_login, dw_op_take_login;
                    p(name), name.len(), p(password), password.len(), &raw const options)
            }
            Call::Reauthenticate { token, password, source } => {
                let source = maybe(*source);
                $do!($at; owned, dw_reauthenticate, dw_op_reauthenticate, dw_op_take_renewed;
                    p(token), token.len(), p(password), password.len(), source.ptr, source.len)
            }
            Call::ChangePassword { token, current, password, source } => {
                let source = maybe(*source);
                $do!($at; owned, dw_change_password, dw_op_change_password, dw_op_take_renewed;
                    p(token), token.len(), p(current), current.len(), p(password), password.len(),
                    source.ptr, source.len)
            }
            Call::Authenticate { token } => $do!(
                $at; owned, dw_authenticate, dw_op_authenticate, dw_op_take_session; p(token), token.len()),
            Call::Logout { token } => {
                $do!($at; owned, dw_logout, dw_op_logout, dw_op_take_receipt; p(token), token.len())
            }
            Call::LogoutEverywhere { account, keep } => {
                let keep = maybe(*keep);
                $do!($at; owned, dw_logout_everywhere, dw_op_logout_everywhere, dw_op_take_ended_everywhere;
                    id(*account), keep.ptr, keep.len)
            }
            Call::Sessions { account } => {
                $do!($at; owned, dw_sessions, dw_op_sessions, dw_op_take_session_list; id(*account))
            }
            Call::EndSession { account, session } => $do!(
                $at; owned, dw_end_session, dw_op_end_session, dw_op_take_receipt; id(*account), id(*session)),
            Call::RotateSession { token } => $do!(
                $at; owned, dw_rotate_session, dw_op_rotate_session, dw_op_take_renewed; p(token), token.len()),
            Call::OpenSession { data, lifetime_ms, label } => {
                let label = maybe(*label);
                $do!($at; owned, dw_open_session, dw_op_open_session, dw_op_take_renewed;
                    data.as_ptr().cast::<c_void>(), data.len(), *lifetime_ms, label.ptr, label.len)
            }
            Call::SessionData { token } => $do!(
                $at; owned, dw_session_data, dw_op_session_data, dw_op_take_data; p(token), token.len()),
            Call::UpdateSessionData { token, data, lifetime_ms } => $do!(
                $at; owned, dw_update_session_data, dw_op_update_session_data, dw_op_take_session;
                p(token), token.len(), data.as_ptr().cast::<c_void>(), data.len(), *lifetime_ms),
            Call::Issue { token, client, audience, audiences, scope, claims, refresh } => {
                let audiences: Vec<dw_text> = audiences.iter().map(|one| maybe(Some(one))).collect();
                let options = dw_issue_options {
                    size: size_of::<dw_issue_options>(),
                    audiences: audiences.as_ptr(),
                    audience_count: audiences.len(),
                    scope: maybe(*scope),
                    claims: maybe(*claims),
                    refresh: (*refresh).into(),
                };
                $do!($at; owned, dw_issue, dw_op_issue, dw_op_take_tokens;
                    p(token), token.len(), p(client), client.len(), p(audience), audience.len(),
                    &raw const options)
            }
            Call::Refresh { token, client, scope, audiences, claims } => {
                let audiences: Vec<dw_text> = audiences.iter().map(|one| maybe(Some(one))).collect();
                let options = dw_refresh_options {
                    size: size_of::<dw_refresh_options>(),
                    scope: maybe(*scope),
                    audiences: audiences.as_ptr(),
                    audience_count: audiences.len(),
                    claims: maybe(*claims),
                };
                $do!($at; owned, dw_refresh, dw_op_refresh, dw_op_take_tokens;
                    p(token), token.len(), p(client), client.len(), &raw const options)
            }
            Call::Verify { token, audience } => $do!(
                $at; owned, dw_verify, dw_op_verify, dw_op_take_access;
                p(token), token.len(), p(audience), audience.len()),
            Call::Introspect { token, audience } => {
                let audience = maybe(*audience);
                $do!($at; owned, dw_introspect, dw_op_introspect, dw_op_take_string;
                    p(token), token.len(), audience.ptr, audience.len)
            }
            Call::RevokeToken { token, client } => $do!(
                $at; plain, dw_revoke_token, dw_op_revoke_token, dw_op_take_revoked;
                p(token), token.len(), p(client), client.len()),
            Call::Jwks => $do!($at; owned, dw_jwks, dw_op_jwks, dw_op_take_jwks;),
            Call::RotateKeys { when } => {
                $do!($at; owned, dw_rotate_keys, dw_op_rotate_keys, dw_op_take_rotated; *when)
            }
            Call::RevokeAllTokens { and_sessions } => $do!(
                $at; nothing, dw_revoke_all_tokens, dw_op_revoke_all_tokens, dw_op_take;
                c_int::from(*and_sessions)),
            Call::Maintain => $do!($at; owned, dw_maintain, dw_op_maintain, dw_op_take_maintained;),
            Call::Purge { limit } => {
                $do!($at; plain, dw_purge, dw_op_purge, dw_op_take_purged; *limit)
            }
            Call::AfterRestore => $do!($at; nothing, dw_after_restore, dw_op_after_restore, dw_op_take;),
        }
    };
}

macro_rules! at_engine {
    ($at:expr; nothing, $call:ident, $begin:ident, $take:ident; $($given:expr),*) => {
        // SAFETY: each pointer goes with its length, and what it points to lives during the call.
        nothing(|error| unsafe { ffi::$call($at, $($given,)* error) })
    };
    ($at:expr; $form:ident, $call:ident, $begin:ident, $take:ident; $($given:expr),*) => {
        // SAFETY: as above, and there is a place for the output.
        $form(|out, error| unsafe { ffi::$call($at, $($given,)* out, error) })
    };
}

macro_rules! at_context {
    ($at:expr; nothing, $call:ident, $begin:ident, $take:ident; $($given:expr),*) => {{
        let take: Take = |op| nothing(|error| ffi::$take(op, error));
        // SAFETY: each pointer goes with its length, and what it points to lives during the call.
        let op = pointer(|op, error| unsafe { ffi::$begin($at, $($given,)* op, error) })?;
        Ok((op, take))
    }};
    ($at:expr; $form:ident, $call:ident, $begin:ident, $take:ident; $($given:expr),*) => {{
        // SAFETY: there is a place for each output.
        let take: Take = |op| $form(|out, error| unsafe { ffi::$take(op, out, error) });
        // SAFETY: each pointer goes with its length, and what it points to lives during the call.
        let op = pointer(|op, error| unsafe { ffi::$begin($at, $($given,)* op, error) })?;
        Ok((op, take))
    }};
}

macro_rules! names {
    ($at:expr; $form:ident, $call:ident, $begin:ident, $take:ident; $($given:expr),*) => {{
        let _ = ($at, $($given),*);
        [stringify!($call), stringify!($begin), stringify!($take)]
    }};
}

impl Call<'_> {
    /// Its three functions.
    pub fn names(&self) -> Names {
        each!(names, (), self)
    }

    pub(crate) fn at_engine(&self, engine: *const dw_engine) -> Called<Given> {
        each!(at_engine, engine, self)
    }

    pub(crate) fn at_context(&self, context: *const dw_context) -> Called<(*mut dw_op, Take)> {
        each!(at_context, context, self)
    }
}

//! The operations: each at an engine, or begun at a context.

use core::ffi::c_int;
use std::ptr;

use doorward_ffi as ffi;
use doorward_ffi::{
    dw_context, dw_engine, dw_issue_options, dw_login_options, dw_op, dw_refresh_options, dw_text,
};

use super::draw::{Options, Text};
use super::player::{At, Player};
use super::pool::{Kind, Opens, Under};

/// `form, function, beginning, taking; what they are given`
macro_rules! either {
    ($me:ident; nothing, $call:ident, $begin:ident, $take:ident; $($given:expr),*) => {{
        if let At::Engine(engine) = $me.at {
            let engine = ptr::without_provenance::<dw_engine>(engine);
            // SAFETY: each pointer goes with its length, and what it points to lives during the call.
            #[allow(unused_unsafe, reason = "some ask for nothing")]
            $me.nothing(stringify!($call), |error| unsafe { ffi::$call(engine, $($given,)* error) });
            return;
        }
        either!($me; begin, $begin, $take; $($given),*)
    }};
    ($me:ident; begin, $begin:ident, $take:ident; $($given:expr),*) => {{
        let (At::Engine(context) | At::Context(context)) = $me.at;
        let context = ptr::without_provenance::<dw_context>(context);
        // SAFETY: each pointer goes with its length, and what it points to lives during the call.
        let op = $me.opened(stringify!($begin), Kind::Op, |op: *mut *mut dw_op, error| unsafe {
            ffi::$begin(context, $($given,)* op, error)
        });
        if let Some(op) = op {
            let store = $me.home;
            $me.begun(op, Under { take: stringify!($take), store, need: None });
        }
    }};
    ($me:ident; $form:ident, $call:ident, $begin:ident, $take:ident; $($given:expr),*) => {{
        if let At::Engine(engine) = $me.at {
            let engine = ptr::without_provenance::<dw_engine>(engine);
            // SAFETY: as above, and there is a place for the output.
            $me.$form(stringify!($call), |out, error| unsafe { ffi::$call(engine, $($given,)* out, error) });
            return;
        }
        either!($me; begin, $begin, $take; $($given),*)
    }};
}

impl Player<'_> {
    /// Says whom the next operation is asked of.
    pub(super) fn somewhere(&mut self) {
        let is_engine = self.rng.chance(450);
        let kind = if is_engine { Kind::Engine } else { Kind::Context };
        let handle = self.handle::<()>(kind).addr();
        self.go_to(if is_engine { At::Engine(handle) } else { At::Context(handle) });
    }

    fn go_to(&mut self, at: At) {
        let (At::Engine(handle) | At::Context(handle)) = at;
        self.at = at;
        self.home = self.pool.known().homes.get(&handle).copied().unwrap_or(0);
    }

    /// Two people, who log in.
    pub(super) fn move_in(&mut self, at: At) {
        self.go_to(at);
        (0..2).for_each(|_| self.account_operation(0));
        (0..3).for_each(|_| self.login_operation(0));
    }

    /// Of an account as such.
    pub(super) fn account_operation(&mut self, which: usize) {
        let account = self.account();
        match which {
            0 => {
                let (name, password, source) = (self.name(), self.password(), self.source());
                if let Some(name) = name.utf8() {
                    self.pool.known().people.push((self.home, name));
                }
                either!(self; plain, dw_register, dw_op_register, dw_op_take_account;
                    name.ptr(), name.len, password.ptr(), password.len, source.ptr(), source.len)
            }
            1 => {
                let password = self.password();
                either!(self; nothing, dw_set_password, dw_op_set_password, dw_op_take;
                    account, password.ptr(), password.len)
            }
            2 => {
                let name = self.name();
                either!(self; nothing, dw_rename, dw_op_rename, dw_op_take; account, name.ptr(), name.len)
            }
            3 | 4 => either!(self; nothing, dw_unlock, dw_op_unlock, dw_op_take; account),
            5 => either!(self; nothing, dw_disable, dw_op_disable, dw_op_take; account),
            6 | 7 => either!(self; nothing, dw_enable, dw_op_enable, dw_op_take; account),
            8 if self.rng.chance(500) => {
                either!(self; nothing, dw_mark_compromised, dw_op_mark_compromised, dw_op_take; account)
            }
            8 => either!(self; nothing, dw_delete_account, dw_op_delete_account, dw_op_take; account),
            _ => either!(self; owned, dw_sessions, dw_op_sessions, dw_op_take_session_list; account),
        }
    }

    /// Of who comes with a password.
    pub(super) fn login_operation(&mut self, which: usize) {
        let (name, password) = (self.known_name(), self.password());
        if which < 6 {
            let options = self.login_options();
            return either!(self; owned, dw_login, dw_op_login, dw_op_take_login;
                name.ptr(), name.len, password.ptr(), password.len, options.ptr());
        }
        let (token, source) = (self.token(Opens::Session), self.source());
        if which < 8 {
            return either!(self; owned, dw_reauthenticate, dw_op_reauthenticate, dw_op_take_renewed;
                token.ptr(), token.len, password.ptr(), password.len, source.ptr(), source.len);
        }
        let new = self.password();
        either!(self; owned, dw_change_password, dw_op_change_password, dw_op_take_renewed;
            token.ptr(), token.len, password.ptr(), password.len, new.ptr(), new.len, source.ptr(), source.len);
    }

    /// Of a session.
    pub(super) fn session_operation(&mut self, which: usize) {
        let token = self.token(Opens::Session);
        let (data, lifetime) = (self.text("a cart of things"), self.number(&[0, 60_000, 3_600_000]));
        match which {
            0 | 1 => either!(self; owned, dw_authenticate, dw_op_authenticate, dw_op_take_session;
                token.ptr(), token.len),
            2 => either!(self; owned, dw_logout, dw_op_logout, dw_op_take_receipt; token.ptr(), token.len),
            3 => {
                let (account, keep) = (self.account(), self.rng.chance(500));
                let keep = if keep { token } else { Text::LEFT_OUT };
                either!(self; owned, dw_logout_everywhere, dw_op_logout_everywhere, dw_op_take_ended_everywhere;
                    account, keep.ptr(), keep.len)
            }
            4 => {
                let (account, session) = self.session();
                either!(self; owned, dw_end_session, dw_op_end_session, dw_op_take_receipt; account, session)
            }
            5 => either!(self; owned, dw_rotate_session, dw_op_rotate_session, dw_op_take_renewed;
                token.ptr(), token.len),
            6 => {
                let label = self.maybe("a browser");
                either!(self; owned, dw_open_session, dw_op_open_session, dw_op_take_renewed;
                    data.data(), data.len, lifetime, label.ptr(), label.len)
            }
            7 => either!(self; owned, dw_session_data, dw_op_session_data, dw_op_take_data;
                token.ptr(), token.len),
            _ => either!(self; owned, dw_update_session_data, dw_op_update_session_data, dw_op_take_session;
                token.ptr(), token.len, data.data(), data.len, lifetime),
        }
    }

    /// Of tokens for APIs.
    pub(super) fn token_operation(&mut self, which: usize) {
        let (client, audience) = (self.client(), self.audience());
        let opens = if self.rng.chance(500) { Opens::Access } else { Opens::Refresh };
        let either_token = self.token(opens);
        match which {
            0..=2 => {
                let (token, options) = (self.token(Opens::Session), self.issue_options());
                either!(self; owned, dw_issue, dw_op_issue, dw_op_take_tokens;
                    token.ptr(), token.len, client.ptr(), client.len, audience.ptr(), audience.len, options.ptr())
            }
            3..=5 => {
                let (token, options) = (self.token(Opens::Refresh), self.refresh_options());
                either!(self; owned, dw_refresh, dw_op_refresh, dw_op_take_tokens;
                    token.ptr(), token.len, client.ptr(), client.len, options.ptr())
            }
            6 | 7 => {
                let token = self.token(Opens::Access);
                either!(self; owned, dw_verify, dw_op_verify, dw_op_take_access;
                    token.ptr(), token.len, audience.ptr(), audience.len)
            }
            8 => {
                let audience = if self.rng.chance(500) { audience } else { Text::LEFT_OUT };
                either!(self; owned, dw_introspect, dw_op_introspect, dw_op_take_string;
                    either_token.ptr(), either_token.len, audience.ptr(), audience.len)
            }
            _ => either!(self; plain, dw_revoke_token, dw_op_revoke_token, dw_op_take_revoked;
                either_token.ptr(), either_token.len, client.ptr(), client.len),
        }
    }

    /// Of the whole store.
    pub(super) fn upkeep_operation(&mut self, which: usize) {
        let (when, limit) = (self.choice(0, 3), self.size(&[1, 10, 1000]));
        let sessions = c_int::from(self.rng.chance(300));
        match which {
            0 | 1 => either!(self; owned, dw_jwks, dw_op_jwks, dw_op_take_jwks;),
            2 | 3 => either!(self; owned, dw_rotate_keys, dw_op_rotate_keys, dw_op_take_rotated; when),
            4 if self.rng.chance(500) => {
                either!(self; nothing, dw_revoke_all_tokens, dw_op_revoke_all_tokens, dw_op_take; sessions)
            }
            4 => either!(self; nothing, dw_after_restore, dw_op_after_restore, dw_op_take;),
            5 | 6 => either!(self; owned, dw_maintain, dw_op_maintain, dw_op_take_maintained;),
            _ => either!(self; plain, dw_purge, dw_op_purge, dw_op_take_purged; limit),
        }
    }

    /// An operation was begun: mostly it is run to its end at once.
    fn begun(&mut self, op: usize, under: Under) {
        self.pool.known().ops.insert(op, under);
        if self.rng.chance(800) {
            self.drive(op);
        }
    }

    fn source(&mut self) -> Text {
        let sources = ["192.0.2.1", "2001:db8::17", "fe80::1%eth0", "198.51.100.250"];
        let source = self.rng.pick(&sources).unwrap_or_default();
        self.maybe(source)
    }

    fn client(&mut self) -> Text {
        let client = if self.rng.chance(900) { "app" } else { "other-app" };
        self.text(client)
    }

    fn audience(&mut self) -> Text {
        let audience = if self.rng.chance(900) { "https://api.example" } else { "https://other.example" };
        self.text(audience)
    }

    fn scope(&mut self) -> Text {
        let scope = if self.rng.chance(800) { "read write" } else { "read" };
        self.maybe(scope)
    }

    fn claims(&mut self) -> Text {
        let all = [r#"{"tenant":"blue"}"#, "{}", r#"{"iss":"me"}"#, r#"{"a":{"b":[1,2.5,null,"c"]}}"#];
        let claims = if self.rng.chance(800) { all[0] } else { self.rng.pick(&all).unwrap_or_default() };
        self.maybe(claims)
    }

    fn login_options(&mut self) -> Options<dw_login_options> {
        let source = self.source();
        let (label, scope) = (self.maybe("Mozilla/5.0 (X11)"), self.scope());
        let none = || Text::LEFT_OUT;
        let previous = if self.rng.chance(250) { self.token(Opens::Session) } else { none() };
        let device = if self.rng.chance(300) { self.token(Opens::Device) } else { none() };
        let options = dw_login_options {
            size: 0,
            source: source.raw(),
            label: label.raw(),
            scope: scope.raw(),
            lifetime: self.choice(0, 3),
            carry_data: self.choice(0, 2),
            previous: previous.raw(),
            device: device.raw(),
            remember_device: self.choice(0, 2),
        };
        self.options(options, vec![source, label, scope, previous, device])
    }

    fn audiences(&mut self) -> super::draw::List<dw_text> {
        let count = self.rng.below(3);
        let each = (0..count).map(|at| format!("https://{at}.example"));
        self.texts(each.collect())
    }

    fn issue_options(&mut self) -> Kept<dw_issue_options> {
        let (audiences, scope, claims) = (self.audiences(), self.scope(), self.claims());
        let options = dw_issue_options {
            size: 0,
            audiences: audiences.ptr(),
            audience_count: audiences.count,
            scope: scope.raw(),
            claims: claims.raw(),
            refresh: self.choice(0, 2),
        };
        Kept { options: self.options(options, vec![scope, claims]), _audiences: audiences }
    }

    fn refresh_options(&mut self) -> Kept<dw_refresh_options> {
        let (scope, claims) = (self.scope(), self.claims());
        let audiences = if self.rng.chance(300) { self.audiences() } else { self.texts(vec![]) };
        let options = dw_refresh_options {
            size: 0,
            scope: scope.raw(),
            audiences: audiences.ptr(),
            audience_count: audiences.count,
            claims: claims.raw(),
        };
        Kept { options: self.options(options, vec![scope, claims]), _audiences: audiences }
    }
}

/// Options with the list that they point to.
struct Kept<T> {
    options: Options<T>,
    _audiences: super::draw::List<dw_text>,
}

impl<T> Kept<T> {
    fn ptr(&self) -> *const T {
        self.options.ptr()
    }
}

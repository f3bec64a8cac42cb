//! Every way in which what an access token stands on comes to an end.

use doorward::core::operation::access::Disable;
use doorward::core::operation::after_restore::AfterRestore;
use doorward::core::operation::change_password::ChangePassword;
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::mark_compromised::MarkCompromised;
use doorward::core::operation::revoke_token::RevokeToken;
use doorward::core::operation::set_password::SetPassword;
use doorward::{Login, LogoutEverywhere, Refresh, RefreshError, RevokeAllTokens};

use super::engine::{NAME, PASSWORD};
use super::modes::{Deployment, Instance};

const NEW: &str = "an entirely different sentence";

pub(crate) struct Ending {
    pub(crate) name: &'static str,
    /// Whether it ends everything of everybody, which counts in each mode.
    pub(crate) is_last_resort: bool,
    /// Done by this instance.
    pub(crate) at: fn(&Deployment, &Instance),
}

const fn of_session(name: &'static str, at: fn(&Deployment, &Instance)) -> Ending {
    Ending { name, is_last_resort: false, at }
}

const fn last_resort(name: &'static str, at: fn(&Deployment, &Instance)) -> Ending {
    Ending { name, is_last_resort: true, at }
}

pub(crate) const EVERY_ENDING: [Ending; 16] = [
    of_session("logout", |of, at| {
        at.engine.run(Logout::new(of.session.expose())).unwrap().unwrap();
    }),
    of_session("end_session", |of, at| {
        at.engine.run(EndSession::new(of.ada, of.id)).unwrap().unwrap();
    }),
    of_session("logout_everywhere", |of, at| {
        at.engine.run(LogoutEverywhere::new(of.ada)).unwrap().unwrap();
    }),
    of_session("logout_everywhere, this session kept", |of, at| {
        let kept = LogoutEverywhere::new(of.ada).keep(of.session.expose());
        assert!(at.engine.run(kept).unwrap().unwrap().kept.is_some());
    }),
    of_session("revoke_token of the access token", |of, at| {
        at.engine.run(RevokeToken::new(of.token(), "web")).unwrap().unwrap();
    }),
    of_session("revoke_token of the refresh token", |of, at| {
        let refresh = of.issued.refresh.as_ref().unwrap();
        at.engine.run(RevokeToken::new(refresh.expose(), "web")).unwrap().unwrap();
    }),
    of_session("a refresh token that comes back", |of, at| {
        let first = of.issued.refresh.clone().unwrap();
        let refresh = |token: &str| at.engine.run(Refresh::new(token, "web")).unwrap();
        let second = refresh(first.expose()).unwrap().refresh.unwrap();
        refresh(second.expose()).unwrap();
        assert!(matches!(refresh(first.expose()), Err(RefreshError::Reused { .. })));
    }),
    of_session("change_password", |of, at| {
        at.engine.run(ChangePassword::new(of.session.expose(), PASSWORD, NEW)).unwrap().unwrap();
    }),
    of_session("set_password", |of, at| {
        at.engine.run(SetPassword::new(of.ada, NEW)).unwrap().unwrap();
    }),
    of_session("mark_compromised", |of, at| {
        at.engine.run(MarkCompromised::new(of.ada)).unwrap().unwrap();
    }),
    of_session("disable", |of, at| {
        at.engine.run(Disable::new(of.ada)).unwrap().unwrap();
    }),
    of_session("delete_account", |of, at| {
        at.engine.run(DeleteAccount::new(of.ada)).unwrap().unwrap();
    }),
    of_session("a login in its place", |of, at| {
        at.engine.run(Login::new(NAME, PASSWORD).previous(of.session.expose())).unwrap().unwrap();
    }),
    last_resort("revoke_all_tokens", |_, at| at.engine.run(RevokeAllTokens::new()).unwrap()),
    last_resort("revoke_all_tokens and sessions", |_, at| {
        at.engine.run(RevokeAllTokens::new().and_sessions()).unwrap();
    }),
    last_resort("after_restore", |_, at| at.engine.run(AfterRestore::new()).unwrap()),
];

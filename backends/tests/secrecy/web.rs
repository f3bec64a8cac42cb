//! What a web login says, with the tokens of a live session in it.

use std::time::Duration;

use doorward::core::web::cookie::{Cookie, CookieSettings};
use doorward::core::web::origin::{FetchHeaders, Origins};
use doorward::core::web::problem::Refusal as _;
use doorward::core::web::reply::{Replies, Wants};
use doorward::core::web::target::ReturnTarget;
use doorward::{Engine, Issue, Login, LoginError, Register};

use crate::printed::Printed;
use crate::support::story::{Listener as _, PASSWORD};
use crate::support::token_story::{API, CLIENT};

pub(crate) fn of_a_login(engine: &Engine, printed: &mut Printed) {
    engine.register(Register::new("hopper", PASSWORD)).unwrap();
    let login = engine.login(Login::new("hopper", PASSWORD).remember_device()).unwrap();
    let token = login.token.expose();
    let issued = engine.issue(Issue::new(token, CLIENT, API).with_refresh()).unwrap();
    let (device, refresh) = (login.device.as_ref().unwrap(), issued.refresh.as_ref().unwrap());
    for given in [token, device.expose(), issued.access.expose(), refresh.expose()] {
        printed.gave(given);
    }

    let session = Cookie::default().formerly(CookieSettings::plain_http()).unwrap();
    let device = Some((session.of_device(), Duration::from_hours(1)));
    let replies = Replies { session, device, clear_site_data: true };
    for wants in [Wants::Json, Wants::Page] {
        let target = ReturnTarget::or_root(Some("/basket"));
        let plans = [
            replies.registered(login.session.account, wants, target.clone()),
            replies.logged_in(&login, wants, target.clone()).unwrap(),
            replies.renewed(&login.token, &login.session, wants, target.clone()).unwrap(),
            replies.issued(&issued, login.session.seen_at),
            replies.sessions(std::slice::from_ref(&login.session), login.session.id, "/auth/logout"),
            replies.logged_out(None, wants, target.clone()),
        ];
        for plan in plans {
            printed.note((&plan, &plan.body, &plan.cookies));
        }
        let problem = LoginError::Denied.problem(login.session.seen_at);
        printed.note((&problem, problem.plan(wants), wants, target));
    }
    printed.note((&replies, CookieSettings::default(), FetchHeaders::default()));
    printed.note(Origins::only(["https://app.example"]));
    printed.note_error(Origins::only([token]));
    printed.note_error(ReturnTarget::parse(token));
    printed.note_error(Cookie::default().set(&format!("{token}\n"), Duration::ZERO));
    printed.note_error(
        Cookie::default().read([format!("__Host-session={token}; __Host-session={token}").as_bytes()]),
    );
}

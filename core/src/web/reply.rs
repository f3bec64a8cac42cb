//! What is said to a browser or program after each success: a [`Plan`], which an adapter turns into its framework's
//! response. None may be kept by a cache, and only those that say so set a cookie.
//!
//! | plan | status for a form | for JSON | cookie |
//! |---|---|---|---|
//! | [`registered`](Replies::registered) | 303 to the target | 201 | |
//! | [`logged_in`](Replies::logged_in) | 303 to the target | 200 | set |
//! | [`renewed`](Replies::renewed): re-authentication, rotation, a new password, the one session that is kept | 303 to the target | 200 | set |
//! | [`logged_out`](Replies::logged_out) | 303 to the target | 200 | cleared |
//! | [`issued`](Replies::issued) | 200 | 200 | |
//! | [`sessions`](Replies::sessions) | 200 | 200 | |
//! | [`done`](Replies::done) | 204 | 204 | |

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::time::Duration;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::id::{AccountId, SessionId};
use crate::operation::authenticate::Session;
use crate::operation::issue::Issued;
use crate::operation::login::LoggedIn;
use crate::operation::logout::{Ended, Receipt};
use crate::time::Timestamp;
use crate::token::opaque::SessionToken;

use super::cookie::{Cookie, CookieError, SetCookie};
use super::target::ReturnTarget;

/// A response, as values. `Debug` shows neither cookies nor body.
///
/// # Example: into a framework's response
/// ```
/// use doorward_core::web::reply::{Plan, Replies, Wants};
/// use doorward_core::web::target::ReturnTarget;
///
/// fn head(plan: &Plan) -> String {
///     let mut head = format!("HTTP/1.1 {}\r\n", plan.status);
///     for (name, value) in plan.headers() {
///         head += &format!("{name}: {value}\r\n");
///     }
///     head
/// }
/// let plan = Replies::default().logged_out(None, Wants::Form, ReturnTarget::default());
/// let head = head(&plan);
/// assert!(head.starts_with("HTTP/1.1 303\r\n") && head.contains("location: /\r\n"));
/// assert!(head.contains("set-cookie: __Host-session=; Max-Age=0;") && head.contains("cache-control: no-store\r\n"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// The status code.
    pub status: u16,
    /// Where the browser goes next.
    pub location: Option<ReturnTarget>,
    /// The cookies that are set or cleared.
    pub cookies: Vec<SetCookie>,
    /// What is sent, if anything.
    pub body: Option<Body>,
    pub(super) more: Vec<(&'static str, Cow<'static, str>)>,
}

impl Plan {
    pub(super) fn new(status: u16) -> Self {
        let more = [("cache-control", "no-store"), ("x-content-type-options", "nosniff")];
        let more = more.map(|(name, value)| (name, Cow::Borrowed(value))).into();
        Self { status, location: None, cookies: Vec::new(), body: None, more }
    }

    fn to(target: ReturnTarget) -> Self {
        Self { location: Some(target), ..Self::new(303) }
    }

    fn json(status: u16, value: &Value) -> Self {
        Self { body: Some(Body::json("application/json", value)), ..Self::new(status) }
    }

    /// Every header, names in lower case; `set-cookie` comes once for each cookie. All are visible ASCII and spaces.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let location = self.location.iter().map(|target| ("location", target.as_str()));
        let cookies = self.cookies.iter().map(|cookie| ("set-cookie", cookie.expose()));
        let kind = self.body.iter().map(|body| ("content-type", body.content_type));
        let more = self.more.iter().map(|(name, value)| (*name, value.as_ref()));
        location.chain(cookies).chain(kind).chain(more)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("status", &self.status)
            .field("location", &self.location)
            .field("cookies", &self.cookies)
            .finish_non_exhaustive()
    }
}

/// What is sent. It may hold tokens: redacted in `Debug`, wiped when dropped.
///
/// # Example: keys of JSON
/// ```
/// use doorward_core::web::reply::{Replies, Wants};
/// use doorward_core::web::target::ReturnTarget;
///
/// let plan = Replies::default().logged_out(None, Wants::Json, ReturnTarget::default());
/// let body = plan.body.ok_or("none")?;
/// assert_eq!(body.content_type, "application/json");
/// assert!(body.expose().contains(r#""ended":"already_gone""#));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    /// Its media type.
    pub content_type: &'static str,
    text: Zeroizing<String>,
}

impl Body {
    pub(super) fn json(content_type: &'static str, value: &Value) -> Self {
        // Room for all of it: a text that grows leaves its secrets behind in the memory that it had.
        let mut length = Length(0);
        let _ = write!(length, "{value}");
        let mut text = Zeroizing::new(String::with_capacity(length.0));
        let _ = write!(text, "{value}");
        Self { content_type, text }
    }

    pub(super) fn html(text: String) -> Self {
        Self { content_type: "text/html; charset=utf-8", text: Zeroizing::new(text) }
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

/// Who asks, as far as the form of the answer goes.
///
/// # Example: a form, a script, a person
/// ```
/// use doorward_core::web::reply::Wants;
///
/// let form = Some("application/x-www-form-urlencoded");
/// assert_eq!(Wants::of(form, Some("*/*")), Wants::Form);
/// assert_eq!(Wants::of(form, Some("text/html,*/*;q=0.8")), Wants::Page);
/// assert_eq!(Wants::of(Some("application/json; charset=utf-8"), None), Wants::Json);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wants {
    /// A program: JSON, and problems as JSON.
    Json,
    /// Somebody who follows redirects and says no more: a redirect, and problems as JSON.
    Form,
    /// A browser that shows what it gets: a redirect, and problems as a page.
    Page,
}

impl Wants {
    /// From the `Content-Type` of what was sent and the `Accept` of what is wanted.
    pub fn of(content_type: Option<&str>, accept: Option<&str>) -> Self {
        let accepts = |media| accept.is_some_and(|accept| accept.split(',').any(|one| is_media(one, media)));
        if content_type.is_some_and(|kind| is_media(kind, "application/json")) || accepts("application/json")
        {
            Self::Json
        } else if accepts("text/html") {
            Self::Page
        } else {
            Self::Form
        }
    }
}

/// The cookies of a host, and what it says to browsers.
///
/// # Example: a login, from a form
/// ```
/// use doorward_core::web::reply::{Replies, Wants};
/// use doorward_core::web::target::ReturnTarget;
/// # use doorward_core::operation::{login::Login, register::Register};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
///
/// let plan = Replies::default().logged_in(&login, Wants::Form, ReturnTarget::parse("/basket")?)?;
/// assert_eq!((plan.status, plan.location.unwrap().as_str()), (303, "/basket"));
/// assert!(plan.cookies[0].expose().contains("; Max-Age=86400;")); // to the session's absolute end
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replies {
    /// The session's cookie.
    pub session: Cookie,
    /// The known device's, if the host remembers devices: it outlives sessions, and no logout clears it.
    pub device: Option<(Cookie, Duration)>,
    /// Whether a logout tells the browser to forget cache and storage of this origin too (W3C, Clear Site Data). It may
    /// take seconds, and everything that the origin's other pages kept. Default no.
    pub clear_site_data: bool,
}

impl Replies {
    /// After a sign-up.
    pub fn registered(&self, account: AccountId, wants: Wants, target: ReturnTarget) -> Plan {
        if wants == Wants::Json {
            return Plan::json(201, &json!({ "account": text(account) }));
        }
        Plan::to(target)
    }

    /// After a login: the new session's cookie, and the device's if it was to be remembered.
    ///
    /// # Errors
    /// [`CookieError`]: the token does not fit the cookie.
    pub fn logged_in(
        &self,
        login: &LoggedIn,
        wants: Wants,
        target: ReturnTarget,
    ) -> Result<Plan, CookieError> {
        let mut plan = self.renewed(&login.token, &login.session, wants, target)?;
        if let (Some((cookie, lifetime)), Some(token)) = (&self.device, &login.device) {
            plan.cookies.push(cookie.set(token.expose(), *lifetime)?);
        }
        Ok(plan)
    }

    /// After whatever gave a session a new token: a re-authentication, a rotation, a new password.
    ///
    /// # Errors
    /// [`CookieError`]: the token does not fit the cookie.
    pub fn renewed(
        &self,
        token: &SessionToken,
        session: &Session,
        wants: Wants,
        target: ReturnTarget,
    ) -> Result<Plan, CookieError> {
        let ends_in = session.absolute_ends.since(session.seen_at);
        let set = self.session.set(token.expose(), ends_in)?;
        let mut plan = match wants {
            Wants::Json => Plan::json(200, &json!({ "session": shown(session, session.id) })),
            Wants::Form | Wants::Page => Plan::to(target),
        };
        // What an earlier configuration left behind would be sent on: it goes as soon as there is something better.
        plan.cookies.extend(self.session.clear_former());
        plan.cookies.push(set);
        Ok(plan)
    }

    /// After a logout, with its receipt, or none when there was no session to end.
    pub fn logged_out(&self, receipt: Option<&Receipt>, wants: Wants, target: ReturnTarget) -> Plan {
        let mut plan = if wants == Wants::Json {
            let ended = match receipt.map(|receipt| receipt.ended) {
                Some(Ended::Ended) => "ended",
                Some(Ended::AlreadyGone) | None => "already_gone",
            };
            let dies_at = receipt.and_then(|receipt| receipt.access_dies_at).map(Timestamp::as_millis);
            let lag = receipt.map_or(Duration::ZERO, |receipt| receipt.others_lag);
            let lag = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
            Plan::json(200, &json!({ "ended": ended, "access_dies_at": dies_at, "others_lag_ms": lag }))
        } else {
            Plan::to(target)
        };
        plan.cookies = self.session.clear();
        if self.clear_site_data {
            plan.more.push(("clear-site-data", Cow::Borrowed(r#""cache", "storage""#)));
        }
        plan
    }

    /// A token response (RFC 6749, section 5.1) at this time.
    pub fn issued(&self, issued: &Issued, now: Timestamp) -> Plan {
        let mut value = json!({
            "access_token": issued.access.expose(),
            "token_type": "Bearer",
            "expires_in": issued.expires.since(now).as_secs(),
            "scope": issued.scope.as_str(),
        });
        if let (Some(refresh), Some(members)) = (&issued.refresh, value.as_object_mut()) {
            members.insert("refresh_token".into(), refresh.expose().into());
        }
        let plan = Plan::json(200, &value);
        wipe(value);
        plan
    }

    /// A person's sessions, with the one that asks marked, and a link that ends that one.
    pub fn sessions(&self, sessions: &[Session], current: SessionId, logout_url: &str) -> Plan {
        let sessions: Vec<Value> = sessions.iter().map(|session| shown(session, current)).collect();
        Plan::json(200, &json!({ "sessions": sessions, "logout_url": logout_url }))
    }

    /// Done, and nothing to say of it.
    pub fn done(&self) -> Plan {
        Plan::new(204)
    }
}

fn shown(session: &Session, current: SessionId) -> Value {
    json!({
        "id": text(session.id),
        "label": session.label.as_ref().map(crate::record::ClientLabel::as_str),
        "created": session.created.as_millis(),
        "auth_time": session.auth_time.as_millis(),
        "idle_ends": session.idle_ends.as_millis(),
        "absolute_ends": session.absolute_ends.as_millis(),
        "current": session.id == current,
    })
}

fn text(id: impl fmt::Display) -> String {
    alloc::format!("{id}")
}

/// How long a text would be.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// The copies of the tokens that the value holds.
fn wipe(value: Value) {
    let Value::Object(members) = value else { return };
    for (_, member) in members {
        if let Value::String(text) = member {
            drop(Zeroizing::new(text));
        }
    }
}

fn is_media(one: &str, media: &str) -> bool {
    one.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(media))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ck_3_a_logout_may_clear_the_sites_data_and_is_never_kept() {
        let mut replies = Replies::default();
        let has = |plan: &Plan, name: &str, value: &str| plan.headers().any(|header| header == (name, value));
        for wants in [Wants::Json, Wants::Form, Wants::Page] {
            replies.clear_site_data = false;
            let plan = replies.logged_out(None, wants, ReturnTarget::default());
            assert!(has(&plan, "cache-control", "no-store"));
            assert!(plan.headers().all(|(name, _)| name != "clear-site-data"));
            replies.clear_site_data = true;
            let plan = replies.logged_out(None, wants, ReturnTarget::default());
            assert!(has(&plan, "clear-site-data", r#""cache", "storage""#));
            assert!(has(
                &plan,
                "set-cookie",
                "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
            ));
        }
    }

    #[test]
    fn who_asks_for_json_gets_it() {
        for (kind, accept, wants) in [
            (None, None, Wants::Form),
            (None, Some("*/*"), Wants::Form),
            (None, Some("text/html"), Wants::Page),
            (Some("text/plain"), Some("application/xhtml+xml, TEXT/HTML;q=0.9"), Wants::Page),
            (Some("application/json"), Some("text/html"), Wants::Json),
            (Some("APPLICATION/JSON;charset=utf-8"), None, Wants::Json),
            (Some("application/x-www-form-urlencoded"), Some("text/html, application/json"), Wants::Json),
            (Some("application/jsonx"), Some("application/json2"), Wants::Form),
        ] {
            assert_eq!(Wants::of(kind, accept), wants, "{kind:?} {accept:?}");
        }
    }

    #[test]
    fn it_shows_no_secret() {
        let body = Body::json("application/json", &json!({ "access_token": "canary" }));
        let cookies = alloc::vec![Cookie::default().set("canary", Duration::ZERO).unwrap()];
        let plan = Plan { body: Some(body), cookies, ..Plan::new(200) };
        assert!(!alloc::format!("{plan:?} {:?}", plan.body).contains("canary"));
    }
}

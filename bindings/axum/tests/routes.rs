//! Every route over a socket: what it answers, in which header, and each way in which it refuses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::num::NonZeroU32;
use std::time::Duration;

use doorward::{AuthenticateError, Gone, Issue, ManualClock, Register, SessionCap, WhenFull};
use doorward_axum::AuthBuilder;
use serde_json::{Value, json};

use support::browser::Browser;
use support::client::{Response, get, post, request};
use support::site::{Site, builder, clock, policy, scope, store};
use support::{CLEARED, COOKIE, NAME, PASSWORD, WRONG};

fn refused(response: &Response) -> (u16, &'static str) {
    let (status, word) = response.problem();
    (status, word.leak())
}

/// CK-1: exactly this, for so many seconds.
fn assert_sets(response: &Response, seconds: u32) {
    let set = response.header("set-cookie").unwrap_or_default();
    let value =
        set.strip_prefix("__Host-session=").and_then(|rest| rest.split(';').next()).unwrap_or_default();
    assert!(value.starts_with("dws_") && value.len() == 96, "{set}");
    let whole = format!("{COOKIE}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(set, whole);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
}

fn assert_goes_to(response: &Response, target: &str) {
    assert_eq!((response.status, response.header("location")), (303, Some(target)), "{response:?}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert!(response.body.is_empty());
}

const DAY: u32 = 24 * 60 * 60;

#[tokio::test]
async fn a_sign_up_makes_an_account_and_logs_nobody_in() {
    let site = Site::start().await;
    let mut browser = Browser::at(&site).await;
    let made = browser.post("/auth/register", &json!({ "name": "bob", "password": PASSWORD })).await;
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")));
    assert_eq!(made.json()["account"].as_str().unwrap().len(), 32);
    for (next, target) in [("", "/"), ("&next=", "/"), ("&next=/welcome?a%3Db", "/welcome?a=b")] {
        let name = format!("carol{}", next.len());
        let form = format!("name={name}&password=the+right+and+proper+password{next}");
        assert_goes_to(&browser.send(post("/auth/register").form(form)).await, target);
        assert_eq!(browser.login(&name, PASSWORD).await.status, 200);
        assert_eq!(browser.post("/auth/logout", &json!({})).await.status, 200);
    }
    for (name, password, refusal) in [
        ("bob", PASSWORD, (409, "taken")),
        ("", PASSWORD, (422, "name")),
        ("dave", "short", (422, "password")),
        ("dave", &"x".repeat(5000), (422, "password")),
    ] {
        let body = json!({ "name": name, "password": password });
        assert_eq!(refused(&browser.post("/auth/register", &body).await), refusal, "{name}");
    }
    let away = json!({ "name": "dave", "password": PASSWORD, "next": "//evil.example" });
    assert_eq!(refused(&browser.post("/auth/register", &away).await), (400, "target"));
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn ck_1_a_login_sets_the_cookie_whole() {
    let site = Site::start().await;
    let mut browser = Browser::at(&site).await;
    let body = json!({ "name": NAME, "password": PASSWORD });
    let response = browser.send(post("/auth/login").header("User-Agent", "Firefox").json(&body)).await;
    assert_eq!(response.status, 200);
    assert_sets(&response, DAY);
    let session = &response.json()["session"];
    assert_eq!((&session["label"], &session["current"]), (&json!("Firefox"), &json!(true)));
    let ends = |member: &str| session[member].as_i64().unwrap() - session["created"].as_i64().unwrap();
    assert_eq!((ends("auth_time"), ends("idle_ends"), ends("absolute_ends")), (0, 3_600_000, 86_400_000));
    assert_eq!(site.engine.authenticate(browser.token().unwrap()).await.unwrap().account, site.ada);

    for (next, target) in [("", "/"), ("&next=%2Fbasket%3Fopen%3D1", "/basket?open=1")] {
        let form = format!("name=ada&password=the+right+and+proper+password{next}");
        let response = browser.send(post("/auth/login").form(form)).await;
        assert_goes_to(&response, target);
        assert_sets(&response, DAY);
    }
}

#[tokio::test]
async fn ck_1_a_remembered_login_has_a_cookie_for_thirty_days() {
    let site = Site::start().await;
    let mut browser = Browser::at(&site).await;
    for (remember, days) in [(json!(true), 30), (json!(false), 1), (json!("on"), 30), (json!(null), 1)] {
        let body = json!({ "name": NAME, "password": PASSWORD, "remember": remember });
        let response = browser.post("/auth/login", &body).await;
        assert_sets(&response, days * DAY);
    }
    for (remember, days) in [("on", 30), ("true", 30), ("1", 30), ("", 1), ("off", 1), ("0", 1)] {
        let form = format!("name=ada&password=the+right+and+proper+password&remember={remember}");
        assert_sets(&browser.send(post("/auth/login").form(form)).await, days * DAY);
    }
}

#[tokio::test]
async fn a_login_is_refused_and_says_which_way() {
    let folder = tempfile::tempdir().unwrap();
    let cap = SessionCap { most: NonZeroU32::MIN, when_full: WhenFull::Refuse };
    let engine = builder(store(&folder), policy().session_cap(cap)).open().await.unwrap();
    let site = Site::serve(folder, engine, AuthBuilder::loopback).await;
    site.engine.register(Register::new("bob", PASSWORD)).await.unwrap();
    let mut browser = Browser::at(&site).await;
    let denied = browser.login(NAME, WRONG).await;
    assert_eq!((refused(&denied), denied.header("www-authenticate")), ((401, "denied"), Some("Cookie")));
    let unknown = browser.login("nobody", WRONG).await;
    assert_eq!(refused(&unknown), (401, "denied"));
    assert_eq!(denied.body, unknown.body);
    assert_eq!(refused(&browser.login("", PASSWORD).await), (422, "name"));
    assert_eq!(refused(&browser.login(NAME, &"x".repeat(5000)).await), (422, "password"));

    assert_eq!(browser.login(NAME, PASSWORD).await.status, 200);
    assert_eq!(refused(&browser.login("bob", PASSWORD).await), (409, "other-account"));
    let mut second = Browser::at(&site).await;
    assert_eq!(refused(&second.login(NAME, PASSWORD).await), (409, "too-many-sessions"));
    site.engine.mark_compromised(site.ada).await.unwrap();
    assert_eq!(refused(&second.login(NAME, PASSWORD).await), (403, "must-change"));
    assert!(second.jar.is_empty());
}

#[tokio::test]
async fn gu_2_who_guesses_is_told_how_long_to_wait() {
    let clock = clock();
    let site = Site::at(&clock, AuthBuilder::loopback).await;
    let mut browser = Browser::at(&site).await;
    for _ in 0..5 {
        assert_eq!(refused(&browser.login(NAME, WRONG).await), (401, "denied"));
    }
    clock.advance(Duration::from_millis(500));
    let response = browser.login(NAME, PASSWORD).await;
    assert_eq!((refused(&response), response.header("retry-after")), ((429, "throttled"), Some("30")));
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["retry_after_ms"], 29_500);
    clock.advance(Duration::from_millis(29_500));
    assert_eq!(browser.login(NAME, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn se_3_a_password_proven_again_gives_a_new_cookie() {
    let site = Site::start().await;
    let mut browser = Browser::at(&site).await;
    let proof = json!({ "password": PASSWORD });
    assert_eq!(refused(&browser.post("/auth/reauthenticate", &proof).await), (401, "session"));
    browser.login(NAME, PASSWORD).await;
    let wrong = browser.post("/auth/reauthenticate", &json!({ "password": WRONG })).await;
    assert_eq!(refused(&wrong), (401, "denied"));
    let form = post("/auth/reauthenticate").form("password=the+right+and+proper+password&next=/pay");
    for response in [browser.post("/auth/reauthenticate", &proof).await, browser.send(form).await] {
        assert_sets(&response, DAY);
        match response.status {
            200 => assert_eq!(response.json()["session"]["current"], true),
            _ => assert_goes_to(&response, "/pay"),
        }
    }
    let old = browser.token().unwrap().to_owned();
    browser.post("/auth/reauthenticate", &proof).await;
    assert_ne!(browser.token(), Some(&*old));
    assert!(site.engine.authenticate(browser.token().unwrap()).await.is_ok());
    assert!(site.engine.authenticate(&old).await.is_err());
}

#[tokio::test]
async fn inv_14_a_new_password_ends_every_other_session() {
    const NEW: &str = "another and no worse password";
    let site = Site::start().await;
    let (mut browser, mut other) = (Browser::logged_in(&site).await, Browser::logged_in(&site).await);
    for (current, new, refusal) in [(WRONG, NEW, (401, "denied")), (PASSWORD, "short", (422, "password"))] {
        let body = json!({ "current": current, "new": new });
        assert_eq!(refused(&browser.post("/auth/password", &body).await), refusal);
    }
    assert_eq!(other.send(get("/page")).await.status, 200);
    let old = browser.token().unwrap().to_owned();
    let response = browser.post("/auth/password", &json!({ "current": PASSWORD, "new": NEW })).await;
    assert_eq!(response.status, 200);
    assert_sets(&response, DAY);
    assert_eq!(refused(&other.send(get("/page")).await), (401, "session"));
    assert!(site.engine.authenticate(&old).await.is_err());
    assert_eq!(browser.send(get("/page")).await.status, 200);

    let form = format!("current={}&new={}&next=/done", NEW.replace(' ', "+"), PASSWORD.replace(' ', "+"));
    let response = browser.send(post("/auth/password").form(form)).await;
    assert_goes_to(&response, "/done");
    assert_sets(&response, DAY);
    let body = json!({ "current": PASSWORD, "new": NEW });
    assert_eq!(refused(&Browser::at(&site).await.post("/auth/password", &body).await), (401, "session"));
}

fn with_scope(auth: AuthBuilder) -> AuthBuilder {
    auth.loopback().scope(scope("notes:read notes:write"))
}

#[tokio::test]
async fn a_session_is_issued_tokens_of_what_it_was_granted() {
    let site = Site::at(&clock(), with_scope).await;
    let mut browser = Browser::at(&site).await;
    assert_eq!(refused(&browser.send(post("/auth/token")).await), (401, "session"));
    browser.login(NAME, PASSWORD).await;
    let response = browser.send(post("/auth/token")).await;
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    let tokens = response.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(600)));
    assert_eq!(tokens["scope"], "notes:read notes:write");
    assert!(tokens["refresh_token"].as_str().unwrap().starts_with("dwr_"));

    for body in [
        post("/auth/token").json(&json!({ "scope": "notes:read", "refresh": false })),
        post("/auth/token").form("scope=notes%3Aread&refresh=off"),
    ] {
        let tokens = browser.send(body).await.json();
        assert_eq!((&tokens["scope"], tokens.get("refresh_token")), (&json!("notes:read"), None));
    }
    let wider = browser.post("/auth/token", &json!({ "scope": "admin" })).await;
    assert_eq!(refused(&wider), (403, "scope"));
    let none = browser.post("/auth/token", &json!({ "scope": "no\nscope" })).await;
    assert_eq!(refused(&none), (400, "body"));
}

async fn refresh_token(browser: &mut Browser) -> String {
    let tokens = browser.send(post("/auth/token")).await.json();
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn inv_3_a_refresh_token_is_used_once_and_by_its_client() {
    let clock: ManualClock = clock();
    let site = Site::at(&clock, with_scope).await;
    let mut browser = Browser::logged_in(&site).await;
    let token = refresh_token(&mut browser).await;
    // A program says nothing of an origin.
    let refresh = |token: &str| post("/auth/refresh").json(&json!({ "refresh_token": token }));
    let narrowed = post("/auth/refresh").form(format!("refresh_token={token}&scope=notes%3Aread"));
    let response = site.send(narrowed).await;
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    assert_eq!(response.json()["scope"], "notes:read");
    let child = response.json()["refresh_token"].as_str().unwrap().to_owned();
    let wider = post("/auth/refresh").json(&json!({ "refresh_token": child, "scope": "admin" }));
    assert_eq!(refused(&site.send(wider).await), (403, "scope"));

    for no_token in ["", "dwr_guess", browser.token().unwrap()] {
        let response = site.send(refresh(no_token)).await;
        assert_eq!(refused(&response), (401, "token"), "{no_token}");
        assert_eq!(response.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
    }
    let issue = Issue::new(browser.token().unwrap(), "another", "doorward").with_refresh();
    let others = site.engine.issue(issue).await.unwrap().refresh.unwrap();
    assert_eq!(refused(&site.send(refresh(others.expose())).await), (403, "client"));

    clock.advance(Duration::from_secs(30)); // the grace is over
    assert_eq!(refused(&site.send(refresh(&token)).await), (401, "reused"));
    assert!([(401, "token"), (401, "reused")].contains(&refused(&site.send(refresh(&child)).await)));
}

#[tokio::test]
async fn ck_3_a_logout_ends_the_session_and_clears_the_cookie() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    let token = browser.token().unwrap().to_owned();
    browser.send(post("/auth/token")).await;
    let response = browser.post("/auth/logout", &json!({})).await;
    assert_eq!((response.status, response.all("set-cookie")), (200, vec![CLEARED]));
    let receipt = response.json();
    assert_eq!((&receipt["ended"], &receipt["others_lag_ms"]), (&json!("ended"), &json!(0)));
    assert!(receipt["access_dies_at"].is_null() && browser.jar.is_empty()); // none opens anything any more
    let outcome = site.engine.authenticate(&token).await;
    assert!(matches!(outcome, Err(AuthenticateError::Gone(Gone::Ended))), "{outcome:?}");

    // Again, without one, and with one that is none: there is nothing to end, and the browser is to forget it.
    let old = format!("{COOKIE}={token}");
    for cookie in
        [old.as_str(), "theme=dark", "__Host-session=", "__Host-session=dws_guess", "__Host-session=\""]
    {
        let again = post("/auth/logout").header("Cookie", cookie).json(&json!({}));
        let response = browser.send(again).await;
        assert_eq!((response.status, response.all("set-cookie")), (200, vec![CLEARED]), "{cookie}");
        assert_eq!(response.json()["ended"], "already_gone", "{cookie}");
    }
    for (request, target) in [(post("/auth/logout"), "/"), (post("/auth/logout").form("next=/bye"), "/bye")] {
        let mut browser = Browser::logged_in(&site).await;
        let response = browser.send(request).await;
        assert_goes_to(&response, target);
        assert_eq!(response.all("set-cookie"), [CLEARED]);
        assert!(browser.jar.is_empty());
    }
}

#[tokio::test]
async fn ck_4_a_link_logs_out_with_its_token_or_by_a_persons_click() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    let other = Browser::logged_in(&site).await;
    let url = browser.send(get("/logout-url")).await.text().to_owned();
    assert_eq!(browser.send(get("/auth/sessions")).await.json()["logout_url"], url);
    // Another session's token is none; nor is there a click.
    let request = get(&url).header("Cookie", other.jar.header("/").unwrap());
    assert_eq!(refused(&site.send(request).await), (403, "cross-site"));
    for link in ["/auth/logout", "/auth/logout?token=", "/auth/logout?token=guess", "/auth/logout?x=1"] {
        assert_eq!(refused(&browser.send(get(link)).await), (403, "cross-site"), "{link}");
    }
    // From anywhere, as a link in a mail is.
    let response = browser.send(get(&url).header("Sec-Fetch-Site", "none")).await;
    assert_goes_to(&response, "/");
    assert_eq!((response.all("set-cookie"), browser.jar.is_empty()), (vec![CLEARED], true));

    let mut browser = Browser::logged_in(&site).await;
    let click = get("/auth/logout")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Sec-Fetch-Dest", "document")
        .header("Sec-Fetch-User", "?1");
    let token = browser.token().unwrap().to_owned();
    assert_goes_to(&browser.send(click).await, "/");
    assert!(browser.jar.is_empty() && site.engine.authenticate(&token).await.is_err());
}

#[tokio::test]
async fn se_10_a_person_lists_and_ends_their_own_sessions() {
    let site = Site::start().await;
    site.engine.register(Register::new("bob", PASSWORD)).await.unwrap();
    assert_eq!(refused(&site.send(get("/auth/sessions")).await), (401, "session"));
    let (mut browser, mut other) = (Browser::logged_in(&site).await, Browser::logged_in(&site).await);
    let mut bob = Browser::at(&site).await;
    let bobs = bob.login("bob", PASSWORD).await.json()["session"]["id"].as_str().unwrap().to_owned();

    let response = browser.send(get("/auth/sessions")).await;
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    let sessions = response.json()["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2);
    let of_other: Vec<&Value> = sessions.iter().filter(|session| session["current"] == false).collect();
    let id = of_other[0]["id"].as_str().unwrap();

    let end = |id: &str| request("DELETE", &format!("/auth/sessions/{id}"));
    for unknown in [bobs.as_str(), "guess", "%00", "%ff", "00000000000000000000000000000000", &id[1..]] {
        assert_eq!(refused(&browser.send(end(unknown)).await), (404, "not-found"), "{unknown}");
    }
    assert_eq!(bob.send(get("/page")).await.status, 200);
    assert_eq!(refused(&site.send(end(id).header("Origin", site.origin())).await), (401, "session"));
    assert_eq!(other.send(get("/page")).await.status, 200);
    let response = browser.send(end(id)).await;
    assert_eq!((response.status, response.header("cache-control")), (204, Some("no-store")));
    assert_eq!(refused(&other.send(get("/page")).await), (401, "session"));
    assert_eq!(refused(&browser.send(end(id)).await), (404, "not-found"));
}

#[tokio::test]
async fn what_anybody_may_read_may_be_kept() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    browser.send(post("/auth/token")).await;
    let keys = site.send(get("/.well-known/jwks.json")).await;
    assert_eq!((keys.status, keys.header("content-type")), (200, Some("application/jwk-set+json")));
    let caching = keys.header("cache-control").unwrap();
    let seconds: u32 = caching.strip_prefix("public, max-age=").unwrap().parse().unwrap();
    assert!(seconds > 0, "{caching}");
    let value: Value = serde_json::from_slice(&keys.body).unwrap();
    assert!(value["keys"][0]["kid"].is_string() && value["keys"][0].get("d").is_none());
    let document = site.send(get("/auth/openapi.json")).await;
    assert_eq!((document.status, document.header("content-type")), (200, Some("application/json")));
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    for (method, path, allowed) in [
        ("GET", "/auth/login", "POST"),
        ("PUT", "/auth/login", "POST"),
        ("GET", "/auth/register", "POST"),
        ("GET", "/auth/reauthenticate", "POST"),
        ("GET", "/auth/password", "POST"),
        ("GET", "/auth/token", "POST"),
        ("GET", "/auth/refresh", "POST"),
        ("DELETE", "/auth/logout", "GET,POST"),
        ("POST", "/auth/sessions", "GET,HEAD,DELETE"),
        ("GET", "/auth/sessions/x", "DELETE"),
        ("POST", "/.well-known/jwks.json", "GET,HEAD"),
        ("POST", "/auth/openapi.json", "GET,HEAD"),
    ] {
        let response = browser.send(request(method, path)).await;
        assert_eq!(refused(&response), (405, "method"), "{method} {path}");
        assert_eq!(response.header("allow"), Some(allowed), "{method} {path}");
    }
    assert_eq!(browser.send(get("/page")).await.status, 200);
}

#[tokio::test]
async fn a_browser_that_shows_what_it_gets_is_given_a_page() {
    let site = Site::start().await;
    let mut browser = Browser::at(&site).await;
    let form = post("/auth/login").form("name=ada&password=wrong").header("Accept", "text/html,*/*;q=0.8");
    let page = browser.send(form).await;
    assert_eq!((page.status, page.header("content-type")), (401, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("<h1>Name or password is wrong</h1>"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let success = "name=ada&password=the+right+and+proper+password";
    let form = post("/auth/login").form(success).header("Accept", "text/html");
    assert_goes_to(&browser.send(form).await, "/");
    let form = post("/auth/login").form(success).header("Accept", "application/json");
    assert_eq!(browser.send(form).await.json()["session"]["current"], true);
}

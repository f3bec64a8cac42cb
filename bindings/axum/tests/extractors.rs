//! The extractors on a host's own routes, and the settings that a host chooses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::time::Duration;

use doorward::Register;
use doorward::core::web::cookie::Cookie;
use doorward_axum::AuthBuilder;
use serde_json::json;

use support::browser::Browser;
use support::client::{get, post, request};
use support::site::{Site, clock, host, listen, scope};
use support::{CLEARED, NAME, PASSWORD, WRONG};

fn word(problem: (u16, String)) -> (u16, &'static str) {
    (problem.0, problem.1.leak())
}

#[tokio::test]
async fn a_session_is_asked_for_and_its_page_kept_by_no_cache() {
    let site = Site::start().await;
    let mut browser = Browser::at(&site).await;
    for cookie in ["", "theme=dark", "__Host-session=", "__Host-session=dws_guess", "__Host-session=\"x\""] {
        let response = browser.send(get("/page").header("Cookie", cookie)).await;
        assert_eq!(word(response.problem()), (401, "session"), "{cookie}");
    }
    browser.login(NAME, PASSWORD).await;
    let page = browser.send(get("/page")).await;
    assert_eq!((page.status, page.text()), (200, site.ada.to_string().as_str()));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(browser.send(get("/public")).await.header("cache-control"), None);
}

#[tokio::test]
async fn ck_4_a_host_route_that_changes_something_is_for_our_pages_alone() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    let cookie = browser.jar.header("/").unwrap();
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "none"),
        ("X-Requested-With", "XMLHttpRequest"),
    ] {
        for path in ["/page", "/maybe", "/note"] {
            let response = site.send(post(path).header("Cookie", &cookie).header(name, value)).await;
            assert_eq!(word(response.problem()), (403, "cross-site"), "{path} {name}: {value}");
        }
        let put = request("PUT", "/note").header("Cookie", &cookie).header(name, value);
        assert_eq!(word(site.send(put).await.problem()), (403, "cross-site"), "{name}: {value}");
    }
    for path in ["/page", "/maybe"] {
        assert_eq!(browser.send(post(path)).await.status, 200);
    }
    // To read is no change: what a page of another site gets of it, the browser decides.
    let read = get("/page").header("Cookie", &cookie).header("Origin", "https://evil.example");
    assert_eq!(site.send(read).await.status, 200);
}

#[tokio::test]
async fn inv_17_an_optional_session_is_none_or_decided() {
    let site = Site::start().await;
    let mut browser = Browser::at(&site).await;
    assert_eq!(browser.send(get("/maybe")).await.text(), "nobody");
    browser.login(NAME, PASSWORD).await;
    let response = browser.send(get("/maybe")).await;
    assert_eq!((response.text(), response.header("cache-control")), ("somebody", Some("no-store")));
    let cookie = browser.jar.header("/").unwrap();
    browser.post("/auth/logout", &json!({})).await;
    assert_eq!(browser.send(get("/maybe").header("Cookie", &cookie)).await.text(), "nobody");
    let twice = get("/maybe").header("Cookie", format!("{cookie}; {cookie}"));
    assert_eq!(word(browser.send(twice).await.problem()), (400, "cookies"));
}

#[tokio::test]
async fn se_9_a_session_is_fresh_for_so_long_and_again_after_the_password() {
    let clock = clock();
    let minutes = |minutes| Duration::from_mins(minutes);
    let site = Site::at(&clock, |auth| auth.loopback().fresh_within(minutes(5))).await;
    let mut browser = Browser::logged_in(&site).await;
    assert_eq!(browser.send(get("/fresh")).await.status, 200);
    clock.advance(minutes(5) + Duration::from_millis(1));
    assert_eq!(word(browser.send(get("/fresh")).await.problem()), (403, "step-up"));
    assert_eq!(browser.send(get("/page")).await.status, 200);
    browser.post("/auth/reauthenticate", &json!({ "password": PASSWORD })).await;
    assert_eq!(browser.send(get("/fresh")).await.status, 200);
}

#[tokio::test]
async fn an_access_token_is_of_this_engine_and_of_a_live_session_and_grants_what_it_says() {
    let site = Site::with(|auth| auth.loopback().scope(scope("notes:read notes:write"))).await;
    let mut browser = Browser::logged_in(&site).await;
    let mut tokens = Vec::new();
    for scope in ["notes:read", "notes:write"] {
        let issued = browser.post("/auth/token", &json!({ "scope": scope })).await.json();
        tokens.push(issued["access_token"].as_str().unwrap().to_owned());
    }
    let call = |path: &str, token: &str| get(path).header("Authorization", format!("Bearer {token}"));
    assert_eq!(site.send(call("/api/me", &tokens[0])).await.text(), site.ada.to_string());
    let notes = site.send(call("/api/notes", &tokens[0])).await;
    assert_eq!((notes.text(), notes.header("cache-control")), ("notes", Some("no-store")));
    assert_eq!(word(site.send(call("/api/notes", &tokens[1])).await.problem()), (403, "insufficient-scope"));

    let session = browser.token().unwrap().to_owned();
    let forged = format!("{}x", tokens[0]);
    for none in [session.as_str(), "e30.e30.", &forged] {
        let refused = site.send(call("/api/me", none)).await;
        assert_eq!(word(refused.problem()), (401, "token"), "{none}");
        assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
    }
    // The cookie is no token, and the token no cookie: inv_34.
    assert_eq!(word(browser.send(get("/api/me")).await.problem()), (401, "no-token"));
    let as_cookie = get("/page").header("Cookie", format!("__Host-session={}", tokens[0]));
    assert_eq!(word(site.send(as_cookie).await.problem()), (401, "session"));

    browser.post("/auth/logout", &json!({})).await;
    assert_eq!(word(site.send(call("/api/me", &tokens[0])).await.problem()), (401, "token"));
}

#[tokio::test]
async fn data_goes_with_the_session_and_ends_with_it() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    assert_eq!(browser.send(get("/note")).await.text(), "null");
    let keep = |text: &str| request("PUT", "/note").body("text/plain", text);
    assert_eq!(browser.send(keep("a kettle")).await.status, 204);
    assert_eq!(browser.send(get("/note")).await.text(), "\"a kettle\"");
    let large = "x".repeat(64 * 1024);
    assert_eq!(word(browser.send(keep(&large)).await.problem()), (413, "too-large"));
    assert_eq!(browser.send(get("/note")).await.text(), "\"a kettle\"");
    browser.post("/auth/logout", &json!({})).await;
    browser.login(NAME, PASSWORD).await;
    assert_eq!(browser.send(get("/note")).await.text(), "null");
}

#[tokio::test]
async fn without_the_layer_nothing_is_decided() {
    let address = listen(host()).await;
    for path in ["/page", "/maybe", "/fresh", "/note", "/api/me"] {
        let mut connection = support::client::Connection::to(address).await;
        let response = connection.send(&get(path)).await;
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(
            (response.status, &body["type"]),
            (503, &json!("urn:doorward:problem:unavailable")),
            "{path}"
        );
        assert!(body["detail"].as_str().unwrap().contains("layer"), "{path}");
    }
}

/// GU-3: strangers keep the name waiting, and the person's own browser still gets in.
#[tokio::test]
async fn gu_3_a_device_that_is_known_need_not_wait() {
    let site = Site::with(|auth| auth.loopback().remember_devices()).await;
    let (mut browser, mut stranger) = (Browser::at(&site).await, Browser::at(&site).await);
    let login = browser.login(NAME, PASSWORD).await;
    let [_, device] = login.all("set-cookie")[..] else { panic!("{login:?}") };
    let value = browser.jar.value("__Host-device").unwrap();
    let seconds = site.engine.policy().devices().lifetime.as_secs();
    let whole = format!("__Host-device={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(device, whole);
    // A logout leaves it.
    assert_eq!(browser.post("/auth/logout", &json!({})).await.all("set-cookie"), [CLEARED]);
    for _ in 0..5 {
        stranger.login(NAME, WRONG).await;
    }
    assert_eq!(word(stranger.login(NAME, PASSWORD).await.problem()), (429, "throttled"));
    assert_eq!(browser.login(NAME, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn ck_3_a_logout_clears_the_sites_data_only_by_choice() {
    for (settings, said) in [
        (AuthBuilder::loopback as fn(AuthBuilder) -> AuthBuilder, None),
        (|auth| auth.loopback().clear_site_data(), Some(r#""cache", "storage""#)),
    ] {
        let site = Site::with(settings).await;
        let mut browser = Browser::logged_in(&site).await;
        let response = browser.post("/auth/logout", &json!({})).await;
        assert_eq!(response.header("clear-site-data"), said);
    }
}

#[tokio::test]
async fn without_tls_the_cookie_has_another_name_and_is_not_secure() {
    let site = Site::with(AuthBuilder::plain_http).await;
    let mut browser = Browser::at(&site).await;
    let login = browser.login(NAME, PASSWORD).await;
    let value = browser.jar.value(Cookie::plain_http().name()).unwrap();
    let whole = format!("session={value}; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(login.header("set-cookie"), Some(&*whole));
    assert_eq!(browser.send(get("/page")).await.status, 200);
    browser.post("/auth/logout", &json!({})).await;
    assert!(browser.jar.is_empty());
}

/// The slowing by source goes by the peer's address, unless the host says otherwise.
#[tokio::test]
async fn a_source_is_the_peer_or_what_the_host_says_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let slowed = support::site::policy().sources(doorward::SourcePolicy::default());
    let engine = support::site::builder(support::site::store(&folder), slowed).open().await.unwrap();
    let by_header = |auth: AuthBuilder| {
        let source = |parts: &axum::http::request::Parts| -> Option<std::net::IpAddr> {
            parts.headers.get("x-real-ip")?.to_str().ok()?.parse().ok()
        };
        auth.loopback().source(source)
    };
    let site = Site::serve(folder, engine.clone(), by_header).await;
    let most = engine.policy().sources().registrations.size;
    let mut browser = Browser::at(&site).await;
    let mut register = async |name: String, source: &str| {
        let body = json!({ "name": name, "password": PASSWORD });
        browser.send(post("/auth/register").header("X-Real-IP", source).json(&body)).await
    };
    for number in 0..most {
        assert_eq!(register(format!("one{number}"), "192.0.2.1").await.status, 201);
    }
    let refused = register("more".into(), "192.0.2.1").await;
    assert_eq!(word(refused.problem()), (429, "throttled"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(register("other".into(), "192.0.2.2").await.status, 201);
    assert!(engine.register(Register::new("none", PASSWORD)).await.is_ok());
}

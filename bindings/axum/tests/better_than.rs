//! Nine failures that were measured on the usual stack (Express, Passport, express-session and a session store in SQL).
//! None of them may be possible here; each test opens with what happens there.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::path::Path;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use doorward::core::web::cookie::{Cookie, CookieSettings, SameSite};
use doorward::{AuthenticateError, Gone, Lifetime};
use doorward_axum::AuthBuilder;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use support::browser::Browser;
use support::client::{Connection, Request, get, post, request};
use support::database::{count, open, rows_of};
use support::gate::Gated;
use support::jar::Jar;
use support::site::{Site, builder, clock, policy, store};
use support::{CLEARED, COOKIE, NAME, PASSWORD};

/// There: a request reads the session, a logout deletes it, and when the request ends the middleware saves what it has read.
/// The session is back, and whoever kept the cookie is logged in. Here the request is held between its read and its
/// write, in the store itself, until the logout is done.
#[tokio::test]
async fn a_request_in_flight_during_a_logout_does_not_write_the_session_back() {
    let folder = tempfile::tempdir().unwrap();
    let (gated, gate) = Gated::over(store(&folder));
    let engine = builder(gated, policy()).open().await.unwrap();
    let site = Site::serve(folder, engine, AuthBuilder::loopback).await;
    for write in [request("PUT", "/note").body("text/plain", "still here"), post("/auth/token")] {
        let mut browser = Browser::logged_in(&site).await;
        let session = site.engine.authenticate(browser.token().unwrap()).await.unwrap();
        let token = browser.token().unwrap().to_owned();

        gate.hold_next_commit();
        let (dressed, address) = (browser.dressed(write.clone()), site.address);
        let in_flight = tokio::spawn(async move { Connection::to(address).await.send(&dressed).await });
        gate.is_held().await; // it has read that the session lives, and is about to write
        assert_eq!(browser.post("/auth/logout", &json!({})).await.status, 200);
        gate.let_go();
        let late = in_flight.await.unwrap();

        assert_eq!(late.problem(), (401, "session".into()), "{}", write.path);
        assert!(late.all("set-cookie").is_empty());
        let outcome = site.engine.authenticate(&token).await;
        assert!(matches!(outcome, Err(AuthenticateError::Gone(Gone::Ended))), "{outcome:?}");
        assert_eq!(rows_of(&open(&site.database()), session.id), 0, "{}", write.path);
    }
}

/// There: with `rolling`, every response sets the cookie again, and one that comes in after the logout's does so too: the
/// browser that was just told to forget it has it back.
#[tokio::test]
async fn no_reply_but_that_of_a_login_sets_the_cookie_again() {
    let clock = clock();
    let site = Site::at(&clock, AuthBuilder::loopback).await;
    let mut browser = Browser::logged_in(&site).await;
    let refresh = browser.send(post("/auth/token")).await.json()["refresh_token"].clone();
    let other = Browser::logged_in(&site).await;
    let id = site.engine.authenticate(other.token().unwrap()).await.unwrap().id;
    let silent: Vec<Request> = vec![
        get("/public"),
        get("/page"),
        post("/page"),
        get("/maybe"),
        get("/fresh"),
        get("/note"),
        request("PUT", "/note").body("text/plain", "written"),
        post("/note").body("text/plain", "written again"),
        get("/api/me"),
        get("/logout-url"),
        post("/auth/token"),
        post("/auth/refresh").json(&json!({ "refresh_token": "dwr_guess" })),
        post("/auth/register").json(&json!({ "name": "bob", "password": PASSWORD })),
        get("/auth/sessions"),
        request("DELETE", &format!("/auth/sessions/{id}")),
        get("/.well-known/jwks.json"),
        get("/auth/openapi.json"),
        get("/auth/logout"),
        request("HEAD", "/auth/logout"),
        request("OPTIONS", "/auth/login"),
        post("/auth/login").json(&json!({ "name": NAME, "password": "a wrong and improper password" })),
        post("/auth/reauthenticate").json(&json!({ "password": "a wrong and improper password" })),
        post("/auth/nothing"),
    ];
    let refreshing = post("/auth/refresh").json(&json!({ "refresh_token": refresh })); // twice would end the session
    let setting = [
        post("/auth/reauthenticate").json(&json!({ "password": PASSWORD })),
        post("/auth/password").json(&json!({ "current": PASSWORD, "new": PASSWORD })),
        post("/auth/login").json(&json!({ "name": NAME, "password": PASSWORD })),
        post("/auth/logout"),
    ];
    // Activity is noted once a minute: not even then.
    for round in 0..2 {
        for request in silent.iter().chain((round == 0).then_some(&refreshing)) {
            let response = browser.send(request.clone()).await;
            let set = response.all("set-cookie");
            assert!(set.is_empty(), "{} {}, round {round}: {set:?}", request.method, request.path);
        }
        clock.advance(Duration::from_mins(2));
    }
    for request in setting {
        let response = browser.send(request.clone()).await;
        assert_eq!(response.all("set-cookie").len(), 1, "{}: {response:?}", request.path);
    }
    assert!(browser.jar.is_empty());
}

/// There: the store finds a session by its id alone, and one that has expired is accepted until the next sweep, up to a
/// quarter of an hour later. Here nobody sweeps, and the last millisecond is the last.
#[tokio::test]
async fn an_expired_session_is_refused_at_its_end_and_not_at_the_next_sweep() {
    let clock = clock();
    let site = Site::at(&clock, AuthBuilder::loopback).await;
    let minute = Duration::from_mins(1);
    let (idle, absolute) = {
        let span = site.engine.policy().span(Lifetime::Web);
        (span.idle, span.absolute)
    };
    let last = Duration::from_millis(1);
    let mut browser = Browser::logged_in(&site).await;
    clock.advance(idle.checked_sub(last).unwrap());
    let copy = browser.jar.header("/").unwrap();
    assert_eq!(browser.send(get("/page")).await.status, 200);

    // Idle: the activity above has put the end off by as much.
    clock.advance(idle);
    assert_eq!(count(&site.database(), "session"), 1, "nobody has swept");
    for path in ["/page", "/auth/sessions", "/note"] {
        let response = site.send(get(path).header("Cookie", &copy)).await;
        assert_eq!(response.problem(), (401, "session".into()), "{path}");
    }
    // Absolute: however busy it is.
    let mut browser = Browser::logged_in(&site).await;
    let session = site.engine.authenticate(browser.token().unwrap()).await.unwrap();
    let begun = site.engine.now();
    while site.engine.now().since(begun) + 30 * minute < absolute {
        clock.advance(30 * minute);
        assert_eq!(browser.send(get("/page")).await.status, 200);
    }
    clock.advance(session.absolute_ends.since(site.engine.now()).checked_sub(last).unwrap());
    assert_eq!(browser.send(get("/page")).await.status, 200);
    clock.advance(last);
    assert_eq!(rows_of(&open(&site.database()), session.id), 1, "nobody has swept");
    assert_eq!(browser.send(get("/page")).await.problem(), (401, "session".into()));
    assert_eq!(browser.send(post("/auth/token")).await.problem(), (401, "session".into()));
}

/// There: `GET /logout` logs out, and so an image on any page of the world does.
#[tokio::test]
async fn a_logout_is_not_forced_from_another_site() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    let forced: [(&str, &[(&str, &str)]); 9] = [
        ("an image", &[("Site", "cross-site"), ("Mode", "no-cors"), ("Dest", "image")]),
        ("a frame", &[("Site", "cross-site"), ("Mode", "navigate"), ("Dest", "iframe")]),
        ("a prefetched link", &[("Site", "cross-site"), ("Mode", "no-cors"), ("Dest", "empty")]),
        ("a link", &[("Site", "cross-site"), ("Mode", "navigate"), ("Dest", "document"), ("User", "?1")]),
        (
            "a neighbour's",
            &[("Site", "same-site"), ("Mode", "navigate"), ("Dest", "document"), ("User", "?1")],
        ),
        ("an address bar", &[("Site", "none"), ("Mode", "navigate"), ("Dest", "document"), ("User", "?1")]),
        ("our own image", &[("Site", "same-origin"), ("Mode", "no-cors"), ("Dest", "image")]),
        ("our own redirect", &[("Site", "same-origin"), ("Mode", "navigate"), ("Dest", "document")]),
        ("an old browser", &[]),
    ];
    let cookie = browser.jar.header("/").unwrap();
    for (what, said) in forced {
        for method in ["GET", "HEAD", "POST", "OPTIONS"] {
            let plain = request(method, "/auth/logout").header("Cookie", &cookie);
            let add =
                |to: Request, (name, value): &(&str, &str)| to.header(&format!("Sec-Fetch-{name}"), value);
            let request = said.iter().fold(plain, add);
            // Our own page may post: that is no force.
            if method == "POST" && said.contains(&("Site", "same-origin")) {
                continue;
            }
            let response = site.send(request).await;
            let refused = if ["GET", "POST"].contains(&method) { 403 } else { 405 };
            assert_eq!((response.status, response.all("set-cookie")), (refused, vec![]), "{what}, {method}");
        }
    }
    for purpose in ["Sec-Purpose", "Purpose"] {
        let click = ["Site: same-origin", "Mode: navigate", "Dest: document", "User: ?1"];
        let add = |to: Request, said: &str| {
            let (name, value) = said.split_once(": ").unwrap();
            to.header(&format!("Sec-Fetch-{name}"), value)
        };
        let prefetch = click.into_iter().fold(get("/auth/logout").header(purpose, "prefetch"), add);
        assert_eq!(browser.send(prefetch).await.problem(), (403, "cross-site".into()), "{purpose}");
    }
    assert_eq!(browser.send(get("/page")).await.status, 200);
}

/// There: `res.clearCookie('sid')` without the path and domain that it was set with clears another cookie, which is not
/// there. The browser goes on sending the old one.
#[tokio::test]
async fn a_logout_leaves_no_cookie_in_the_browser_of_this_configuration_or_an_earlier_one() {
    let settings = |name: &str, path: &str, domain: Option<&str>, same_site| {
        let (name, path, domain) = (name.into(), path.into(), domain.map(String::from));
        CookieSettings { name, path, domain, secure: true, same_site }
    };
    let whole = || settings("__Secure-sid", "/", Some("example.com"), SameSite::Lax);
    let part = || settings("__Secure-sid", "/auth", None, SameSite::Strict);
    let old = || settings("sid", "/", Some("app.example.com"), SameSite::Lax);
    for (present, former) in [
        (CookieSettings::default(), vec![]),
        (whole(), vec![]),
        (part(), vec![]),
        (CookieSettings::default(), vec![whole(), part(), old()]),
        (whole(), vec![CookieSettings::default(), part()]),
    ] {
        let mut jar = Jar::of("app.example.com");
        for settings in &former {
            jar.take(
                Cookie::new(settings.clone())
                    .unwrap()
                    .set("dws_old", Duration::from_hours(1))
                    .unwrap()
                    .expose(),
            );
        }
        let formerly = |cookie: Cookie, settings: &CookieSettings| cookie.formerly(settings.clone()).unwrap();
        let cookie = former.iter().fold(Cookie::new(present.clone()).unwrap(), formerly);
        let site = Site::with(|auth| auth.cookie(cookie).unwrap().loopback()).await;
        let mut browser = Browser::at(&site).await;
        browser.jar = jar.clone();
        // A logout alone empties it, and so does one after a login.
        browser.post("/auth/logout", &json!({})).await;
        assert!(browser.jar.is_empty(), "{present:?}: {:?}", browser.jar);
        browser.jar = jar;
        if former.iter().all(|former| former.name != present.name) {
            assert_eq!(browser.login(NAME, PASSWORD).await.status, 200);
            let sent = browser.jar.header("/auth/x").unwrap();
            assert!(!sent.contains("dws_old") && sent.contains("dws_"), "{present:?}: {sent}");
            assert_eq!(browser.send(get("/auth/sessions")).await.status, 200);
        }
        browser.post("/auth/logout", &json!({})).await;
        assert!(browser.jar.is_empty(), "{present:?}: {:?}", browser.jar);
    }
}

/// There: the redirect is sent, and the session saved meanwhile. The next page is asked for before it is there, and if it
/// cannot be saved the browser has a cookie for nothing. After a logout it is worse: the browser believes it.
#[tokio::test]
async fn no_reply_leaves_before_the_store_has_committed() {
    let folder = tempfile::tempdir().unwrap();
    let (gated, gate) = Gated::over(store(&folder));
    let engine = builder(gated, policy()).open().await.unwrap();
    let site = Site::serve(folder, engine, AuthBuilder::loopback).await;
    let form = "name=ada&password=the+right+and+proper+password";
    let mut browser = Browser::at(&site).await;
    for request in [post("/auth/login").form(form), post("/auth/logout")] {
        let (dressed, address) = (browser.dressed(request.clone()), site.address);
        let before = count(&site.database(), "session");
        gate.hold_next_commit();
        let (answered, mut answer) = oneshot::channel();
        tokio::spawn(async move {
            let _ = answered.send(Connection::to(address).await.send(&dressed).await);
        });
        gate.is_held().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(answer.try_recv().is_err(), "{}: a reply before the commit", request.path);
        assert_eq!(count(&site.database(), "session"), before);
        gate.let_go();
        let response = answer.await.unwrap();
        assert_eq!((response.status, response.all("set-cookie").len()), (303, 1), "{}", request.path);
        response.all("set-cookie").iter().for_each(|cookie| browser.jar.take(cookie));
        assert_ne!(count(&site.database(), "session"), before);
    }
    // And when it fails there is neither a redirect nor a cookie.
    gate.fail(true);
    let refused = browser.send(post("/auth/login").form(form)).await;
    assert_eq!((refused.problem().0, browser.jar.is_empty()), (503, true));
    gate.fail(false);
    assert_eq!(count(&site.database(), "session"), 0);
    browser.login(NAME, PASSWORD).await;
    gate.fail(true);
    for logout in [post("/auth/logout"), post("/auth/logout").json(&json!({}))] {
        assert_eq!(browser.send(logout).await.problem(), (503, "not-done".into()));
    }
    gate.fail(false);
    assert!(browser.token().is_some()); // to try again with
    assert_eq!(browser.send(post("/auth/logout")).await.all("set-cookie"), [CLEARED]);
}

/// There: `Secure` and `SameSite` are off, and nothing forbids a cache to keep a person's page. All three are to be known
/// of and asked for.
#[tokio::test]
async fn the_cookie_is_secure_and_the_pages_are_kept_by_no_cache_without_being_asked() {
    let site = Site::with(|auth| auth).await; // every default
    let body = json!({ "name": NAME, "password": PASSWORD });
    let tls =
        |request: Request| request.header("Host", "app.example").header("Origin", "https://app.example");
    let login = site.send(tls(post("/auth/login").json(&body))).await;
    let set = login.header("set-cookie").unwrap();
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.split("; ").any(|part| part == attribute), "{attribute}: {set}");
    }
    assert!(set.starts_with("__Host-") && !set.contains("Domain"));
    let cookie = set.split(';').next().unwrap().to_owned();
    for path in ["/page", "/maybe", "/fresh", "/note", "/auth/sessions", "/auth/logout", "/api/me"] {
        let response = site.send(get(path).header("Cookie", &cookie)).await;
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
    }
    for path in ["/auth/token", "/auth/logout", "/auth/login", "/auth/nothing/else"] {
        let response = site.send(tls(post(path).header("Cookie", &cookie))).await;
        let is_ours = response.status != 404;
        assert!(!is_ours || response.header("cache-control") == Some("no-store"), "{path}: {response:?}");
    }
}

/// There: the id in the cookie is the key of the row. Whoever reads a backup is logged in as everybody.
#[tokio::test]
async fn se_2_no_session_can_be_taken_from_the_database_file() {
    let site = Site::with(|auth| auth.loopback().remember_devices()).await;
    let mut browser = Browser::logged_in(&site).await;
    browser.send(request("PUT", "/note").body("text/plain", "a note")).await;
    let refresh = browser.send(post("/auth/token")).await.json()["refresh_token"].clone();
    let files = raw(&site.database());
    let holds = |needle: &[u8]| files.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"ada") && holds(b"a note"), "the search finds what is there");
    let device = browser.jar.value("__Host-device").unwrap();
    for token in [browser.token().unwrap(), device, refresh.as_str().unwrap()] {
        let (_, text) = token.split_once('_').unwrap();
        let bytes = Base64UrlUnpadded::decode_vec(text).unwrap();
        // What proves it, the session's name before it apart, which is its row's key and proves nothing.
        let (tag, proof) = (&bytes[45..53], &bytes[53..]);
        assert_eq!((bytes.len(), proof.len()), (69, 16));
        for needle in [token.as_bytes(), text.as_bytes(), &text.as_bytes()[60..], &bytes, tag, proof] {
            assert!(!holds(needle));
        }
        for hashed in [token.as_bytes(), text.as_bytes(), &bytes, proof] {
            let hash = Sha256::digest(hashed);
            let hex = hex(&hash, "");
            let base64 = Base64UrlUnpadded::encode_string(&hash);
            assert!(!holds(&hash) && !holds(hex.as_bytes()) && !holds(base64.as_bytes()));
        }
    }
}

/// The database with its write-ahead log.
fn raw(database: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(database).unwrap();
    let log = std::fs::read(database.with_extension("db-wal")).unwrap();
    assert!(!log.is_empty());
    bytes.extend(log);
    bytes
}

fn hex(bytes: &[u8], before_each: &str) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{before_each}{byte:02x}"))
}

/// There: `res.redirect(req.query.next)`, and a login page of the real site leads to another one's.
#[tokio::test]
async fn ck_5_a_login_leads_to_no_other_site() {
    let site = Site::start().await;
    let far = format!("/{}", "x".repeat(2048));
    let longest = format!("/{}", "x".repeat(64 * 1024));
    let credentials = "password=the+right+and+proper+password";
    for evil in [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "https://evil.example",
        "HTTPS://evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "/%2f%2fevil.example",
        "%2f%2fevil.example",
        "/%5cevil.example",
        "/%252fevil.example",
        "/.//evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/\u{2028}/evil.example",
        "/é",
        far.as_str(),
        &longest,
    ] {
        let encoded = hex(evil.as_bytes(), "%");
        for path in ["/auth/login", "/auth/register", "/auth/logout"] {
            let name = if path == "/auth/register" { "eve" } else { NAME };
            let fields =
                if path == "/auth/logout" { String::new() } else { format!("name={name}&{credentials}&") };
            let mut browser = Browser::at(&site).await;
            let response = browser.send(post(path).form(format!("{fields}next={encoded}"))).await;
            let (status, word) = response.problem();
            let refused = if evil.len() > 4096 { (413, "too-large") } else { (400, "target") };
            assert_eq!((status, &*word), refused, "{path} {evil:.40}");
        }
        // Nor by the address: no route reads it.
        let mut browser = Browser::at(&site).await;
        let path = format!("/auth/login?next={}", &encoded[..encoded.len().min(3000)]);
        let response = browser.send(post(&path).form(format!("name=ada&{credentials}"))).await;
        assert_eq!((response.status, response.header("location")), (303, Some("/")), "{evil:.40}");
        assert_eq!(browser.post("/auth/logout", &json!({})).await.status, 200);
    }
    assert_eq!((count(&site.database(), "session"), count(&site.database(), "login")), (0, 1));
    assert_eq!(COOKIE, Cookie::default().name());
}

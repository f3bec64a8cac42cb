//! What a host does beside the routes, and what must not slip past them on the way there.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use axum::Router;
use axum::routing::{get as on_get, post as on_post};
use doorward::Login;
use doorward::core::web::cookie::{Cookie, CookieError, CookieSettings};
use doorward_axum::{Auth, Rejection, Session, SessionCookies};
use serde_json::json;

use support::browser::Browser;
use support::client::{get, post, request};
use support::site::{Site, builder, listen, policy, store};
use support::{CLEARED, COOKIE, NAME, PASSWORD};

/// Prefetch, prerender, images and frames fetch each link of a page: one that carries the session's own token logged its
/// person out as soon as it was on the page.
#[tokio::test]
async fn ck_4_a_sessions_own_link_ends_nothing_where_a_browser_fetches_it_by_itself() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    let url = browser.send(get("/logout-url")).await.text().to_owned();
    for fetched in [
        vec![("Sec-Purpose", "prefetch"), ("Sec-Fetch-Mode", "no-cors")],
        vec![
            ("Sec-Purpose", "prefetch;prerender"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Site", "none"),
        ],
        vec![("Purpose", "prefetch")],
        vec![("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")],
        vec![("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")],
        vec![("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")],
    ] {
        let request = fetched.iter().fold(get(&url), |request, (name, value)| request.header(name, value));
        assert_eq!(browser.send(request).await.problem(), (403, "cross-site".into()), "{fetched:?}");
    }
    assert_eq!(browser.send(get("/page")).await.status, 200);
    let followed = get(&url).header("Sec-Fetch-Mode", "navigate").header("Sec-Fetch-Dest", "document");
    assert_eq!(browser.send(followed).await.status, 303);
    assert!(browser.jar.is_empty());
}

/// A WebSocket opens with a `GET`, and a page of a neighbouring host may open one with this host's cookies.
#[tokio::test]
async fn ck_4_another_sites_page_opens_no_socket_of_a_sessions() {
    let site = Site::start().await;
    let mut browser = Browser::logged_in(&site).await;
    let cookie = browser.jar.header("/").unwrap();
    for header in ["Upgrade", "Sec-WebSocket-Key"] {
        let socket = get("/page").header("Cookie", &cookie).header(header, "websocket");
        for origin in ["http://127.0.0.1:1", "https://evil.example", "null"] {
            let response = site.send(socket.clone().header("Origin", origin)).await;
            assert_eq!(response.problem(), (403, "cross-site".into()), "{header} {origin}");
        }
        assert_eq!(site.send(socket.header("Origin", site.origin())).await.status, 200);
    }
    assert_eq!(browser.send(get("/page")).await.status, 200);
}

/// A browser calls the hop from a login to its target the person's own navigation: to the logout, it logged them out.
#[tokio::test]
async fn ck_5_no_login_goes_on_to_the_logout() {
    let site = Site::start().await;
    let mut browser = Browser::at(&site).await;
    for next in [
        "/auth/logout",
        "/auth/logout?x",
        "/auth/%6Cogout#y",
        "/x/../auth/logout",
        "/./auth/logout",
        "/auth/logout/",
        "/auth/logout//?x",
    ] {
        let login = json!({ "name": NAME, "password": PASSWORD, "next": next });
        assert_eq!(browser.post("/auth/login", &login).await.problem(), (400, "target".into()), "{next}");
    }
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn inv_12_all_other_sessions_end_and_this_one_has_a_new_cookie() {
    let site = Site::start().await;
    let (mut browser, mut other) = (Browser::logged_in(&site).await, Browser::logged_in(&site).await);
    let old = format!("{COOKIE}={}", browser.token().unwrap());
    let response = browser.send(request("DELETE", "/auth/sessions")).await;
    assert_eq!((response.status, &response.json()["session"]["current"]), (200, &json!(true)));
    assert_eq!(browser.send(get("/page")).await.status, 200);
    assert_eq!(other.send(get("/page")).await.problem(), (401, "session".into()));
    assert_eq!(site.send(get("/page").header("Cookie", old)).await.problem(), (401, "session".into()));
    let foreign = request("DELETE", "/auth/sessions").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(browser.send(foreign).await.problem(), (403, "cross-site".into()));
    assert_eq!(other.send(request("DELETE", "/auth/sessions")).await.problem(), (401, "session".into()));
}

#[tokio::test]
async fn a_logout_overlooks_fields_that_it_does_not_know() {
    let site = Site::start().await;
    for sent in [
        post("/auth/logout").form("csrf=x&leave=&box=0&box=1&%ff=%ff"),
        post("/auth/logout").json(&json!({ "csrf": "x" })),
    ] {
        let mut browser = Browser::logged_in(&site).await;
        assert!([200, 303].contains(&browser.send(sent).await.status));
        assert!(browser.jar.is_empty());
    }
}

#[tokio::test]
async fn sign_up_may_be_closed() {
    let site = Site::with(|auth| auth.loopback().without_registration()).await;
    let mut browser = Browser::at(&site).await;
    let newcomer = json!({ "name": "bob", "password": PASSWORD });
    assert_eq!(browser.post("/auth/register", &newcomer).await.status, 404);
    assert_eq!(browser.login(NAME, PASSWORD).await.status, 200);
}

/// Of two cookies of one name one may be what an earlier configuration left: the refusal clears it, or nobody could log in.
#[tokio::test]
async fn ck_3_what_an_earlier_configuration_left_is_cleared_where_it_stands_in_the_way() {
    let former = CookieSettings {
        name: "__Secure-session".into(),
        domain: Some("127.0.0.1".into()),
        ..CookieSettings::default()
    };
    let present = Cookie::new(CookieSettings { domain: None, ..former.clone() }).unwrap();
    let cookie = present.formerly(former).unwrap();
    let site = Site::with(|auth| auth.loopback().cookie(cookie).unwrap()).await;
    let twice = get("/page").header("Cookie", "__Secure-session=dws_a; __Secure-session=dws_b");
    let response = site.send(twice).await;
    let cleared = "__Secure-session=; Max-Age=0; Path=/; Domain=127.0.0.1; Secure; HttpOnly; SameSite=Lax";
    assert_eq!((response.status, response.all("set-cookie")), (400, vec![cleared]));
}

/// The browser would not send it to the logout, which would then end nothing and say that it did.
#[tokio::test]
async fn ck_3_a_cookie_that_the_routes_would_not_get_is_a_configuration_error() {
    let folder = tempfile::tempdir().unwrap();
    let engine = builder(store(&folder), policy()).open().await.unwrap();
    for (path, is_taken) in
        [("/app", false), ("/auth/login", false), ("/", true), ("/auth", true), ("/auth/", true)]
    {
        let settings =
            CookieSettings { name: "session".into(), path: path.into(), ..CookieSettings::default() };
        let outcome = Auth::builder(engine.clone()).cookie(Cookie::new(settings).unwrap());
        assert_eq!(outcome.is_ok(), is_taken, "{path}");
        assert!(is_taken || matches!(outcome, Err(CookieError::OutOfReach("/auth"))));
    }
}

/// With a login, a logout and a rotation of its own, as after a passkey or a mail.
#[tokio::test]
async fn inv_32_a_host_sets_and_clears_the_cookies_of_what_it_did_by_itself() {
    async fn enter(auth: Auth) -> SessionCookies {
        let login = auth.engine().login(Login::new(NAME, PASSWORD)).await.unwrap();
        auth.cookies_of(&login).unwrap()
    }
    async fn rotate(session: Session) -> Result<(SessionCookies, String), Rejection> {
        let (cookies, session) = session.rotate().await?;
        session.set_data(&"kept").await?; // it goes on under its new cookie
        Ok((cookies, session.logout_url()))
    }
    async fn leave(auth: Auth, session: Session) -> SessionCookies {
        auth.engine().end_session(session.account, session.id).await.unwrap();
        auth.cleared_cookies()
    }
    let mut site = Site::start().await;
    let auth = Auth::builder(site.engine.clone()).loopback().build();
    // One that asks for no session, and so says nothing to the layer.
    let engine = auth.clone();
    let magic = async move || {
        let login = engine.engine().login(Login::new(NAME, PASSWORD)).await.unwrap();
        (engine.cookies_of(&login).unwrap(), "welcome")
    };
    let own = Router::new()
        .route("/magic", on_get(magic))
        .route("/enter", on_get(enter))
        .route("/rotate", on_post(rotate))
        .route("/leave", on_post(leave))
        .merge(auth.router())
        .layer(auth);
    site.address = listen(own).await;

    let mut browser = Browser::at(&site).await;
    // A cache gave one person's cookie to others.
    assert_eq!(browser.send(get("/magic")).await.all("cache-control"), ["no-store"]);
    assert!(browser.token().is_some());
    browser.send(get("/enter")).await;
    let first = browser.token().unwrap().to_owned();
    let url = browser.send(post("/rotate")).await;
    assert_ne!(browser.token(), Some(first.as_str()));
    assert!(site.engine.authenticate(&first).await.is_err());
    let live = site.engine.session_data(browser.token().unwrap()).await.unwrap();
    assert_eq!(live.data, b"\"kept\"");
    assert_eq!(browser.send(get("/auth/sessions")).await.json()["logout_url"], url.text());
    let left = browser.send(post("/leave")).await;
    assert_eq!((left.all("set-cookie"), browser.jar.is_empty()), (vec![CLEARED], true));
}

//! What no browser of ours sends: each is refused with a clear 4xx, and nothing in the database is another than before.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests
#![allow(clippy::print_stdout)] // how many clients left

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_axum::AuthBuilder;
use rusqlite::types::Value as Cell;
use serde_json::json;

use support::browser::Browser;
use support::client::{Connection, Request, Response, get, post, request};
use support::database::{count, open, rows, rows_of};
use support::site::Site;
use support::{COOKIE, NAME, PASSWORD};

/// A site with one person logged in, as its database was then.
struct Untouched {
    site: Site,
    browser: Browser,
    before: BTreeMap<String, Vec<Vec<Cell>>>,
}

impl Untouched {
    async fn site() -> Self {
        let site = Site::with(AuthBuilder::loopback).await;
        let mut browser = Browser::logged_in(&site).await;
        // Whatever a first request writes, of keys or of activity, is written.
        browser.send(post("/auth/token")).await;
        browser.send(get("/page")).await;
        let before = rows(&site.database());
        Self { site, browser, before }
    }

    /// As our own page would send it.
    async fn ours(&self, request: Request) -> Response {
        self.site.send(self.browser.dressed(request)).await
    }

    async fn is(&mut self, what: &str) {
        assert_eq!(rows(&self.site.database()), self.before, "{what}");
        assert_eq!(self.browser.send(get("/page")).await.status, 200, "{what}");
    }
}

fn refusal(response: &Response) -> (u16, String) {
    response.problem()
}

/// The routes that read a body, and a body that each of them takes.
fn bodies() -> [(&'static str, Vec<(&'static str, &'static str)>); 7] {
    [
        ("/auth/register", vec![("name", "eve"), ("password", PASSWORD)]),
        ("/auth/login", vec![("name", NAME), ("password", PASSWORD)]),
        ("/auth/reauthenticate", vec![("password", PASSWORD)]),
        ("/auth/password", vec![("current", PASSWORD), ("new", "another and no worse password")]),
        ("/auth/token", vec![("scope", "")]),
        ("/auth/refresh", vec![("refresh_token", "dwr_guess")]),
        ("/auth/logout", vec![("next", "/")]),
    ]
}

fn as_form(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    fields.join("&")
}

fn as_json(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    fields.join(",")
}

#[tokio::test]
async fn a_body_that_is_not_exactly_what_the_route_takes_is_refused() {
    let mut untouched = Untouched::site().await;
    for (path, fields) in bodies() {
        let (form, json) = (as_form(&fields), as_json(&fields));
        let (name, value) = fields[0];
        let values: Vec<String> = fields.iter().map(|(_, value)| format!("\"{value}\"")).collect();
        let escaped = format!("\\u00{:02x}{}", name.as_bytes()[0], &name[1..]);
        let percent = format!("%{:02x}{}", name.as_bytes()[0], &name[1..]);
        let bad: Vec<(&str, Vec<u8>)> = vec![
            ("json", format!("{{{json}").into()),
            ("json", format!("{{{json}}} x").into()),
            ("json", format!("{{{json},}}").into()),
            ("json", format!("{{{json},\"{name}\":\"{value}\"}}").into()),
            ("json", format!("{{{json},\"{escaped}\":\"{value}\"}}").into()),
            ("json", format!("{{\"{name}\":1}}").into()),
            ("json", format!("{{\"{name}\":[\"{value}\"]}}").into()),
            ("json", format!("[{}]", values.join(",")).into()),
            ("json", format!("[{},null,true]", values.join(",")).into()),
            ("json", format!("[{}]", ["null"; 2].join(",")).into()),
            ("json", b"null".to_vec()),
            ("json", b"\"x\"".to_vec()),
            ("json", "[".repeat(10_000).into()),
            ("json", [b"\xef\xbb\xbf{", json.as_bytes(), b"}"].concat()),
            ("json", [b"{\"", name.as_bytes(), b"\":\"\xff\"}"].concat()),
            ("json", form.clone().into()),
            ("x-www-form-urlencoded", format!("{form}&{name}={value}").into()),
            ("x-www-form-urlencoded", format!("{form}&{percent}={value}").into()),
            ("x-www-form-urlencoded", format!("{name}=%ff").into()),
            ("x-www-form-urlencoded", [name.as_bytes(), b"=\xff"].concat()),
        ];
        let unknown: Vec<(&str, Vec<u8>)> = vec![
            ("json", format!("{{{json},\"admin\":true}}").into()),
            ("x-www-form-urlencoded", format!("{form}&admin=1").into()),
            ("x-www-form-urlencoded", format!("{form}&=").into()),
            ("x-www-form-urlencoded", format!("{{{json}}}").into()),
        ];
        // A logout overlooks what it does not know.
        let unknown = if path == "/auth/logout" { Vec::new() } else { unknown };
        for (kind, body) in bad.into_iter().chain(unknown) {
            let kind = format!("application/{kind}");
            let response = untouched.ours(post(path).body(&kind, &body)).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(99)]).into_owned();
            assert_eq!(refusal(&response), (400, "body".into()), "{path} {kind} {shown}");
        }
        untouched.is(path).await;
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let mut untouched = Untouched::site().await;
    for (path, fields) in bodies() {
        let json = format!("{{{}}}", as_json(&fields));
        for kind in
            ["text/plain", "multipart/form-data; boundary=x", "application/jsonx", "", "application/json, x"]
        {
            let response = untouched.ours(post(path).body(kind, &json)).await;
            assert_eq!(refusal(&response), (415, "content-type".into()), "{path} {kind}");
        }
        let mut none = post(path);
        none.body = json.clone().into();
        assert_eq!(refusal(&untouched.ours(none).await), (415, "content-type".into()), "{path}");
        // Which of two is meant, a proxy may see otherwise.
        for second in ["text/plain", "application/json"] {
            let twice = post(path).body("application/json", &json).header("Content-Type", second);
            assert_eq!(refusal(&untouched.ours(twice).await), (415, "content-type".into()), "{path}");
        }
        untouched.is(path).await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let mut untouched = Untouched::site().await;
    for (path, fields) in bodies() {
        let form = format!("{}&", as_form(&fields));
        let large = form.clone() + &"&".repeat(16 * 1024 + 1 - form.len());
        let form_of = |body: &str| post(path).form(body);
        let sent = untouched.ours(form_of(&large)).await;
        assert_eq!(refusal(&sent), (413, "too-large".into()), "{path}: sent");
        // The length alone is enough: not a byte of it comes.
        let announced =
            untouched.browser.dressed(form_of("").header("Content-Length", (1_u64 << 40).to_string()));
        let announced = untouched.site.send(announced).await;
        assert_eq!(refusal(&announced), (413, "too-large".into()), "{path}: announced");
        let mut chunked = form_of("").header("Transfer-Encoding", "chunked");
        for chunk in large.as_bytes().chunks(1000) {
            chunked.body.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()));
            chunked.body.extend(b"\r\n");
        }
        chunked.body.extend(b"0\r\n\r\n");
        let chunked = untouched.ours(chunked).await;
        assert_eq!(refusal(&chunked), (413, "too-large".into()), "{path}: chunked");
        untouched.is(path).await;
    }
}

#[tokio::test]
async fn ck_2_cookies_that_make_no_sense_are_refused() {
    let mut untouched = Untouched::site().await;
    let good = untouched.browser.jar.header("/").unwrap();
    let many = format!("{good}; {}", vec!["a=b"; 99].join("; "));
    let huge = format!("{good}; a={}", "x".repeat(16 * 1024));
    let routes: Vec<Request> = bodies()
        .into_iter()
        .filter(|(path, _)| !["/auth/register", "/auth/refresh"].contains(path))
        .map(|(path, fields)| post(path).form(as_form(&fields)))
        .chain([get("/auth/sessions"), get("/page"), get("/maybe"), request("DELETE", "/auth/sessions/x")])
        .collect();
    for route in routes {
        for (cookies, refused) in [
            (vec![format!("{good}; {good}").into_bytes()], (400, "cookies")),
            (vec![good.clone().into_bytes(), good.clone().into_bytes()], (400, "cookies")),
            (vec![format!("{COOKIE}=; {good}").into_bytes()], (400, "cookies")),
            (vec![[COOKIE.as_bytes(), b"=\xff\xfe"].concat()], (400, "cookies")),
            (vec![many.clone().into_bytes()], (431, "too-many-cookies")),
            (vec![huge.clone().into_bytes()], (431, "too-many-cookies")),
        ] {
            let with = |route: Request, cookie: &Vec<u8>| route.header("Cookie", cookie);
            let response = untouched.ours(cookies.iter().fold(route.clone(), with)).await;
            assert_eq!(refusal(&response), (refused.0, refused.1.into()), "{} {cookies:.60?}", route.path);
        }
        // These no HTTP server hands on.
        for control in [&b"\x00"[..], b"\x01", b"\x7f", b"\x1b[2J"] {
            let cookie = [good.as_bytes(), b"; x=", control].concat();
            let response = untouched.ours(route.clone().header("Cookie", cookie)).await;
            assert_eq!((response.status, response.body.len()), (400, 0), "{} {control:?}", route.path);
        }
        untouched.is(&route.path).await;
    }
}

/// Each unsafe route, and how a request to it might look that no page of ours sent.
#[tokio::test]
async fn ck_4_no_route_takes_another_sites_write() {
    let mut untouched = Untouched::site().await;
    let cookie = untouched.browser.jar.header("/").unwrap();
    let session = untouched.browser.send(get("/auth/sessions")).await.json()["sessions"][0]["id"].clone();
    let own = format!("/auth/sessions/{}", session.as_str().unwrap());
    let ours = untouched.site.origin();
    let port = untouched.site.address.port();
    let routes: Vec<Request> = bodies()
        .into_iter()
        .map(|(path, fields)| post(path).form(as_form(&fields)))
        .chain([
            request("DELETE", &own),
            request("PUT", "/note").body("text/plain", "x"),
            post("/note"),
            post("/page"),
        ])
        .collect();
    let rebound = format!("evil.example:{port}");
    let rebound_origin = format!("http://{rebound}");
    let foreign: Vec<Vec<(&str, &str)>> = vec![
        vec![("Origin", "https://evil.example")],
        vec![("Origin", "http://127.0.0.1:1")],
        vec![("Origin", "null")],
        vec![("Origin", "")],
        vec![("Origin", &ours), ("Origin", &ours)],
        vec![("Origin", &ours), ("Sec-Fetch-Site", "cross-site")],
        vec![("Origin", &ours), ("Sec-Fetch-Site", "same-site")],
        vec![("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
        vec![("Sec-Fetch-Site", "cross-site")],
        vec![("Sec-Fetch-Site", "same-site")],
        vec![("Sec-Fetch-Site", "none")],
        vec![("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")],
        vec![("Host", &rebound), ("Origin", &rebound_origin), ("Sec-Fetch-Site", "same-origin")],
    ];
    let unsaid = [vec![], vec![("Referer", ours.as_str())], vec![("X-Requested-With", "XMLHttpRequest")]];
    for route in routes {
        let may_be_a_program = route.path == "/auth/refresh";
        let refused = foreign.iter().chain(unsaid.iter().filter(|_| !may_be_a_program));
        for headers in refused {
            let route = route.clone().header("Cookie", &cookie);
            let route = headers.iter().fold(route, |route, (name, value)| route.header(name, value));
            let response = untouched.site.send(route.clone()).await;
            assert_eq!(refusal(&response), (403, "cross-site".into()), "{} {headers:?}", route.path);
        }
        untouched.is(&route.path).await;
    }
}

/// By default a page is ours if it came over TLS from the host that the request names: plain HTTP is another origin.
#[tokio::test]
async fn ck_4_by_default_a_page_of_ours_came_over_tls() {
    let site = Site::with(|auth| auth).await;
    let body = json!({ "name": NAME, "password": PASSWORD });
    let login = || post("/auth/login").header("Host", "app.example").json(&body);
    let refused = site.send(login().header("Origin", "http://app.example")).await;
    assert_eq!(refusal(&refused), (403, "cross-site".into()));
    assert_eq!(count(&site.database(), "session"), 0);
    assert_eq!(site.send(login().header("Origin", "https://app.example")).await.status, 200);
}

#[tokio::test]
async fn ck_2_nothing_that_is_sent_becomes_a_header() {
    const INJECTION: &str = "\r\nSet-Cookie: x=y\r\nX-Injected: 1";
    const ESCAPED: &str = "%0d%0aSet-Cookie:%20x=y%0d%0aX-Injected:%201";
    let mut untouched = Untouched::site().await;
    let safe = |response: &Response| {
        assert!((400..500).contains(&response.status), "{response:?}");
        assert!(
            response.all("set-cookie").is_empty() && response.header("x-injected").is_none(),
            "{response:?}"
        );
        assert!(response.header("location").is_none(), "{response:?}");
    };
    for text in [INJECTION, ESCAPED, "\n", "\r", "\0", "\u{85}", "\u{2028}"] {
        for (path, fields) in bodies() {
            let member = |(name, value): &(&str, &str)| ((*name).to_owned(), format!("{value}{text}").into());
            let body: serde_json::Map<_, serde_json::Value> = fields.iter().map(member).collect();
            // Any text may be a wrong password, which is counted, and a percent sign may be in a name.
            let is_text = ["/auth/reauthenticate", "/auth/password"].contains(&path);
            if !is_text && (path, text) != ("/auth/register", ESCAPED) {
                safe(&untouched.ours(post(path).json(&body.into())).await);
            }
        }
        let next = json!({ "name": NAME, "password": PASSWORD, "next": format!("/x{text}") });
        assert_eq!(refusal(&untouched.ours(post("/auth/login").json(&next)).await), (400, "target".into()));
    }
    let form = format!("name=ada&password={}&next=/x{ESCAPED}", PASSWORD.replace(' ', "+"));
    assert_eq!(refusal(&untouched.ours(post("/auth/login").form(form)).await), (400, "target".into()));
    safe(&untouched.ours(get(&format!("/auth/logout?token={ESCAPED}"))).await);
    safe(&untouched.ours(request("DELETE", &format!("/auth/sessions/{ESCAPED}"))).await);
    let host = untouched.site.address.to_string();
    for header in ["Host", "Origin", "Accept", "Sec-Fetch-Site"] {
        let value = [host.as_bytes(), b"\x01x"].concat();
        safe(&untouched.ours(post("/auth/logout").header(header, value)).await);
    }
    safe(&untouched.site.send(post("/auth/logout").header("Origin", b"\xff")).await);
    untouched.is("none of it").await;
}

#[tokio::test]
async fn a_browsers_name_is_kept_as_text_or_not_at_all() {
    let site = Site::start().await;
    for (sent, kept) in [
        (&b"<script>\"\\"[..], json!("<script>\"\\")),
        (b"\xff\xfe", json!(null)),
        (b"a\tb", json!(null)),
        (b"", json!(null)),
    ] {
        let mut browser = Browser::at(&site).await;
        let body = json!({ "name": NAME, "password": PASSWORD });
        let response = browser.send(post("/auth/login").header("User-Agent", sent).json(&body)).await;
        assert_eq!(response.status, 200, "{sent:?}");
        let label = &response.json()["session"]["label"];
        assert!(
            *label == kept || label.as_str().is_some_and(|label| !label.contains('\t')),
            "{sent:?}: {label}"
        );
    }
    let mut browser = Browser::at(&site).await;
    let body = json!({ "name": NAME, "password": PASSWORD });
    let long = post("/auth/login").header("User-Agent", "x".repeat(8000)).json(&body);
    assert!(browser.send(long).await.json()["session"]["label"].as_str().unwrap().len() <= 256);
}

#[tokio::test]
async fn an_authorization_header_is_one_bearer_token_or_refused() {
    let untouched = Untouched::site().await;
    let me = get("/api/me").header("Authorization", "Bearer a");
    assert_eq!(refusal(&untouched.site.send(me.clone()).await), (401, "token".into()));
    for second in ["Bearer a", "Basic YTpi", ""] {
        let response = untouched.site.send(me.clone().header("Authorization", second)).await;
        assert_eq!(refusal(&response), (400, "bearer".into()), "{second}");
        assert_eq!(response.header("www-authenticate"), Some(r#"Bearer error="invalid_request""#));
    }
    for malformed in [&b"Bearer"[..], b"Bearer a b", b"Bearer a,b", b"Bearer \xff", b"bearer \"a\""] {
        let response = untouched.site.send(get("/api/me").header("Authorization", malformed)).await;
        assert_eq!(refusal(&response), (400, "bearer".into()), "{malformed:?}");
    }
    for other in ["Basic YTpi", "", "Digest x"] {
        let response = untouched.site.send(get("/api/me").header("Authorization", other)).await;
        assert_eq!(refusal(&response), (401, "no-token".into()), "{other}");
    }
}

/// INV-24: whoever leaves in the middle leaves nothing half-done, and the server has time for the next.
#[tokio::test]
async fn inv_24_a_client_that_leaves_leaves_no_session_or_a_whole_one() {
    let site = Site::start().await;
    let browser = Browser::at(&site).await;
    let body = |name: &str| json!({ "name": name, "password": PASSWORD });
    let host = site.address.to_string();
    for part in [10, 100, 200, 300] {
        let bytes = browser.dressed(post("/auth/login").json(&body(NAME))).bytes(&host);
        Connection::to(site.address).await.write(&bytes[..part.min(bytes.len() - 1)]).await;
    }
    for number in 0..40 {
        for (path, name) in [("/auth/login", NAME.to_owned()), ("/auth/register", format!("eve{number}"))] {
            let bytes = browser.dressed(post(path).json(&body(&name))).bytes(&host);
            let mut connection = Connection::to(site.address).await;
            connection.write(&bytes).await;
            tokio::time::sleep(Duration::from_micros(number * 500)).await;
        }
    }
    let mut after = Browser::logged_in(&site).await; // behind all that still hash
    for number in 0..40 {
        // Signed up, or free to be.
        let name = format!("eve{number}");
        let made = after.post("/auth/register", &body(&name)).await.status;
        let mut eve = Browser::at(&site).await;
        let login = eve.login(&name, PASSWORD).await.status;
        assert!([201, 409].contains(&made) && login == 200, "{name}: {made} {login}");
        eve.post("/auth/logout", &json!({})).await;
    }
    let listed = site.engine.sessions(site.ada).await.unwrap();
    assert_eq!(i64::try_from(listed.len()).unwrap(), count(&site.database(), "session"));
    let database = open(&site.database());
    for session in listed {
        assert!(rows_of(&database, session.id) > 0);
        site.engine.end_session(site.ada, session.id).await.unwrap();
        assert_eq!(rows_of(&database, session.id), 0);
    }
    assert_eq!(count(&site.database(), "session"), 0);
}

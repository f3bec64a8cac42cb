//! A browser drives the example: what a person sees, and what the browser keeps.
//!
//! It runs where `DOORWARD_WEBDRIVER` names a `WebDriver` of Chromium's, as `http://127.0.0.1:9515`; elsewhere it says that it
//! was not run. `DOORWARD_SCREENSHOT` names the file that README's picture is written to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod browser;
mod other_site;
mod site;

use std::io::Write as _;

use serde_json::json;

use browser::{Browser, Scripts};
use other_site::OtherSite;
use site::{Site, Transport};

const PASSWORD: &str = "plum kettle orbit";

/// A test that needs a browser.
fn with_browser(scripts: Scripts, test: impl AsyncFnOnce(&Browser)) {
    let Ok(driver) = std::env::var("DOORWARD_WEBDRIVER") else {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        // Straight to the terminal: the harness holds back what a test that passes prints.
        let _ = writeln!(std::io::stderr(), "{name}: NOT RUN: no browser, DOORWARD_WEBDRIVER is not set");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let browser = Browser::start(&driver, scripts).await;
        test(&browser).await;
        browser.quit().await;
    });
}

async fn sign_up(browser: &Browser, site: &Site, name: &str) {
    browser.go(&site.url("/")).await;
    browser.fill("#signup-form", &[("name", name), ("password", PASSWORD)]).await;
    browser.press("#signup-form button.primary").await;
    browser.wait_for("#member").await;
}

async fn log_in(browser: &Browser, name: &str) {
    browser.wait_for("#guest").await;
    browser.fill("#login-form", &[("name", name), ("password", PASSWORD)]).await;
    browser.press("#login-form button.primary").await;
    browser.wait_for("#member").await;
}

#[test]
fn ck_1_ck_3_a_login_lands_on_the_index_with_a_cookie_and_a_logout_takes_it_away() {
    with_browser(Scripts::On, async |browser| {
        let site = Site::start(Transport::Default);
        sign_up(browser, &site, "ada").await;
        assert_eq!(browser.address().await, site.url("/"));

        let cookies = browser.cookies().await;
        let [cookie] = cookies.as_slice() else { panic!("one cookie, not {cookies:?}") };
        for (attribute, value) in [
            ("name", json!("__Host-session")),
            ("path", json!("/")),
            ("domain", json!("127.0.0.1")), // and no dot: of this host alone
            ("secure", json!(true)),
            ("httpOnly", json!(true)),
            ("sameSite", json!("Lax")),
        ] {
            assert_eq!(cookie[attribute], value, "{attribute}");
        }
        let day = 24 * 60 * 60;
        let ends = cookie["expiry"].as_u64().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!((now + day - 120..=now + day + 1).contains(&ends), "to the session's absolute end");
        assert_eq!(browser.run("return document.cookie").await, json!(""), "no script reads it");

        browser.press("#logout").await;
        browser.wait_for("#guest").await;
        assert_eq!(browser.address().await, site.url("/"));
        assert_eq!(browser.cookies().await, Vec::<serde_json::Value>::new());

        log_in(browser, "ada").await;
        assert_eq!(browser.address().await, site.url("/"));
    });
}

#[test]
fn a_token_is_refused_once_its_session_is_logged_out_and_so_is_the_other_tab() {
    with_browser(Scripts::On, async |browser| {
        let site = Site::start(Transport::Default);
        sign_up(browser, &site, "ada").await;
        browser.press("#token-get").await;
        browser.wait_until("return document.querySelector('#token-text').textContent.startsWith('ey')").await;
        browser.press("#token-call").await;
        browser.wait_for("#token-answer[data-status='200']").await;

        let first = browser.tab().await;
        let second = browser.open_tab(&site.url("/")).await;
        browser.wait_for("#member").await;

        browser.turn_to(&first).await;
        browser.press("#token-logout").await;
        browser.wait_for("#guest").await;
        assert_eq!(browser.cookies().await, Vec::<serde_json::Value>::new());
        browser.press("#token-call").await;
        browser.wait_for("#token-answer[data-status='401']").await;
        let why = browser.text("#token-why").await;
        assert!(why.contains("session has ended") && why.contains("has not expired"), "{why}");
        browser.save_picture().await;

        browser.turn_to(&second).await;
        browser.wait_for("#guest").await;
        let status = "return fetch('/auth/sessions').then((reply) => reply.status)";
        assert_eq!(browser.run(status).await, json!(401));
    });
}

#[test]
fn the_back_button_shows_nothing_private_after_a_logout() {
    with_browser(Scripts::On, async |browser| {
        let site = Site::start(Transport::Default);
        sign_up(browser, &site, "ada").await;
        browser.fill("#note-form", &[("note", "the canary sings")]).await;
        browser.press("#note-form button").await;
        browser.wait_until("return document.querySelector('#status').textContent !== ''").await;
        browser.go(&site.url("/auth/sessions")).await; // one person's, as plain JSON
        assert!(browser.source().await.contains("logout_url"));
        browser.go(&site.url("/")).await;
        browser.wait_until("return document.querySelector('#note').value === 'the canary sings'").await;
        browser.press("#logout").await;
        browser.wait_for("#guest").await;

        for _ in 0..2 {
            browser.back().await;
            browser.wait_until("return document.readyState === 'complete'").await;
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            let shown = browser.run("return document.documentElement.innerHTML + (document.querySelector('#note')?.value ?? '')").await;
            let shown = shown.as_str().unwrap();
            assert!(
                !shown.contains("canary") && !shown.contains("data-session") && !shown.contains("logout_url"),
                "{shown}"
            );
        }
    });
}

#[test]
fn ck_4_another_site_logs_nobody_out() {
    with_browser(Scripts::On, async |browser| {
        let site = Site::start(Transport::Default);
        sign_up(browser, &site, "ada").await;
        // Cross-site by its name, and of the same machine: `localhost` is not `127.0.0.1`.
        let other = OtherSite::start(&site.url("/auth/logout"));
        for page in ["/image", "/frame", "/prefetch", "/script-fetch", "/link", "/form"] {
            browser.go(&other.url(page)).await;
            browser.wait_until("return document.readyState === 'complete'").await;
            if matches!(page, "/link" | "/form") {
                browser.press("#go").await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            browser.go(&site.url("/")).await;
            browser.wait_for("#member").await;
        }
        // Typed into the address bar; and an image on a page of this site's own.
        browser.go(&site.url("/auth/logout")).await;
        browser.go(&site.url("/")).await;
        browser.wait_for("#member").await;
        let image = "const image = new Image(); image.src = '/auth/logout';
                     return new Promise((done) => { image.onerror = image.onload = () => done('answered'); })";
        assert_eq!(browser.run(image).await, json!("answered"));
        // The session's own link, as a page would have it: no browser that fetches links by itself logs out.
        let own = "const { logout_url } = await (await fetch('/auth/sessions')).json();
                   const add = (name, members) => document.body.append(Object.assign(document.createElement(name), members));
                   add('link', { rel: 'prefetch', href: logout_url });
                   add('img', { src: logout_url });
                   add('iframe', { src: logout_url });
                   const rules = JSON.stringify({ prerender: [{ urls: [logout_url], eagerness: 'immediate' }] });
                   add('script', { type: 'speculationrules', textContent: rules });
                   return true";
        assert_eq!(browser.run(own).await, json!(true));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        browser.go(&site.url("/")).await;
        browser.wait_for("#member").await;
        assert_eq!(browser.cookies().await.len(), 1);

        // A person who follows a link on a page of this site is logged out.
        let link = "const link = document.createElement('a'); link.href = '/auth/logout'; link.id = 'leave';
                    link.textContent = 'leave'; document.body.prepend(link); return true";
        browser.run(link).await;
        browser.press("#leave").await;
        browser.wait_for("#guest").await;
        assert_eq!(browser.address().await, site.url("/"));
        assert_eq!(browser.cookies().await.len(), 0);
    });
}

#[test]
fn forms_work_without_scripts() {
    with_browser(Scripts::Off, async |browser| {
        let site = Site::start(Transport::Default);
        browser.go(&site.url("/")).await;
        browser.fill("#signup-form", &[("name", "ada"), ("password", PASSWORD)]).await;
        browser.follow("#signup-form button.primary").await;
        assert_eq!(browser.address().await, site.url("/"));

        browser.fill("#login-form", &[("name", "ada"), ("password", "another kettle orbit")]).await;
        browser.follow("#login-form button.primary").await;
        assert_eq!(browser.address().await, site.url("/auth/login"));
        assert_eq!(browser.text("h1").await, "Name or password is wrong");
        assert_eq!(browser.cookies().await.len(), 0);

        browser.go(&site.url("/")).await;
        browser.fill("#login-form", &[("name", "ada"), ("password", PASSWORD)]).await;
        browser.follow("#login-form button.primary").await;
        assert_eq!(browser.cookies().await.len(), 1);
        assert_eq!(browser.address().await, site.url("/"));

        browser.follow("#logout").await;
        assert_eq!(browser.cookies().await.len(), 0);
        assert_eq!(browser.address().await, site.url("/"));
    });
}

#[test]
fn plain_http_says_so_in_the_cookies_name() {
    with_browser(Scripts::On, async |browser| {
        let site = Site::start(Transport::Plain);
        sign_up(browser, &site, "ada").await;
        let cookies = browser.cookies().await;
        assert_eq!((cookies[0]["name"].as_str(), &cookies[0]["secure"]), (Some("session"), &json!(false)));
        assert_eq!(cookies[0]["httpOnly"], json!(true));
        browser.press("#logout").await;
        browser.wait_for("#guest").await;
        assert_eq!(browser.cookies().await.len(), 0);
    });
}

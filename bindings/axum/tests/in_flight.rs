//! A thousand logouts on a database file, each with requests of the same session in flight on other connections: none of
//! them brings the session back, neither in its row nor in the browser.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests
#![allow(clippy::print_stdout)] // how many of the requests raced

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorward::{AuthenticateError, Gone};
use doorward_axum::AuthBuilder;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use support::client::{Connection, Request, Response, get, post, request};
use support::database::{count, open, rows_of};
use support::jar::Jar;
use support::site::{Site, builder, policy, store};
use support::{COOKIE, NAME, PASSWORD};

const LOGOUTS: usize = 1000;
const BROWSERS: usize = 8;

/// How the requests that were in flight ended.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    answered: usize,
    refused: usize,
    busy: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn inv_15_no_request_in_flight_brings_a_session_back() {
    let begun = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let engine = builder(store(&folder), policy()).open().await.unwrap();
    let site = Arc::new(Site::serve(folder, engine, AuthBuilder::loopback).await);
    let mut browsers = JoinSet::new();
    for number in 0..BROWSERS {
        browsers.spawn(log_out_again_and_again(Arc::clone(&site), number));
    }
    let mut counts = Counts::default();
    while let Some(of_one) = browsers.join_next().await {
        let of_one = of_one.unwrap();
        counts.answered += of_one.answered;
        counts.refused += of_one.refused;
        counts.busy += of_one.busy;
    }
    for table in ["session", "data", "grants"] {
        assert_eq!(count(&site.database(), table), 0, "{table}");
    }
    let Counts { answered, refused, busy } = counts;
    println!(
        "{LOGOUTS} logouts in {:.1?}: of {} requests in flight {answered} were answered before, {refused} refused after, \
         {busy} told to try again; no session came back",
        begun.elapsed(),
        answered + refused + busy,
    );
    // Else nothing raced.
    assert!(answered > LOGOUTS / 10 && refused > LOGOUTS / 10, "{counts:?}");
}

async fn log_out_again_and_again(site: Arc<Site>, number: usize) -> Counts {
    let mut counts = Counts::default();
    let mut own = Connection::to(site.address).await;
    let mut others = Vec::new();
    for _ in 0..in_flight().len() {
        others.push(Connection::to(site.address).await);
    }
    let jar = Arc::new(Mutex::new(Jar::of("127.0.0.1")));
    let database = open(&site.database());
    for round in 0..LOGOUTS / BROWSERS {
        let login = post("/auth/login").json(&json!({ "name": NAME, "password": PASSWORD }));
        let login = own.send(&login.header("Origin", site.origin())).await;
        assert_eq!(login.status, 200, "{login:?}");
        take(&jar, &login);
        let (token, cookie) = {
            let jar = jar.lock().unwrap();
            (jar.value(COOKIE).unwrap().to_owned(), jar.header("/").unwrap())
        };
        let session = site.engine.authenticate(&token).await.unwrap().id;
        let of_session = |request: Request| request.header("Cookie", &cookie).header("Origin", site.origin());

        let is_out = Arc::new(Semaphore::new(0));
        let mut sent = JoinSet::new();
        let begin = (round + number) % in_flight().len(); // another one comes first each time
        for (place, mut connection) in others.drain(..).enumerate() {
            let request = of_session(in_flight().swap_remove((place + begin) % in_flight().len()));
            let (jar, is_out, round) = (Arc::clone(&jar), Arc::clone(&is_out), round);
            sent.spawn(async move {
                // The first half is on its way before the logout is, the second from then on.
                if place >= in_flight().len() / 2 {
                    is_out.acquire().await.unwrap().forget();
                    tokio::time::sleep(Duration::from_micros((round % 7 * place * 40) as u64)).await;
                }
                let response = connection.send(&request).await;
                take(&jar, &response);
                (connection, request, response)
            });
        }
        tokio::time::sleep(Duration::from_micros((round % 11 * 150) as u64)).await;
        is_out.add_permits(in_flight().len());
        let logout = own.send(&of_session(post("/auth/logout").json(&json!({})))).await;
        take(&jar, &logout);
        assert_eq!(logout.status, 200, "{logout:?}");
        assert_eq!(logout.json()["ended"], "ended");
        // Whoever comes now comes too late, whatever the others still do.
        let late = own.send(&of_session(get("/page"))).await;
        assert_eq!(late.problem(), (401, "session".into()));

        while let Some(ended) = sent.join_next().await {
            let (connection, request, response) = ended.unwrap();
            match response.status {
                200 | 204 => counts.answered += 1,
                401 => counts.refused += 1,
                503 => counts.busy += 1,
                _ => panic!("{} {}: {response:?}", request.method, request.path),
            }
            others.push(connection);
        }
        let outcome = site.engine.authenticate(&token).await;
        assert!(matches!(outcome, Err(AuthenticateError::Gone(Gone::Ended))), "{outcome:?}");
        assert_eq!(rows_of(&database, session), 0, "a row is back");
        assert!(jar.lock().unwrap().is_empty(), "the cookie is back");
    }
    counts
}

/// What pages and scripts of the session are about when the person logs out.
fn in_flight() -> Vec<Request> {
    vec![
        get("/page"),
        request("PUT", "/note").body("text/plain", "still here"),
        post("/auth/token"),
        get("/auth/sessions"),
        request("PUT", "/note").body("text/plain", "and here"),
        post("/auth/token").json(&json!({ "refresh": false })),
    ]
}

fn take(jar: &Mutex<Jar>, response: &Response) {
    let mut jar = jar.lock().unwrap();
    response.all("set-cookie").iter().for_each(|cookie| jar.take(cookie));
}

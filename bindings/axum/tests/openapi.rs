//! The document at `/auth/openapi.json`, the table of the crate's page and the router name the same routes, and every
//! refusal that the document lists is one of the core's.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

use std::collections::BTreeSet;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use doorward::core::web::cookie::{Cookie, CookieSettings};
use doorward::core::web::problem::Kind;
use doorward::store::MemoryStore;
use doorward::{AsyncEngine, MasterKey};
use doorward_axum::{Auth, AuthBuilder};
use serde_json::Value;
use tower_service::Service as _;

type Route = (String, String);

#[tokio::test]
async fn every_documented_route_is_served() {
    let router = router(|auth| auth).await;
    let document = document(&router).await;
    for (method, path) in routes(&document) {
        let response = send(&router, &method, &path).await;
        assert_ne!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_ne!(response.status(), StatusCode::NOT_FOUND, "{method} {path}");
        let status = response.status().as_u16().to_string();
        let operation = &document["paths"][&path][method.to_lowercase()];
        assert!(operation["responses"][&status].is_object(), "{method} {path}: {status} is not documented");
    }
}

/// RFC 9110, section 15.5.6: with the methods that there are.
#[tokio::test]
async fn every_other_method_is_refused_and_told_which_there_are() {
    let router = router(|auth| auth).await;
    let document = document(&router).await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let served: BTreeSet<String> =
            operations.as_object().unwrap().keys().map(|key| key.to_uppercase()).collect();
        let is_head_served = served.contains("GET") && path != "/auth/logout";
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"] {
            if served.contains(method) || (method == "HEAD" && is_head_served) {
                continue;
            }
            let response = send(&router, method, path).await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            let allow = response.headers()[header::ALLOW].to_str().unwrap();
            let mut allowed: BTreeSet<String> =
                allow.split(',').map(|method| method.trim().to_owned()).collect();
            assert_eq!(allowed.remove("HEAD"), is_head_served, "{method} {path}: {allow}");
            assert_eq!(allowed, served, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_crates_page_lists_the_routes_of_the_document() {
    let page = include_str!("../src/lib.rs");
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | `")?.split_once('`'));
    let listed: Vec<Route> = rows
        .filter_map(|(row, _)| row.split_once(' '))
        .map(|(method, path)| (method.into(), path.into()))
        .collect();
    let set: BTreeSet<Route> = listed.iter().cloned().collect();
    assert_eq!(set.len(), listed.len(), "a route is listed twice");
    assert_eq!(set, routes(&document(&router(|auth| auth).await).await));
}

#[tokio::test]
async fn every_refusal_of_the_document_is_one_of_the_cores_and_the_other_way_round() {
    let document = document(&router(|auth| auth).await).await;
    let mut documented = BTreeSet::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                for word in problems(resolved(&document, response)) {
                    let kind = Kind::ALL.iter().find(|kind| kind.word() == word);
                    let kind = kind.unwrap_or_else(|| panic!("the core has no problem `{word}`"));
                    assert_eq!(kind.status().to_string(), *status, "{word}");
                    documented.insert(kind.word());
                }
            }
        }
    }
    // Those of the extractors, for routes of the host's own.
    let elsewhere = [Kind::Bearer, Kind::NoToken, Kind::InsufficientScope, Kind::StepUp];
    let of_the_routes = Kind::ALL.iter().filter(|kind| !elsewhere.contains(kind)).map(|kind| kind.word());
    assert_eq!(documented, of_the_routes.collect());

    let paths = document["paths"].to_string();
    for name in document["components"]["responses"].as_object().unwrap().keys() {
        assert!(paths.contains(&format!("#/components/responses/{name}\"")), "no route answers {name}");
    }
}

#[tokio::test]
async fn the_document_is_of_this_version_and_names_the_hosts_cookie() {
    let settings = CookieSettings { name: "__Host-shop".into(), ..CookieSettings::default() };
    let router = router(|auth| auth.cookie(Cookie::new(settings).unwrap()).unwrap()).await;
    let document = document(&router).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["components"]["securitySchemes"]["session"]["name"], "__Host-shop");
    assert!(!document.to_string().contains("__Host-session"));
}

async fn router(configured: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Router {
    let engine = AsyncEngine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [7; 32]));
    configured(Auth::builder(engine.open().await.unwrap())).build().router()
}

async fn document(router: &Router) -> Value {
    let response = send(router, "GET", "/auth/openapi.json").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

/// From a page of this origin, with an id where the path has a place for one.
async fn send(router: &Router, method: &str, path: &str) -> Response<Body> {
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(path.replace("{id}", &"0".repeat(32)))
        .header(header::HOST, "app.example")
        .header(header::ORIGIN, "https://app.example");
    router.clone().call(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn routes(document: &Value) -> BTreeSet<Route> {
    let mut routes = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

fn resolved<'a>(document: &'a Value, response: &'a Value) -> &'a Value {
    let Some(reference) = response["$ref"].as_str() else { return response };
    document.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

/// The words of the problems that a response may be.
fn problems(response: &Value) -> Vec<String> {
    let types = &response["content"]["application/problem+json"]["schema"]["properties"]["type"]["enum"];
    let word =
        |kind: &Value| kind.as_str().unwrap().strip_prefix("urn:doorward:problem:").unwrap().to_owned();
    types.as_array().into_iter().flatten().map(word).collect()
}

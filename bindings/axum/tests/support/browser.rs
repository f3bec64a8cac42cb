//! A browser with a page of the site's open: it says where its requests come from, and keeps cookies.

use serde_json::{Value, json};

use super::client::{Connection, Request, Response, post};
use super::jar::Jar;
use super::site::Site;
use super::{COOKIE, NAME, PASSWORD};

pub(crate) struct Browser {
    pub(crate) jar: Jar,
    origin: String,
    connection: Connection,
}

impl Browser {
    pub(crate) async fn at(site: &Site) -> Self {
        let connection = Connection::to(site.address).await;
        Self { jar: Jar::of("127.0.0.1"), origin: site.origin(), connection }
    }

    /// One that is logged in.
    pub(crate) async fn logged_in(site: &Site) -> Self {
        let mut browser = Self::at(site).await;
        let response = browser.login(NAME, PASSWORD).await;
        assert_eq!(response.status, 200, "{response:?}");
        browser
    }

    pub(crate) async fn login(&mut self, name: &str, password: &str) -> Response {
        self.post("/auth/login", &json!({ "name": name, "password": password })).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Response {
        self.send(post(path).json(body)).await
    }

    /// As a script or a form of a page of ours sends it.
    pub(crate) async fn send(&mut self, request: Request) -> Response {
        let response = self.connection.send(&self.dressed(request)).await;
        response.all("set-cookie").iter().for_each(|cookie| self.jar.take(cookie));
        response
    }

    /// With what a browser adds: the cookies, and where the request comes from. What is there already stays.
    pub(crate) fn dressed(&self, mut request: Request) -> Request {
        if !request.has("sec-fetch-site") {
            request = request.header("Sec-Fetch-Site", "same-origin");
        }
        if request.method != "GET" && !request.has("origin") {
            request = request.header("Origin", &self.origin);
        }
        match self.jar.header(&request.path) {
            Some(cookies) if !request.has("cookie") => request.header("Cookie", cookies),
            _ => request,
        }
    }

    /// The session's token.
    pub(crate) fn token(&self) -> Option<&str> {
        self.jar.value(COOKIE)
    }
}

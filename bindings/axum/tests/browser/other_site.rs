//! A site that wants to log people out of another one.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

pub(crate) struct OtherSite {
    address: String,
    runtime: Option<tokio::runtime::Runtime>,
}

impl OtherSite {
    pub(crate) fn start(logout: &str) -> Self {
        let pages = [
            ("/image", format!("<img src='{logout}'>")),
            ("/frame", format!("<iframe src='{logout}'></iframe>")),
            (
                "/prefetch",
                format!("<link rel='prefetch' href='{logout}'><link rel='prerender' href='{logout}'>"),
            ),
            (
                "/script-fetch",
                format!(
                    "<script>for (const method of ['GET', 'POST']) fetch('{logout}', {{method, mode: 'no-cors', credentials: 'include'}})</script>"
                ),
            ),
            ("/link", format!("<a id='go' href='{logout}'>a nice picture</a>")),
            (
                "/form",
                format!("<form method='post' action='{logout}'><button id='go'>a nice game</button></form>"),
            ),
        ];
        let mut site = Router::new();
        for (path, page) in pages {
            site = site
                .route(path, get(async move || Html(format!("<!doctype html><title>other</title>{page}"))));
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        runtime.spawn(async move { axum::serve(TcpListener::from_std(listener).unwrap(), site).await });
        Self { address, runtime: Some(runtime) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for OtherSite {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

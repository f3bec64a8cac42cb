//! The layer: it hands the [`Auth`] to the extractors, and marks what they had a part in as not to be kept.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tower_layer::Layer;
use tower_service::Service;

use crate::auth::Auth;

impl<S> Layer<S> for Auth {
    type Service = WithAuth<S>;

    fn layer(&self, inner: S) -> WithAuth<S> {
        WithAuth { inner, auth: self.clone() }
    }
}

/// A service whose requests carry an [`Auth`].
///
/// # Example: what the layer makes of a router
/// ```
/// use axum::Router;
/// use doorward::{AsyncEngine, MasterKey, store::MemoryStore};
/// use doorward_axum::{Auth, WithAuth};
/// use tower_layer::Layer;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let engine = AsyncEngine::builder(MemoryStore::new()).ephemeral().master_key(MasterKey::new(1, [7; 32])).open().await?;
/// let site: WithAuth<Router> = Auth::new(engine).layer(Router::new());
/// assert!(format!("{site:?}").contains("__Host-session"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct WithAuth<S> {
    inner: S,
    auth: Auth,
}

/// Whether an extractor or a route of ours looked at the request: the answer may then be one person's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Personal(Arc<AtomicBool>);

impl Personal {
    pub(crate) fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<S> Service<Request> for WithAuth<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let personal = Personal::default();
        request.extensions_mut().insert(self.auth.clone());
        request.extensions_mut().insert(personal.clone());
        let response = self.inner.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            if personal.0.load(Ordering::Relaxed) {
                let headers = response.headers_mut();
                headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
            }
            Ok(response)
        })
    }
}

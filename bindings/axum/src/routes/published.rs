//! What anybody may read: `GET /.well-known/jwks.json`, `GET /auth/openapi.json`.

use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::respond::Rejection;
use crate::visit::Visit;

/// RFC 7517, section 8.5: `application/jwk-set+json`.
pub(super) async fn keys(request: Request) -> Result<Response, Rejection> {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&parts)?;
    let published = visit.auth.engine.jwks().await.map_err(|fault| visit.refuse(&fault))?;
    let headers = [
        (header::CONTENT_TYPE, "application/jwk-set+json".to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={}", published.max_age.as_secs())),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, published.to_json().to_owned()).into_response())
}

pub(super) async fn openapi(request: Request) -> Result<Response, Rejection> {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&parts)?;
    let cookie = visit.auth.settings.replies.session.name();
    let document = include_str!("../openapi.json").replace("__Host-session", cookie);
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, document).into_response())
}

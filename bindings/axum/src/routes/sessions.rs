//! `GET /auth/sessions`, `DELETE /auth/sessions/{id}`.

use axum::extract::{FromRequestParts as _, Path, Request};
use doorward::SessionId;
use doorward::core::web::problem::Kind;

use crate::extract::Session;
use crate::visit::Visit;

use super::{Answer, Planned};

pub(super) async fn list(request: Request) -> Answer {
    let (mut parts, _) = request.into_parts();
    let session = Session::from_request_parts(&mut parts, &()).await?;
    let visit = Visit::of(&parts)?;
    let sessions = visit.auth.engine.sessions(session.account).await.map_err(|fault| visit.refuse(&fault))?;
    Ok(Planned(visit.auth.settings.replies.sessions(&sessions, session.id, &session.logout_url())))
}

pub(super) async fn end(request: Request) -> Answer {
    let (mut parts, _) = request.into_parts();
    let session = Session::from_request_parts(&mut parts, &()).await?;
    let id = Path::<String>::from_request_parts(&mut parts, &()).await;
    let visit = Visit::of(&parts)?;
    let unknown = || visit.reject(Kind::NotFound, "the account has no such session");
    let id: SessionId = id.map_err(|_| unknown())?.parse().map_err(|_| unknown())?;
    visit.auth.engine.end_session(session.account, id).await.map_err(|error| visit.refuse(&error))?;
    Ok(Planned(visit.auth.settings.replies.done()))
}

//! `GET /auth/sessions`, `DELETE /auth/sessions`, `DELETE /auth/sessions/{id}`.

use axum::extract::{FromRequestParts as _, Path, Request};
use doorward::core::web::problem::Kind;
use doorward::core::web::reply::Wants;
use doorward::core::web::target::ReturnTarget;
use doorward::{LogoutEverywhere, SessionId};

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

/// All but the one that asks, which gets a new cookie: a thief may hold a copy of the old one.
pub(super) async fn end_others(request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&parts)?;
    visit.check_write()?;
    let token = visit.needed_token()?;
    let session = visit.auth.engine.authenticate(&token).await.map_err(|error| visit.refuse(&error))?;
    let others = LogoutEverywhere::new(session.account).keep(&token);
    let ended = visit.auth.engine.logout_everywhere(others).await.map_err(|error| visit.refuse(&error))?;
    let renewed = ended.kept.ok_or_else(|| visit.nobody())?;
    visit.renewed(&renewed, Wants::Json, ReturnTarget::default()).map(Planned)
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

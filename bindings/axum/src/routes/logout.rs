//! `POST /auth/logout`, `GET /auth/logout`.

use axum::extract::Request;
use axum::http::request::Parts;
use doorward::LogoutError;
use doorward::core::web::logout_link::is_logout_token;
use doorward::core::web::target::ReturnTarget;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::input::{self, Input};
use crate::visit::Visit;

use super::{Answer, Planned};

/// Other fields are overlooked: no framework's hidden field, and no button's name, keeps anybody from logging out.
#[derive(Deserialize)]
struct Next {
    next: Option<String>,
}

impl Input for Next {
    const FIELDS: &'static str = "next (optional)";

    fn knows(name: &str) -> bool {
        name == "next"
    }

    fn empty() -> Option<Self> {
        Some(Self { next: None })
    }
}

pub(super) async fn by_post(request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts)?;
    visit.check_write()?;
    let Next { next } = input::read(&visit, &parts, body).await?;
    let target = input::target(&visit, next.as_deref())?;
    let session = visit.session_token()?;
    end(&visit, session, target).await
}

/// By a link: one that was made for this session, or one that a person followed on any page of ours.
pub(super) async fn by_link(request: Request) -> Answer {
    let (parts, _) = request.into_parts();
    let visit = Visit::of(&parts)?;
    let session = visit.session_token()?;
    let is_ours =
        matches!((&session, token(&parts)), (Some(session), Some(token)) if is_logout_token(token, session));
    if is_ours { visit.check_own_link() } else { visit.check_link() }?;
    end(&visit, session, ReturnTarget::default()).await
}

async fn end(visit: &Visit<'_>, session: Option<Zeroizing<String>>, target: ReturnTarget) -> Answer {
    let receipt = match session {
        None => None,
        Some(token) => match visit.auth.engine.logout(&token).await {
            Ok(receipt) => Some(receipt),
            // It opens nothing, so there is nothing to end: the browser is to forget it all the same.
            Err(LogoutError::Token(_)) => None,
            Err(error) => return Err(visit.refuse(&error)),
        },
    };
    Ok(Planned(visit.auth.settings.replies.logged_out(receipt.as_ref(), visit.wants, target)))
}

fn token(parts: &Parts) -> Option<&str> {
    parts.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))
}

//! `POST /auth/token`, `POST /auth/refresh`.

use axum::extract::Request;
use doorward::{Issue, Refresh, Scope};
use serde::Deserialize;

use crate::input::{self, Input};
use crate::respond::Rejection;
use crate::visit::Visit;

use super::{Answer, Planned};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    scope: Option<String>,
    #[serde(default, deserialize_with = "input::flag")]
    refresh: Option<bool>,
}

impl Input for Wish {
    const FIELDS: &'static str = "scope (optional), refresh (optional)";

    fn empty() -> Option<Self> {
        Some(Self { scope: None, refresh: None })
    }
}

pub(super) async fn token(request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts)?;
    visit.check_write()?;
    let token = visit.needed_token()?;
    let Wish { scope, refresh } = input::read(&visit, &parts, body).await?;

    let settings = &visit.auth.settings;
    let mut issue = Issue::new(&token, &settings.client, settings.audience.as_str());
    if let Some(scope) = parsed(&visit, scope)? {
        issue = issue.scope(scope);
    }
    if refresh != Some(false) {
        issue = issue.with_refresh();
    }
    let issued = visit.auth.engine.issue(issue).await.map_err(|error| visit.refuse(&error))?;
    Ok(Planned(settings.replies.issued(&issued, visit.auth.engine.now())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    refresh_token: String,
    scope: Option<String>,
}

impl Input for Again {
    const FIELDS: &'static str = "refresh_token, scope (optional)";
}

pub(super) async fn refresh(request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts)?;
    visit.check_foreign()?;
    let Again { refresh_token, scope } = input::read(&visit, &parts, body).await?;

    let settings = &visit.auth.settings;
    let mut refresh = Refresh::new(&refresh_token, &settings.client);
    if let Some(scope) = parsed(&visit, scope)? {
        refresh = refresh.scope(scope);
    }
    let issued = visit.auth.engine.refresh(refresh).await.map_err(|error| visit.refuse(&error))?;
    Ok(Planned(settings.replies.issued(&issued, visit.auth.engine.now())))
}

/// An empty scope is none asked for: all that was granted.
fn parsed(visit: &Visit<'_>, scope: Option<String>) -> Result<Option<Scope>, Rejection> {
    let scope = scope.filter(|scope| !scope.is_empty()).map(|scope| Scope::parse(&scope)).transpose();
    scope.map_err(|error| visit.refuse(&doorward::IssueError::Term(error)))
}

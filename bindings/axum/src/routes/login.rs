//! `POST /auth/login`.

use axum::extract::Request;
use doorward::Login;
use doorward::core::model::session::Lifetime;
use serde::Deserialize;

use crate::input::{self, Input};
use crate::visit::Visit;

use super::{Answer, Planned};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    password: String,
    next: Option<String>,
    #[serde(default, deserialize_with = "input::flag")]
    remember: Option<bool>,
}

impl Input for Credentials {
    const FIELDS: &'static str = "name, password, next (optional), remember (optional)";
}

pub(super) async fn login(request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts)?;
    visit.check_write()?;
    let (previous, device) = (visit.session_token()?, visit.device_token()?);
    let Credentials { name, password, next, remember } = input::read(&visit, &parts, body).await?;
    let target = input::target(&visit, next.as_deref())?;

    let settings = &visit.auth.settings;
    let mut login = Login::new(&name, password).scope(settings.scope.clone());
    if let Some(source) = visit.source() {
        login = login.source(source);
    }
    if let Some(label) = visit.label() {
        login = login.label(label);
    }
    if let Some(previous) = previous {
        login = login.previous(&previous);
    }
    if remember == Some(true) {
        login = login.lifetime(Lifetime::Remembered);
    }
    if settings.replies.device.is_some() {
        login = login.remember_device();
    }
    if let Some(device) = device {
        login = login.device(&device);
    }
    let login = visit.auth.engine.login(login).await.map_err(|error| visit.refuse(&error))?;
    let plan = settings.replies.logged_in(&login, visit.wants, target);
    plan.map(Planned).map_err(|error| visit.refuse(&error))
}

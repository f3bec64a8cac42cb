//! `POST /auth/register`, `POST /auth/reauthenticate`, `POST /auth/password`.

use axum::extract::Request;
use doorward::Register;
use doorward::core::operation::change_password::ChangePassword;
use doorward::core::operation::reauthenticate::Reauthenticate;
use serde::Deserialize;

use crate::input::{self, Input};
use crate::visit::Visit;

use super::{Answer, Planned};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Newcomer {
    name: String,
    password: String,
    next: Option<String>,
}

impl Input for Newcomer {
    const FIELDS: &'static str = "name, password, next (optional)";
}

pub(super) async fn register(request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts)?;
    visit.check_write()?;
    let Newcomer { name, password, next } = input::read(&visit, &parts, body).await?;
    let target = input::target(&visit, next.as_deref())?;
    let mut register = Register::new(&name, password);
    if let Some(source) = visit.source() {
        register = register.source(source);
    }
    let account = visit.auth.engine.register(register).await.map_err(|error| visit.refuse(&error))?;
    Ok(Planned(visit.auth.settings.replies.registered(account, visit.wants, target)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    password: String,
    next: Option<String>,
}

impl Input for Proof {
    const FIELDS: &'static str = "password, next (optional)";
}

pub(super) async fn reauthenticate(request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts)?;
    visit.check_write()?;
    let token = visit.needed_token()?;
    let Proof { password, next } = input::read(&visit, &parts, body).await?;
    let target = input::target(&visit, next.as_deref())?;
    let mut proof = Reauthenticate::new(&token, password);
    if let Some(source) = visit.source() {
        proof = proof.source(source);
    }
    let renewed = visit.auth.engine.run(proof).await.unwrap_or_else(|fault| Err(fault.into()));
    let renewed = renewed.map_err(|error| visit.refuse(&error))?;
    visit.renewed(&renewed, visit.wants, target).map(Planned)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    current: String,
    new: String,
    next: Option<String>,
}

impl Input for Change {
    const FIELDS: &'static str = "current, new, next (optional)";
}

pub(super) async fn password(request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let visit = Visit::of(&parts)?;
    visit.check_write()?;
    let token = visit.needed_token()?;
    let Change { current, new, next } = input::read(&visit, &parts, body).await?;
    let target = input::target(&visit, next.as_deref())?;
    let mut change = ChangePassword::new(&token, current, new);
    if let Some(source) = visit.source() {
        change = change.source(source);
    }
    let renewed = visit.auth.engine.run(change).await.unwrap_or_else(|fault| Err(fault.into()));
    let renewed = renewed.map_err(|error| visit.refuse(&error))?;
    visit.renewed(&renewed, visit.wants, target).map(Planned)
}

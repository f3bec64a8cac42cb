//! Two people at home: where the lifecycle's stories begin.

use doorward_core::id::{AccountId, SessionId};
use doorward_core::model::session::Gone;
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError};
use doorward_core::operation::login::Login;
use doorward_core::operation::rotate_session::Renewed;

use super::{RIGHT, World};

/// Ada and Bob, each with one session from `START`.
pub(crate) fn home() -> (World, [AccountId; 2], [String; 2]) {
    let mut world = World::new();
    let accounts = ["ada", "bob"].map(|name| world.register(name));
    let tokens = ["ada", "bob"].map(|name| login(&mut world, name));
    (world, accounts, tokens)
}

pub(crate) fn login(world: &mut World, name: &str) -> String {
    world.run(Login::new(name, RIGHT)).unwrap().unwrap().token.expose().to_owned()
}

pub(crate) fn token_of<S>(renewed: &Renewed<S>) -> String {
    renewed.token.expose().to_owned()
}

pub(crate) fn gone(world: &mut World, token: &str) -> Option<Gone> {
    match world.run(Authenticate::new(token)).unwrap() {
        Ok(_) => None,
        Err(AuthenticateError::Gone(gone)) => Some(gone),
        other => panic!("neither live nor gone: {other:?}"),
    }
}

pub(crate) fn is_live(world: &mut World, token: &str) -> bool {
    gone(world, token).is_none()
}

pub(crate) fn session_of(world: &mut World, token: &str) -> SessionId {
    world.run(Authenticate::new(token)).unwrap().unwrap().id
}

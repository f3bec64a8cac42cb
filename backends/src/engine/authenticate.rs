//! Recognising a session: a look at its rows, and the operation where a look does not do.

use doorward_core::error::Fault;
use doorward_core::event::{Event, EventResult, Subject};
use doorward_core::operation::authenticate::{Authenticate, AuthenticateError, Glance, Session};
use doorward_core::time::Timestamp;

use super::reach::Reach;
use super::run::{self, ABANDONED, Parts};

/// As [`Engine::authenticate`](super::Engine::authenticate).
pub(super) async fn authenticate<E: Reach>(engine: &E, token: &str) -> Result<Session, AuthenticateError> {
    let parts = engine.parts();
    let begun = parts.clock.now();
    let looked = Looked { parts, at: begun, is_told: false };
    let glance = match Glance::at(token, &parts.environment) {
        Ok(glance) => glance,
        Err(error) => return looked.end(begun, Err(error.into())),
    };
    let rows = match engine.read(&glance.keys()).await {
        Ok(rows) => rows,
        Err(error) => return looked.end(parts.clock.now(), Err(Fault::from(error).into())),
    };
    let now = parts.clock.now();
    if let Some(outcome) = glance.of(&rows, now) {
        return looked.end(now, outcome);
    }
    looked.leave_to_the_operation();
    run::run_on(engine, Authenticate::new(token), begun, rows).await?
}

/// A look under way, and the event that is owed for it.
struct Looked<'a> {
    parts: &'a Parts,
    at: Timestamp,
    is_told: bool,
}

impl Looked<'_> {
    fn end(
        mut self,
        at: Timestamp,
        outcome: Result<Session, AuthenticateError>,
    ) -> Result<Session, AuthenticateError> {
        let (result, subject) = Glance::audit(&outcome);
        self.at = at;
        self.tell(result, subject);
        outcome
    }

    fn leave_to_the_operation(mut self) {
        self.is_told = true;
    }

    fn tell(&mut self, result: EventResult, subject: Subject) {
        self.is_told = true;
        self.parts.events.tell(&Event { at: self.at, operation: "authenticate", result, subject });
    }
}

/// Its future was dropped before it ended, or the host's clock panicked.
impl Drop for Looked<'_> {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell(EventResult::Failed(ABANDONED), Subject::default());
        }
    }
}

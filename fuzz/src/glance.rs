//! The short way beside the operation: what a look at the rows says of a session's token is what the operation says.

use std::sync::Arc;

use doorward_core::error::Misuse;
use doorward_core::machine::{Environment, Reply, Ticket};
use doorward_core::operation::authenticate::{Authenticate, Glance};
use doorward_core::record::Row;
use doorward_core::time::Timestamp;

use crate::answer::{Answer, Asked, Machinery, Simulated};

/// A machine that authenticates, and the rows that it was told last.
pub(crate) struct Glancing {
    machine: Box<dyn Machinery>,
    token: String,
    environment: Arc<Environment>,
    rows: Option<Vec<Option<Row>>>,
}

impl Glancing {
    /// Beside this machine, which asks who holds the token.
    pub(crate) fn beside(machine: Box<dyn Machinery>, token: &str, environment: &Arc<Environment>) -> Self {
        Self { machine, token: token.to_owned(), environment: Arc::clone(environment), rows: None }
    }

    /// What the rows say by themselves, where they say anything.
    fn look(&mut self, now: Timestamp) -> Option<Answer> {
        let rows = self.rows.take()?;
        let outcome = match Glance::at(&self.token, &self.environment) {
            Ok(glance) => glance.of(&rows, now)?,
            Err(refused) => Err(refused.into()),
        };
        Authenticate::told(outcome).ok().map(|told| told.answer)
    }
}

impl Machinery for Glancing {
    fn poll(&mut self, now: Timestamp) -> Asked<'_> {
        let seen = self.look(now);
        let asked = self.machine.poll(now);
        let Some(seen) = seen else { return asked };
        if matches!(&asked, Asked::Done(Ok(told)) if told.answer == seen) {
            return asked;
        }
        Asked::Done(Ok(
            Answer::Other(format!("the rows alone say {seen:?}, and the operation does not")).into()
        ))
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) -> Result<(), Misuse> {
        let rows = if let Reply::Rows(rows) = &reply { Some(rows.clone()) } else { None };
        self.machine.reply(ticket, reply)?;
        self.rows = rows;
        Ok(())
    }
}

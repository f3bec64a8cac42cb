//! Everything that comes out of an engine by way of text.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use doorward::core::event::EventResult;

use crate::support::story::Listener;

/// All that was printed, by whatever way, and the tokens that were given out meanwhile.
#[derive(Clone, Default)]
pub(crate) struct Printed {
    text: Arc<Mutex<String>>,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Printed {
    pub(crate) fn note(&self, value: impl Debug) {
        writeln!(self.text.lock().unwrap(), "{value:?}\n{value:#?}").unwrap();
    }

    /// The outcome, and the message of its error and of each behind it.
    pub(crate) fn note_error<T: Debug, E: std::error::Error + 'static>(
        &self,
        outcome: Result<T, E>,
    ) -> Option<T> {
        self.note(&outcome);
        let error = outcome.as_ref().err().map(|error| error as &dyn std::error::Error);
        for error in std::iter::successors(error, |error| error.source()) {
            writeln!(self.text.lock().unwrap(), "{error}").unwrap();
        }
        outcome.ok()
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    /// The names of types, of operations, of variants that stand in the text.
    pub(crate) fn words(&self) -> BTreeSet<String> {
        let text = self.text();
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.map(str::to_owned).collect()
    }
}

impl Listener for Printed {
    fn asked(&mut self, operation: &dyn Debug) {
        self.note(operation);
    }

    fn came(&mut self, outcome: &dyn Debug, errors: &[String], _: &[(&'static str, EventResult)]) {
        self.note(outcome);
        for error in errors {
            writeln!(self.text.lock().unwrap(), "{error}").unwrap();
        }
    }

    fn gave(&mut self, token: &str) {
        self.tokens.lock().unwrap().push(token.to_owned());
    }
}

/// Runs what is given, while all that it tells `tracing` is printed.
#[cfg(not(feature = "tracing"))]
pub(crate) fn traced(_: &Printed, run: impl FnOnce()) {
    run();
}

#[cfg(feature = "tracing")]
pub(crate) use by_tracing::traced;

#[cfg(feature = "tracing")]
mod by_tracing {
    use std::fmt::Debug;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Metadata, Subscriber};

    use super::Printed;

    /// Runs what is given, while all that it tells `tracing` is printed.
    pub(crate) fn traced(printed: &Printed, run: impl FnOnce()) {
        tracing::subscriber::with_default(printed.clone(), run);
    }

    impl Visit for &Printed {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.note((field.name(), value));
        }
    }

    impl Subscriber for Printed {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            panic!("the engine opens no span")
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            self.note(("told to tracing", event.metadata()));
            event.record(&mut &*self);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}

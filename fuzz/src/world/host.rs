//! The moves of a host in another language: operations one by one, time, and what its engines do besides.

use std::rc::Rc;

use doorward_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::store::OPENING;
use super::{Through, World};
use crate::action::{Action, Rotate, TokenAction};
use crate::host::{Host, Seat};
use crate::model::Stage;
use crate::plan::{House, Move};
use crate::violation::{Violation, ensure};

/// One thing that a host does.
///
/// # Example: as a line of JSON
/// ```
/// use doorward_fuzz::world::HostMove;
///
/// let one: HostMove = serde_json::from_str(r#"{"Do":{"engine":0,"action":{"Logout":{"token":{"of":3,"forgery":"None"}}}}}"#)?;
/// assert!(matches!(one, HostMove::Do { engine: 0, .. }));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum HostMove {
    /// A client or an administrator asks an engine for something. The n-th of these has the number n, counted from 0, by
    /// which later ones name its tokens.
    Do {
        /// Which engine.
        engine: u8,
        /// What for.
        action: Action,
    },
    /// An engine is closed and opened again.
    Reopen {
        /// Which.
        engine: u8,
    },
    /// `Engine::purge`
    Purge {
        /// Which engine.
        engine: u8,
        /// How many rows at most.
        limit: usize,
    },
    /// `Engine::maintain`
    Maintain {
        /// Which engine.
        engine: u8,
    },
    /// Time passes, for all.
    Advance {
        /// Milliseconds.
        millis: u32,
    },
    /// The clock is set back, for all.
    StepBack {
        /// Milliseconds.
        millis: u32,
    },
}

/// How many rows a maintenance purges at once.
const BITE: usize = 1_000;

impl World {
    /// Two engines on an empty store, which the host has yet to open: see [`World::host_settings`].
    ///
    /// # Errors
    /// An invariant that does not hold.
    ///
    /// # Example: a host that is down
    /// ```
    /// use std::rc::Rc;
    ///
    /// use doorward_fuzz::host::Host;
    /// use doorward_fuzz::plan::House;
    /// use doorward_fuzz::world::{HostMove, World};
    /// use serde_json::{Value, json};
    ///
    /// struct Down;
    ///
    /// impl Host for Down {
    ///     fn call(&self, _: &Value) -> Value {
    ///         json!({ "refused": { "status": "DW_STORE_FATAL" } })
    ///     }
    /// }
    /// let host: Rc<dyn Host> = Rc::new(Down);
    /// let mut world = World::new().at_host(&host, House { cap: None, peppers: false, shared_secret: false })?;
    /// let found = world.host_moves(HostMove::Maintain { engine: 0 }).unwrap_err();
    /// assert!(found.what.starts_with("maintain"));
    /// # Ok::<(), doorward_fuzz::violation::Violation>(())
    /// ```
    pub fn at_host(mut self, host: &Rc<dyn Host>, house: House) -> Result<Self, Violation> {
        self.through = Through::Host;
        self.begin(house)?;
        // The host opens each of them now: none has seen an earlier time.
        for engine in 0..self.engines.len() {
            self.now(engine);
        }
        for (number, engine) in self.engines.iter_mut().enumerate() {
            engine.host = Some(Seat { host: Rc::clone(host), engine: number });
        }
        Ok(self)
    }

    /// What the host opens its engines with: the policy, the time in milliseconds, the master key and the peppers by their
    /// numbers and the byte that each consists of, and the random bytes of the opening.
    pub fn host_settings(&self) -> Value {
        let engine = &self.engines[0];
        let policy: Value = serde_json::from_str(&engine.environment.policy.to_json()).unwrap_or_default();
        json!({
            "policy": policy,
            "now": self.time.as_millis(),
            "master_key": engine.keys.master,
            "peppers": engine.keys.peppers,
            "seed": Seat::random(OPENING),
        })
    }

    /// Makes this move, and has the host make it. Gives the time that a clock shows then, in milliseconds.
    ///
    /// # Errors
    /// The first invariant that does not hold, here or there.
    pub fn host_moves(&mut self, one: HostMove) -> Result<i64, Violation> {
        self.tick += 1;
        match one {
            HostMove::Do { engine, action } => self.host_does(engine, action)?,
            HostMove::Reopen { engine } => self.host_reopens(self.engine(engine))?,
            HostMove::Purge { engine, limit } => {
                let engine = self.engine(engine);
                self.alone(engine, Action::Tick)?;
                let removed = self.purge(engine, limit)?;
                self.host_is_told(engine, "purge", &json!({ "limit": limit }), &json!(removed))?;
            }
            HostMove::Maintain { engine } => self.host_maintains(self.engine(engine))?,
            HostMove::Advance { millis } => self.make(Move::Advance { millis })?,
            HostMove::StepBack { millis } => self.make(Move::StepBack { millis })?,
        }
        Ok(self.time.as_millis())
    }

    fn host_does(&mut self, engine: u8, action: Action) -> Result<(), Violation> {
        let label = u32::try_from(self.run.operations).unwrap_or(u32::MAX);
        self.start(engine, label, action, self.seed())?;
        self.bring_to_its_end(label)?;
        // What a deletion leaves is taken away by the same call.
        while self.model.accounts.iter().any(|account| account.stage == Stage::Remains) {
            self.alone(self.engine(engine), Action::FinishDeletion { of: 0 })?;
        }
        Ok(())
    }

    /// As the engine opens: its time begins at the store's mark.
    fn host_reopens(&mut self, engine: usize) -> Result<(), Violation> {
        self.engines[engine].highest = Timestamp::from_millis(0);
        self.alone(engine, Action::Open)?;
        let now = self.now(engine).max(self.model.mark);
        self.engines[engine].highest = now;
        self.host_is_told(engine, "reopen", &json!({}), &json!(now.as_millis()))
    }

    /// In the order in which the engine does it.
    fn host_maintains(&mut self, engine: usize) -> Result<(), Violation> {
        self.alone(engine, Action::Tick)?;
        let mut purged = 0;
        loop {
            let removed = self.purge(engine, BITE)?;
            purged += removed;
            if removed < BITE {
                break;
            }
        }
        let newest = |world: &Self| world.model.keys.last().map(|key| key.name.clone());
        let before = newest(self);
        self.alone(engine, Action::Token(TokenAction::RotateKeys(Rotate::WhenDue)))?;
        let told =
            json!({ "purged": purged, "deletions": 0, "rotated": newest(self) != before, "more": false });
        self.host_is_told(engine, "maintain", &json!({}), &told)
    }

    /// Runs an operation that the host is not asked for: its engine runs it by itself.
    fn alone(&mut self, engine: usize, action: Action) -> Result<(), Violation> {
        self.alone_with(engine, action, self.seed())
    }

    /// The same with a seed of its own.
    pub(super) fn alone_with(&mut self, engine: usize, action: Action, seed: u64) -> Result<(), Violation> {
        let seat = self.engines[engine].host.take();
        let label = u32::MAX - u32::try_from(self.tick).unwrap_or(0);
        self.launch(engine, label, action, seed);
        let done = self.bring_to_its_end(label);
        self.engines[engine].host = seat;
        done
    }

    fn host_is_told(&self, engine: usize, call: &str, given: &Value, right: &Value) -> Result<(), Violation> {
        let Some(seat) = &self.engines[engine].host else { return Ok(()) };
        let told = seat.ask(call, given, self.seed());
        ensure(told.get("given") == Some(right), 26, || {
            format!("{call} told the host {told} instead of {right}")
        })
    }

    /// Of all that one call runs.
    pub(super) fn seed(&self) -> u64 {
        self.tick as u64
    }
}

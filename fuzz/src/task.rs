//! One operation under way.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use doorward_core::id::SessionId;
use doorward_core::machine::{Environment, Machine, Reply, Ticket};
use doorward_core::record::{Key, Row};
use doorward_core::secret::Seed;
use doorward_core::store::{Batch, Write};
use doorward_core::time::Timestamp;
use doorward_core::token::opaque::RefreshToken;
use doorward_core::work::Work;

use crate::answer::{Asked, Machinery, Simulated};
use crate::model::Session;
use crate::model::judge::Intent;
use crate::model::verdict::Judgement;
use crate::rng::Rng;

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own; no two make a state")]
pub(crate) struct Task {
    pub(crate) label: u32,
    pub(crate) machine: Box<dyn Machinery>,
    pub(crate) intent: Rc<Intent>,
    pub(crate) engine: usize,
    /// When it began, in moves.
    pub(crate) started: usize,
    /// What it should be told, as of its last read or of its own landing.
    pub(crate) judged: Judgement,
    /// When its access token says that it begins, in seconds.
    pub(crate) signed: Option<i64>,
    /// The session of its token, as its last read found it.
    pub(crate) session: Option<(usize, Session)>,
    /// Whether what it was judged to change has landed.
    pub(crate) has_landed: bool,
    /// When the pending batch was decided.
    pub(crate) decided: Timestamp,
    /// Whether it looks for what became of its own batch.
    pub(crate) settles: bool,
    /// Whether anything went another way than on a quiet day.
    pub(crate) disturbed: bool,
    /// Whether it met a wait that was over at its next read.
    pub(crate) waited: bool,
    /// Whether its last call failed with nothing applied: then it cannot know anything.
    pub(crate) failed: bool,
    /// What it needed so far.
    pub(crate) shape: Vec<Shape>,
    /// Sessions that were live at one of its moments.
    pub(crate) once_live: Vec<SessionId>,
    /// Sessions that were live at all of its moments, and how long by the first; `None`: it had none yet.
    pub(crate) always_live: Option<Vec<(SessionId, Timestamp)>>,
    pub(crate) old_ticket: Option<Ticket>,
    pub(crate) heard: Heard,
}

impl Task {
    /// Whether it has not called the store yet.
    pub(crate) fn is_new(&self) -> bool {
        self.shape.iter().all(|shape| matches!(shape, Shape::Hash | Shape::Verify | Shape::Sign))
    }
}

/// What a machine was told, one after the other, as a digest: beside its operation and its seed, all that it goes by.
#[derive(Debug, Clone, Copy, Default, Hash)]
pub(crate) struct Heard(u64);

impl Heard {
    /// The rows of these keys, by themselves or in a page.
    pub(crate) fn rows<'a>(
        &mut self,
        now: Timestamp,
        rows: impl Iterator<Item = (&'a Key, Option<&'a Row>)>,
    ) {
        let told = rows.map(|(key, row)| {
            let columns = row.map(|row| (row.stamp, row.epoch, row.owner, row.expires, row.encode(key)));
            (key, columns)
        });
        self.more((now, told.collect::<Vec<_>>()));
    }

    /// Anything else.
    pub(crate) fn reply(&mut self, now: Timestamp, reply: &Reply) {
        self.more((now, format!("{reply:?}")));
    }

    fn more(&mut self, told: impl Hash) {
        let mut digest = DefaultHasher::new();
        (self.0, told).hash(&mut digest);
        self.0 = digest.finish();
    }
}

/// One need, as an onlooker with a stopwatch may see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    Read(usize),
    Scan,
    Hash,
    Verify,
    Sign,
    Commit { checks: usize, puts: usize, others: usize },
}

impl Shape {
    pub(crate) fn of(asked: &Asked<'_>) -> Option<Self> {
        let is_put = |write: &&Write| matches!(write, Write::Put { .. });
        Some(match asked {
            Asked::Read(_, keys) => Self::Read(keys.len()),
            Asked::Scan(..) => Self::Scan,
            Asked::Work(_, Work::Hash { .. }) => Self::Hash,
            Asked::Work(_, Work::Verify { .. }) => Self::Verify,
            Asked::Work(_, Work::Sign { .. }) => Self::Sign,
            Asked::Commit(_, Batch { checks, writes, .. }) => {
                let puts = writes.iter().filter(is_put).count();
                Self::Commit { checks: checks.len(), puts, others: writes.len() - puts }
            }
            Asked::Done(_) => return None,
        })
    }
}

/// A batch whose sender was told "unknown".
pub(crate) struct Flight {
    pub(crate) label: u32,
    pub(crate) batch: Batch,
    pub(crate) intent: Rc<Intent>,
    pub(crate) judged: Judgement,
    pub(crate) decided: Timestamp,
    /// What its sender had heard when it sent it.
    pub(crate) heard: Heard,
    /// Which of its sender's commits it is.
    pub(crate) attempt: usize,
}

/// A machine at its beginning, with a seed made of this number.
pub(crate) fn machine<O: Simulated + 'static>(
    operation: O,
    environment: &Arc<Environment>,
    seed: u64,
) -> Box<dyn Machinery> {
    let seed = Seed::from_bytes(Rng::new(seed).bytes());
    Box::new(Machine::new(operation, Arc::clone(environment), seed))
}

/// What a machine asks for, for people and for transcripts.
pub(crate) fn describe(asked: &Asked<'_>) -> String {
    match asked {
        Asked::Read(ticket, keys) => format!("{ticket:?} read {keys:?}"),
        Asked::Scan(ticket, range, limit) => format!("{ticket:?} scan {range:?} {limit}"),
        Asked::Work(ticket, work) => format!("{ticket:?} work {work:?}"),
        Asked::Commit(ticket, batch) => format!("{ticket:?} commit {batch:?}"),
        Asked::Done(Ok(told)) => {
            let access = told.issued.as_ref().map(|issued| issued.access.expose());
            let refresh = told.issued.as_ref().and_then(|issued| issued.refresh.as_ref());
            let refresh = refresh.map(RefreshToken::expose);
            format!("told {:?} {:?} {access:?} {refresh:?}", told.answer, told.token)
        }
        Asked::Done(Err(fault)) => format!("fault {fault:?}"),
    }
}

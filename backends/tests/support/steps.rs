//! A host that does the I/O of a stepped engine: its rows are in a store, which it calls by itself.

use doorward::core::store::Store;
use doorward::{Step, StepNeed, StepReply, Steps};

/// Runs an operation to its end.
pub(crate) fn drive<T>(mut steps: Steps<T>, store: &dyn Store) -> T {
    loop {
        match steps.poll().unwrap() {
            Step::Need(ticket, need) => steps.reply(ticket, bring(&need, store)).unwrap(),
            Step::Done(outcome) => return outcome,
        }
    }
}

/// What comes of a need.
pub(crate) fn bring(need: &StepNeed, store: &dyn Store) -> StepReply {
    let reply = match need {
        StepNeed::Read(keys) => store.read(keys).map(StepReply::Rows),
        StepNeed::Scan(range, limit) => store.scan(range, *limit).map(StepReply::Page),
        StepNeed::Commit(batch) => store.commit(batch).map(StepReply::Commit),
        StepNeed::Changes(after, limit) => store.changes(*after, *limit).map(StepReply::Changes),
        StepNeed::Purge(now, limit) => store.purge(*now, *limit).map(StepReply::Purged),
        StepNeed::Work(work) => Ok(work.run()),
    };
    reply.unwrap_or_else(StepReply::Failed)
}

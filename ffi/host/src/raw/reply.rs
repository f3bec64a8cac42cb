//! What is right to reply to a need, out of a store.

use doorward::core::error::StoreError;
use doorward::core::record::{Key, Row};
use doorward::core::store::{Commit, Store};

use super::arg::{Arg, ChangeArg, Many, RowArg};
use super::{Entry, entry};
use crate::op::{Need, failure};

/// The function that replies to this need of this operation, or does its work, and what it is given. `None`: it is done.
pub fn reply(op: usize, ticket: u64, need: &Need, store: &dyn Store) -> Option<(&'static Entry, Vec<Arg>)> {
    let replied = match need {
        Need::Done => return None,
        Need::Work { .. } => Ok(("dw_work_run", vec![])),
        Need::Read(keys) => {
            store.read(keys).map(|rows| ("dw_op_reply_rows", vec![Arg::Rows(under(keys, &rows))]))
        }
        Need::Scan(range, limit) => store.scan(range, *limit).map(|page| {
            let rows = page.iter().map(|(key, row)| RowArg::of(key, row));
            ("dw_op_reply_page", vec![Arg::Rows(Many::Given(rows.collect()))])
        }),
        Need::Commit(batch) => store
            .commit(batch)
            .map(|commit| ("dw_op_reply_commit", vec![Arg::Int((commit == Commit::Applied).into())])),
        Need::Changes(after, limit) => store.changes(*after, *limit).map(|changes| {
            let entries = Many::Given(changes.entries.iter().map(ChangeArg::of).collect());
            ("dw_op_reply_changes", vec![Arg::Changes(entries), Arg::Int(changes.end.number())])
        }),
        Need::Purge(now, limit) => {
            store.purge(*now, *limit).map(|removed| ("dw_op_reply_purged", vec![Arg::Int(removed as u64)]))
        }
    };
    let (name, said) = replied.unwrap_or_else(|error: StoreError| {
        ("dw_op_reply_failed", vec![Arg::Int(failure(error.kind()) as u64)])
    });
    let mut args = vec![Arg::Handle(op), Arg::Int(ticket)];
    args.extend(said);
    args.push(Arg::Place(true));
    Some((entry(name), args))
}

/// The rows of a reply to these keys.
pub fn under(keys: &[Key], rows: &[Option<Row>]) -> Many<RowArg> {
    let rows = keys.iter().zip(rows);
    let rows = rows.map(|(key, row)| row.as_ref().map_or_else(RowArg::absent, |row| RowArg::of(key, row)));
    Many::Given(rows.collect())
}

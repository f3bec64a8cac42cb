//! A whole store as a value: to compare, and to start again from.

use std::collections::BTreeMap;

use doorward::core::id::Stamp;
use doorward::core::record::{Key, Kind, Row};
use doorward::core::store::{Batch, Change, Commit, Cursor, Durability, Expect, Range, Store, Write};

/// Every row and every journal entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dump {
    pub(crate) rows: BTreeMap<Key, Row>,
    pub(crate) journal: Vec<Change>,
}

pub(crate) fn dump(store: &dyn Store) -> Dump {
    let rows = Kind::ALL
        .iter()
        .flat_map(|kind| store.scan(&Range { kind: *kind, owner: None, after: None }, 10_000).unwrap())
        .collect();
    Dump { rows, journal: store.changes(Cursor::START, 10_000).unwrap().entries }
}

impl Dump {
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.rows.keys().any(|key| key.kind() == kind)
    }

    /// Puts the rows, as they are, into an empty store.
    pub(crate) fn restore(&self, store: &dyn Store) {
        assert!(self.journal.is_empty(), "a journal cannot be put back");
        let mut batch = Batch::new(Stamp::from_bytes([9; 16]), Durability::Durable);
        let put = |(key, row): (&Key, &Row)| Write::Put {
            key: key.clone(),
            row: row.clone(),
            expect: Expect::Absent,
        };
        batch.writes = self.rows.iter().map(put).collect();
        assert_eq!(store.commit(&batch).unwrap(), Commit::Applied);
    }

    /// What is different in a later dump, sorted: `+session` (made), `-session` (gone), `~session` (another
    /// version), `+journal`.
    pub(crate) fn changes_to(&self, later: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (key, row) in &later.rows {
            match self.rows.get(key) {
                None => changes.push(format!("+{}", key.kind().name())),
                Some(old) if old != row => changes.push(format!("~{}", key.kind().name())),
                Some(_) => {}
            }
        }
        let gone = self.rows.keys().filter(|key| !later.rows.contains_key(key));
        changes.extend(gone.map(|key| format!("-{}", key.kind().name())));
        if later.journal.len() > self.journal.len() {
            changes.push("+journal".to_owned());
        }
        changes.sort();
        changes
    }
}

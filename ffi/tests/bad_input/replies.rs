//! Replies that are wrong: of another form than their need, or of its form and out of order, too many, of another kind.

use doorward::core::record::Key;
use doorward_ffi::dw_status::{self, *};
use doorward_ffi_host::Need;
use doorward_ffi_host::raw::{Arg, Bytes, ChangeArg, Entry, Many, RowArg, entry, reply};

use crate::stage::{Stage, drive, is_done, poll};
use crate::steps::take;

/// What is wrong, who is told it, and what it is refused with.
type Wrong = (&'static str, &'static Entry, Vec<Arg>, dw_status);

fn wrong(
    op: usize,
    ticket: u64,
    name: &str,
    what: &'static str,
    said: Vec<Arg>,
    expected: dw_status,
) -> Wrong {
    let args = [Arg::Handle(op), Arg::Int(ticket)].into_iter().chain(said).chain([Arg::Place(true)]);
    (what, entry(name), args.collect(), expected)
}

/// A record that nobody has written.
pub(crate) fn damaged() -> RowArg {
    RowArg {
        kind: 2,
        id: Bytes::Given(vec![7; 16]),
        exists: 1,
        record: Bytes::Given(vec![0xee; 40]),
        ..RowArg::absent()
    }
}

fn rows(rows: Vec<RowArg>) -> Vec<Arg> {
    vec![Arg::Rows(Many::Given(rows))]
}

fn change(number: u64) -> ChangeArg {
    ChangeArg { number, kind: 1, subject: [1; 16], floor: 0, until: i64::MAX }
}

/// Every form that does not fit, also with rows in it that are damaged: what is wrong comes before what is in it.
pub(crate) fn wrong_forms(op: usize, ticket: u64, need: &Need) -> Vec<Wrong> {
    let no_changes = || vec![Arg::Changes(Many::Given(vec![])), Arg::Int(0)];
    let forms = [
        ("dw_op_reply_rows", "without rows", rows(vec![])),
        ("dw_op_reply_rows", "with a row", rows(vec![RowArg::absent()])),
        ("dw_op_reply_rows", "with a damaged row", rows(vec![damaged()])),
        ("dw_op_reply_page", "without rows", rows(vec![])),
        ("dw_op_reply_page", "with a damaged row", rows(vec![damaged()])),
        ("dw_op_reply_commit", "applied", vec![Arg::Int(1)]),
        ("dw_op_reply_commit", "in conflict", vec![Arg::Int(0)]),
        ("dw_op_reply_changes", "without entries", no_changes()),
        ("dw_op_reply_purged", "nothing", vec![Arg::Int(0)]),
        ("dw_op_reply_busy", "", vec![]),
        ("dw_op_reply_failed", "of a store", vec![Arg::Int(3)]),
        ("dw_work_run", "", vec![]),
    ];
    let fits = |name: &str| match need {
        Need::Done => false,
        Need::Read(_) => matches!(name, "dw_op_reply_rows" | "dw_op_reply_failed"),
        Need::Scan(..) => matches!(name, "dw_op_reply_page" | "dw_op_reply_failed"),
        Need::Commit(_) => matches!(name, "dw_op_reply_commit" | "dw_op_reply_failed"),
        Need::Changes(..) => matches!(name, "dw_op_reply_changes" | "dw_op_reply_failed"),
        Need::Purge(..) => matches!(name, "dw_op_reply_purged" | "dw_op_reply_failed"),
        Need::Work { .. } => matches!(name, "dw_op_reply_busy" | "dw_work_run"),
    };
    let wrongs = forms.into_iter().filter(|(name, ..)| !fits(name));
    wrongs.map(|(name, what, said)| wrong(op, ticket, name, what, said, DW_REPLY)).collect()
}

/// What has the form of this need, and cannot be.
#[allow(clippy::too_many_lines, reason = "it is a list")]
pub(crate) fn wrong_contents(op: usize, ticket: u64, need: &Need) -> Vec<Wrong> {
    let wrong = |name, what, said, expected| wrong(op, ticket, name, what, said, expected);
    let failures = [0, 5, u64::MAX, 1 << 31].map(|number| {
        // To work, no failure of a store is a reply at all; its number is looked at first.
        wrong("dw_op_reply_failed", "in a way that there is not", vec![Arg::Int(number)], DW_VALUE)
    });
    let mut wrongs = Vec::from(failures);
    match need {
        Need::Read(keys) => {
            let absent = |count| rows(vec![RowArg::absent(); count]);
            let mut damaged_and_more = vec![damaged()];
            damaged_and_more.extend(vec![RowArg::absent(); keys.len()]);
            wrongs.extend([
                wrong("dw_op_reply_rows", "with a row too many", absent(keys.len() + 1), DW_REPLY),
                wrong(
                    "dw_op_reply_rows",
                    "with a row too many and damaged",
                    rows(damaged_and_more),
                    DW_REPLY,
                ),
                wrong(
                    "dw_op_reply_rows",
                    "with NULL",
                    vec![Arg::Rows(Many::Null(keys.len().max(1)))],
                    DW_NULL,
                ),
                wrong("dw_op_reply_rows", "with a record of NULL", rows_with(keys, Bytes::Null(9)), DW_NULL),
                wrong(
                    "dw_op_reply_rows",
                    "with a record too long",
                    rows_with(keys, Bytes::Long(usize::MAX)),
                    DW_VALUE,
                ),
            ]);
            if let Some(fewer) = keys.len().checked_sub(1) {
                wrongs.push(wrong("dw_op_reply_rows", "with a row too few", absent(fewer), DW_REPLY));
            }
            if keys.is_empty() {
                wrongs.retain(|(what, ..)| !what.contains("record"));
            }
        }
        Need::Scan(range, limit) => {
            let of = |kind, id| rows(vec![RowArg { kind, id, exists: 1, ..RowArg::absent() }]);
            let id = || Bytes::Given(vec![1; 16]);
            let too_many = vec![damaged(); limit + 1];
            let other_kind = if range.kind.number() == 2 { 3 } else { 2 };
            wrongs.extend([
                wrong("dw_op_reply_page", "of kind 0", of(0, id()), DW_VALUE),
                wrong("dw_op_reply_page", "of a kind that there is not", of(14, id()), DW_VALUE),
                wrong("dw_op_reply_page", "of a kind that looks like one", of(256 + 1, id()), DW_VALUE),
                wrong("dw_op_reply_page", "of a kind that there is not", of(u32::MAX, id()), DW_VALUE),
                wrong(
                    "dw_op_reply_page",
                    "with an id that is short",
                    of(1, Bytes::Given(vec![1; 15])),
                    DW_VALUE,
                ),
                wrong(
                    "dw_op_reply_page",
                    "with an id that is long",
                    of(1, Bytes::Given(vec![1; 17])),
                    DW_VALUE,
                ),
                wrong("dw_op_reply_page", "without an id", of(1, Bytes::NONE), DW_VALUE),
                wrong("dw_op_reply_page", "with more rows than asked for", rows(too_many), DW_REPLY),
                wrong("dw_op_reply_page", "of another kind", of(other_kind, id()), DW_REPLY),
            ]);
        }
        Need::Commit(_) => {
            for applied in [2, u64::MAX, 1 << 31] {
                wrongs.push(wrong(
                    "dw_op_reply_commit",
                    "perhaps applied",
                    vec![Arg::Int(applied)],
                    DW_VALUE,
                ));
            }
        }
        Need::Changes(after, limit) => {
            let after = after.number();
            let mut say = |what, entries: Vec<ChangeArg>, end, expected| {
                let said = vec![Arg::Changes(Many::Given(entries)), Arg::Int(end)];
                wrongs.push(wrong("dw_op_reply_changes", what, said, expected));
            };
            let kind = |kind| vec![ChangeArg { kind, ..change(after + 1) }];
            say("from before", vec![change(after)], after + 9, DW_REPLY);
            say("twice", vec![change(after + 1), change(after + 1)], after + 9, DW_REPLY);
            say("backwards", vec![change(after + 2), change(after + 1)], after + 9, DW_REPLY);
            say("beyond the end", vec![change(after + 2)], after + 1, DW_REPLY);
            say(
                "too many",
                (1..=*limit as u64 + 1).map(|at| change(after + at)).collect(),
                u64::MAX,
                DW_REPLY,
            );
            say("of a kind that there is not", kind(0), after + 9, DW_VALUE);
            say("of a kind that there is not", kind(5), after + 9, DW_VALUE);
            say("of a kind that looks like one", kind(256 + 1), after + 9, DW_VALUE);
        }
        Need::Purge(_, limit) => {
            for removed in [*limit as u64 + 1, u64::MAX] {
                wrongs.push(wrong(
                    "dw_op_reply_purged",
                    "more than asked for",
                    vec![Arg::Int(removed)],
                    DW_REPLY,
                ));
            }
        }
        Need::Work { .. } | Need::Done => {}
    }
    wrongs
}

/// A row for each key, whose records are these bytes.
fn rows_with(keys: &[Key], record: Bytes) -> Vec<Arg> {
    let row = RowArg { exists: 1, record, ..RowArg::absent() };
    rows(vec![row; keys.len()])
}

/// Every way in which a row that was read can be another than was written.
type Damage = fn(&mut RowArg);

const DAMAGES: [(&str, Damage); 8] = [
    ("a bit of its record is another", |row| change_record(row, |record| record[3] ^= 4)),
    ("the last bit of its record is another", |row| {
        change_record(row, |record| *record.last_mut().unwrap() ^= 1);
    }),
    ("its record is cut", |row| change_record(row, |record| record.truncate(record.len() - 1))),
    ("its record is longer", |row| change_record(row, |record| record.push(0))),
    ("its record is empty", |row| row.record = Bytes::Given(vec![])),
    ("its record is none", |row| row.record = Bytes::NONE),
    ("it has another owner", |row| (row.has_owner, row.owner) = (1, [9; 16])),
    ("it ends at another time", |row| (row.has_expires, row.expires) = (1, row.expires ^ 1024)),
];

fn change_record(row: &mut RowArg, change: impl FnOnce(&mut Vec<u8>)) {
    let Bytes::Given(record) = &mut row.record else { panic!("{row:?}") };
    change(record);
}

#[test]
fn rv_12_a_damaged_row_ends_its_operation_as_corrupt() {
    let mut ended = 0;
    for name in [
        "dw_op_authenticate",
        "dw_op_login",
        "dw_op_refresh",
        "dw_op_sessions",
        "dw_op_introspect",
        "dw_op_logout",
        "dw_op_jwks",
        "dw_op_set_password",
    ] {
        for (what, damage) in DAMAGES {
            for at in 0.. {
                let stage = Stage::new();
                let op = stage.begin(name);
                let mut now = poll(op);
                for _ in 0..at {
                    if let Some((entry, args)) = reply(op, now.0, &now.1, &stage.store) {
                        assert_eq!(entry.call(args).status(), Some(DW_OK));
                        now = poll(op);
                    }
                }
                if is_done(&now.1) {
                    break;
                }
                let (Need::Read(_) | Need::Scan(..)) = now.1 else { continue };
                let (entry, mut args) = reply(op, now.0, &now.1, &stage.store).unwrap();
                let Arg::Rows(Many::Given(rows)) = &mut args[2] else { panic!() };
                let Some(row) = rows.iter_mut().find(|row| row.exists == 1) else { continue };
                damage(row);
                assert_eq!(entry.call(args).status(), Some(DW_OK), "the reply is of the right form");
                drive(op, &stage.store, is_done);
                let status = take(op).status();
                assert_eq!(status, Some(DW_CORRUPT), "{name}: {what} in {:?}", now.1);
                ended += 1;
            }
        }
    }
    assert!(ended > 60, "{ended}");
}

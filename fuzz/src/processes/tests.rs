//! A judge who lets a lie pass is worth nothing: of a log that is true, each line is bent in turn.

use doorward_core::id::{AccountId, SessionId};

use super::follow;
use super::judge::Record;
use super::log::{Line, Op, Subject};

const HOUR: i64 = 3_600_000;

fn op(number: u64) -> Op {
    Op { process: 0, number }
}

fn account() -> AccountId {
    AccountId::from_bytes([9; 16])
}

fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

fn grant(number: u64, id: SessionId, account: Option<AccountId>) -> [Line; 2] {
    let token = "dws".to_owned();
    [
        Line::GrantBegins { op: op(number) },
        Line::Granted { op: op(number), session: id, account, token, end: HOUR },
    ]
}

fn attempt(number: u64, session: SessionId, is_accepted: bool) -> [Line; 2] {
    [Line::TryBegins { op: op(number), session }, Line::Tried { op: op(number), is_accepted, now: 0 }]
}

fn end(number: u64, subject: Subject, was_live: bool) -> [Line; 2] {
    [Line::EndBegins { op: op(number), subject }, Line::Ended { op: op(number), was_live, now: 0 }]
}

/// One guest who leaves, and two logins of one account that leaves everywhere.
fn truth() -> Vec<Line> {
    let lines = [
        grant(1, session(1), None),
        grant(2, session(2), Some(account())),
        grant(3, session(3), Some(account())),
        attempt(4, session(1), true),
        end(5, Subject::Session(session(1)), true),
        attempt(6, session(1), false),
        end(7, Subject::Session(session(1)), false),
        attempt(8, session(2), true),
        end(9, Subject::Session(session(3)), true),
        end(10, Subject::Account(account()), true),
        attempt(11, session(2), false),
        end(12, Subject::Session(session(2)), false),
        end(13, Subject::Account(account()), true),
    ];
    lines.into_iter().flatten().collect()
}

/// What all saw of it.
fn journal() -> Vec<String> {
    [
        format!("1 session {} 0", session(1)),
        format!("2 session {} 0", session(3)),
        format!("4 account {} 1", account()),
        format!("7 account {} 2", account()),
    ]
    .to_vec()
}

fn verdict(lines: &[Line], seen: &[Vec<String>]) -> Result<(), String> {
    let record = Record::of(lines)?;
    record.judge()?;
    follow::judge(seen, &record).map(drop)
}

#[test]
fn the_truth_passes() {
    assert_eq!(verdict(&truth(), &[journal(), journal()]), Ok(()));
}

#[test]
fn inv_11_each_answer_turned_round_is_found() {
    let seen = [journal(), journal()];
    let mut turned = 0;
    for at in 0..truth().len() {
        let mut lines = truth();
        match &mut lines[at] {
            Line::Tried { is_accepted: told, .. } | Line::Ended { was_live: told, .. } => *told = !*told,
            _ => continue,
        }
        // An account's ending is never told to have found it gone.
        let is_account =
            matches!(lines.get(at - 1), Some(Line::EndBegins { subject: Subject::Account(_), .. }));
        if !is_account {
            turned += 1;
            assert!(verdict(&lines, &seen).is_err(), "{:?}", lines[at]);
        }
    }
    assert_eq!(turned, 8);
}

#[test]
fn inv_11_a_journal_that_lacks_doubles_or_swaps_an_entry_is_found() {
    let bent = |bend: &dyn Fn(&mut Vec<String>)| {
        let mut journal = journal();
        bend(&mut journal);
        journal
    };
    for at in 0..journal().len() {
        let lacks = bent(&|journal| drop(journal.remove(at)));
        assert!(verdict(&truth(), &[lacks.clone(), lacks.clone()]).is_err(), "all lack {at}");
        assert!(verdict(&truth(), &[journal(), lacks.clone()]).is_err(), "the second lacks {at}");
        assert!(verdict(&truth(), &[lacks, journal()]).is_err(), "the first lacks {at}");
    }
    // Of several endings of one account nobody can tell whose entry is which, but by their steps.
    for at in [0, 2] {
        // The numbers stay where they are, and what they tell of does not.
        let swapped = bent(&|journal| {
            let [one, next] = [at, at + 1].map(|at| journal[at].split_once(' ').unwrap().1.to_owned());
            for (at, what) in [(at, next), (at + 1, one)] {
                let number = journal[at].split_once(' ').unwrap().0.to_owned();
                journal[at] = format!("{number} {what}");
            }
        });
        assert!(verdict(&truth(), &[swapped.clone(), swapped]).is_err(), "{at} and the next");
        let exchanged = bent(&|journal| journal.swap(at, at + 1));
        assert!(
            verdict(&truth(), &[exchanged.clone(), exchanged]).is_err(),
            "{at} and the next, numbers too"
        );
    }
    for (further, why) in [
        (format!("8 account {} 3", account()), "a third step of two"),
        (format!("8 session {} 0", session(8)), "one that nobody ended"),
        ("8 everything - 1".to_owned(), "what nobody did"),
    ] {
        let more = bent(&|journal| journal.push(further.clone()));
        assert!(verdict(&truth(), &[more.clone(), more]).is_err(), "{why}");
    }
}

#[test]
fn what_was_granted_or_registered_twice_is_found() {
    let mut twice = truth();
    twice.extend(grant(20, session(1), None));
    assert!(verdict(&twice, &[journal()]).is_err());
    let mut taken = truth();
    for (number, id) in [(21, account()), (22, AccountId::from_bytes([8; 16]))] {
        taken.push(Line::Registered { op: op(number), name: "ada".to_owned(), account: id });
    }
    assert!(verdict(&taken, &[journal()]).is_err());
}

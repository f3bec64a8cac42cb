//! What a batch is made of: preconditions, stamps and epochs that no operation has to think of.

use std::collections::BTreeSet;

use doorward_core::id::AccountId;
use doorward_core::machine::{Decision, Reply, Writes};
use doorward_core::record::{AccountRecord, Key};
use doorward_core::store::{Batch, Check, Commit, Durability, Ending, Expect, Write};

use crate::support::{START, account, account_row, answer, ask, rows, scripted, stamp};

/// The batch of an operation that reads 1, 2 and 3, then commits: 1 stands at epoch 7, 2 is absent, 3 stands.
fn batch(writes: fn() -> Writes) -> Batch {
    let mut machine = scripted(1, move |facts, _| {
        Ok(match facts.rows([&account(1), &account(2), &account(3)]) {
            None => Decision::Read(vec![account(1), account(2), account(3)]),
            Some(_) => Decision::Commit(writes(), 0),
        })
    });
    answer(&mut machine, rows([Some(account_row(11, 7)), None, Some(account_row(13, 2))]));
    ask(&mut machine).commit()
}

fn put(writes: Writes, key: u8) -> Writes {
    let owner = Some(AccountId::from_bytes([key; 16]));
    writes.put(account(key), owner, Some(START), AccountRecord { created: START })
}

fn check(key: u8, expect: Expect) -> Check {
    Check { key: account(key), expect }
}

fn put_of(batch: &Batch, of: u8) -> (&doorward_core::record::Row, Expect) {
    let found = batch.writes.iter().find_map(|write| match write {
        Write::Put { key, row, expect } if *key == account(of) => Some((row, *expect)),
        Write::Put { .. } | Write::Delete { .. } | Write::Raise { .. } => None,
    });
    found.expect("the key is put")
}

#[test]
fn inv_13_every_row_consulted_is_a_precondition_absent_ones_too() {
    let batch = batch(|| put(Writes::new(), 3));
    assert_eq!(batch.checks, [check(1, Expect::Stamp(stamp(11))), check(2, Expect::Absent)]);
    assert_eq!(put_of(&batch, 3).1, Expect::Stamp(stamp(13)));
    assert_eq!(batch.durability, Durability::Durable);
}

#[test]
fn inv_15_a_row_put_without_a_read_is_expected_absent() {
    let batch = batch(|| put(put(Writes::new(), 9), 2));
    assert_eq!(put_of(&batch, 9).1, Expect::Absent, "never read");
    assert_eq!(put_of(&batch, 2).1, Expect::Absent, "read, and absent");
}

#[test]
fn inv_43_a_batch_that_only_takes_away_has_no_precondition() {
    let batch = batch(|| Writes::new().delete(account(1)).raise(account(3)).delete(account(9)));
    assert_eq!(batch.checks, []);
    let kept = [
        Write::Delete { key: account(1) },
        Write::Raise { key: account(3) },
        Write::Delete { key: account(9) },
    ];
    assert_eq!(batch.writes, kept);
}

#[test]
fn inv_13_a_batch_that_also_grants_checks_what_it_takes_away() {
    let batch = batch(|| put(Writes::new().delete(account(1)).raise(account(3)), 9));
    let all =
        [check(1, Expect::Stamp(stamp(11))), check(2, Expect::Absent), check(3, Expect::Stamp(stamp(13)))];
    assert_eq!(batch.checks, all);
}

#[test]
fn inv_15_a_put_keeps_the_epoch_and_starts_at_zero() {
    let batch = batch(|| put(put(Writes::new(), 1), 2));
    assert_eq!((put_of(&batch, 1).0.epoch, put_of(&batch, 2).0.epoch), (7, 0));
    for key in [1, 2] {
        let row = put_of(&batch, key).0;
        assert_eq!(row.stamp, batch.stamp);
        assert_eq!((row.owner, row.expires), (Some(AccountId::from_bytes([key; 16])), Some(START)));
    }
}

#[test]
fn a_key_is_written_once_and_never_also_checked() {
    let endings = || Ending::Epoch { key: Key::Keyring, until: START };
    let batch = batch(|| put(put(Writes::new(), 1).delete(account(1)).raise(account(2)), 2));
    assert_eq!(batch.writes.len(), 2);
    assert!(matches!(&batch.writes[0], Write::Delete { key } if *key == account(1)), "the last word counts");
    assert!(matches!(&batch.writes[1], Write::Put { key, .. } if *key == account(2)));
    assert!(batch.checks.iter().all(|check| check.key != account(2)));
    let mut machine = scripted(1, move |_, _| Ok(Decision::Commit(Writes::new().journal(endings()), 0)));
    assert_eq!(ask(&mut machine).commit().journal, [endings()]);
}

#[test]
fn inv_40_each_attempt_has_a_stamp_of_its_own_and_a_replay_the_same() {
    let stamps = |seed: u8| {
        let mut machine = scripted(seed, |_, _| Ok(Decision::Commit(Writes::new().delete(account(1)), 0)));
        let mut stamps = Vec::new();
        for _ in 0..8 {
            stamps.push(ask(&mut machine).commit().stamp);
            answer(&mut machine, Reply::Commit(Commit::Conflict));
        }
        stamps
    };
    assert_eq!(stamps(1), stamps(1));
    let all: BTreeSet<_> = stamps(1).into_iter().chain(stamps(2)).collect();
    assert_eq!(all.len(), 16, "one stamp for two attempts lets a stale write through (ABA)");
}

#[test]
fn an_offer_is_relaxed_and_has_the_same_preconditions() {
    let mut machine = scripted(1, |facts, _| {
        Ok(match facts.rows([&account(1), &account(2)]) {
            None => Decision::Read(vec![account(1), account(2)]),
            Some(_) => Decision::Offer(put(Writes::new(), 1), 0),
        })
    });
    answer(&mut machine, rows([Some(account_row(11, 7)), None]));
    let batch = ask(&mut machine).commit();
    assert_eq!(batch.durability, Durability::Relaxed);
    assert_eq!(batch.checks, [check(2, Expect::Absent)]);
    assert_eq!(put_of(&batch, 1).1, Expect::Stamp(stamp(11)));
}

//! Every interleaving of an ending with a login, and with a touch of the session that ends, under at most one fault.
//!
//! The test watches the rows, and so knows the moment at which each of the two took effect, whatever its caller was
//! told. From that alone follows who is let in at the end: a token lives when no ending took effect after it did.

mod abandoned;
mod stage;

use doorward::core::error::Fault;
use doorward::core::operation::access::Disable;
use doorward::core::operation::change_password::ChangePassword;
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::mark_compromised::MarkCompromised;
use doorward::core::operation::rename::{Rename, RenameError};
use doorward::core::operation::set_password::SetPassword;
use doorward::core::record::Kind;
use doorward::core::store::Range;
use doorward::{EndSessionError, LogoutEverywhere};

use stage::{Leaves, NEW, PASSWORD, Stage, against_login, against_renewal, against_touch};

use crate::support::everywhere::{Schedules, explore_everywhere};
use crate::support::race::{outcome_of, race};
use crate::support::world::Operation;

/// Of what puts no row.
const BLIND: Leaves = Leaves { is_blind: true, others: false, password: true };

/// Of what puts some.
const PUTTING: Leaves = Leaves { is_blind: false, ..BLIND };

fn both<O: Operation>(
    leaves: Leaves,
    start: impl Fn(&Stage) -> O,
    kept: impl Fn(&O::Outcome) -> Option<String>,
) -> (u64, u64) {
    (
        against_login(Schedules::Everywhere, leaves, &start, &kept),
        against_touch(Schedules::Everywhere, leaves, &start, &kept),
    )
}

#[test]
fn inv_15_end_session_beside_a_login_and_a_touch() {
    let leaves = Leaves { others: true, ..BLIND };
    let start = |stage: &Stage| EndSession::new(stage.account, stage.session);
    // A second look after an answer that was lost finds nothing, which is what was wanted.
    let counted = both(leaves, start, |outcome| {
        assert!(matches!(outcome, Ok(_) | Err(EndSessionError::NotFound)), "{outcome:?}");
        None
    });
    assert_eq!(counted, (782, 160));
}

#[test]
fn inv_13_inv_15_logout_everywhere_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| LogoutEverywhere::new(stage.account);
    let counted = both(BLIND, start, |outcome| {
        assert!(outcome.as_ref().unwrap().kept.is_none());
        None
    });
    assert_eq!(counted, (1_314, 160));
}

#[test]
fn inv_13_inv_15_logout_everywhere_but_here_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| LogoutEverywhere::new(stage.account).keep(&stage.token);
    let counted = both(PUTTING, start, |outcome| {
        let kept = outcome.as_ref().unwrap().kept.as_ref();
        Some(kept.expect("two operations cannot contend eight times").token.expose().to_owned())
    });
    assert_eq!(counted, (557, 126));
}

#[test]
fn inv_14_inv_15_change_password_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| ChangePassword::new(&stage.token, PASSWORD, NEW);
    let counted = both(Leaves { is_blind: false, others: false, password: false }, start, |outcome| {
        Some(outcome.as_ref().unwrap().token.expose().to_owned())
    });
    assert_eq!(counted, (12_229, 836));
}

#[test]
fn inv_14_inv_15_set_password_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| SetPassword::new(stage.account, NEW);
    let counted = both(Leaves { is_blind: false, others: false, password: false }, start, |outcome| {
        outcome.as_ref().unwrap();
        None
    });
    assert_eq!(counted, (4_458, 374));
}

#[test]
fn inv_14_inv_15_disable_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| Disable::new(stage.account);
    let counted = both(Leaves { password: false, ..BLIND }, start, |outcome| {
        outcome.as_ref().unwrap();
        None
    });
    assert_eq!(counted, (1_314, 160));
}

#[test]
fn inv_15_each_ending_beside_a_reauthentication() {
    let counted = [
        against_renewal(Schedules::Everywhere, BLIND, |stage| EndSession::new(stage.account, stage.session)),
        against_renewal(Schedules::Everywhere, BLIND, |stage| LogoutEverywhere::new(stage.account)),
        against_renewal(Schedules::Everywhere, BLIND, |stage| Disable::new(stage.account)),
        against_renewal(Schedules::Everywhere, PUTTING, |stage| SetPassword::new(stage.account, NEW)),
        against_renewal(Schedules::Everywhere, PUTTING, |stage| MarkCompromised::new(stage.account)),
        against_renewal(Schedules::Everywhere, PUTTING, |stage| DeleteAccount::new(stage.account)),
    ];
    assert_eq!(counted, [1_123, 1_123, 1_123, 3_865, 486, 2_113]);
}

#[test]
fn pw_8_inv_14_a_mark_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| MarkCompromised::new(stage.account);
    let counted = both(Leaves { is_blind: false, others: false, password: false }, start, |outcome| {
        outcome.as_ref().unwrap();
        None
    });
    assert_eq!(counted, (577, 112));
}

#[test]
fn inv_14_inv_15_delete_account_beside_a_login_and_a_touch() {
    let start = |stage: &Stage| DeleteAccount::new(stage.account);
    let counted = both(Leaves { is_blind: false, others: false, password: false }, start, |outcome| {
        outcome.as_ref().unwrap();
        None
    });
    assert_eq!(counted, (2_531, 268));
}

/// The names that are somebody's.
fn names(stage: &Stage) -> usize {
    stage.world.store.scan(&Range { kind: Kind::Login, owner: None, after: None }, 9).unwrap().len()
}

/// An account that is there has one name, and one that is gone has none.
#[test]
fn inv_14_delete_account_beside_a_rename() {
    let counted = explore_everywhere(|ground, choices| {
        let mut stage = Stage::new(ground);
        let mut deletion = stage.world.start(DeleteAccount::new(stage.account));
        let mut rename = stage.world.start(Rename::new(stage.account, "countess"));
        race(&mut stage, [&mut deletion, &mut rename], choices, &mut |stage, at, step| {
            if at == 0 {
                let done = outcome_of::<DeleteAccount>(step);
                assert!(matches!(done, Ok(Ok(())) | Err(Fault::Store(_) | Fault::Unresolved)), "{done:?}");
                assert!(done.is_err() || stage.ended.is_some());
                return;
            }
            match outcome_of::<Rename>(step) {
                Ok(Ok(())) | Err(Fault::Store(_) | Fault::Unresolved) => {}
                Ok(Err(RenameError::NotFound)) => assert!(stage.ended.is_some(), "the account is there"),
                other => panic!("the name is free, and two cannot contend eight times: {other:?}"),
            }
        });
        let token = stage.token.clone();
        assert_eq!(stage.accepts(&token), stage.ended.is_none());
        assert_eq!(names(&stage), usize::from(stage.ended.is_none()));
    });
    assert_eq!(counted, 2_723);
}

//! The same beside futures of the asynchronous engine of which one may be dropped at any point: while it reads, hashes, or
//! commits, when its batch may be applied, or not, or later.

use doorward::LogoutEverywhere;
use doorward::core::operation::access::Disable;
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::mark_compromised::MarkCompromised;

use super::stage::{Leaves, Stage, against_login, against_renewal, against_touch};
use super::{BLIND, PUTTING};

use crate::support::everywhere::Schedules::Abandoning;

/// INV 11, 15: what is left of an ending or of a touch brings nothing back.
#[test]
fn inv_15_each_ending_beside_a_touch_one_of_them_dropped() {
    let password = Leaves { password: false, ..BLIND };
    let counted = [
        against_touch(Abandoning, Leaves { others: true, ..BLIND }, end_session, |_| None),
        against_touch(Abandoning, BLIND, everywhere, |_| None),
        against_touch(
            Abandoning,
            PUTTING,
            |stage| everywhere(stage).keep(&stage.token),
            |ended| {
                let kept = ended.as_ref().unwrap().kept.as_ref();
                kept.map(|kept| kept.token.expose().to_owned())
            },
        ),
        against_touch(Abandoning, password, |stage| Disable::new(stage.account), |_| None),
        against_touch(Abandoning, Leaves { is_blind: false, ..password }, mark, |_| None),
        against_touch(Abandoning, Leaves { is_blind: false, ..password }, delete, |_| None),
    ];
    assert_eq!(counted, [219, 219, 195, 219, 171, 435]);
}

/// INV 13, 24, 28: a login that was dropped leaves no session or one whole one, whose token nobody has; and a logout
/// everywhere that was dropped ends all that came before it, or nothing.
#[test]
fn inv_13_inv_24_inv_28_each_ending_beside_a_login_one_of_them_dropped() {
    let counted = [
        against_login(Abandoning, Leaves { others: true, ..BLIND }, end_session, |_| None),
        against_login(Abandoning, BLIND, everywhere, |_| None),
    ];
    assert_eq!(counted, [952, 1_526]);
}

/// INV 15: a renewal that was dropped has replaced the token, or not.
#[test]
fn inv_15_an_ending_beside_a_reauthentication_one_of_them_dropped() {
    assert_eq!(against_renewal(Abandoning, BLIND, everywhere), 1_306);
}

fn end_session(stage: &Stage) -> EndSession {
    EndSession::new(stage.account, stage.session)
}

fn everywhere(stage: &Stage) -> LogoutEverywhere {
    LogoutEverywhere::new(stage.account)
}

fn mark(stage: &Stage) -> MarkCompromised {
    MarkCompromised::new(stage.account)
}

fn delete(stage: &Stage) -> DeleteAccount {
    DeleteAccount::new(stage.account)
}

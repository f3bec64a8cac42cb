//! What a receipt says of access tokens: until when one may still be accepted somewhere.

use std::fmt::Debug;
use std::time::Duration;

use doorward_core::machine::Decide;
use doorward_core::operation::end_session::{EndSession, EndSessionError};
use doorward_core::operation::issue::{Issue, Issued};
use doorward_core::operation::logout::{Ended, Logout, LogoutError, Receipt};
use doorward_core::operation::refresh::Refresh;
use doorward_core::policy::{RevocationMode, WhenStale};

use crate::support::tokens::{API, at_home_in, logged_in, with_tokens};
use crate::support::{START, World};

const BOUND: Duration = Duration::from_secs(2);
/// Ten minutes; and a token made just before by a clock that is ahead, read by one that is behind and lenient.
const UNTIL_EXPIRY: Duration = Duration::from_secs(600 + 4 + 5);
/// How long a slow commit takes.
const SLOW: Duration = Duration::from_secs(5);

/// Ends it, by a commit that takes so long.
fn receipt<O, E>(world: &mut World, operation: O, takes: Duration) -> Receipt
where
    O: Decide<Outcome = Result<Receipt, E>>,
    E: Debug,
    O::Outcome: Debug,
{
    let mut machine = world.machine(operation);
    world.step_to_commit(&mut machine);
    world.wait(takes);
    world.finish(machine).unwrap().unwrap()
}

/// INV 16: until a slow commit stands, tokens are granted, and journals read, that do not show it: the promise begins when it is
/// known to stand.
#[test]
fn inv_16_a_receipt_promises_from_when_the_commit_stands() {
    let watched = RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::Refuse };
    let until_expiry = RevocationMode::UntilExpiry { max_key_age: BOUND };
    for (mode, life) in
        [(RevocationMode::Bound, None), (watched, Some(BOUND)), (until_expiry, Some(UNTIL_EXPIRY))]
    {
        let environment = with_tokens(|tokens| tokens.revocation = mode);
        let (mut world, ada) = at_home_in(environment);
        let other = logged_in(&mut world, "ada");
        for takes in [Duration::ZERO, SLOW] {
            world.now = START;
            let (one, two) = (logged_in(&mut world, "ada"), logged_in(&mut world, "ada"));
            let promised = life.map(|life| START.saturating_add(takes + life));
            let out = receipt::<_, LogoutError>(&mut world, Logout::new(&one.token), takes);
            assert_eq!(
                (out.ended, out.session, out.access_dies_at),
                (Ended::Ended, one.session, promised),
                "{mode:?}"
            );
            world.now = START;
            let ending = EndSession::new(ada.account, two.session);
            let out = receipt::<_, EndSessionError>(&mut world, ending, takes);
            assert_eq!((out.session, out.access_dies_at), (two.session, promised), "{mode:?}");
        }
        // What was gone before is gone now, and promises no more than that.
        world.now = START;
        world.run(Logout::new(&other.token)).unwrap().unwrap();
        let again = world.run(Logout::new(&other.token)).unwrap().unwrap();
        assert_eq!(
            (again.ended, again.access_dies_at),
            (Ended::AlreadyGone, life.map(|life| START.saturating_add(life)))
        );
        assert_eq!(again.others_lag, life.unwrap_or(Duration::ZERO), "{mode:?}");
    }
}

/// The story: what a token was to say was read, and the reply took its time. Meanwhile its person logged out; the token began when
/// the reply came, and outlived what the receipt said by as much as that had taken.
#[test]
fn inv_11_a_token_begins_no_later_than_what_it_rests_on_was_read() {
    let until_expiry = RevocationMode::UntilExpiry { max_key_age: BOUND };
    for asks_again in [false, true] {
        let (mut world, ada) = at_home_in(with_tokens(|tokens| tokens.revocation = until_expiry));
        let first = world.run(Issue::new(&ada.token, "c", API).with_refresh()).unwrap().unwrap();
        let parent = first.refresh.unwrap();
        let (issued, receipt) = if asks_again {
            // A refresh whose answer was lost is asked for once more.
            world.run(Refresh::new(parent.expose(), "c")).unwrap().unwrap();
            beside_a_logout(&mut world, Refresh::new(parent.expose(), "c"), &ada.token)
        } else {
            beside_a_logout(&mut world, Issue::new(&ada.token, "c", API), &ada.token)
        };
        let dies = issued.expires.saturating_add(world.environment.policy.tokens().leeway);
        assert!(dies <= receipt.access_dies_at.unwrap(), "{dies:?}, and {receipt:?}");
    }
}

/// What it gives when its rows are read, then somebody logs out, and it hears of the rows only after that.
fn beside_a_logout<O, E>(world: &mut World, operation: O, token: &str) -> (Issued, Receipt)
where
    O: Decide<Outcome = Result<Issued, E>>,
    E: Debug,
    O::Outcome: Debug,
{
    let mut machine = world.machine(operation);
    assert!(world.step(&mut machine).is_none());
    let receipt = world.run(Logout::new(token)).unwrap().unwrap();
    world.wait(SLOW);
    (world.finish(machine).unwrap().unwrap(), receipt)
}

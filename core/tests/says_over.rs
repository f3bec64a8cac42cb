//! Which answers say that something is over, whoever ended it: an engine that hears one believes nothing of what it read before.

use std::fmt::Debug;

use doorward_core::error::Fault;
use doorward_core::id::AccountId;
use doorward_core::machine::Decide;
use doorward_core::operation::access::{AccountError, Disable, Enable};
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::end_session::{EndSession, EndSessionError};
use doorward_core::operation::introspect::Introspect;
use doorward_core::operation::issue::Issue;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::{Logout, LogoutError};
use doorward_core::operation::logout_everywhere::{LogoutEverywhere, LogoutEverywhereError};
use doorward_core::operation::mark_compromised::MarkCompromised;
use doorward_core::operation::revoke_token::{RevokeToken, RevokeTokenError};
use doorward_core::operation::sessions::Sessions;
use doorward_core::operation::set_password::{SetPassword, SetPasswordError};
use doorward_core::operation::verify::Verify;

use crate::support::tokens::{API, OTHER_API, Person, at_home, logged_in};
use crate::support::{RIGHT, World};

fn says<O: Decide<Outcome: Debug>>(world: &mut World, operation: O) -> bool {
    let mut machine = world.machine(operation);
    loop {
        if let Some(outcome) = world.step(&mut machine) {
            return machine.operation().says_over(&outcome.expect("it is decided"));
        }
    }
}

/// What each of them ends, and what it finds over the second time.
#[test]
fn inv_44_who_ends_something_says_so_and_who_finds_it_over() {
    let (mut world, Person { account, session, token }) = at_home();
    let issue = Issue::new(&token, "c", API);
    let issued = world.run(issue).unwrap().unwrap();
    for time in ["first", "second"] {
        assert!(
            says(&mut world, RevokeToken::new(issued.access.expose(), "c")),
            "revoke_token, the {time} time"
        );
    }
    // Who only asks believes nothing of what it read before, either.
    assert!(says(&mut world, Verify::new(issued.access.expose(), API)));
    assert!(says(&mut world, Introspect::new(issued.access.expose())));
    for time in ["first", "second"] {
        assert!(says(&mut world, Logout::new(&token)), "logout, the {time} time");
        assert!(says(&mut world, EndSession::new(account, session)), "end_session, the {time} time");
    }
    let next = logged_in(&mut world, "ada");
    assert!(says(&mut world, EndSession::new(account, next.session)));
    for account in [account, AccountId::from_bytes([7; 16])] {
        assert!(says(&mut world, LogoutEverywhere::new(account)));
        assert!(says(&mut world, Disable::new(account)));
        // It finds the mark there the second time, and commits nothing.
        assert!(says(&mut world, MarkCompromised::new(account)));
        assert!(says(&mut world, MarkCompromised::new(account)));
        assert!(says(&mut world, DeleteAccount::new(account)));
        assert!(says(&mut world, SetPassword::new(account, "an entirely different sentence")));
    }
}

#[test]
fn what_ends_nothing_says_nothing() {
    let (mut world, Person { account, token, .. }) = at_home();
    assert!(!says(&mut world, Login::new("ada", RIGHT)));
    assert!(!says(&mut world, Issue::new(&token, "c", API)));
    let issued = world.run(Issue::new(&token, "c", API)).unwrap().unwrap();
    assert!(!says(&mut world, Verify::new(issued.access.expose(), API)));
    assert!(!says(&mut world, Verify::new(issued.access.expose(), OTHER_API)));
    assert!(!says(&mut world, Introspect::new(issued.access.expose())));
    assert!(!says(&mut world, Sessions::new(account)));
    assert!(!says(&mut world, Enable::new(account)));
    world.register("bob");
    let bob = logged_in(&mut world, "bob");
    assert!(!says(&mut world, LogoutEverywhere::new(account).keep(&bob.token)));
    assert!(!says(&mut world, Logout::new("no token")));
}

#[test]
fn whoever_could_not_say_what_became_of_it_does_not_say_over() {
    let nobody = AccountId::from_bytes([7; 16]);
    let fault = || Fault::Busy;
    assert!(!Logout::new("").says_over(&Err(LogoutError::Fault(fault()))));
    assert!(!RevokeToken::new("", "c").says_over(&Err(RevokeTokenError::Fault(fault()))));
    assert!(!Disable::new(nobody).says_over(&Err(AccountError::Fault(fault()))));
    assert!(!DeleteAccount::new(nobody).says_over(&Err(AccountError::Fault(fault()))));
    assert!(!MarkCompromised::new(nobody).says_over(&Err(AccountError::Fault(fault()))));
    assert!(!SetPassword::new(nobody, "").says_over(&Err(SetPasswordError::Fault(fault()))));
    assert!(!LogoutEverywhere::new(nobody).says_over(&Err(LogoutEverywhereError::Fault(fault()))));
    let (_, ada) = at_home();
    let ending = EndSession::new(ada.account, ada.session);
    assert!(!ending.says_over(&Err(EndSessionError::Fault(fault()))));
}

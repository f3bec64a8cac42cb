//! The audit trail: one event per operation, which says what happened and no more than was proven.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};

use doorward_core::error::StoreErrorKind;
use doorward_core::event::{Event, EventResult, Subject};
use doorward_core::id::{AccountId, SessionId};
use doorward_core::machine::Decide;
use doorward_core::name::LoginName;
use doorward_core::operation::access::{Disable, Enable};
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::deletions::Deletions;
use doorward_core::operation::end_session::EndSession;
use doorward_core::operation::finish_deletion::FinishDeletion;
use doorward_core::operation::introspect::Introspect;
use doorward_core::operation::issue::Issue;
use doorward_core::operation::jwks::Jwks;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::mark_compromised::MarkCompromised;
use doorward_core::operation::open::Open;
use doorward_core::operation::open_session::OpenSession;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::refresh::Refresh;
use doorward_core::operation::register::Register;
use doorward_core::operation::rename::Rename;
use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward_core::operation::revoke_token::RevokeToken;
use doorward_core::operation::rotate_keys::RotateKeys;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::session_data::{SessionData, UpdateSessionData};
use doorward_core::operation::sessions::Sessions;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::operation::tick::Tick;
use doorward_core::operation::trust_clock::TrustClock;
use doorward_core::operation::unlock::Unlock;
use doorward_core::operation::verify::Verify;

use crate::support::tokens::{API, at_home};
use crate::support::{Ask, RIGHT, START, WRONG, World, answer, ask_at, failed, millis};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn event<O: Decide<Outcome: Debug>>(world: &mut World, operation: O) -> Event {
    let mut machine = world.machine(operation);
    loop {
        let asked = ask_at(&mut machine, world.now);
        if let Ask::Done(_, event) = asked {
            assert_eq!(event.at, world.now);
            return event;
        }
        let (ticket, reply) = (asked.ticket(), world.carry_out(&asked));
        machine.reply(ticket, reply).unwrap();
    }
}

fn refused(word: &'static str) -> EventResult {
    EventResult::Refused(word)
}

#[test]
fn a_success_names_whom_it_proved() {
    let mut world = World::new();
    assert_eq!(event(&mut world, Open::new()).result, EventResult::Success);
    let registered = event(&mut world, Register::new("Ada", RIGHT).source(SOURCE));
    let account = registered.subject.account.expect("it is made");
    let name = registered.subject.name.clone().expect("it can be one");
    assert_eq!((registered.operation, registered.result), ("register", EventResult::Success));
    assert_eq!((name.as_str(), registered.subject.source), ("ada", Some(SOURCE.into())));

    let logged_in = event(&mut world, Login::new("ada", RIGHT).source(SOURCE));
    let session = logged_in.subject.session.expect("it is made");
    let (name, source) = (Some(name), Some(SOURCE.into()));
    let whole = Subject { name, account: Some(account), session: Some(session), source };
    assert_eq!((logged_in.operation, logged_in.subject), ("login", whole));

    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
    let seen = event(&mut world, Authenticate::new(token.token.expose()));
    assert_eq!((seen.operation, seen.result), ("authenticate", EventResult::Success));
    assert_eq!((seen.subject.account, seen.subject.session), (Some(account), Some(token.session.id)));
    let out = event(&mut world, Logout::new(token.token.expose()));
    assert_eq!((out.operation, out.result), ("logout", EventResult::Success));
    assert_eq!(out.subject.session, Some(token.session.id));
}

/// GU-5 holds for the trail's words too: whose eyes it has may know less than the store.
#[test]
fn gu_5_a_refusal_names_the_name_given_and_no_account() {
    let mut world = World::new();
    world.register("ada");
    let mut seen = Vec::new();
    for name in ["ada", "bob"] {
        let denied = event(&mut world, Login::new(name, WRONG).source(SOURCE));
        assert_eq!(denied.subject.name.as_ref().unwrap().as_str(), name);
        seen.push((denied.result, denied.subject.account, denied.subject.session, denied.subject.source));
    }
    assert_eq!(seen[0], (refused("denied"), None, None, Some(SOURCE.into())));
    assert_eq!(seen[0], seen[1]);
    for _ in 0..4 {
        world.run(Login::new("bob", WRONG)).unwrap().unwrap_err();
    }
    assert_eq!(event(&mut world, Login::new("bob", RIGHT)).result, refused("throttled"));
    assert_eq!(event(&mut world, Register::new("ada", RIGHT)).result, refused("taken"));
    assert_eq!(event(&mut world, Register::new("cleo", "short")).result, refused("password"));
    assert_eq!(event(&mut world, Login::new("", RIGHT)).result, refused("name"));
}

/// RV-8: each success names its account, and the session where one is meant.
#[test]
fn rv_8_every_operation_of_a_sessions_life_tells_of_its_success() {
    let mut world = World::new();
    let ada = world.register("ada");
    let token = |world: &mut World| {
        let login = world.run(Login::new("ada", RIGHT)).unwrap().unwrap();
        (login.token.expose().to_owned(), login.session.id)
    };
    let (one, id) = token(&mut world);
    let rotated = event(&mut world, RotateSession::new(&one));
    let (two, other) = token(&mut world);
    let proven = event(&mut world, Reauthenticate::new(&two, RIGHT));
    let (three, third) = token(&mut world);
    let changed = event(&mut world, ChangePassword::new(&three, RIGHT, "an entirely different sentence"));
    let of_account = [
        event(&mut world, Sessions::new(ada)),
        event(&mut world, LogoutEverywhere::new(ada)),
        event(&mut world, SetPassword::new(ada, RIGHT)),
        event(&mut world, Unlock::new(ada)),
        event(&mut world, Disable::new(ada)),
        event(&mut world, Enable::new(ada)),
    ];
    let ended = event(&mut world, EndSession::new(ada, other));
    let restored = event(&mut world, AfterRestore::new());
    let told = |event: &Event| {
        assert_eq!(event.result, EventResult::Success, "{event:?}");
        (event.operation, event.subject.account, event.subject.session)
    };
    assert_eq!(told(&rotated), ("rotate_session", Some(ada), Some(id)));
    assert_eq!(told(&proven), ("reauthenticate", Some(ada), Some(other)));
    assert_eq!(told(&changed), ("change_password", Some(ada), Some(third)));
    assert_eq!(told(&ended), ("end_session", Some(ada), Some(other)));
    assert_eq!(told(&restored), ("after_restore", None, None));
    let names = ["sessions", "logout_everywhere", "set_password", "unlock", "disable", "enable"];
    for (event, name) in of_account.iter().zip(names) {
        assert_eq!(told(event), (name, Some(ada), None));
    }
}

#[test]
fn rv_8_every_operation_of_a_sessions_life_tells_of_its_refusal() {
    let mut world = World::new();
    let ada = world.register("ada");
    world.register("bob");
    let nobody = AccountId::from_bytes([9; 16]);
    let login = |world: &mut World, name| {
        world.run(Login::new(name, RIGHT)).unwrap().unwrap().token.expose().to_owned()
    };
    let (mine, others) = (login(&mut world, "ada"), login(&mut world, "bob"));
    let results = [
        (event(&mut world, RotateSession::new("x")), "token"),
        (event(&mut world, Reauthenticate::new("x", RIGHT)), "token"),
        (event(&mut world, Reauthenticate::new(&mine, WRONG)), "denied"),
        (event(&mut world, ChangePassword::new(&mine, WRONG, "an entirely different sentence")), "denied"),
        (event(&mut world, ChangePassword::new(&mine, RIGHT, "short")), "new password"),
        (event(&mut world, EndSession::new(nobody, SessionId::from_bytes([9; 16]))), "not found"),
        (event(&mut world, LogoutEverywhere::new(nobody)), "no account"),
        (event(&mut world, LogoutEverywhere::new(ada).keep(&others)), "other account"),
        (event(&mut world, LogoutEverywhere::new(ada).keep("x")), "token"),
        (event(&mut world, SetPassword::new(nobody, RIGHT)), "not found"),
        (event(&mut world, SetPassword::new(ada, "short")), "password"),
        (event(&mut world, Unlock::new(nobody)), "not found"),
        (event(&mut world, Disable::new(nobody)), "not found"),
        (event(&mut world, Enable::new(nobody)), "not found"),
    ];
    for (event, word) in results {
        assert_eq!(event.result, refused(word), "{event:?}");
    }
}

#[test]
fn a_refused_token_proves_nobody() {
    let mut world = World::new();
    world.register("ada");
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    world.wait(millis(3_600_000));
    let gone = event(&mut world, Authenticate::new(token.expose()));
    assert_eq!((gone.result, gone.subject), (refused("gone"), Subject::default()));
    for operation in [event(&mut world, Authenticate::new("x")), event(&mut world, Logout::new("x"))] {
        assert_eq!((operation.result, operation.subject), (refused("token"), Subject::default()));
    }
}

/// RV-8: a fault is told by its word, and with whatever the caller had given.
#[test]
fn rv_8_a_fault_is_told_by_its_word_and_of_whom_the_caller_asked() {
    fn subject<O: Decide<Outcome: Debug>>(operation: O) -> Subject {
        let mut world = World::new();
        let name = operation.name();
        let mut machine = world.machine(operation);
        if let asked @ Ask::Work(..) = ask_at(&mut machine, START) {
            answer(&mut machine, world.carry_out(&asked));
        }
        answer(&mut machine, failed(StoreErrorKind::Fatal));
        let Ask::Done(_, event) = ask_at(&mut machine, START) else { panic!("not done") };
        assert_eq!((event.operation, event.result), (name, EventResult::Failed("store")));
        event.subject
    }
    let mut world = World::new();
    world.register("ada");
    let token = world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    let name = || Some(LoginName::parse("ada").unwrap());
    let (ada, session, source) =
        (AccountId::from_bytes([7; 16]), SessionId::from_bytes([8; 16]), Some(SOURCE.into()));
    let named = Subject { name: name(), source, ..Subject::default() };
    assert_eq!(subject(Login::new("ada", RIGHT).source(SOURCE)), named);
    assert_eq!(subject(Register::new("ada", RIGHT).source(SOURCE)), named);
    let sourced = Subject { source, ..Subject::default() };
    assert_eq!(subject(Reauthenticate::new(token.expose(), RIGHT).source(SOURCE)), sourced);
    assert_eq!(
        subject(ChangePassword::new(token.expose(), RIGHT, "an entirely different sentence").source(SOURCE)),
        sourced
    );
    let ours = Subject { account: Some(ada), ..Subject::default() };
    assert_eq!(subject(Rename::new(ada, "ada")), Subject { name: name(), ..ours.clone() });
    assert_eq!(subject(EndSession::new(ada, session)), Subject { session: Some(session), ..ours.clone() });
    for subject in [
        subject(Sessions::new(ada)),
        subject(LogoutEverywhere::new(ada)),
        subject(SetPassword::new(ada, RIGHT)),
        subject(Unlock::new(ada)),
        subject(Disable::new(ada)),
        subject(Enable::new(ada)),
        subject(DeleteAccount::new(ada)),
        subject(FinishDeletion::new(ada)),
        subject(MarkCompromised::new(ada)),
    ] {
        assert_eq!(subject, ours);
    }
}

/// RV-8: a log is searched by these.
#[test]
fn rv_8_an_operation_is_called_what_its_event_says() {
    let ada = AccountId::from_bytes([7; 16]);
    let names = [
        (AfterRestore::new().name(), "after_restore"),
        (Authenticate::new("").name(), "authenticate"),
        (ChangePassword::new("", "", "").name(), "change_password"),
        (DeleteAccount::new(ada).name(), "delete_account"),
        (Deletions::new().name(), "deletions"),
        (Disable::new(ada).name(), "disable"),
        (Enable::new(ada).name(), "enable"),
        (EndSession::new(ada, SessionId::from_bytes([7; 16])).name(), "end_session"),
        (FinishDeletion::new(ada).name(), "finish_deletion"),
        (Introspect::new("").name(), "introspect"),
        (Issue::new("", "c", "").name(), "issue"),
        (Jwks::new().name(), "jwks"),
        (Login::new("", "").name(), "login"),
        (Logout::new("").name(), "logout"),
        (LogoutEverywhere::new(ada).name(), "logout_everywhere"),
        (MarkCompromised::new(ada).name(), "mark_compromised"),
        (Open::new().name(), "open"),
        (OpenSession::new("").name(), "open_session"),
        (Reauthenticate::new("", "").name(), "reauthenticate"),
        (Refresh::new("", "c").name(), "refresh"),
        (Register::new("", "").name(), "register"),
        (Rename::new(ada, "").name(), "rename"),
        (RevokeAllTokens::new().name(), "revoke_all_tokens"),
        (RevokeToken::new("", "c").name(), "revoke_token"),
        (RotateKeys::new().name(), "rotate_keys"),
        (RotateSession::new("").name(), "rotate_session"),
        (SessionData::new("").name(), "session_data"),
        (Sessions::new(ada).name(), "sessions"),
        (SetPassword::new(ada, "").name(), "set_password"),
        (Tick::new().name(), "tick"),
        (TrustClock::new().name(), "trust_clock"),
        (Unlock::new(ada).name(), "unlock"),
        (UpdateSessionData::new("", "").name(), "update_session_data"),
        (Verify::new("", "").name(), "verify"),
    ];
    for (name, expected) in names {
        assert_eq!(name, expected);
    }
}

/// RV-8: whose token was asked about, of either kind.
#[test]
fn rv_8_an_introspection_tells_whose_token_it_was() {
    let (mut world, person) = at_home();
    let issued = world.run(Issue::new(&person.token, "c", API).with_refresh()).unwrap().unwrap();
    let whose =
        Subject { account: Some(person.account), session: Some(person.session), ..Subject::default() };
    let refresh = issued.refresh.expect("it was asked for");
    for token in [issued.access.expose(), refresh.expose()] {
        let told = event(&mut world, Introspect::new(token));
        assert_eq!(
            (told.operation, told.result, told.subject),
            ("introspect", EventResult::Success, whose.clone())
        );
    }
    assert_eq!(event(&mut world, Issue::new(&person.token, "c", API)).subject, whose);
    assert_eq!(event(&mut world, Introspect::new("no token")).subject, Subject::default());
}

/// RV-8: whose tokens were refreshed; and when a token comes back that was used before, whose had been stolen.
#[test]
fn rv_8_a_refresh_tells_whose_tokens_they_are_and_whose_were_stolen() {
    let (mut world, person) = at_home();
    let whose =
        Subject { account: Some(person.account), session: Some(person.session), ..Subject::default() };
    let (_, parent) = world.issue_both(&person);
    let refreshed = world.run(Refresh::new(&parent, "web")).unwrap().unwrap();
    let child = refreshed.refresh.expect("there is one each time");
    let used = event(&mut world, Refresh::new(child.expose(), "web"));
    assert_eq!((used.operation, used.result, used.subject), ("refresh", EventResult::Success, whose.clone()));
    world.wait(millis(60_000));
    let stolen = event(&mut world, Refresh::new(&parent, "web"));
    assert_eq!((stolen.result, stolen.subject), (refused("reused"), whose));
    assert_eq!(event(&mut world, Refresh::new("no token", "web")).subject, Subject::default());
}

/// RV-8: where a guess came from is told when it was right, too.
#[test]
fn rv_8_the_source_of_a_proof_is_told() {
    let mut world = World::new();
    world.register("ada");
    let mut login = || world.run(Login::new("ada", RIGHT)).unwrap().unwrap().token;
    let (one, other) = (login(), login());
    let new = "an entirely different sentence";
    let events = [
        event(&mut world, Reauthenticate::new(one.expose(), RIGHT).source(SOURCE)),
        event(&mut world, Reauthenticate::new(one.expose(), WRONG).source(SOURCE)),
        event(&mut world, ChangePassword::new(other.expose(), WRONG, new).source(SOURCE)),
        event(&mut world, ChangePassword::new(other.expose(), RIGHT, new).source(SOURCE)),
    ];
    for event in events {
        assert_eq!(event.subject.source, Some(SOURCE.into()), "{event:?}");
    }
}

//! Every interleaving of a refresh with another, and with whatever ends its token, under at most one fault: a commit that
//! fails, or whose answer is lost (applied, not, or applied late), or, by the asynchronous engine, a future that is dropped
//! at any point, as in a crash.
//!
//! The test watches the rows, and so knows when the family ended, whatever its caller was told. From that alone follows
//! which token lives in the end.

use std::collections::BTreeSet;
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::id::{AccountId, SessionId};
use doorward::core::machine::Decide;
use doorward::core::model::grant::GrantsRecord;
use doorward::core::operation::authenticate::Authenticate;
use doorward::core::operation::jwks::Jwks;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::revoke_token::RevokeToken;
use doorward::core::operation::verify::{Verify, VerifyError};
use doorward::core::record::Key;
use doorward::core::store::{Cursor, Revocation};
use doorward::{
    Algorithm, Issue, Issued, Login, LogoutEverywhere, Policy, Refresh, RefreshError, Register,
    RevokeAllTokens, RotateKeys, TokenPolicy,
};

use crate::support::everywhere::Schedules::{self, Abandoning, Everywhere};
use crate::support::race::{self, outcome_of, race};
use crate::support::remembered::cheapest;
use crate::support::world::{Ground, Operation, Step, World};

const NAME: &str = "ada";
const PASSWORD: &str = "the right and proper password";
const CLIENT: &str = "web";
const API: &str = "https://api.example";
/// The most families of a session.
const MOST: usize = 2;

/// A session with one family, whose next activity is written down.
struct Stage {
    world: World,
    account: AccountId,
    session: SessionId,
    token: String,
    parent: String,
    /// Every access token that was given out.
    access: Vec<String>,
    /// The parent's children, as they were given out.
    children: BTreeSet<String>,
    /// How far the first family has come.
    generation: u32,
    /// Whether the first family is over.
    is_over: bool,
    has_faults: bool,
}

impl Stage {
    /// Signed with a secret: what is quickest to sign, so that there is time for every schedule.
    fn new(ground: Ground) -> Self {
        Self::with(ground, Algorithm::Hs256)
    }

    fn with(ground: Ground, algorithm: Algorithm) -> Self {
        let families = u32::try_from(MOST).unwrap();
        let tokens = TokenPolicy { families, algorithm, ..TokenPolicy::default() };
        let policy = Policy::builder().argon2(cheapest()).tokens(tokens).build().unwrap();
        let mut world = World::with_policy(ground, policy);
        let account = world.run(Register::new(NAME, PASSWORD)).unwrap().unwrap();
        let login = world.run(Login::new(NAME, PASSWORD)).unwrap().unwrap();
        let token = login.token.expose().to_owned();
        let issued = world.run(issue(&token)).unwrap().unwrap();
        let (access, parent) = (issued.access.expose().to_owned(), refresh_of(&issued));
        world.now = world.now.saturating_add(Duration::from_mins(2));
        Self {
            world,
            account,
            session: login.session.id,
            token,
            parent,
            access: vec![access],
            children: BTreeSet::new(),
            generation: 1,
            is_over: false,
            has_faults: true,
        }
    }

    fn grants(&self) -> Option<GrantsRecord> {
        self.world.row(Key::Grants(self.session)).map(|row| row.grants().unwrap().clone())
    }

    fn journal(&self) -> Vec<Revocation> {
        let changes = self.world.store.changes(Cursor::START, 100).unwrap();
        changes.entries.into_iter().map(|entry| entry.revocation).collect()
    }

    /// What a refresh of the parent has said is true.
    fn check_refresh(&mut self, step: &dyn Step) {
        match outcome_of::<Refresh>(step) {
            Ok(Ok(issued)) => {
                self.children.insert(refresh_of(issued));
                self.access.push(issued.access.expose().to_owned());
                assert_eq!(self.children.len(), 1, "INV 1, 4: two children of one parent");
                assert_eq!(self.generation, 2, "INV 25: a child that is not recorded was given out");
            }
            Ok(Err(RefreshError::Gone(_))) => assert!(self.is_over, "nothing has ended"),
            Err(Fault::Store(_) | Fault::Unresolved) => {}
            other => panic!("within the grace, and never starved by so few: {other:?}"),
        }
    }

    fn verifies(&mut self, token: &str) -> bool {
        match self.world.run(Verify::new(token, API)).unwrap() {
            Ok(_) => true,
            Err(VerifyError::Gone(_) | VerifyError::Token(_)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    fn refresh(&mut self, token: &str) -> Result<Issued, RefreshError> {
        self.world.run(Refresh::new(token, CLIENT)).unwrap()
    }

    /// What must hold at the end, whatever was said.
    fn check_end(&mut self) {
        let (parent, access) = (self.parent.clone(), self.access.clone());
        for token in &access {
            assert_eq!(self.verifies(token), !self.is_over, "INV 11, 13: an access token of that family");
        }
        assert_eq!(
            self.journal().is_empty(),
            !self.is_over,
            "the journal tells what ended, and nothing else"
        );
        if self.is_over {
            for token in self.children.clone().iter().chain([&parent]) {
                let refused = self.refresh(token);
                // INV 5: not even within the grace; INV 13: the child of a killed parent is dead.
                assert!(matches!(refused, Err(RefreshError::Gone(_))), "INV 5, 13, 15: {refused:?}");
            }
            return;
        }
        // INV 25: the parent lives, or its one child is recorded, and given again.
        let child = refresh_of(&self.refresh(&parent).unwrap());
        assert!(self.children.iter().all(|given| *given == child), "INV 4: another successor");
        let leaf = self.refresh(&child).expect("INV 2: the leaf rotates");
        assert_eq!(self.grants().unwrap().family(0).map(|family| family.generation), Some(3));
        // INV 3: an ancestor that is not the immediate parent ends the session, inside the grace too, and for good.
        assert!(matches!(self.refresh(&parent), Err(RefreshError::Reused { .. })), "INV 3");
        assert!(
            self.refresh(&refresh_of(&leaf)).is_err() && !self.verifies(leaf.access.expose()),
            "INV 3, 15"
        );
        let token = self.token.clone();
        assert!(self.world.run(Authenticate::new(&token)).unwrap().is_err());
    }
}

impl race::Stage for Stage {
    fn has_faults(&self) -> bool {
        self.has_faults
    }

    fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// Looks at the rows after a step.
    fn watch(&mut self) {
        let family = self.grants().and_then(|grants| grants.family(0).cloned());
        let keyring = self.world.row(Key::Keyring).unwrap();
        let is_raised = self.world.row(Key::Account(self.account)).unwrap().epoch > 0
            || keyring.epoch > 0
            || keyring.keyring().unwrap().token_epoch > 0;
        let has_session = self.world.row(Key::Session(self.session)).is_some();
        assert!(has_session || family.is_none(), "INV 6: the families go with the session");
        let is_over = is_raised || !has_session || family.is_none();
        assert!(is_over || !self.is_over, "INV 15: it came back");
        if let Some(family) = family {
            let grown = family.generation - self.generation;
            assert!(grown == 0 || grown == 1 && !self.is_over, "INV 1, 13: from {} on", self.generation);
            assert!(family.generation <= 2, "INV 1, 2: the parent was used twice");
            self.generation = family.generation;
        }
        self.is_over = is_over;
    }
}

fn issue(session: &str) -> Issue {
    Issue::new(session, CLIENT, API).with_refresh()
}

fn refresh_of(issued: &Issued) -> String {
    issued.refresh.as_ref().unwrap().expose().to_owned()
}

trait FamilyOf {
    fn family(&self, number: u32) -> Option<&doorward::core::model::grant::Family>;
}

impl FamilyOf for GrantsRecord {
    fn family(&self, number: u32) -> Option<&doorward::core::model::grant::Family> {
        self.families.iter().find(|family| family.number == number)
    }
}

/// So many refreshes of one token.
fn refreshes<const N: usize>(schedules: Schedules, has_faults: bool) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = Stage { has_faults, ..Stage::new(ground) };
        let mut actors: [_; N] =
            std::array::from_fn(|_| stage.world.start(Refresh::new(&stage.parent, CLIENT)));
        let actors = actors.each_mut().map(|actor| actor as &mut dyn Step);
        race(&mut stage, actors, choices, &mut |stage, _, step| stage.check_refresh(step));
        assert!(!stage.is_over, "INV 9: a client that asks again ends nothing");
        stage.check_end();
    })
}

#[test]
fn inv_1_2_3_4_25_two_refreshes_of_one_token() {
    assert_eq!(refreshes::<2>(Everywhere, true), 612);
    assert_eq!(refreshes::<2>(Abandoning, true), 860);
}

/// Each order of their steps.
#[test]
fn inv_1_2_3_4_25_three_refreshes_of_one_token() {
    assert_eq!(refreshes::<3>(Everywhere, false), 15_630);
}

/// The same with each fault at each step: too many schedules for every run.
#[test]
#[ignore = "minutes: cargo test --release --test engine interleavings -- --ignored"]
fn inv_1_2_3_4_25_three_refreshes_of_one_token_and_every_fault() {
    assert_eq!(refreshes::<3>(Everywhere, true), 627_528);
}

/// A refresh beside what ends its family; `is_done` says whether the outcome calls that done.
fn beside<O: Operation>(
    schedules: Schedules,
    start: impl Fn(&Stage) -> O,
    is_done: impl Fn(&O::Outcome) -> bool,
) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = Stage::new(ground);
        let mut refresh = stage.world.start(Refresh::new(&stage.parent, CLIENT));
        let ending = start(&stage);
        let mut ending = stage.world.start(ending);
        race(&mut stage, [&mut refresh, &mut ending], choices, &mut |stage, at, step| {
            if at == 0 {
                return stage.check_refresh(step);
            }
            match outcome_of::<O>(step) {
                Ok(outcome) => assert!(is_done(outcome) && stage.is_over, "INV 11: done, and it lives"),
                Err(Fault::Store(_) | Fault::Unresolved) => {}
                Err(other) => panic!("not starved by one refresh: {other}"),
            }
        });
        stage.check_end();
    })
}

fn beside_each(schedules: Schedules) -> [u64; 4] {
    [
        beside(schedules, |stage| Logout::new(&stage.token), <Logout as Decide>::Outcome::is_ok),
        beside(
            schedules,
            |stage| LogoutEverywhere::new(stage.account),
            <LogoutEverywhere as Decide>::Outcome::is_ok,
        ),
        beside(
            schedules,
            |stage| RevokeToken::new(&stage.parent, CLIENT),
            <RevokeToken as Decide>::Outcome::is_ok,
        ),
        beside(schedules, |_| RevokeAllTokens::new(), |()| true),
    ]
}

#[test]
fn inv_5_11_13_15_25_a_refresh_beside_each_ending() {
    assert_eq!(beside_each(Everywhere), [557, 557, 321, 286]);
}

#[test]
fn inv_5_11_13_15_25_a_refresh_beside_each_ending_one_of_them_dropped() {
    assert_eq!(beside_each(Abandoning), [671, 671, 450, 400]);
}

/// INV 8, 9: what is refused changes nothing, and takes nothing from who is entitled.
#[test]
fn inv_8_9_a_refresh_beside_another_clients() {
    let explored = Everywhere.explore(|ground, choices| {
        let mut stage = Stage::new(ground);
        let mut refresh = stage.world.start(Refresh::new(&stage.parent, CLIENT));
        let mut other = stage.world.start(Refresh::new(&stage.parent, "another"));
        race(&mut stage, [&mut refresh, &mut other], choices, &mut |stage, at, step| {
            if at == 0 {
                stage.check_refresh(step);
            } else {
                let refused = outcome_of::<Refresh>(step);
                assert!(matches!(refused, Ok(Err(RefreshError::Client))), "{refused:?}");
            }
        });
        assert!(!stage.is_over);
        stage.check_end();
    });
    assert_eq!(explored, 117);
}

/// Two `issue`s where there is room for one more family: the bound holds, and what is pushed out is over and told.
fn issues(schedules: Schedules) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = Stage::new(ground);
        let mut actors = [(); 2].map(|()| stage.world.start(issue(&stage.token)));
        let [one, two] = &mut actors;
        let mut given = Vec::new();
        race(&mut stage, [one, two], choices, &mut |stage, _, step| {
            let grants = stage.grants().unwrap();
            assert!(grants.families.len() <= MOST, "more families than there may be");
            match outcome_of::<Issue>(step) {
                Ok(Ok(issued)) => given.push(refresh_of(issued)),
                Err(Fault::Store(_) | Fault::Unresolved) => {}
                other => panic!("the session lives, and two contend not long: {other:?}"),
            }
        });
        let grants = stage.grants().unwrap();
        let numbers: BTreeSet<u32> = grants.families.iter().map(|family| family.number).collect();
        assert_eq!(numbers.len(), grants.families.len(), "one number twice");
        // The oldest goes first.
        let opened = usize::try_from(grants.opened).unwrap();
        assert!(
            (1 + given.len()..=3).contains(&opened),
            "INV 26: {opened} were opened, {} given",
            given.len()
        );
        assert_eq!(numbers.first().copied(), Some(u32::from(opened > MOST)));
        assert_eq!(stage.journal().len(), opened.saturating_sub(MOST), "what is pushed out is told");
        let parent = stage.parent.clone();
        assert_eq!(stage.refresh(&parent).is_ok(), opened <= MOST);
        for token in given {
            assert!(stage.refresh(&token).is_ok(), "INV 26: it was given out, and does not open");
        }
    })
}

#[test]
fn inv_26_two_issues_at_the_bound_of_families() {
    assert_eq!([issues(Everywhere), issues(Abandoning)], [752, 1_060]);
}

/// Two rotations make one key, and nothing dies of them.
fn rotations(schedules: Schedules) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = Stage::with(ground, Algorithm::EdDsa);
        let mut actors = [(); 2].map(|()| stage.world.start(RotateKeys::new()));
        let [one, two] = &mut actors;
        let mut made = 0;
        race(&mut stage, [one, two], choices, &mut |_, _, step| match outcome_of::<RotateKeys>(step) {
            Ok(Ok(rotated)) => made += usize::from(rotated.is_new),
            Err(Fault::Store(_) | Fault::Unresolved) => {}
            other => panic!("there is room, and two contend not long: {other:?}"),
        });
        let keys = stage.world.run(Jwks::new()).unwrap().keys.keys.len();
        assert!(made <= 1 && (1 + made..=2).contains(&keys), "{made} made, {keys} there");
        let access = stage.access[0].clone();
        assert!(stage.verifies(&access), "INV 36: a rotation ended what was signed before");
        assert!(stage.journal().is_empty());
    })
}

#[test]
fn inv_36_two_rotations_of_the_keys() {
    assert_eq!([rotations(Everywhere), rotations(Abandoning)], [156, 220]);
}

/// INV 11: whoever looks after the logout was done is refused, and who is refused looked after it.
fn verification(schedules: Schedules) -> u64 {
    schedules.explore(|ground, choices| {
        let mut stage = Stage::new(ground);
        let mut verify = stage.world.start(Verify::new(&stage.access[0], API));
        let mut logout = stage.world.start(Logout::new(&stage.token));
        race(&mut stage, [&mut verify, &mut logout], choices, &mut |stage, at, step| {
            if at == 0 {
                match outcome_of::<Verify>(step) {
                    Ok(Ok(proven)) => assert_eq!(proven.access().session, stage.session),
                    Ok(Err(VerifyError::Gone(_))) => assert!(stage.is_over, "nothing has ended"),
                    other => panic!("a verification commits nothing: {other:?}"),
                }
                return;
            }
            match outcome_of::<Logout>(step) {
                Ok(outcome) => assert!(outcome.is_ok() && stage.is_over, "INV 11: done, and it lives"),
                Err(Fault::Store(_) | Fault::Unresolved) => {}
                Err(other) => panic!("never starved: {other}"),
            }
        });
        stage.check_end();
    })
}

#[test]
fn inv_11_a_verification_beside_a_logout() {
    assert_eq!([verification(Everywhere), verification(Abandoning)], [126, 166]);
}

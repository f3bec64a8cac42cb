//! The revocation view: what a follower of the journal refuses, and when it forgets.

use doorward_core::id::{AccountId, GrantId, SessionId};
use doorward_core::model::session::Gone;
use doorward_core::model::view::RevocationView;
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward_core::operation::revoke_token::RevokeToken;
use doorward_core::operation::verify::Proven;
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Change, Changes, Cursor, Revocation};
use doorward_core::time::Timestamp;

use crate::support::tokens::{Person, at_home, logged_in, secs};
use crate::support::{START, World, millis};

/// The journal, as a store would page it: entries get their floors when they are written.
#[derive(Default)]
struct Journal(Vec<Change>);

impl Journal {
    /// Appends what the world's journal says beyond what is here.
    fn follow(&mut self, world: &World) {
        for ending in &world.map.journal[self.0.len()..] {
            let epoch = |key: &Key| Ok::<_, ()>(world.map.rows.get(key).map(|row| row.epoch));
            let (revocation, until) = ending.entry(epoch).unwrap().unwrap();
            self.push(revocation, until);
        }
    }

    fn push(&mut self, revocation: Revocation, until: Timestamp) {
        let cursor = Cursor::from_number(self.0.len() as u64 + 1);
        self.0.push(Change { cursor, revocation, until });
    }

    fn page(&self, after: Cursor, limit: usize) -> Changes {
        let entries = self.0.iter().filter(|entry| entry.cursor > after).take(limit).cloned().collect();
        Changes { entries, end: self.0.last().map_or(Cursor::START, |last| last.cursor) }
    }
}

fn learn(view: &mut RevocationView, page: &Changes, now: Timestamp) -> bool {
    view.learn(view.cursor(), page, &Policy::default(), now)
}

/// Learns all there is, so many entries a page, and says how many pages it took.
fn catch_up(view: &mut RevocationView, journal: &Journal, limit: usize, now: Timestamp) -> usize {
    let mut next = |_: &usize| {
        let page = journal.page(view.cursor(), limit);
        !learn(view, &page, now)
    };
    (1..100).find(&mut next).expect("it ends")
}

fn keyring(world: &World) -> Row {
    world.map.rows[&Key::Keyring].clone()
}

/// Ada, an access token of a family, its refresh token, and a view that knows the keyring.
fn watched() -> (World, Person, Proven, String, RevocationView) {
    let (mut world, ada) = at_home();
    let (issued, refresh) = world.issue_both(&ada);
    let proven = world.verify(&issued).unwrap();
    let mut view = RevocationView::default();
    view.learn_keyring(keyring(&world));
    assert_eq!(view.present(proven.access()).unwrap(), Ok(()));
    (world, ada, proven, refresh, view)
}

#[test]
fn inv_11_inv_12_inv_44_whatever_ends_a_token_is_told_by_journal_or_keyring() {
    type End = fn(&mut World, &Person, &str);
    let all: [(&str, End, Gone); 7] = [
        ("logout", |world, ada, _| _ = world.run(Logout::new(&ada.token)).unwrap(), Gone::Ended),
        (
            "everywhere",
            |world, ada, _| _ = world.run(LogoutEverywhere::new(ada.account)).unwrap(),
            Gone::Revoked,
        ),
        (
            "kept",
            |world, ada, _| _ = world.run(LogoutEverywhere::new(ada.account).keep(&ada.token)).unwrap(),
            Gone::Revoked,
        ),
        ("deleted", |world, ada, _| _ = world.run(DeleteAccount::new(ada.account)).unwrap(), Gone::Revoked),
        ("family", |world, _, token| _ = world.run(RevokeToken::new(token, "web")).unwrap(), Gone::Revoked),
        ("all", |world, _, _| world.run(RevokeAllTokens::new()).unwrap(), Gone::Revoked),
        ("restored", |world, _, _| world.run(AfterRestore::new()).unwrap(), Gone::Revoked),
    ];
    for (name, end, expected) in all {
        let (mut world, ada, proven, refresh, mut view) = watched();
        end(&mut world, &ada, &refresh);
        let mut journal = Journal::default();
        journal.follow(&world);
        assert_eq!(catch_up(&mut view, &journal, 10, world.now), 1);
        view.learn_keyring(keyring(&world));
        assert_eq!(view.present(proven.access()).unwrap(), Err(expected), "{name}");
    }
}

#[test]
fn rv_5_one_access_token_is_revoked_by_its_id_and_no_other_by_it() {
    let (mut world, ada, proven, _, mut view) = watched();
    let other = world.issue(&ada);
    let other = world.verify(&other).unwrap();
    let mut journal = Journal::default();
    journal.push(Revocation::Grant(proven.access().token), START);
    journal.push(Revocation::Session(SessionId::from_bytes([7; 16])), START);
    journal.push(Revocation::Grant(GrantId::from_bytes([8; 16])), START);
    journal.push(Revocation::Account { account: AccountId::from_bytes([9; 16]), floor: u64::MAX }, START);
    journal.push(Revocation::Account { account: ada.account, floor: 0 }, START);
    assert_eq!(catch_up(&mut view, &journal, 1, START), 5, "a page each");
    assert_eq!(view.cursor(), Cursor::from_number(5));
    assert_eq!(view.present(proven.access()).unwrap(), Err(Gone::Revoked));
    assert_eq!(view.present(other.access()).unwrap(), Ok(()));
    // Floors only rise.
    journal.push(Revocation::Account { account: ada.account, floor: 1 }, START);
    journal.push(Revocation::Account { account: ada.account, floor: 0 }, START);
    catch_up(&mut view, &journal, 9, START);
    assert_eq!(view.present(other.access()).unwrap(), Err(Gone::Revoked));
}

/// INV 15: what is forgotten is what no token depends on any more, by whatever clock.
#[test]
fn inv_15_an_entry_is_kept_until_every_token_that_it_ends_is_dead() {
    let (_, _, proven, _, mut view) = watched();
    let mut journal = Journal::default();
    // The store could purge it at once; the follower goes by when it heard of it.
    journal.push(Revocation::Session(proven.access().session), START);
    journal.push(Revocation::Account { account: proven.access().account, floor: 1 }, START);
    catch_up(&mut view, &journal, 9, START);
    // 600 s of life, 5 s of leeway, twice 2 s of skew, 360 s by which the clock may have been set back.
    let end = START.saturating_add(secs(969));
    assert_eq!(view.forget(end.saturating_sub(millis(1))), 2);
    assert!(view.present(proven.access()).unwrap().is_err());
    // Heard of once more, it is kept longer; it never becomes shorter.
    let mut again = journal.page(Cursor::from_number(1), 9);
    again.entries[0].cursor = Cursor::from_number(3);
    again.end = Cursor::from_number(3);
    learn(&mut view, &again, START.saturating_add(secs(60)));
    assert_eq!(view.forget(end), 1, "the account's floor");
    assert!(view.present(proven.access()).unwrap().is_err());
    assert_eq!(view.forget(end.saturating_add(secs(60))), 0);
    assert_eq!(view.cursor(), Cursor::from_number(3), "where it is, it knows");
}

/// Nothing has ended since: what it knew it knows, and it is up to date.
#[test]
fn inv_44_an_empty_page_leaves_the_view_where_it_is() {
    let (_, _, proven, _, mut view) = watched();
    let mut journal = Journal::default();
    journal.push(Revocation::Session(proven.access().session), START);
    catch_up(&mut view, &journal, 9, START);
    let end = view.cursor();
    assert!(!learn(&mut view, &journal.page(end, 9), START));
    assert_eq!(view.cursor(), end);
    assert_eq!(view.present(proven.access()).unwrap(), Err(Gone::Ended));
}

/// A backup was restored: the journal is another, and all of it is to be seen.
#[test]
fn inv_44_another_journal_is_read_from_its_beginning() {
    let (_, _, proven, _, mut view) = watched();
    let mut journal = Journal::default();
    for byte in 0..9 {
        journal.push(Revocation::Session(SessionId::from_bytes([byte; 16])), START);
    }
    catch_up(&mut view, &journal, 4, START);
    let mut restored = Journal::default();
    restored.push(Revocation::Session(proven.access().session), START);
    restored.push(Revocation::Grant(GrantId::from_bytes([8; 16])), START);
    let page = restored.page(view.cursor(), 4);
    assert!(learn(&mut view, &page, START), "it is not up to date yet");
    assert_eq!(view.cursor(), Cursor::START);
    assert_eq!(catch_up(&mut view, &restored, 1, START), 2);
    assert_eq!(view.present(proven.access()).unwrap(), Err(Gone::Ended));
    assert_eq!(view.forget(START), 2, "what the old journal said proves nothing");
    // An empty one likewise.
    assert!(!learn(&mut view, &Changes::default(), START));
    assert_eq!((view.cursor(), view.forget(START)), (Cursor::START, 0));
}

/// A token of a higher epoch was granted later than the view's keyring: that, and not the token, is out of date.
#[test]
fn inv_17_a_view_is_before_a_token_of_higher_epochs_and_before_no_other() {
    for and_sessions in [false, true] {
        let (mut world, _, proven, _, mut view) = watched();
        assert!(!view.is_before(proven.access()).unwrap());
        let revoke = RevokeAllTokens::new();
        world.run(if and_sessions { revoke.and_sessions() } else { revoke }).unwrap();
        let ada = logged_in(&mut world, "ada");
        let (newer, _) = world.issue_both(&ada);
        let newer = world.verify(&newer).unwrap();
        assert!(view.is_before(newer.access()).unwrap());
        view.learn_keyring(keyring(&world));
        assert!(!view.is_before(newer.access()).unwrap());
        assert!(!view.is_before(proven.access()).unwrap(), "the token is the older one");
        assert!(view.present(proven.access()).unwrap().is_err());
        assert!(RevocationView::default().is_before(proven.access()).is_err());
    }
}

#[test]
fn inv_17_without_a_keyring_nothing_is_accepted() {
    let (_, _, proven, _, _) = watched();
    assert!(RevocationView::default().present(proven.access()).is_err());
}

#[test]
fn inv_23_extremes_of_time_and_place_neither_panic_nor_wrap() {
    let (_, _, proven, _, mut view) = watched();
    for at in [i64::MIN, -1, 0, 1 << 53, i64::MAX].map(Timestamp::from_millis) {
        for number in [1, u64::MAX] {
            let revocation = Revocation::Account { account: proven.access().account, floor: u64::MAX };
            let cursor = Cursor::from_number(number);
            let entries = vec![Change { cursor, revocation, until: at }];
            // Having been at the end of all numbers, it takes what is nearer for another journal, and begins anew.
            while learn(&mut view, &Changes { entries: entries.clone(), end: cursor }, at) {}
            assert_eq!(view.present(proven.access()).unwrap(), Err(Gone::Revoked), "{at:?}");
        }
        view.forget(at);
    }
    assert_eq!(view.forget(Timestamp::from_millis(i64::MAX)), 0);
}

/// A follower asks both: it reads nothing before it met one, and believes nothing before it learned one.
#[test]
fn a_keyring_that_was_met_is_not_one_that_was_learned() {
    let world = World::new();
    let row = world.map.rows[&Key::Keyring].clone();
    let mut view = RevocationView::default();
    assert!(!view.has_met_keyring() && view.keyring().is_none());
    assert!(!view.meets_keyring(&row, &Policy::default()), "the first is no other one");
    assert!(view.has_met_keyring() && view.keyring().is_none());
    view.learn_keyring(row.clone());
    assert_eq!(view.keyring(), Some(&row));
}

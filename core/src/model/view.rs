//! What is known to be over: the revocation journal, held in memory, so that verifying a token needs no store.
//!
//! | what comes | what is kept | until |
//! |---|---|---|
//! | a session, a grant | its id | no token that was made before lives |
//! | an account's floor | the highest | the same |
//! | the keyring row, and with it everybody's epochs | the latest | for ever: it is one row |
//!
//! An entry is forgotten when every token that was granted before it was *seen* is dead, also one from before the clock was
//! set back (`max_clock_regression`, and `touch_every`), so that the view is as large as what is ended in one token's life
//! and that, however long the journal. A follower that starts reads all of the journal: what it sees then again it forgets
//! as much later.

use alloc::collections::BTreeMap;

use crate::error::Fault;
use crate::id::{AccountId, Stamp};
use crate::model::keyring::Epochs;
use crate::model::session::Gone;
use crate::planted::Planted;
use crate::policy::Policy;
use crate::record::{RecordError, Row};
use crate::store::{Changes, Cursor, Revocation};
use crate::time::Timestamp;
use crate::token::access::Access;

/// The view of one follower.
///
/// # Example: a follower of a journal, and what it refuses
/// ```
/// use doorward_core::model::view::RevocationView;
/// use doorward_core::store::{Change, Changes, Cursor, Revocation};
/// # use doorward_core::operation::{issue::Issue, login::Login, register::Register, verify::Verify};
/// # use doorward_core::{record::Key, store::Store};
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/engine.rs")); }
/// # use hidden::Engine;
/// # let mut engine = Engine::opened();
/// # engine.run(Register::new("ada", "plum kettle orbit"))??;
/// # let login = engine.run(Login::new("ada", "plum kettle orbit"))??;
/// # let issued = engine.run(Issue::new(login.token.expose(), "web", "https://api.example"))??;
/// # let proven = engine.run(Verify::new(issued.access.expose(), "https://api.example"))??;
/// # let access = proven.access();
/// # let keyring = engine.store.read(&[Key::Keyring])?.remove(0).unwrap();
/// # let (policy, now) = (&engine.environment.policy, engine.now);
/// let mut view = RevocationView::default();
/// view.learn_keyring(keyring);
/// assert_eq!(view.present(access)?, Ok(()));
///
/// let revocation = Revocation::Session(access.session);
/// let entry = Change { cursor: Cursor::from_number(1), revocation, until: access.expires };
/// let page = Changes { entries: vec![entry], end: Cursor::from_number(1) };
/// let has_more = view.learn(view.cursor(), &page, policy, now);
/// assert!(!has_more && view.present(access)?.is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct RevocationView {
    ids: BTreeMap<[u8; 16], Timestamp>,
    floors: BTreeMap<AccountId, (u64, Timestamp)>,
    cursor: Cursor,
    /// Beside which keyring the journal is read.
    beside: Option<Stamp>,
    keyring: Option<Row>,
}

impl RevocationView {
    /// After which entry the next page begins.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Learns the page of the journal that was asked for after this entry. Whether there is more to ask for, after
    /// [`RevocationView::cursor`]; and of two that ask at once, the later has to ask again.
    pub fn learn(&mut self, after: Cursor, page: &Changes, policy: &Policy, now: Timestamp) -> bool {
        if after != self.cursor {
            return true;
        }
        if self.cursor > page.end && !policy.has(Planted::OldJournalGoesOn) {
            self.begin_anew();
            return page.end > Cursor::START;
        }
        let forget =
            if policy.has(Planted::ViewForgetsAtOnce) { now } else { policy.revocation_dies_at(now) };
        for entry in &page.entries {
            match &entry.revocation {
                Revocation::Session(session) => self.end(*session.as_bytes(), forget),
                Revocation::Grant(grant) => self.end(*grant.as_bytes(), forget),
                Revocation::Account { account, floor } => {
                    let known = self.floors.entry(*account).or_insert((0, forget));
                    *known = (known.0.max(*floor), known.1.max(forget));
                }
                // The keyring row says so itself, and is learned after every reading.
                Revocation::Everything { .. } => {}
            }
            self.cursor = self.cursor.max(entry.cursor);
        }
        !page.entries.is_empty() && self.cursor < page.end
    }

    /// Whether a keyring was met, beside which the journal is read.
    pub fn has_met_keyring(&self) -> bool {
        self.beside.is_some()
    }

    /// The journal is read beside this keyring. Whether that is from its start, because it was another one before: a restored
    /// backup brings another journal, which may have grown beyond what was read of the last one by now; but then `after_restore`
    /// has changed the keyring. So a follower looks at the keyring once before it reads anything, and then after each reading of
    /// the journal: what was read of it counts if it is the same keyring still.
    pub fn meets_keyring(&mut self, keyring: &Row, policy: &Policy) -> bool {
        let before = self.beside.replace(keyring.stamp);
        let is_another = before.is_some_and(|before| before != keyring.stamp);
        if !is_another || policy.has(Planted::OldJournalGoesOn) {
            return false;
        }
        self.begin_anew();
        true
    }

    /// Learns the keyring row.
    pub fn learn_keyring(&mut self, keyring: Row) {
        self.keyring = Some(keyring);
    }

    /// The keyring row, as it was last seen.
    pub fn keyring(&self) -> Option<&Row> {
        self.keyring.as_ref()
    }

    /// Whether nothing that is known has ended this token.
    ///
    /// # Errors
    /// [`RecordError`]: the keyring is none, or is not there.
    pub fn present(&self, access: &Access) -> Result<Result<(), Gone>, Fault> {
        let spared = self.spared(access)?;
        let account = access.epochs.account;
        let is_ended = |id: &[u8; 16]| self.ids.contains_key(id);
        if is_ended(access.session.as_bytes()) {
            return Ok(Err(Gone::Ended));
        }
        let is_revoked = is_ended(access.token.as_bytes())
            || access.family.is_some_and(|family| is_ended(family.as_bytes()))
            || self.floors.get(&access.account).is_some_and(|(floor, _)| account < *floor);
        Ok(if is_revoked { Err(Gone::Revoked) } else { spared })
    }

    /// Whether it was spared by what ends all tokens of everybody: all that a follower knows of the keyring alone.
    ///
    /// # Errors
    /// [`RecordError`]: the keyring is none, or is not there.
    pub fn spared(&self, access: &Access) -> Result<Result<(), Gone>, Fault> {
        let keyring = self.keyring.as_ref().ok_or(RecordError::NoKeyring)?;
        let Epochs { global, tokens, .. } = access.epochs;
        let is_of_now = global == keyring.epoch && tokens == keyring.keyring()?.token_epoch;
        Ok(if is_of_now { Ok(()) } else { Err(Gone::Revoked) })
    }

    /// Whether this token was granted under epochs that the view has not heard of: then it is the view that is old.
    ///
    /// # Errors
    /// [`RecordError`]: the keyring is none, or is not there.
    pub fn is_before(&self, access: &Access) -> Result<bool, Fault> {
        let keyring = self.keyring.as_ref().ok_or(RecordError::NoKeyring)?;
        let Epochs { global, tokens, .. } = access.epochs;
        Ok(global > keyring.epoch || tokens > keyring.keyring()?.token_epoch)
    }

    /// Forgets what no living token depends on, and says how much is left.
    pub fn forget(&mut self, now: Timestamp) -> usize {
        self.ids.retain(|_, until| now < *until);
        self.floors.retain(|_, (_, until)| now < *until);
        self.ids.len() + self.floors.len()
    }

    /// In another journal what was known proves nothing; its entries are all to be seen.
    fn begin_anew(&mut self) {
        (self.ids, self.floors) = (BTreeMap::new(), BTreeMap::new());
        self.cursor = Cursor::START;
    }

    fn end(&mut self, id: [u8; 16], forget: Timestamp) {
        let until = self.ids.entry(id).or_insert(forget);
        *until = (*until).max(forget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{GrantId, SessionId};
    use crate::model::keyring::KeyringRecord;
    use crate::record::Record;
    use crate::store::Change;
    use alloc::vec;
    use alloc::vec::Vec;
    use core::time::Duration;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).saturating_add(Duration::from_secs(seconds))
    }

    fn id(number: u64) -> [u8; 16] {
        (u128::from(number) << 64).to_be_bytes()
    }

    /// Each of the three that take room.
    fn revocation(number: u64) -> Revocation {
        match number % 3 {
            0 => Revocation::Session(SessionId::from_bytes(id(number))),
            1 => Revocation::Grant(GrantId::from_bytes(id(number))),
            _ => Revocation::Account { account: AccountId::from_bytes(id(number)), floor: 1 },
        }
    }

    fn page(numbers: impl Iterator<Item = u64>, end: u64) -> Changes {
        let until = Timestamp::MAX;
        let entry =
            |number| Change { cursor: Cursor::from_number(number), revocation: revocation(number), until };
        Changes { entries: numbers.map(entry).collect(), end: Cursor::from_number(end) }
    }

    /// A year of one ending a second, whose entries outlast it: what is held is a token's life of them.
    #[test]
    fn inv_11_the_view_is_as_large_as_what_was_ended_in_one_tokens_life() {
        let policy = Policy::default();
        let life = policy.revocation_dies_at(at(0)).since(at(0)).as_secs();
        assert_eq!(life, 600 + 5 + 4 + 360, "six minutes more: the clock may have been set back");
        let mut view = RevocationView::default();
        for now in 1..=100_000 {
            assert!(!view.learn(view.cursor(), &page(now..=now, now), &policy, at(now)));
            if now % 10 == 0 {
                assert_eq!(view.forget(at(now)), usize::try_from(now.min(life)).unwrap());
            }
        }
        // Nothing is forgotten a second too early: the last token that was granted before it was seen is dead then.
        assert!(view.ids.contains_key(&id(100_000 - life + 1)) || (100_000 - life + 1) % 3 == 2);
        assert_eq!(view.forget(at(100_000 + life - 1)), 1);
        assert_eq!(view.forget(at(100_000 + life)), 0);
    }

    #[test]
    fn inv_15_a_floor_never_sinks_and_an_entry_that_is_seen_again_is_kept_on() {
        let policy = Policy::default();
        let account = AccountId::from_bytes([1; 16]);
        let floors = |floors: &[u64], from: u64| {
            let entries = floors.iter().zip(from..).map(|(floor, number)| Change {
                cursor: Cursor::from_number(number),
                revocation: Revocation::Account { account, floor: *floor },
                until: Timestamp::MAX,
            });
            let entries: Vec<Change> = entries.collect();
            Changes { end: entries.last().unwrap().cursor, entries }
        };
        let mut view = RevocationView::default();
        view.learn(view.cursor(), &floors(&[5, 3], 1), &policy, at(0));
        view.learn(view.cursor(), &floors(&[4], 3), &policy, at(600));
        assert_eq!(view.forget(at(700)), 1);
        assert_eq!(view.floors.get(&account), Some(&(5, policy.revocation_dies_at(at(600)))));
    }

    #[test]
    fn inv_15_a_page_of_another_place_teaches_nothing() {
        let policy = Policy::default();
        let mut view = RevocationView::default();
        assert!(view.learn(Cursor::START, &page(1..=2, 4), &policy, at(0)), "there is more");
        assert!(
            view.learn(Cursor::START, &page(1..=4, 4), &policy, at(0)),
            "asked before the other page came"
        );
        assert_eq!((view.cursor().number(), view.ids.len() + view.floors.len()), (2, 2));
        assert!(!view.learn(view.cursor(), &page(3..=4, 4), &policy, at(0)));
        // What is purged leaves holes, and they are no reason to ask for ever.
        assert!(!view.learn(view.cursor(), &page(0..0, 9), &policy, at(0)));
    }

    /// A service in another process went on watching while a backup was restored under it. The restored journal, which had been
    /// shorter, grew beyond what the service had read of the old one before it read on: it never saw the logouts in between, and
    /// took their tokens to the end.
    #[test]
    fn inv_11_inv_44_another_journal_that_has_grown_is_read_from_its_start() {
        let policy = Policy::default();
        let keyring = |stamp: u8| {
            let record = Record::Keyring(KeyringRecord {
                checks: vec![],
                throttle_key: [0; 32],
                peppers: vec![],
                token_epoch: 0,
                signing: vec![],
            });
            Row { stamp: Stamp::from_bytes([stamp; 16]), epoch: 0, owner: None, expires: None, record }
        };
        // Whether all of the first was read, and its keyring learned with it, or the store failed before.
        for is_whole in [true, false] {
            let mut view = RevocationView::default();
            assert!(!view.meets_keyring(&keyring(1), &policy));
            view.learn(Cursor::START, &page(1..=9, if is_whole { 9 } else { 20 }), &policy, at(0));
            if is_whole {
                view.learn_keyring(keyring(1));
            }
            assert!(!view.meets_keyring(&keyring(1), &policy), "it is read on");
            // Restored to its fifth entry, and nine more since: the first of them is of `after_restore`.
            assert!(view.meets_keyring(&keyring(2), &policy), "it is another keyring");
            assert_eq!((view.cursor(), view.forget(at(1))), (Cursor::START, 0));
            assert!(!view.learn(view.cursor(), &page(1..=14, 14), &policy, at(1)));
            view.learn_keyring(keyring(2));
            assert!((7..=9).all(|number| number % 3 == 2 || view.ids.contains_key(&id(number))));
            assert!(!view.meets_keyring(&keyring(2), &policy), "and is read once");
        }
    }

    #[test]
    fn inv_15_another_journal_is_read_from_its_start() {
        let policy = Policy::default();
        let mut view = RevocationView::default();
        view.learn(Cursor::START, &page(1..=9, 9), &policy, at(0));
        assert!(view.learn(view.cursor(), &page(0..0, 5), &policy, at(1)), "there is all of it to read");
        assert_eq!((view.cursor(), view.forget(at(1))), (Cursor::START, 0));
        assert!(!view.learn(view.cursor(), &page(1..=5, 5), &policy, at(1)));
        // An empty one needs no reading.
        assert!(!view.learn(view.cursor(), &page(0..0, 0), &policy, at(1)));
        assert_eq!(vec![view.cursor()], [Cursor::START]);
    }
}

//! A backup is restored under engines that watch, at every moment of a reading.

use std::path::PathBuf;
use std::sync::Arc;

use doorward::core::operation::after_restore::AfterRestore;
use doorward::core::operation::logout::Logout;
use doorward::core::store::Store;
use doorward::store::SqliteStore;
use doorward::{Issued, RevocationMode, RotateKeys};
use tempfile::TempDir;

use crate::support::modes::{ASKING, BOUND, Deployment, Instance, Kind, REFUSING, in_mode, issue, log_in};
use crate::support::tapped::{Moment, Tap};

const WATCHED: [RevocationMode; 2] = [ASKING, REFUSING];

/// A database, and a backup of it.
struct Shelf(TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.path("now")).unwrap())
    }

    fn back_up(&self) {
        std::fs::copy(self.path("now"), self.path("backup")).unwrap();
        std::fs::copy(self.path("now-wal"), self.path("backup-wal")).unwrap();
    }

    /// The engines go on with the backup.
    fn restore_under(&self, all: &Deployment) {
        let restored: Arc<dyn Store> = Arc::new(SqliteStore::open(self.path("backup")).unwrap());
        all.there.store.replace(Arc::clone(&restored));
        all.here.store.replace(restored);
    }
}

/// A token of a session that was logged out.
fn end_one(at: &Instance) -> Issued {
    let (session, _) = log_in(at);
    let issued = issue(at, &session);
    at.engine.run(Logout::new(session.expose())).unwrap().unwrap();
    issued
}

/// A backup is put in the store's place while engines run: the journal ends behind what they have read. What it holds is
/// read from its start, and `after_restore` counts.
#[test]
fn inv_15_inv_44_a_restored_backup_is_read_from_its_start() {
    for mode in WATCHED {
        let shelf = Shelf::new();
        let all = Deployment::on(Kind::Blocking, in_mode(mode), shelf.store());
        let (ended, _) = log_in(&all.here);
        let of_ended = issue(&all.here, &ended);
        all.here.engine.run(Logout::new(ended.expose())).unwrap().unwrap();
        shelf.back_up();
        for _ in 0..3 {
            let (other, _) = log_in(&all.here);
            all.here.engine.run(Logout::new(other.expose())).unwrap().unwrap();
        }
        all.wait(BOUND);
        assert!(all.there.accepts(all.token()) && !all.there.accepts(of_ended.access.expose()));

        shelf.restore_under(&all);
        all.wait(BOUND);
        assert!(!all.there.accepts(of_ended.access.expose()), "it was ended before the backup was made");
        assert!(all.there.accepts(all.token()));
        all.here.engine.run(AfterRestore::new()).unwrap();
        all.wait(BOUND);
        assert!(!all.there.accepts(all.token()) && !all.here.accepts(all.token()));
        let (session, _) = log_in(&all.here);
        let new = issue(&all.here, &session);
        assert!(all.there.accepts(new.access.expose()));
        all.here.engine.run(Logout::new(session.expose())).unwrap().unwrap();
        all.wait(BOUND / 2);
        assert!(!all.there.accepts(new.access.expose()), "the journal is followed on");
    }
}

/// An engine slept while a backup was restored under it, and the restored journal grew beyond what it had read of the old one:
/// it went on where it was, never read the logouts in between, and took their tokens to the end.
#[test]
fn inv_11_inv_44_a_restored_journal_that_has_grown_is_read_from_its_start() {
    for mode in WATCHED {
        let shelf = Shelf::new();
        let all = Deployment::on(Kind::Blocking, in_mode(mode), shelf.store());
        shelf.back_up();
        for _ in 0..4 {
            end_one(&all.here);
        }
        all.wait(BOUND);
        assert!(all.there.accepts(all.token()), "it has read of all four");

        shelf.restore_under(&all);
        all.here.engine.run(AfterRestore::new()).unwrap();
        let ended: Vec<_> = (0..6).map(|_| end_one(&all.here)).collect();
        all.wait(BOUND);
        for issued in &ended {
            assert!(!all.there.accepts(issued.access.expose()), "{mode:?}: it was logged out a bound ago");
        }
        let live = issue(&all.here, &log_in(&all.here).0);
        assert!(all.there.accepts(live.access.expose()));
    }
}

/// A page of the journal was on its way while a backup was restored, and came when another reading had read all of the restored
/// journal, which ended by chance where that page had been asked for: the view took it for the next page of this one, went on behind
/// it, and never read the logout that stood there. A reader of this code found it.
#[test]
fn inv_11_inv_44_a_page_of_the_journal_before_a_restore_is_no_page_of_the_one_after() {
    for mode in WATCHED {
        let shelf = Arc::new(Shelf::new());
        let all = Arc::new(Deployment::on(Kind::Blocking, in_mode(mode), shelf.store()));
        shelf.back_up();
        end_one(&all.here);
        all.wait(BOUND);
        assert!(all.there.accepts(all.token()), "it has read the first entry");
        end_one(&all.here);
        all.wait(BOUND);

        let (inner, backup) = (Arc::clone(&all), Arc::clone(&shelf));
        all.there.store.step_in(Tap::Journal, Moment::After, move || {
            backup.restore_under(&inner);
            inner.here.engine.run(AfterRestore::new()).unwrap();
            assert!(
                !inner.there.accepts(inner.token()),
                "it is from before, and this has read the one entry"
            );
        });
        let _ = all.there.verify(all.token());
        assert!(all.there.store.is_idle());
        let ended = end_one(&all.here);
        all.wait(BOUND);
        assert!(!all.there.accepts(ended.access.expose()), "{mode:?}: it was logged out a bound ago");
    }
}

/// A simulated service let a token in that it had refused: a backup was restored between the two calls of one reading, which had the
/// keyring of before in hand, and the journal of after, which did not know that the token was over.
#[test]
fn inv_15_inv_44_a_keyring_from_before_a_restore_says_nothing_of_the_journal_after_it() {
    let moments = [Tap::Keyring, Tap::Journal].map(|tap| [(tap, Moment::Before), (tap, Moment::After)]);
    for (mode, age) in [(ASKING, BOUND), (REFUSING, BOUND), (REFUSING, BOUND / 2)] {
        for (tap, moment) in moments.into_iter().flatten() {
            for rotates in [false, true] {
                let shelf = Arc::new(Shelf::new());
                let all = Arc::new(Deployment::on(Kind::Blocking, in_mode(mode), shelf.store()));
                let (session, _) = log_in(&all.here);
                let ended = issue(&all.here, &session);
                shelf.back_up();
                all.here.engine.run(Logout::new(session.expose())).unwrap().unwrap();
                end_one(&all.here);
                all.wait(BOUND);
                assert!(!all.there.accepts(ended.access.expose()), "it has read of both");

                all.wait(age);
                if rotates {
                    all.here.engine.run(RotateKeys::new()).unwrap().unwrap();
                }
                let (inner, backup) = (Arc::clone(&all), Arc::clone(&shelf));
                all.there.store.step_in(tap, moment, move || {
                    backup.restore_under(&inner);
                    inner.here.engine.run(AfterRestore::new()).unwrap();
                });
                let case = format!("{mode:?}, {age:?} old, {moment:?} {tap:?}, {rotates}");
                assert!(!all.there.accepts(ended.access.expose()), "{case}: it was refused before");
                assert!(all.there.store.is_idle(), "{case}");
                all.wait(BOUND);
                assert!(!all.there.accepts(all.token()), "{case}: it is from before the restore");
            }
        }
    }
}

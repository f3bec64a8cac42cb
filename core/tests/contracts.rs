//! What every store and every driver may rely on, of the core alone.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use doorward_core::error::{Fault, StoreError, StoreErrorKind};
use doorward_core::event::Subject;
use doorward_core::facts::Facts;
use doorward_core::id::SessionId;
use doorward_core::machine::{Context as Deciding, Decide, Decision};
use doorward_core::model::data::DataRecord;
use doorward_core::operation::issue::Issue;
use doorward_core::password::{Argon2Params, Normalization, Password, PasswordHash, Verdict};
use doorward_core::record::{CredentialRecord, Key, Kind, Row};
use doorward_core::secret::{MasterKey, MasterKeys};
use doorward_core::store::{
    AsyncStore, Batch, Changes, Check, Commit, Cursor, Durability, Ending, Expect, Guarantees, Range, Store,
    Write,
};
use doorward_core::time::Timestamp;
use doorward_core::work::{Work, Worked};

use crate::support::tokens::{API, at_home};
use crate::support::{Ask, START, Script, account, account_row, ask, stamp};

fn batch() -> Batch {
    Batch::new(stamp(1), Durability::Durable)
}

fn put(key: Key, row: Row) -> Write {
    Write::Put { key, row, expect: Expect::Absent }
}

fn data(length: usize) -> Write {
    let record = DataRecord { bytes: vec![0; length] };
    let row = Row { stamp: stamp(1), epoch: 0, owner: None, expires: None, record: record.into() };
    put(Key::Data(SessionId::from_bytes([1; 16])), row)
}

fn valid(batch: &Batch) -> bool {
    match batch.validate() {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Fatal);
            false
        }
    }
}

#[test]
fn a_batch_that_no_machine_makes_is_refused_whatever_is_wrong_with_it() {
    let check = |key| Check { key, expect: Expect::Absent };
    let epoch = |key| Ending::Epoch { key, until: START };
    assert!(valid(&batch()));
    let mut whole = batch();
    whole.checks.extend([1, 2].map(|key| check(account(key))));
    whole.writes = vec![put(account(3), account_row(1, 0)), Write::Delete { key: account(4) }];
    whole.writes.push(Write::Raise { key: account(5) });
    whole.journal =
        vec![epoch(account(5)), Ending::Session { session: SessionId::from_bytes([1; 16]), until: START }];
    assert!(valid(&whole));

    let spoilt: [fn(&mut Batch); 5] = [
        |batch| batch.checks.push(batch.checks[0].clone()),
        |batch| batch.writes.push(Write::Delete { key: account(3) }),
        |batch| batch.writes.push(put(Key::Keyring, account_row(1, 0))),
        |batch| batch.writes.push(data(300 * 1024)),
        |batch| {
            batch
                .journal
                .push(Ending::Epoch { key: Key::Data(SessionId::from_bytes([1; 16])), until: START });
        },
    ];
    for (at, spoil) in spoilt.iter().enumerate() {
        let mut batch = whole.clone();
        spoil(&mut batch);
        assert!(!valid(&batch), "{at}");
    }
}

/// To the byte: what is written can be read again, and what could not be read again is not written.
#[test]
fn inv_23_the_longest_record_is_read_again_and_a_longer_one_is_refused() {
    let longest = (0..100).map(|less| 256 * 1024 - less).find(|length| {
        let mut batch = batch();
        batch.writes.push(data(*length));
        valid(&batch)
    });
    for (length, fits) in [(longest.unwrap(), true), (longest.unwrap() + 1, false)] {
        let Write::Put { key, row, .. } = data(length) else { unreachable!() };
        let bytes = row.encode(&key);
        assert_eq!(bytes.len() <= 256 * 1024, fits);
        let again = Row::decode(&key, row.stamp, row.epoch, row.owner, row.expires, &bytes);
        assert_eq!(again.is_ok_and(|again| again == row), fits);
    }
}

#[test]
fn a_store_is_asked_for_what_it_promises() {
    let every = [false, true];
    for atomic in every {
        for linearizable in every {
            for durable in every {
                let kept = Guarantees { atomic, linearizable, durable };
                assert_eq!(kept.meets(Guarantees::ALL), atomic && linearizable && durable);
                assert_eq!(kept.meets(Guarantees::EPHEMERAL), atomic && linearizable);
                assert!(kept.meets(Guarantees { atomic: false, linearizable: false, durable: false }));
            }
        }
    }
    let told = Guarantees { atomic: true, linearizable: false, durable: true }.to_string();
    assert_eq!(told, "atomic, not linearizable, durable");
}

/// Answers each call in a way of its own, and counts.
#[derive(Default)]
struct Counting {
    calls: AtomicUsize,
}

const KEPT: Guarantees = Guarantees { atomic: true, linearizable: false, durable: true };

impl Counting {
    fn call(&self) -> StoreError {
        self.calls.fetch_add(1, Ordering::Relaxed);
        StoreError::new(StoreErrorKind::Fatal, "it only counts")
    }
}

impl Store for Counting {
    fn read(&self, _: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        Err(self.call())
    }

    fn commit(&self, _: &Batch) -> Result<Commit, StoreError> {
        Err(self.call())
    }

    fn scan(&self, _: &Range, _: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        Err(self.call())
    }

    fn changes(&self, _: Cursor, _: usize) -> Result<Changes, StoreError> {
        Err(self.call())
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Err(self.call())
    }

    fn guarantees(&self) -> Guarantees {
        KEPT
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl AsyncStore for Counting {
    fn read<'a>(&'a self, _: &'a [Key]) -> Answer<'a, Vec<Option<Row>>> {
        Box::pin(async { Err(self.call()) })
    }

    fn commit<'a>(&'a self, _: &'a Batch) -> Answer<'a, Commit> {
        Box::pin(async { Err(self.call()) })
    }

    fn scan<'a>(&'a self, _: &'a Range, _: usize) -> Answer<'a, Vec<(Key, Row)>> {
        Box::pin(async { Err(self.call()) })
    }

    fn changes(&self, _: Cursor, _: usize) -> Answer<'_, Changes> {
        Box::pin(async { Err(self.call()) })
    }

    fn purge(&self, _: Timestamp, _: usize) -> Answer<'_, usize> {
        Box::pin(async { Err(self.call()) })
    }

    fn guarantees(&self) -> Guarantees {
        KEPT
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it never waits"),
    }
}

#[test]
fn a_shared_store_is_the_store() {
    let range = Range { kind: Kind::Account, owner: None, after: None };
    let inner = Arc::new(Counting::default());
    let shared: Arc<dyn Store> = inner.clone();
    let store: &dyn Store = &shared;
    assert!(store.read(&[]).is_err() && store.commit(&batch()).is_err() && store.scan(&range, 1).is_err());
    assert!(store.changes(Cursor::START, 1).is_err() && store.purge(START, 1).is_err());
    assert_eq!((store.guarantees(), inner.calls.load(Ordering::Relaxed)), (KEPT, 5));

    let shared: Arc<dyn AsyncStore> = inner.clone();
    let store: &dyn AsyncStore = &shared;
    assert!(now(store.read(&[])).is_err() && now(store.commit(&batch())).is_err());
    assert!(now(store.scan(&range, 1)).is_err() && now(store.changes(Cursor::START, 1)).is_err());
    assert!(now(store.purge(START, 1)).is_err());
    assert_eq!((store.guarantees(), inner.calls.load(Ordering::Relaxed)), (KEPT, 10));
}

/// A host's own operation says no more than it must.
#[test]
fn an_operation_that_says_nothing_costs_nothing_owes_nothing_and_ends_nothing() {
    #[allow(clippy::unnecessary_wraps, reason = "another operation may fail")]
    fn done(_: &Facts, _: &Deciding<'_>) -> Result<Decision<u64>, Fault> {
        Ok(Decision::Done(7))
    }
    let plain = Script(done);
    assert_eq!(plain.subject(), Subject::default());
    assert!(plain.toll().is_none() && plain.is_due(&7) && !plain.says_over(&7));
    assert!(matches!(plain.turned_away(START), Err(Fault::Busy)));
    assert_eq!(plain.given_out(7, Duration::from_secs(1)), 7);
}

#[test]
fn work_knows_what_it_is() {
    let (password, normalization) = (Password::new("plum kettle orbit").unwrap(), Normalization::Nfc);
    let params = Argon2Params::default();
    let decoy = PasswordHash::decoy(&params, [0; 16], [0; 32]);
    let verify =
        Work::Verify { password: password.clone(), normalization, hash: decoy.clone(), pepper: None };
    let hash = Work::Hash { password, normalization, salt: [0; 16], params, pepper: None };
    assert!(verify.is_hashing() && hash.is_hashing());
    let (verified, hashed) = (Worked::Verified(Verdict::Match), Worked::Hashed(decoy));
    assert!(verify.fits(&verified) && hash.fits(&hashed));
    assert!(!verify.fits(&hashed) && !hash.fits(&verified));
    let (mut world, ada) = at_home();
    let mut machine = world.machine(Issue::new(&ada.token, "web", API));
    let sign = loop {
        match ask(&mut machine) {
            Ask::Work(_, work) => break work,
            _ => assert!(world.step(&mut machine).is_none(), "it ended before it signed"),
        }
    };
    assert!(!sign.is_hashing() && !sign.fits(&hashed));
}

#[test]
fn a_master_key_tells_its_number_and_no_more() {
    let key = |number| MasterKey::new(number, [0x5a; 32]);
    assert_eq!((key(7).number(), format!("{:?}", key(7))), (7, "MasterKey(7, ..)".to_owned()));
    let ring = MasterKeys::new(key(7)).accept(key(9)).unwrap();
    assert_eq!((ring.numbers().collect::<Vec<_>>(), format!("{ring:?}")), (vec![7, 9], "[7, 9]".to_owned()));
}

#[test]
fn a_credential_prints_when_it_was_set_and_no_more() {
    let decoy = PasswordHash::decoy(&Argon2Params::default(), [0; 16], [0; 32]);
    let record = CredentialRecord::new(decoy, Normalization::Nfc, None, START);
    assert_eq!(format!("{record:?}"), format!("CredentialRecord {{ set: {START:?}, .. }}"));
}

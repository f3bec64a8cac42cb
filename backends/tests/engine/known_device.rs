//! The owner logs in from a known device while an attacker keeps the name locked; the attacker gains nothing from it.
//! GU-1, GU-3, INV 38, on every store, with real hashing.

use std::sync::Arc;
use std::time::Duration;

use doorward::core::error::Fault;
use doorward::core::id::AccountId;
use doorward::core::model::throttle::{AttemptsRecord, ThrottleRecord};
use doorward::core::record::{Key, Kind};
use doorward::core::store::{Range, Store};
use doorward::core::time::Timestamp;
use doorward::{Engine, Login, LoginError, ManualClock, Register};

use crate::support::engine::{NAME, Named, PASSWORD, each_store, open_with_clock};

const HOUR: Duration = Duration::from_hours(1);
/// Long enough for the attacker to drive the name off: 5 free guesses, then one for each wait.
const HOURS: u32 = 95;

struct House {
    named: Named,
    engine: Engine,
    clock: ManualClock,
    account: AccountId,
    device: String,
}

impl House {
    fn new(named: Named) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let engine = open_with_clock(Arc::clone(&named.store), clock.clone());
        let account = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let login = engine.login(Login::new(NAME, PASSWORD).remember_device()).unwrap();
        let device = login.device.unwrap().expose().to_owned();
        Self { named, engine, clock, account, device }
    }

    fn login_from_device(&self, password: &str) -> Result<(), LoginError> {
        let login = self.engine.login(Login::new(NAME, password).device(&self.device).remember_device());
        login.map(|login| {
            assert!(login.device.is_none(), "it is known");
            assert_eq!(self.engine.authenticate(login.token.expose()).unwrap().account, self.account);
        })
    }

    fn attempts(&self) -> AttemptsRecord {
        let row = self.named.store.read(&[Key::Attempts(self.account)]).unwrap().remove(0);
        row.map(|row| row.attempts().unwrap().clone()).unwrap_or_default()
    }

    fn throttle(&self) -> Option<ThrottleRecord> {
        let range = Range { kind: Kind::Throttle, owner: None, after: None };
        let rows = self.named.store.scan(&range, 10).unwrap();
        rows.first().map(|(_, row)| row.throttle().unwrap().clone())
    }
}

/// The attacker guesses until it must wait, each hour anew. What it was answered, and what it left behind.
type Siege = (Vec<Option<Timestamp>>, AttemptsRecord, Option<ThrottleRecord>);

fn siege(house: &House, mut owner: impl FnMut(&House, u32)) -> Siege {
    let mut answers = Vec::new();
    for hour in 0..HOURS {
        loop {
            let answer = match house.engine.login(Login::new(NAME, format!("guess {}", answers.len()))) {
                Err(LoginError::Denied) => None,
                Err(LoginError::Throttled { until }) => Some(until),
                other => panic!("{other:?}"),
            };
            answers.push(answer);
            if answer.is_some() {
                break;
            }
        }
        owner(house, hour);
        house.clock.advance(HOUR);
    }
    (answers, house.attempts(), house.throttle())
}

#[test]
fn gu_3_inv_38_the_owner_comes_in_from_a_known_device_and_the_attacker_gains_nothing() {
    let alone = siege(&House::new(each_store().into_iter().next().unwrap()), |_, _| {});
    let decided = alone.0.iter().filter(|answer| answer.is_none()).count();
    assert!(decided > 90, "the name went off on the way: {decided} guesses were hashed");
    assert_eq!(alone.1.failures, 90, "and of those ninety were decided");

    for named in each_store() {
        let house = House::new(named);
        let mut logins = 0;
        let besieged = siege(&house, |house, hour| {
            let held = house.attempts();
            // A slip of the finger now and then; the password opens each time, waiting or off.
            for _ in 0..hour % 4 {
                let slip = house.login_from_device("the right and proper passwort");
                assert!(matches!(slip, Err(LoginError::Denied)), "{}, hour {hour}", house.named.name);
            }
            let by_name = house.engine.login(Login::new(NAME, PASSWORD));
            assert!(matches!(by_name, Err(LoginError::Throttled { .. })), "{}", house.named.name);
            assert_eq!(house.attempts().failures, held.failures + hour % 4, "{}", house.named.name);
            house.login_from_device(PASSWORD).unwrap();
            assert_eq!(house.attempts(), held, "{}: the strangers' count is what it was", house.named.name);
            logins += 1;
        });
        assert_eq!(logins, HOURS);
        assert_eq!(besieged, alone, "{}", house.named.name);
    }
}

/// GU-1: ninety by strangers and ten from the device are decided, and not one more by anybody.
#[test]
fn gu_1_no_more_than_a_hundred_in_a_row_are_decided_with_a_known_device() {
    for named in each_store() {
        let house = House::new(named);
        siege(&house, |_, _| {});
        for failures in 91..=100 {
            assert!(matches!(house.login_from_device("not the password"), Err(LoginError::Denied)));
            assert_eq!(house.attempts().failures, failures, "{}", house.named.name);
        }
        for _ in 0..2 {
            house.clock.advance(HOUR);
            assert!(
                matches!(house.login_from_device(PASSWORD), Err(LoginError::Denied)),
                "{}",
                house.named.name
            );
            assert_eq!(house.attempts().failures, 100, "{}", house.named.name);
        }
        // Recovery still works, on a locked account (ASVS 5.0, 6.1.1).
        house.engine.unlock(house.account).unwrap();
        house.login_from_device(PASSWORD).unwrap();
        house.engine.set_password(house.account, "an entirely different sentence").unwrap();
        house.engine.login(Login::new(NAME, "an entirely different sentence")).unwrap();
    }
}

/// Sixteen threads with a stolen device token and no password: its ten tries are decided, however they meet.
#[test]
fn gu_4_of_parallel_guesses_from_a_device_its_tries_are_decided() {
    for named in each_store() {
        let house = House::new(named);
        for guess in 0..6 {
            let _ = house.engine.login(Login::new(NAME, format!("a stranger's guess {guess}")));
        }
        let strangers = house.attempts().failures;
        let denied = std::thread::scope(|scope| {
            let guess = || {
                let mut denied = 0;
                for _ in 0..4 {
                    match house.login_from_device("not the password") {
                        Err(LoginError::Denied) => denied += 1,
                        Err(
                            LoginError::Throttled { .. } | LoginError::Fault(Fault::Contended | Fault::Busy),
                        ) => {}
                        other => panic!("{}: {other:?}", house.named.name),
                    }
                }
                denied
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(guess)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>()
        });
        assert_eq!(denied, 10, "{}", house.named.name);
        assert_eq!(house.attempts().failures, strangers + 10, "{}", house.named.name);
    }
}

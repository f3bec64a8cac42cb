//! A secret that was put in comes out nowhere: not in an answer, an error, an event, a panic's message, nor in the
//! bytes of a database. RV-9, SE-2, INV 30, INV 42.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests

mod support;

use std::fmt::{Debug, Display, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use doorward::core::machine::{Environment, Machine, Need, Reply};
use doorward::core::secret::{MasterKeys, Seed};
use doorward::core::store::Store;
use doorward::core::time::Timestamp;
use doorward::store::{MemoryStore, SqliteStore};
use doorward::{
    Engine, Entropy, EntropyError, KeyFile, KeyFileError, Login, ManualClock, MasterKey, Pepper, Register,
};
use doorward_conformance::fault::{CallKind, Failure, FaultStore, Rule};

use support::engine::policy;

const NAME: &str = "ada";
const PASSWORD: &str = "canary-7f3a: a password that sings";
const WRONG: &str = "canary-91c2: a mistyped one sings too";
const KEY: [u8; 32] = *b"\x8fK\x11canary master key 7\xd4\x02\xee\x97Zq\x0c\xa5\xb6\x01";
const PEPPER: [u8; 32] = *b"\xc3=canary pepper \x90\x07\xe1salt\xb8\x1d\xf2\x11\x6e\xd9\x4b\x9a\x05";

/// Everything that was printed, by whatever way.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<String>>);

impl Printed {
    fn note(&self, value: impl Debug) {
        writeln!(self.0.lock().unwrap(), "{value:?}\n{value:#?}").unwrap();
    }

    fn note_error<T: Debug, E: Debug + Display + std::error::Error>(
        &self,
        outcome: Result<T, E>,
    ) -> Option<T> {
        self.note(&outcome);
        let error = outcome.as_ref().err().map(|error| error as &dyn std::error::Error);
        for error in std::iter::successors(error, |error| error.source()) {
            writeln!(self.0.lock().unwrap(), "{error}").unwrap();
        }
        outcome.ok()
    }
}

/// Seeds that the test knows.
struct Canaries(AtomicU8);

fn seed(number: u8) -> [u8; 32] {
    std::array::from_fn(|at| 0x9d ^ number.wrapping_mul(29) ^ u8::try_from(at).unwrap().wrapping_mul(83))
}

impl Entropy for Canaries {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.copy_from_slice(&seed(self.0.fetch_add(1, Ordering::SeqCst)));
        Ok(())
    }
}

/// A secret in each form in which it could stand somewhere.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let list = format!("{secret:?}");
    let mut forms = vec![
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        list.trim_matches(['[', ']']).as_bytes().to_vec(),
        secret.escape_ascii().to_string().into_bytes(),
    ];
    // Within a longer text, base64 of a secret looks one of three ways, but for its ends.
    for shift in 0..3 {
        let shifted = [vec![0; shift], secret.to_vec()].concat();
        for text in [Base64::encode_string(&shifted), Base64UrlUnpadded::encode_string(&shifted)] {
            let text = text.trim_end_matches('=');
            let from = [0, 2, 3][shift];
            let to = shifted.len() / 3 * 4;
            forms.push(text.as_bytes()[from..to].to_vec());
        }
    }
    forms
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn assert_silent(what: &str, haystack: &[u8], secrets: &[(&str, Vec<u8>)]) {
    for (name, secret) in secrets {
        for form in forms(secret) {
            assert!(!holds(haystack, &form), "{what} holds the {name}, as {}", form.escape_ascii());
        }
    }
}

/// The secrets that were put in or given out: passwords, key, seeds, and of each token the text, the tag and the
/// proof.
fn secrets(tokens: &[String], seeds: u8) -> Vec<(&'static str, Vec<u8>)> {
    let mut secrets =
        vec![("password", PASSWORD.into()), ("wrong password", WRONG.into()), ("key", KEY.to_vec())];
    secrets.push(("pepper", PEPPER.to_vec()));
    secrets.extend((0..seeds).map(|number| ("seed", seed(number).to_vec())));
    for token in tokens {
        let bytes = Base64UrlUnpadded::decode_vec(token.strip_prefix("dws_").unwrap()).unwrap();
        secrets.push(("token", token.clone().into_bytes()));
        secrets.push(("whole token", bytes.clone()));
        secrets.push(("tag", bytes[45..53].to_vec()));
        secrets.push(("proof", bytes[53..].to_vec()));
    }
    secrets
}

/// Every operation to its success and to each of its refusals.
fn every_outcome(engine: &Engine, clock: &ManualClock, printed: &Printed, tokens: &mut Vec<String>) {
    let mut login = |operation: Login| {
        printed.note(&operation);
        let done = printed.note_error(engine.login(operation))?;
        tokens.push(done.token.expose().to_owned());
        Some(done.token.expose().to_owned())
    };
    for register in [
        Register::new(NAME, PASSWORD),
        Register::new(NAME, PASSWORD),
        Register::new("grace", PASSWORD),
        Register::new("a name with spaces", PASSWORD),
        Register::new("linus", &PASSWORD[..14]),
        Register::new("linus", PASSWORD.repeat(8)),
        Register::new("linus", PASSWORD.repeat(200)),
    ] {
        printed.note(&register);
        printed.note_error(engine.register(register));
    }
    let hers = login(Login::new("grace", PASSWORD)).unwrap();
    let first = login(Login::new(NAME, PASSWORD).label("Firefox")).unwrap();
    let second = login(Login::new(NAME, PASSWORD).previous(&first)).unwrap();
    assert!(login(Login::new(NAME, PASSWORD).previous(&hers)).is_none());
    assert!(login(Login::new("a name with spaces", PASSWORD)).is_none());
    assert!(login(Login::new(NAME, WRONG.repeat(200))).is_none());
    assert!(login(Login::new("nobody", WRONG)).is_none());
    for _ in 0..7 {
        assert!(login(Login::new(NAME, WRONG)).is_none(), "denied, and at last throttled");
    }
    let mangled = format!("{second}=");
    let forged = second.replacen(&second[20..30], "AAAAAAAAAA", 1);
    for token in [&second, &first, &mangled, &forged, &second[1..], &second[..90]] {
        printed.note(doorward::core::operation::authenticate::Authenticate::new(token));
        printed.note_error(engine.authenticate(token));
    }
    clock.advance(std::time::Duration::from_mins(2));
    printed.note_error(engine.authenticate(&second));
    for token in [&mangled, &second[1..], &second, &second, &first] {
        printed.note(doorward::core::operation::logout::Logout::new(token));
        printed.note_error(engine.logout(token));
    }
    printed.note_error(engine.purge(10));
    // One session stays, so that the files hold a live one.
    clock.advance(std::time::Duration::from_hours(2));
    login(Login::new(NAME, PASSWORD).label("the label is no secret")).unwrap();
}

fn engine(store: Arc<dyn Store>, clock: &ManualClock, printed: &Printed) -> Engine {
    let sink = printed.clone();
    let builder = Engine::builder(store)
        .ephemeral()
        .master_key(MasterKey::new(7, KEY))
        .pepper(Pepper::new(3, PEPPER))
        .policy(policy())
        .clock(clock.clone())
        .entropy(Canaries(AtomicU8::new(0)))
        .events(move |event| {
            sink.note(event);
            // What a sink that fails would print.
            panic!("{event:?}");
        });
    printed.note(&builder);
    let engine = builder.open().unwrap();
    printed.note(&engine);
    engine
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_millis(1_700_000_000_000))
}

/// RV-9, INV 30: success, all refusals, and every fault of every call; panics' messages are listened to.
#[test]
fn rv_9_inv_30_no_secret_in_anything_that_prints() {
    let printed = Printed::default();
    let heard = printed.clone();
    std::panic::set_hook(Box::new(move |panic| heard.note(panic.to_string())));
    let mut tokens = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let clock = clock();
        let engine = engine(Arc::new(MemoryStore::new()), &clock, &printed);
        every_outcome(&engine, &clock, &printed, &mut tokens);
        let mut faults = 0;
        for kind in [CallKind::Read, CallKind::Commit] {
            for failure in [
                Failure::Retryable,
                Failure::UnknownNotApplied,
                Failure::Fatal,
                Failure::Corrupt,
                Failure::Panics,
                Failure::PanicsApplied,
            ] {
                faults += 1;
                with_faults(kind, failure, &printed);
            }
        }
        assert_eq!(faults, 12);
        printed.note(KeyFile::load("no such file"));
        key_files_of_every_kind(&printed);
        needs_of_the_core(&printed);
    }));
    drop(std::panic::take_hook());
    outcome.unwrap_or_else(|_| panic!("{}", printed.0.lock().unwrap()));

    let printed = printed.0.lock().unwrap();
    // The net holds water: names, refusals, panics and needs are in it.
    for expected in [
        "LoginName(ada)",
        "Throttled",
        "OtherAccount",
        "Forged",
        "fault store panics",
        "Verify",
        "Put",
        "Pepper(3, ..)",
    ] {
        assert!(printed.contains(expected), "nothing printed {expected}");
    }
    assert!(tokens.len() >= 4);
    assert_silent("what was printed", printed.as_bytes(), &secrets(&tokens, 60));
}

fn with_faults(kind: CallKind, failure: Failure, printed: &Printed) {
    let clock = clock();
    let faulty = FaultStore::new(Arc::new(MemoryStore::new()));
    let engine = engine(Arc::new(faulty.clone()), &clock, printed);
    engine.register(Register::new(NAME, PASSWORD)).unwrap();
    let token = engine.login(Login::new(NAME, PASSWORD)).unwrap().token;
    clock.advance(std::time::Duration::from_mins(2));
    faulty.add(Rule::new(failure).on(kind).sticky());
    printed.note_error(engine.register(Register::new("grace", PASSWORD)));
    printed.note_error(engine.login(Login::new(NAME, PASSWORD).previous(token.expose())));
    printed.note_error(engine.login(Login::new(NAME, WRONG)));
    printed.note_error(engine.authenticate(token.expose()));
    printed.note_error(engine.logout(token.expose()));
    printed.note_error(engine.purge(10));
    let other = Engine::builder(faulty.clone()).ephemeral().master_key(MasterKey::new(7, KEY));
    printed.note_error(other.open());
    faulty.heal();
    for keys in [vec![8], vec![7, 7]] {
        let builder = Engine::builder(faulty.clone()).ephemeral();
        let keys = keys.into_iter().map(|number| MasterKey::new(number, KEY));
        printed.note_error(keys.fold(builder, doorward::Builder::master_key).open());
    }
    let impostor = Engine::builder(faulty.clone()).ephemeral().master_key(MasterKey::new(7, seed(1)));
    printed.note_error(impostor.open());
    let peppers = [vec![(3, KEY)], vec![(3, PEPPER), (3, PEPPER)]];
    for peppers in peppers {
        let builder = Engine::builder(faulty.clone()).ephemeral().master_key(MasterKey::new(7, KEY));
        let peppers = peppers.into_iter().map(|(number, bytes)| Pepper::new(number, bytes));
        printed.note_error(peppers.fold(builder, doorward::Builder::pepper).open());
    }
}

/// A key file that is cut, doubled or misnumbered is refused without being repeated.
fn key_files_of_every_kind(printed: &Printed) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.key");
    let key = Base64UrlUnpadded::encode_string(&KEY);
    printed.note_error(KeyFile::create(&path, 7));
    for text in [
        format!("doorward-master-key-1 7 {key}\n"),
        format!("doorward-master-key-1 7 {key}\n{key}"),
        format!("doorward-master-key-1 seven {key}\n"),
        format!("doorward-master-key-1 7 {}\n", &key[..40]),
        format!("doorward-master-key-1 {key}\n"),
        key,
    ] {
        std::fs::write(&path, text).unwrap();
        let loaded: Result<MasterKey, KeyFileError> = KeyFile::load(&path);
        printed.note_error(loaded);
    }
}

/// A dump of what the core asks for, and of what it is told: rows, hashing, batches.
fn needs_of_the_core(printed: &Printed) {
    let store = MemoryStore::new();
    let keys = MasterKeys::new(MasterKey::new(7, KEY)).pepper(Pepper::new(3, PEPPER)).unwrap();
    let environment = Arc::new(Environment { policy: policy(), keys });
    printed.note(&environment);
    macro_rules! drive {
        ($number:expr, $operation:expr) => {{
            let mut machine =
                Machine::new($operation, Arc::clone(&environment), Seed::from_bytes(seed($number)));
            loop {
                printed.note(&machine);
                let need = machine.poll(Timestamp::from_millis(1_700_000_000_000));
                printed.note(&need);
                let (ticket, reply) = match need {
                    Need::Read(ticket, keys) => (ticket, Reply::Rows(store.read(keys).unwrap())),
                    Need::Commit(ticket, batch) => (ticket, Reply::Commit(store.commit(batch).unwrap())),
                    Need::Work(ticket, work) => {
                        (ticket, Reply::Worked(work.run(&mut Default::default()).unwrap()))
                    }
                    Need::Scan(..) => panic!("nothing is scanned"),
                    Need::Done(outcome, _) => break outcome.unwrap(),
                };
                printed.note(&reply);
                machine.reply(ticket, reply).unwrap();
            }
        }};
    }
    drive!(50, doorward::core::operation::open::Open::new());
    drive!(51, Register::new(NAME, PASSWORD)).unwrap();
    let token = drive!(52, Login::new(NAME, PASSWORD)).unwrap().token;
    drive!(53, doorward::core::operation::authenticate::Authenticate::new(token.expose())).unwrap();
    drive!(54, doorward::core::operation::logout::Logout::new(token.expose())).unwrap();
    // Not under the lock: a failure is noted, too.
    let seen = printed.0.lock().unwrap().clone();
    assert_silent("the core", seen.as_bytes(), &secrets(&[token.expose().to_owned()], 0));
}

/// SE-2, INV 42: the files of a database in use, and after it was closed, hold nothing that makes a token.
#[test]
fn se_2_inv_42_no_secret_in_the_bytes_of_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("auth.db");
    let (printed, clock, mut tokens) = (Printed::default(), clock(), Vec::new());
    let engine = engine(Arc::new(SqliteStore::open(&path).unwrap()), &clock, &printed);
    every_outcome(&engine, &clock, &printed, &mut tokens);

    let secrets = secrets(&tokens, 60);
    let look = |path: &Path, most: usize| {
        let mut found = Vec::new();
        for end in ["", "-wal", "-shm"] {
            let file = format!("{}{end}", path.display());
            found.extend(std::fs::read(&file).unwrap_or_default());
        }
        assert!(found.len() > most, "{} bytes are not a database", found.len());
        // The net holds water: what may stand there does.
        let session = Base64UrlUnpadded::decode_vec(&tokens[tokens.len() - 1][4..]).unwrap()[21..37].to_vec();
        assert!(holds(&found, &session), "the live session's id is not there");
        assert!(holds(&found, b"the label is no secret"));
        assert_silent("the database", &found, &secrets);
    };
    look(&path, 8192);
    drop(engine);
    look(&path, 8192);
}

//! A dump of what the core asks for and of what it is told, whatever the operation: rows, hashing, batches.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward::core::error::Fault;
use doorward::core::event::{EventResult, Subject};
use doorward::core::facts::Facts;
use doorward::core::machine::{Context, Decide, Decision, Environment, Machine, Need, Reply};
use doorward::core::model::keyring::Epochs;
use doorward::core::model::view::RevocationView;
use doorward::core::operation::access::{Disable, Enable};
use doorward::core::operation::after_restore::AfterRestore;
use doorward::core::operation::authenticate::{Authenticate, Glance};
use doorward::core::operation::change_password::ChangePassword;
use doorward::core::operation::delete_account::DeleteAccount;
use doorward::core::operation::deletions::Deletions;
use doorward::core::operation::end_session::EndSession;
use doorward::core::operation::finish_deletion::FinishDeletion;
use doorward::core::operation::introspect::Introspect;
use doorward::core::operation::issue::Issue;
use doorward::core::operation::jwks::Jwks;
use doorward::core::operation::logout::Logout;
use doorward::core::operation::mark_compromised::MarkCompromised;
use doorward::core::operation::open::Open;
use doorward::core::operation::reauthenticate::Reauthenticate;
use doorward::core::operation::refresh::Refresh;
use doorward::core::operation::rename::Rename;
use doorward::core::operation::revoke_all_tokens::RevokeAllTokens;
use doorward::core::operation::revoke_token::RevokeToken;
use doorward::core::operation::rotate_keys::RotateKeys;
use doorward::core::operation::rotate_session::RotateSession;
use doorward::core::operation::sessions::Sessions;
use doorward::core::operation::set_password::SetPassword;
use doorward::core::operation::tick::Tick;
use doorward::core::operation::trust_clock::TrustClock;
use doorward::core::operation::unlock::Unlock;
use doorward::core::operation::verify::{Digested, Proof, Verify};
use doorward::core::password::{Argon2Params, HashMemory, Password};
use doorward::core::record::{Key, Row};
use doorward::core::secret::{MasterKeys, Seed};
use doorward::core::store::{Cursor, Store, Write};
use doorward::core::time::Timestamp;
use doorward::core::token::jwt::Compact;
use doorward::store::MemoryStore;
use doorward::{
    Login, LogoutEverywhere, MasterKey, OpenSession, Pepper, Policy, Register, SessionData, SigningKey,
    UpdateSessionData, Verifier,
};

use crate::canary::{KEY, OWN, PEPPER, seed};
use crate::printed::Printed;
use crate::support::engine::NAME;
use crate::support::operations::event_names;
use crate::support::story::{DATA, Listener, NEW, PASSWORD, WRONG, policy};
use crate::support::token_story::{API, CLIENT};

/// An operation of which each decision is printed, and all that it rests on.
struct Watched<'a, O>(O, &'a Printed);

impl<O: Decide> Decide for Watched<'_, O>
where
    O::Outcome: Debug,
{
    type Outcome = O::Outcome;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn decide(&self, facts: &Facts, cx: &Context<'_>) -> Result<Decision<O::Outcome>, Fault> {
        let decision = self.0.decide(facts, cx);
        self.1.note((facts, cx, "MasterKeys", cx.keys, &decision));
        decision
    }

    fn audit(&self, outcome: &O::Outcome) -> (EventResult, Subject) {
        self.0.audit(outcome)
    }

    fn subject(&self) -> Subject {
        self.0.subject()
    }
}

/// A store and a driver that prints each step.
struct Driver<'a> {
    store: MemoryStore,
    environment: Arc<Environment>,
    printed: &'a Printed,
    /// Every row that was written.
    rows: Vec<Row>,
    driven: Vec<&'static str>,
}

impl Driver<'_> {
    fn drive<O: Decide + Debug>(&mut self, operation: O) -> O::Outcome
    where
        O::Outcome: Debug,
    {
        self.printed.note(&operation);
        self.driven.push(operation.name());
        let number = 300 + u16::try_from(self.driven.len()).unwrap();
        let seed = Seed::from_bytes(seed(number));
        self.printed.note(&seed);
        let mut machine = Machine::new(Watched(operation, self.printed), Arc::clone(&self.environment), seed);
        let mut memory = HashMemory::default();
        loop {
            self.printed.note(&machine);
            let need = machine.poll(Timestamp::from_millis(1_700_000_000_000));
            self.printed.note(&need);
            let (ticket, reply) = match need {
                Need::Read(ticket, keys) => (ticket, Reply::Rows(self.store.read(keys).unwrap())),
                Need::Commit(ticket, batch) => {
                    let puts = batch.writes.iter().filter_map(|write| match write {
                        Write::Put { row, .. } => Some(row.clone()),
                        _ => None,
                    });
                    self.rows.extend(puts);
                    let row_of = |key: &Key| Ok(self.store.read(std::slice::from_ref(key))?.pop().flatten());
                    self.printed.note(batch.effects(Cursor::START, row_of).unwrap());
                    (ticket, Reply::Commit(self.store.commit(batch).unwrap()))
                }
                Need::Work(ticket, work) => (ticket, Reply::Worked(work.run(&mut memory).unwrap())),
                Need::Scan(ticket, range, limit) => {
                    (ticket, Reply::Page(self.store.scan(range, limit).unwrap()))
                }
                Need::Done(outcome, _) => {
                    self.printed.note(&memory);
                    return outcome.unwrap();
                }
            };
            self.printed.note(&reply);
            machine.reply(ticket, reply).unwrap();
        }
    }
}

/// Every operation of the core. Gives the rows that they wrote.
pub(crate) fn of_every_operation(printed: &mut Printed) -> Vec<Row> {
    let environment = |policy| {
        let keys = MasterKeys::new(MasterKey::new(7, KEY)).pepper(Pepper::new(3, PEPPER)).unwrap();
        Arc::new(Environment { policy, keys })
    };
    printed.note(environment(policy()));
    printed.note((MasterKey::new(7, KEY), Pepper::new(3, PEPPER), Password::new(PASSWORD)));
    let heard = printed.clone();
    let mut driver = Driver {
        store: MemoryStore::new(),
        environment: environment(policy()),
        printed: &heard,
        rows: Vec::new(),
        driven: vec!["maintain", "purge"], // which are the engine's
    };
    let mut keep = |token: &str| {
        printed.gave(token);
        token.to_owned()
    };
    driver.drive(Open::new());
    let ada = driver.drive(Register::new(NAME, PASSWORD)).unwrap();
    let login = driver.drive(Login::new(NAME, PASSWORD).remember_device()).unwrap();
    let (first, device) = (keep(login.token.expose()), keep(login.device.unwrap().expose()));
    let guest = driver.drive(OpenSession::new(DATA)).unwrap().token;
    let guest = keep(guest.expose());
    driver.drive(UpdateSessionData::new(&guest, DATA)).unwrap();
    driver.drive(SessionData::new(&guest)).unwrap();
    driver.drive(Login::new(NAME, WRONG).device(&device)).unwrap_err();
    let login = Login::new(NAME, PASSWORD).device(&device).previous(&guest).carry_data();
    let second = driver.drive(login).unwrap();
    keep(second.token.expose());
    driver.drive(Authenticate::new(&first)).unwrap();
    driver.printed.note(Glance::at(&first, &driver.environment).unwrap());
    let first = keep(driver.drive(RotateSession::new(&first)).unwrap().token.expose());
    let first = keep(driver.drive(Reauthenticate::new(&first, PASSWORD)).unwrap().token.expose());
    driver.drive(Reauthenticate::new(&first, WRONG)).unwrap_err();
    let first = keep(driver.drive(ChangePassword::new(&first, PASSWORD, NEW)).unwrap().token.expose());
    let kept = driver.drive(LogoutEverywhere::new(ada).keep(&first)).unwrap().kept.unwrap();
    let first = keep(kept.token.expose());
    let issued =
        driver.drive(Issue::new(&first, CLIENT, API).claim("tenant", "acme").with_refresh()).unwrap();
    let (access, parent) = (keep(issued.access.expose()), keep(issued.refresh.unwrap().expose()));
    let proven = driver.drive(Verify::new(&access, API)).unwrap();
    driver.drive(Verify::new(&access, API).remembering(proven)).unwrap();
    assert!(driver.drive(Introspect::new(&access)).is_active());
    let next = driver.drive(Refresh::new(&parent, CLIENT)).unwrap();
    let (access, child) = (keep(next.access.expose()), keep(next.refresh.unwrap().expose()));
    driver.drive(Refresh::new(&parent, "another")).unwrap_err();
    of_verifying(&driver, &access);
    driver.drive(RotateKeys::at_once()).unwrap();
    driver.drive(Jwks::new());
    driver.drive(RevokeToken::new(&access, CLIENT)).unwrap();
    driver.drive(RevokeToken::new(&child, CLIENT)).unwrap();
    driver.drive(Refresh::new(&child, CLIENT)).unwrap_err();
    driver.drive(RevokeAllTokens::new());
    driver.drive(Sessions::new(ada));
    driver.drive(EndSession::new(ada, second.session.id)).unwrap();
    driver.drive(Logout::new(&first)).unwrap();
    driver.drive(Unlock::new(ada)).unwrap();
    driver.drive(Rename::new(ada, "countess")).unwrap();
    driver.drive(MarkCompromised::new(ada)).unwrap();
    driver.drive(SetPassword::new(ada, NEW)).unwrap_err();
    driver.drive(SetPassword::new(ada, PASSWORD)).unwrap();
    driver.drive(Disable::new(ada)).unwrap();
    driver.drive(Enable::new(ada)).unwrap();
    let moved = Argon2Params::default().with_memory_kib(12 * 1024).unwrap().with_passes(2).unwrap();
    let policy = Policy::builder().argon2(moved).build().unwrap();
    driver.environment = environment(policy);
    let login = driver.drive(Login::new("countess", PASSWORD)).unwrap();
    keep(login.token.expose());
    driver.drive(login.rehash.unwrap());
    driver.drive(DeleteAccount::new(ada)).unwrap();
    driver.drive(Deletions::new());
    driver.drive(FinishDeletion::new(ada));
    driver.drive(AfterRestore::new());
    driver.drive(Tick::new()).unwrap();
    driver.drive(TrustClock::new());
    printed.note(driver.store.changes(Cursor::START, 100).unwrap());
    assert_eq!(driver.driven.into_iter().collect::<BTreeSet<_>>(), event_names());
    driver.rows
}

/// What verifies a token without an operation.
fn of_verifying(driver: &Driver<'_>, access: &str) {
    let (printed, environment) = (driver.printed, &driver.environment);
    let keyring = driver.store.read(&[Key::Keyring]).unwrap().remove(0).unwrap();
    let now = Timestamp::from_millis(1_700_000_000_000);
    let proof = Proof { keyring: &keyring, policy: &environment.policy, keys: &environment.keys, now };
    printed.note((proof, Digested::of(access)));
    printed.note((
        proof.of(Digested::of(access), None).unwrap(),
        Compact::parse(access).unwrap(),
        Epochs::default(),
    ));
    printed.note(&keyring.keyring().unwrap().signing);
    let mut view = RevocationView::default();
    view.learn_keyring(keyring.clone());
    printed.note(view);
    let own = SigningKey::from_secret("own", &OWN).unwrap();
    printed.note((own.verifying_key(), &own));
    let key = Base64UrlUnpadded::encode_string(&OWN);
    let jwks = format!(r#"{{"keys":[{{"kty":"oct","kid":"own","alg":"HS256","k":"{key}"}}]}}"#);
    printed.note(Verifier::new(&jwks, "doorward", API).unwrap());
}

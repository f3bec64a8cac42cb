//! Ada, her session and her tokens: where the stories of access and refresh tokens begin.

use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward_core::id::{AccountId, SessionId};
use doorward_core::machine::Environment;
use doorward_core::model::grant::GrantsRecord;
use doorward_core::operation::issue::{Issue, Issued};
use doorward_core::operation::login::Login;
use doorward_core::operation::refresh::{Refresh, RefreshError};
use doorward_core::operation::verify::{Proven, Verify, VerifyError};
use doorward_core::policy::{Policy, TokenPolicy};
use doorward_core::record::{Key, Row};
use doorward_core::secret::{MasterKey, MasterKeys};
use doorward_core::token::terms::Scope;
use serde_json::{Map, Value};

use super::{RIGHT, World, environment, environment_with};

pub(crate) const API: &str = "https://api.example";
pub(crate) const OTHER_API: &str = "https://other.example";

/// Somebody with a session whose tokens may read and write.
pub(crate) struct Person {
    pub(crate) account: AccountId,
    pub(crate) session: SessionId,
    pub(crate) token: String,
}

pub(crate) fn scope(words: &str) -> Scope {
    Scope::parse(words).unwrap()
}

/// Ada alone, under the default policy.
pub(crate) fn at_home() -> (World, Person) {
    at_home_in(environment())
}

pub(crate) fn at_home_in(environment: Arc<Environment>) -> (World, Person) {
    let mut world = World::with(environment);
    world.register("ada");
    let ada = logged_in(&mut world, "ada");
    (world, ada)
}

pub(crate) fn logged_in(world: &mut World, name: &str) -> Person {
    let login = world.run(Login::new(name, RIGHT).scope(scope("read write"))).unwrap().unwrap();
    let session = &login.session;
    Person { account: session.account, session: session.id, token: login.token.expose().to_owned() }
}

pub(crate) fn tokens(change: impl FnOnce(&mut TokenPolicy)) -> Policy {
    let mut tokens = TokenPolicy::default();
    change(&mut tokens);
    Policy::builder().tokens(tokens).build().unwrap()
}

pub(crate) fn with_tokens(change: impl FnOnce(&mut TokenPolicy)) -> Arc<Environment> {
    environment_with(tokens(change))
}

/// An engine with these master keys, by number, the active one first: key n is made of the byte n.
pub(crate) fn ring(numbers: &[u8]) -> MasterKeys {
    let key = |number: &u8| MasterKey::new(u32::from(*number), [*number; 32]);
    let (active, others) = numbers.split_first().unwrap();
    others.iter().fold(MasterKeys::new(key(active)), |ring, number| ring.accept(key(number)).unwrap())
}

pub(crate) fn engine(numbers: &[u8]) -> Arc<Environment> {
    Arc::new(Environment { policy: Policy::default(), keys: ring(numbers) })
}

impl World {
    /// Another engine, from now on.
    pub(crate) fn become_engine(&mut self, environment: Arc<Environment>) {
        self.environment = environment;
    }

    pub(crate) fn issue(&mut self, person: &Person) -> Issued {
        self.run(Issue::new(&person.token, "web", API)).unwrap().expect("the session lives")
    }

    /// An access token and the first refresh token of a family.
    pub(crate) fn issue_both(&mut self, person: &Person) -> (Issued, String) {
        let issued = self.run(Issue::new(&person.token, "web", API).with_refresh()).unwrap().unwrap();
        let refresh = refresh_of(&issued);
        (issued, refresh)
    }

    pub(crate) fn refresh(&mut self, token: &str) -> Result<Issued, RefreshError> {
        self.run(Refresh::new(token, "web")).unwrap()
    }

    /// The next refresh token.
    pub(crate) fn turn(&mut self, token: &str) -> String {
        refresh_of(&self.refresh(token).expect("it is the latest"))
    }

    pub(crate) fn verify(&mut self, token: &Issued) -> Result<Proven, VerifyError> {
        self.run(Verify::new(token.access.expose(), API)).unwrap()
    }

    pub(crate) fn accepts(&mut self, token: &Issued) -> bool {
        self.verify(token).is_ok()
    }

    pub(crate) fn grants(&self, session: SessionId) -> &GrantsRecord {
        self.map.rows.get(&Key::Grants(session)).expect("it has some").grants().unwrap()
    }

    pub(crate) fn row(&mut self, key: Key) -> &mut Row {
        self.map.rows.get_mut(&key).expect("there is one")
    }
}

pub(crate) fn refresh_of(issued: &Issued) -> String {
    issued.refresh.as_ref().expect("it was asked for").expose().to_owned()
}

/// What an access token says, by a reader that knows nothing of the engine.
pub(crate) fn payload(token: &str) -> Map<String, Value> {
    part(token, 1)
}

pub(crate) fn header(token: &str) -> Map<String, Value> {
    part(token, 0)
}

pub(crate) fn kid_of(issued: &Issued) -> String {
    header(issued.access.expose()).get("kid").and_then(Value::as_str).unwrap().to_owned()
}

fn part(token: &str, at: usize) -> Map<String, Value> {
    let bytes = Base64UrlUnpadded::decode_vec(token.split('.').nth(at).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

//! INV 42: who has the whole database but not the master key makes no token that is accepted, and neither does who has the
//! master key and every id, but not the database. The thief here knows all formats: with both halves he makes them all.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward::core::id::{AccountId, SessionId};
use doorward::core::model::session::Gone;
use doorward::core::password::HashMemory;
use doorward::core::record::{Key, Record};
use doorward::core::store::Store;
use doorward::core::token::jwt::{Compact, JwtError};
use doorward::core::token::opaque::TokenError;
use doorward::core::work::{Work, Worked};
use doorward::store::MemoryStore;
use doorward::{
    Algorithm, AuthenticateError, Claims, Engine, Issue, Login, LogoutError, ManualClock, MasterKey, Policy,
    Refresh, RefreshError, Register, SigningKey, Timestamp, TokenPolicy, VerifyError,
};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::support::engine::{NAME, PASSWORD, policy};
use crate::support::rows::dump;
use crate::support::token_story::{API, CLIENT};

const MASTER: [u8; 32] = [0x42; 32];
const OTHER: [u8; 32] = [0x43; 32];

/// A house in which somebody has a session, a refresh token and an access token.
struct Victim {
    engine: Engine,
    store: Arc<dyn Store>,
    account: AccountId,
    session: SessionId,
    token: String,
    refresh: String,
    access: String,
}

impl Victim {
    fn new(algorithm: Algorithm) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let tokens = TokenPolicy { algorithm, ..TokenPolicy::default() };
        let policy = Policy::builder().argon2(*policy().argon2()).tokens(tokens).build().unwrap();
        let builder = Engine::builder(Arc::clone(&store)).ephemeral().master_key(MasterKey::new(1, MASTER));
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let engine = builder.policy(policy).clock(clock).open().unwrap();
        let account = engine.register(Register::new(NAME, PASSWORD)).unwrap();
        let login = engine.login(Login::new(NAME, PASSWORD)).unwrap();
        let token = login.token.expose().to_owned();
        let issued = engine.issue(Issue::new(&token, CLIENT, API).with_refresh()).unwrap();
        let (access, refresh) =
            (issued.access.expose().to_owned(), issued.refresh.unwrap().expose().to_owned());
        Self { engine, store, account, session: login.session.id, token, refresh, access }
    }

    /// All that the database has.
    fn stolen(&self) -> Salts {
        let rows = dump(&*self.store).rows;
        let Record::Session(session) = &rows[&Key::Session(self.session)].record else {
            panic!("no session")
        };
        let Record::Grants(grants) = &rows[&Key::Grants(self.session)].record else { panic!("no grants") };
        let Record::Keyring(keyring) = &rows[&Key::Keyring].record else { panic!("no keyring") };
        Salts { session: session.salt, family: grants.families[0].salt, signing: keyring.signing[0].salt }
    }

    /// The tokens that the thief makes, with every id, of this key and these salts: session, refresh, access.
    fn forged(&self, master: [u8; 32], salts: &Salts) -> [String; 3] {
        let thief = Thief::new(master);
        let fields = |generation: u64| {
            let number = 1_u32.to_be_bytes();
            let (account, session) = (self.account.as_bytes(), self.session.as_bytes());
            [&[1][..], &number[..], &account[..], &session[..], &generation.to_be_bytes()[..]].concat()
        };
        // A refresh token says family 0 and generation 1, in four bytes each.
        let opaque = |prefix: &str, salt| thief.opaque(prefix, &fields(1), salt);
        let compact = Compact::parse(&self.access).unwrap();
        let secret = thief.signing(&salts.signing);
        let key = SigningKey::from_secret(compact.kid(), &secret).unwrap();
        let access = signed(&key, compact.claims().clone());
        [opaque("dws_", &salts.session), opaque("dwr_", &salts.family), access]
    }

    /// None of these opens anything, nor changes anything; and the victim's own do as before.
    fn refuses(&self, [session, refresh, access]: &[String; 3], of_access: JwtError) {
        let before = dump(&*self.store);
        let refused = self.engine.authenticate(session);
        assert!(matches!(refused, Err(AuthenticateError::Token(TokenError::Forged))), "{refused:?}");
        let refused = self.engine.logout(session);
        assert!(matches!(refused, Err(LogoutError::Token(TokenError::Forged))), "{refused:?}");
        let refused = self.engine.refresh(Refresh::new(refresh, CLIENT));
        assert!(matches!(refused, Err(RefreshError::Token(TokenError::Forged))), "{refused:?}");
        let refused = self.engine.verify(access, API);
        assert!(matches!(refused, Err(VerifyError::Token(error)) if error == of_access), "{refused:?}");
        assert_eq!(dump(&*self.store), before, "a forgery changes nothing");
        assert!(
            self.engine.authenticate(&self.token).is_ok() && self.engine.verify(&self.access, API).is_ok()
        );
    }
}

#[derive(Clone, Copy)]
struct Salts {
    session: [u8; 16],
    family: [u8; 16],
    signing: [u8; 16],
}

/// Who makes tokens by the published formats, with this master key.
struct Thief(Hkdf<Sha256>);

impl Thief {
    fn new(master: [u8; 32]) -> Self {
        Self(Hkdf::new(Some(b"doorward v1"), &master))
    }

    fn mac(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut subkey = [0; 32];
        self.0.expand(label, &mut subkey).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&subkey).unwrap();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn opaque(&self, prefix: &str, fields: &[u8], salt: &[u8; 16]) -> String {
        let tag = self.mac(b"token tag", &[prefix.as_bytes(), fields]);
        let proof = self.mac(b"token proof", &[prefix.as_bytes(), fields, salt]);
        let bytes = [fields, &tag[..8], &proof[..16]].concat();
        format!("{prefix}{}", Base64UrlUnpadded::encode_string(&bytes))
    }

    /// What the first HS256 key is made of.
    fn signing(&self, salt: &[u8; 16]) -> [u8; 32] {
        self.mac(b"signing key", &[b"HS256", salt, &0_u32.to_be_bytes()])
    }
}

fn signed(key: &SigningKey, claims: Claims) -> String {
    let work = Work::Sign { key: key.clone(), claims: Box::new(claims) };
    match work.run(&mut HashMemory::default()).unwrap() {
        Worked::Signed(Ok(token)) => token.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The thief knows his trade: what he makes of both halves is, byte for byte, what the victim gave out.
#[test]
fn inv_42_with_both_halves_the_thief_makes_every_token() {
    let victim = Victim::new(Algorithm::Hs256);
    let made = victim.forged(MASTER, &victim.stolen());
    assert_eq!(made, [victim.token.clone(), victim.refresh.clone(), victim.access.clone()]);
}

#[test]
fn inv_42_the_whole_database_without_the_master_key_makes_no_token() {
    let victim = Victim::new(Algorithm::Hs256);
    victim.refuses(&victim.forged(OTHER, &victim.stolen()), JwtError::Signature);
}

#[test]
fn inv_42_the_master_key_and_every_id_without_the_database_make_no_token() {
    let victim = Victim::new(Algorithm::Hs256);
    let stolen = victim.stolen();
    let guessed = Salts { session: [0; 16], family: [0; 16], signing: [0; 16] };
    victim.refuses(&victim.forged(MASTER, &guessed), JwtError::Signature);
    // Nor do the salts of other rows: what a salt is for is not to be chosen.
    let crossed = Salts { session: stolen.family, family: stolen.signing, signing: stolen.session };
    victim.refuses(&victim.forged(MASTER, &crossed), JwtError::Signature);
}

/// An engine of the thief's own, on a store with the victim's rows: with another key it does not open, and under another
/// number neither.
#[test]
fn inv_42_an_engine_with_another_master_key_does_not_open_the_stolen_database() {
    let victim = Victim::new(Algorithm::EdDsa);
    for number in [1, 2] {
        let copy: Arc<dyn Store> = Arc::new(MemoryStore::new());
        dump(&*victim.store).restore(&*copy);
        let builder =
            Engine::builder(copy).ephemeral().policy(policy()).master_key(MasterKey::new(number, OTHER));
        assert!(builder.open().is_err(), "key {number} opens a store that never met it");
    }
}

/// INV 35: of an `EdDSA` key the database has the public half, and its `kid` stands in every token. Neither makes an HS256
/// token, nor another `EdDSA` one.
#[test]
fn inv_35_inv_42_a_public_key_signs_nothing() {
    let victim = Victim::new(Algorithm::EdDsa);
    let Record::Keyring(keyring) = &dump(&*victim.store).rows[&Key::Keyring].record.clone() else { panic!() };
    let entry = &keyring.signing[0];
    let claims = Compact::parse(&victim.access).unwrap().claims().clone();
    let confused = SigningKey::from_secret(&entry.kid, &entry.public).unwrap();
    let refused = victim.engine.verify(&signed(&confused, claims.clone()), API);
    assert!(matches!(refused, Err(VerifyError::Token(JwtError::Algorithm))), "{refused:?}");

    // Another engine, whose sessions are real to it: its ids and its key are not the victim's.
    let other = Victim::new(Algorithm::EdDsa);
    let refused = victim.engine.verify(&other.access, API);
    assert!(matches!(refused, Err(VerifyError::Token(JwtError::UnknownKey))), "{refused:?}");
    // The same master key, and a session whose id the victim never heard of.
    let refused = victim.engine.authenticate(&other.token);
    assert!(matches!(refused, Err(AuthenticateError::Gone(Gone::Ended))), "{refused:?}");
    let refused = victim.engine.refresh(Refresh::new(&other.refresh, CLIENT));
    assert!(matches!(refused, Err(RefreshError::Gone(Gone::Ended))), "{refused:?}");
}

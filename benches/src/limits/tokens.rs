//! Access tokens: verified and signed, next to `jsonwebtoken`, which keeps nothing and asks nobody.

use std::sync::Arc;
use std::time::Duration;

use doorward::store::{MemoryStore, SqliteStore};
use doorward::{Algorithm, Audience, Claims, Engine, Issue, Login, MasterKey, Policy, Register, SigningKey};
use doorward_core::password::HashMemory;
use doorward_core::policy::{RevocationMode, TokenPolicy, WhenStale};
use doorward_core::store::Store;
use doorward_core::work::Work;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::duel::{Contender, Duel};
use crate::work::in_turn;

const AUDIENCE: &str = "https://api.example";
const ISSUER: &str = "https://auth.example";
/// Four times as many as an engine remembers: come round again, each is new to it.
const MANY: usize = 4 * REMEMBERED;
/// The default.
const REMEMBERED: usize = 4096;
const HOUR: Duration = Duration::from_hours(1);
const UNTIL_EXPIRY: RevocationMode = RevocationMode::UntilExpiry { max_key_age: HOUR };
const WATCHED: RevocationMode =
    RevocationMode::Watched { max_staleness: HOUR, when_stale: WhenStale::AskStore };

pub(super) fn first_eddsa() -> Result<Duel, Failure> {
    by_jsonwebtoken(Algorithm::EdDsa, MANY)
}

pub(super) fn first_hs256() -> Result<Duel, Failure> {
    by_jsonwebtoken(Algorithm::Hs256, MANY)
}

pub(super) fn first_es256() -> Result<Duel, Failure> {
    by_jsonwebtoken(Algorithm::Es256, MANY)
}

pub(super) fn first_rs256() -> Result<Duel, Failure> {
    by_jsonwebtoken(Algorithm::Rs256, MANY)
}

pub(super) fn over_eddsa() -> Result<Duel, Failure> {
    by_signature(Algorithm::EdDsa)
}

pub(super) fn over_es256() -> Result<Duel, Failure> {
    by_signature(Algorithm::Es256)
}

pub(super) fn over_rs256() -> Result<Duel, Failure> {
    by_signature(Algorithm::Rs256)
}

pub(super) fn over_hs256() -> Result<Duel, Failure> {
    by_signature(Algorithm::Hs256)
}

pub(super) fn again_eddsa() -> Result<Duel, Failure> {
    by_jsonwebtoken(Algorithm::EdDsa, 1)
}

pub(super) fn unremembered_hs256() -> Result<Duel, Failure> {
    let store = Arc::new(MemoryStore::new());
    let (engine, tokens) = remembering(0, store, Algorithm::Hs256, UNTIL_EXPIRY, MANY)?;
    let theirs = decoding(&engine, Algorithm::Hs256, tokens.clone())?;
    Ok(Duel { ours: verifying(engine, tokens), theirs })
}

/// Tokens that are each new to an engine.
pub(crate) fn verifying_first_eddsa() -> Result<Contender, Failure> {
    let (engine, tokens) = house(Arc::new(MemoryStore::new()), Algorithm::EdDsa, UNTIL_EXPIRY, MANY)?;
    Ok(verifying(engine, tokens))
}

/// The same, of a shared secret.
pub(crate) fn verifying_first_hs256() -> Result<Contender, Failure> {
    let (engine, tokens) = house(Arc::new(MemoryStore::new()), Algorithm::Hs256, UNTIL_EXPIRY, MANY)?;
    Ok(verifying(engine, tokens))
}

/// What listening for endings adds to a verification that listens for none.
pub(super) fn watched() -> Result<Duel, Failure> {
    let (engine, tokens) = house(Arc::new(MemoryStore::new()), Algorithm::EdDsa, UNTIL_EXPIRY, 1)?;
    let theirs = verifying(engine, tokens).called("UntilExpiry");
    let (engine, tokens) = house(Arc::new(MemoryStore::new()), Algorithm::EdDsa, WATCHED, 1)?;
    Ok(Duel { ours: verifying(engine, tokens), theirs })
}

pub(super) fn bound_sqlite() -> Result<Duel, Failure> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(folder.path().join("auth.db"))?);
    let (engine, tokens) = house(store, Algorithm::EdDsa, RevocationMode::Bound, 1)?;
    let theirs = decoding(&engine, Algorithm::EdDsa, tokens.clone())?;
    Ok(Duel { ours: verifying(engine, tokens).in_folder(folder), theirs })
}

pub(super) fn sign_eddsa() -> Result<Duel, Failure> {
    let ours = SigningKey::from_pem(ED25519, Algorithm::EdDsa)?;
    let theirs = EncodingKey::from_ed_pem(ED25519.as_bytes())?;
    Ok(signed(ours, jsonwebtoken::Algorithm::EdDSA, theirs))
}

pub(super) fn sign_es256() -> Result<Duel, Failure> {
    let ours = SigningKey::from_pem(P256, Algorithm::Es256)?;
    let theirs = EncodingKey::from_ec_pem(P256.as_bytes())?;
    Ok(signed(ours, jsonwebtoken::Algorithm::ES256, theirs))
}

/// So many tokens, one after the other and from the first again.
fn by_jsonwebtoken(algorithm: Algorithm, many: usize) -> Result<Duel, Failure> {
    let (engine, tokens) = house(Arc::new(MemoryStore::new()), algorithm, UNTIL_EXPIRY, many)?;
    let theirs = decoding(&engine, algorithm, tokens.clone())?;
    Ok(Duel { ours: verifying(engine, tokens), theirs })
}

/// Tokens that are each new to the engine, next to their signatures alone.
fn by_signature(algorithm: Algorithm) -> Result<Duel, Failure> {
    let (engine, tokens) = house(Arc::new(MemoryStore::new()), algorithm, UNTIL_EXPIRY, MANY)?;
    let (key, theirs) = public(&engine, algorithm)?;
    let signed = tokens.clone();
    let alone = Contender::new("its signature alone", move |turn| {
        let (message, signature) = in_turn(&signed, turn)?.rsplit_once('.').ok_or("no token")?;
        let is_right = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, theirs)?;
        if is_right { Ok(()) } else { Err("it was refused".into()) }
    });
    Ok(Duel { ours: verifying(engine, tokens), theirs: alone })
}

fn signed(ours: SigningKey, algorithm: jsonwebtoken::Algorithm, theirs: EncodingKey) -> Duel {
    let said = Said::sample();
    let header =
        Header { typ: Some("at+jwt".to_owned()), kid: Some(ours.kid().to_owned()), ..Header::new(algorithm) };
    let work = Work::Sign { key: ours, claims: Box::new(said.claims()) };
    let mut memory = HashMemory::default();
    Duel {
        ours: Contender::new("Doorward", move |_| Ok(work.run(&mut memory)?)),
        theirs: Contender::new("jsonwebtoken", move |_| Ok(jsonwebtoken::encode(&header, &said, &theirs)?)),
    }
}

/// An engine on this store, and so many tokens of one person in it.
fn house(
    store: Arc<dyn Store>,
    algorithm: Algorithm,
    revocation: RevocationMode,
    many: usize,
) -> Result<(Engine, Vec<String>), Failure> {
    remembering(REMEMBERED, store, algorithm, revocation, many)
}

/// The same, remembering so many.
fn remembering(
    remembered: usize,
    store: Arc<dyn Store>,
    algorithm: Algorithm,
    revocation: RevocationMode,
    many: usize,
) -> Result<(Engine, Vec<String>), Failure> {
    // The policy says which keys an engine makes, and it makes none of RSA: this one has its key from elsewhere in any case.
    let made = if algorithm == Algorithm::Rs256 { Algorithm::EdDsa } else { algorithm };
    let tokens = TokenPolicy {
        issuer: Audience::parse(ISSUER)?,
        algorithm: made,
        lifetime: HOUR,
        revocation,
        ..TokenPolicy::default()
    };
    let key = match algorithm {
        Algorithm::Hs256 => SigningKey::from_secret("shared", &[0x5a; 32])?,
        Algorithm::Es256 => SigningKey::from_pem(P256, algorithm)?,
        Algorithm::Rs256 => SigningKey::from_pem(RSA, algorithm)?,
        Algorithm::EdDsa => SigningKey::from_pem(ED25519, algorithm)?,
    };
    let engine = Engine::builder(store)
        .ephemeral()
        .master_key(MasterKey::new(1, [1; 32]))
        .policy(Policy::builder().tokens(tokens).build()?)
        .signing_key(key)
        .remember_tokens(remembered)
        .open()?;
    engine.register(Register::new("ada", "plum kettle orbit"))?;
    let session = engine.login(Login::new("ada", "plum kettle orbit"))?.token;
    let issue =
        |_| Ok(engine.issue(Issue::new(session.expose(), "web", AUDIENCE))?.access.expose().to_owned());
    let tokens = (0..many).map(issue).collect::<Result<_, Failure>>()?;
    Ok((engine, tokens))
}

fn verifying(engine: Engine, tokens: Vec<String>) -> Contender {
    Contender::new("Doorward", move |turn| Ok(engine.verify(in_turn(&tokens, turn)?, AUDIENCE)?))
}

/// With the checks that it has: signature, issuer, audience, end.
fn decoding(engine: &Engine, algorithm: Algorithm, tokens: Vec<String>) -> Result<Contender, Failure> {
    let (key, theirs) = public(engine, algorithm)?;
    let mut validation = Validation::new(theirs);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    Ok(Contender::new("jsonwebtoken", move |turn| {
        Ok(jsonwebtoken::decode::<Said>(in_turn(&tokens, turn)?, &key, &validation)?)
    }))
}

/// What the engine's tokens are verified with, and what `jsonwebtoken` calls the algorithm.
fn public(engine: &Engine, algorithm: Algorithm) -> Result<(DecodingKey, jsonwebtoken::Algorithm), Failure> {
    let theirs = match algorithm {
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Hs256 => {
            return Ok((DecodingKey::from_secret(&[0x5a; 32]), jsonwebtoken::Algorithm::HS256));
        }
    };
    let published: JwkSet = serde_json::from_str(engine.jwks()?.to_json())?;
    Ok((DecodingKey::from_jwk(published.keys.first().ok_or("no key is published")?)?, theirs))
}

const ED25519: &str = include_str!("../../../core/tests/keys/ed25519.pem");
const P256: &str = include_str!("../../../core/tests/keys/p256.pem");
const RSA: &str = include_str!("../../../core/tests/keys/rsa2048.pem");

/// What our access tokens say, as a service in front of `jsonwebtoken` has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Said {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    jti: String,
    client_id: String,
    sid: String,
    auth_time: i64,
    amr: Vec<String>,
}

impl Said {
    fn sample() -> Self {
        Self {
            iss: ISSUER.to_owned(),
            sub: "0f8fad5bd9cb469fa165708677289502".to_owned(),
            aud: AUDIENCE.to_owned(),
            exp: 1_900_000_600,
            iat: 1_900_000_000,
            jti: "7c9e6679f7425e0f9b2a1c4d5e6f7081".to_owned(),
            client_id: "web".to_owned(),
            sid: "16fd2706aad5467b8d3c2f1e0a9b8c7d".to_owned(),
            auth_time: 1_899_999_000,
            amr: vec!["pwd".to_owned()],
        }
    }

    fn claims(&self) -> Claims {
        Claims {
            issuer: self.iss.clone(),
            subject: self.sub.clone(),
            audience: vec![self.aud.clone()],
            expires: self.exp,
            issued_at: self.iat,
            token_id: self.jti.clone(),
            client_id: self.client_id.clone(),
            session: Some(self.sid.clone()),
            auth_time: Some(self.auth_time),
            amr: self.amr.clone(),
            ..Claims::default()
        }
    }
}

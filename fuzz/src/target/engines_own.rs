//! The way in which an engine reads access tokens, which are its own: a header that its key writes is known by its text, claims are
//! borrowed, and its own claim is read as it writes it. It must say what a [`Verifier`](doorward::Verifier) says, but for
//! what only an engine asks.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use doorward::store::MemoryStore;
use doorward::{Algorithm, Audience, Claims, Engine, MasterKey, Policy, Timestamp};
use doorward_core::operation::verify::{Digested, Proof, Proven, VerifyError};
use doorward_core::policy::TokenPolicy;
use doorward_core::record::{Key, Row};
use doorward_core::secret::MasterKeys;
use doorward_core::store::Store;
use doorward_core::token::jwt::JwtError;

use super::keys::Signer;

/// What an engine holds a signature against.
struct Held {
    keyring: Row,
    policy: Policy,
    keys: MasterKeys,
}

/// That an engine with this key, and the others of its family, says what a verifier has said.
///
/// # Panics
/// It does not.
pub(super) fn agrees(
    text: &str,
    key: &Signer,
    issuer: &str,
    now: Timestamp,
    verifier: &Result<Claims, JwtError>,
) {
    judge(text, verifier, proven(text, key, issuer, now));
}

/// Whether the engine accepts it.
#[cfg(test)]
pub(super) fn accepts(text: &str, key: &Signer, issuer: &str, now: Timestamp) -> bool {
    proven(text, key, issuer, now).is_ok()
}

fn proven(text: &str, key: &Signer, issuer: &str, now: Timestamp) -> Result<Proven, VerifyError> {
    let Held { keyring, policy, keys } = held(key, issuer);
    Proof { keyring, policy, keys, now }.of(Digested::of(text), None)
}

/// One for the public keys, one for the secret.
fn held(key: &Signer, issuer: &str) -> &'static Held {
    static HELD: OnceLock<[Held; 2]> = OnceLock::new();
    let held = HELD.get_or_init(|| {
        [Algorithm::EdDsa, Algorithm::Hs256].map(|algorithm| {
            let tokens = TokenPolicy {
                issuer: Audience::parse(issuer).expect("it names an issuer"),
                algorithm,
                leeway: Duration::ZERO,
                ..TokenPolicy::default()
            };
            let policy = Policy::builder().tokens(tokens).build().expect("a policy");
            let master = || MasterKey::new(1, [1; 32]);
            let store = Arc::new(MemoryStore::new());
            let builder = Engine::builder(Arc::clone(&store)).ephemeral().master_key(master());
            builder.policy(policy.clone()).open().expect("an engine");
            let rows = Store::read(&*store, &[Key::Keyring]).expect("it is in memory");
            let keyring = rows.into_iter().flatten().next().expect("an engine was opened");
            let is_shared = algorithm == Algorithm::Hs256;
            let own = Signer::all().iter().filter(|key| (key.ours == Algorithm::Hs256) == is_shared);
            let keys = own.fold(MasterKeys::new(master()), |keys, own| {
                keys.signing_key(own.signing.clone()).expect("they are of one family")
            });
            Held { keyring, policy, keys }
        })
    });
    &held[usize::from(key.ours == Algorithm::Hs256)]
}

/// What only an engine asks of a token that anybody else accepts.
const ASKED: [JwtError; 9] = [
    JwtError::Missing("sid"),
    JwtError::Missing("auth_time"),
    JwtError::Missing("dw"),
    JwtError::Claim("sub"),
    JwtError::Claim("sid"),
    JwtError::Claim("jti"),
    JwtError::Claim("client_id"),
    JwtError::Claim("scope"),
    JwtError::Claim("dw"),
];

fn judge(text: &str, verifier: &Result<Claims, JwtError>, engine: Result<Proven, VerifyError>) {
    match (verifier, engine) {
        (Ok(claims), Ok(proven)) => is_same(text, claims, &proven),
        (Ok(_), Err(VerifyError::Token(rule))) => {
            assert!(ASKED.contains(&rule), "an engine refuses by {rule:?} what a verifier accepts: {text}");
        }
        // Of an engine, that is asked when all else is known.
        (Err(JwtError::Audience), Ok(_) | Err(VerifyError::Token(_))) => {}
        (Err(said), Err(VerifyError::Token(rule))) => {
            assert_eq!(rule, *said, "an engine and a verifier refuse it by two rules: {text}");
        }
        (Err(rule), Ok(_)) => panic!("an engine accepts what a verifier refuses by {rule:?}: {text}"),
        (_, Err(other)) => panic!("an engine cannot say ({other}): {text}"),
    }
}

fn is_same(text: &str, claims: &Claims, proven: &Proven) {
    let access = &**proven.access();
    let seconds = |time: Timestamp| time.as_millis() / 1000;
    assert_eq!(access.account.to_string(), claims.subject, "another account: {text}");
    assert_eq!(Some(access.session.to_string()), claims.session, "another session: {text}");
    assert_eq!(access.token.to_string(), claims.token_id, "another token: {text}");
    assert_eq!(access.client.as_str(), claims.client_id, "another client: {text}");
    assert_eq!(access.audience, claims.audience, "another audience: {text}");
    assert_eq!(access.amr, claims.amr, "another way to log in: {text}");
    let times = [seconds(access.expires), seconds(access.issued_at), seconds(access.auth_time)];
    assert_eq!(
        times.map(Some),
        [Some(claims.expires), Some(claims.issued_at), claims.auth_time],
        "other times: {text}"
    );
    let mut words: Vec<&str> = claims.scope.as_deref().unwrap_or_default().split(' ').collect();
    words.retain(|word| !word.is_empty());
    assert!(access.scope.words().all(|word| words.contains(&word)), "a wider scope: {text}");
    assert!(
        words.iter().all(|word| access.scope.words().any(|one| one == *word)),
        "a narrower scope: {text}"
    );
    let mut others = claims.extra.clone();
    assert!(others.remove("dw").is_some(), "a token without the engine's own claim is accepted: {text}");
    assert_eq!(access.claims, others, "other claims: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a.b.c";

    fn refused(rule: JwtError) -> Result<Proven, VerifyError> {
        Err(VerifyError::Token(rule))
    }

    #[test]
    #[should_panic(expected = "by two rules")]
    fn another_rule_is_found() {
        judge(TEXT, &Err(JwtError::Signature), refused(JwtError::UnknownKey));
    }

    #[test]
    #[should_panic(expected = "refuses by Signature what a verifier accepts")]
    fn a_refusal_without_a_reason_is_found() {
        judge(TEXT, &Ok(Claims::default()), refused(JwtError::Signature));
    }

    #[test]
    fn what_only_an_engine_asks_is_no_difference() {
        for rule in ASKED {
            judge(TEXT, &Ok(Claims::default()), refused(rule));
        }
        judge(TEXT, &Err(JwtError::Audience), refused(JwtError::Expired));
        judge(TEXT, &Err(JwtError::Form), refused(JwtError::Form));
    }
}

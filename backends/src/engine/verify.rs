//! Verifying an access token, in the mode that the policy says.

use std::sync::Arc;
use std::time::Duration;

use doorward_core::error::Fault;
use doorward_core::event::{EventResult, Subject};
use doorward_core::model::view::RevocationView;
use doorward_core::operation::verify::{Digested, Proof, Proven, Verify, VerifyError};
use doorward_core::policy::{RevocationMode, WhenStale};
use doorward_core::record::RecordError;
use doorward_core::token::access::Access;

use super::reach::Reach;
use super::run;

/// As [`Engine::verify`](super::Engine::verify).
pub(super) async fn verify<E: Reach>(
    engine: &E,
    token: &str,
    audience: &str,
) -> Result<Arc<Access>, VerifyError> {
    let token = Digested::of(token);
    let proven = engine.parts().proven.find(token.digest());
    let tokens = engine.parts().environment.policy.tokens();
    let verified = match tokens.revocation {
        RevocationMode::Bound => return asked(engine, token, audience, proven).await,
        RevocationMode::UntilExpiry { max_key_age } => {
            let lives = |view: &RevocationView, access: &Access| Ok(view.spared(access)??);
            viewed(engine, token, audience, proven.as_ref(), max_key_age, lives).await
        }
        RevocationMode::Watched { max_staleness, when_stale } => {
            let lives = |view: &RevocationView, access: &Access| {
                view.present(access)??;
                // One of a policy of longer lives outlives what the view remembers.
                let is_known = access.expires.since(access.issued_at) <= tokens.lifetime;
                if is_known { Ok(()) } else { Err(VerifyError::Stale) }
            };
            match viewed(engine, token, audience, proven.as_ref(), max_staleness, lives).await {
                Err(VerifyError::Stale) if when_stale == WhenStale::AskStore => {
                    return asked(engine, token, audience, proven).await;
                }
                verified => verified,
            }
        }
    };
    tell(engine, &verified);
    verified
}

/// By the rows, all in one read.
async fn asked<E: Reach>(
    engine: &E,
    token: Digested<'_>,
    audience: &str,
    remembered: Option<Proven>,
) -> Result<Arc<Access>, VerifyError> {
    let verify = Verify::digested(token, audience);
    let verify = match &remembered {
        Some(proven) => verify.remembering(proven.clone()),
        None => verify,
    };
    let proven = run::run(engine, verify).await??;
    Ok(remember(engine, proven, remembered.as_ref()))
}

/// By a view that is at most so old. [`VerifyError::Stale`] when there is none.
async fn viewed<E: Reach>(
    engine: &E,
    token: Digested<'_>,
    audience: &str,
    remembered: Option<&Proven>,
    bound: Duration,
    lives: impl Fn(&RevocationView, &Access) -> Result<(), VerifyError> + Send + Sync,
) -> Result<Arc<Access>, VerifyError> {
    let parts = engine.parts();
    let environment = &parts.environment;
    let mut may_be_before = true;
    loop {
        let look = |view: &RevocationView| -> Result<Option<Proven>, VerifyError> {
            let keyring = view.keyring().ok_or(Fault::from(RecordError::NoKeyring))?;
            let now = parts.clock.now();
            let proof = Proof { keyring, policy: &environment.policy, keys: &environment.keys, now };
            let proven = proof.of(token, remembered)?;
            proven.access().check_audience(audience)?;
            if may_be_before && view.is_before(proven.access())? {
                return Ok(None);
            }
            lives(view, proven.access())?;
            Ok(Some(proven))
        };
        let Ok(looked) = parts.watch.look(engine, bound, look).await else {
            return Err(VerifyError::Stale);
        };
        if let Some(proven) = looked? {
            return Ok(remember(engine, proven, remembered));
        }
        // It is no reason to refuse the token that the view is older: once, it is read on.
        may_be_before = false;
        parts.watch.distrust();
    }
}

fn remember<E: Reach>(engine: &E, proven: Proven, remembered: Option<&Proven>) -> Arc<Access> {
    let access = Arc::clone(proven.access());
    if !remembered.is_some_and(|known| Arc::ptr_eq(known.access(), &access)) {
        engine.parts().proven.remember(proven);
    }
    access
}

/// What no operation of the core has decided is told here.
fn tell<E: Reach>(engine: &E, verified: &Result<Arc<Access>, VerifyError>) {
    let (result, subject) = match verified {
        Ok(access) => (EventResult::Success, access.subject()),
        Err(error) => (error.result(), Subject::default()),
    };
    engine.parts().tell("verify", result, subject);
}

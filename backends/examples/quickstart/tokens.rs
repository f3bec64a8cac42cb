//! What a logout means for a JWT: one token, shown to three instances that hear of revocation in three ways.

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use doorward::core::store::Store;
use doorward::store::SqliteStore;
use doorward::{
    AccessToken, Engine, Gone, Issue, KeyFile, Policy, Receipt, Refresh, RefreshError, RefreshToken,
    RevocationMode, RevokeAllTokens, TokenPolicy, VerifyError, WhenStale,
};

use super::{expect, unexpected};

const AUDIENCE: &str = "https://api.example";
/// How old what an instance knows may be, where it does not ask the store each time.
const BOUND: Duration = Duration::from_millis(100);

/// Three instances on one file, and the tokens that they are shown.
pub(super) struct Story {
    bound: Engine,
    watched: Engine,
    until_expiry: Engine,
    access: AccessToken,
    refresh: RefreshToken,
}

impl Story {
    pub(super) fn begin(database: &str, key: &str, session: &str) -> Result<Self, Box<dyn Error>> {
        println!("7  Turn the session into tokens");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(database)?);
        let open = |revocation| -> Result<Engine, Box<dyn Error>> {
            let policy =
                Policy::builder().tokens(TokenPolicy { revocation, ..TokenPolicy::default() }).build()?;
            Ok(Engine::builder(Arc::clone(&store)).master_key(KeyFile::load(key)?).policy(policy).open()?)
        };
        let bound = open(RevocationMode::Bound)?;
        let watched =
            open(RevocationMode::Watched { max_staleness: BOUND, when_stale: WhenStale::AskStore })?;
        let until_expiry = open(RevocationMode::UntilExpiry { max_key_age: BOUND })?;

        let first = bound.issue(Issue::new(session, "quickstart", AUDIENCE).with_refresh())?;
        let first = first.refresh.ok_or("a refresh token was asked for")?;
        let issued = bound.refresh(Refresh::new(first.expose(), "quickstart"))?;
        let refresh = issued.refresh.ok_or("a refresh gives the next refresh token")?;
        println!("   An access token for {AUDIENCE}, scope \"{}\", and a refresh token;", issued.scope);
        println!("   refreshed once: the first refresh token is used up.");
        let told = Self { bound, watched, until_expiry, access: issued.access, refresh };
        for (mode, engine) in told.modes() {
            let access = engine.verify(told.access.expose(), AUDIENCE)?;
            expect(access.client.as_str() == "quickstart", "the token is the client's")?;
            println!("   {mode:<12} accepts it.");
        }
        Ok(told)
    }

    /// What must rest nowhere.
    pub(super) fn secrets(&self) -> [(&'static str, &str); 4] {
        let (access, refresh) = (self.access.expose(), self.refresh.expose());
        let signature = access.rsplit('.').next().unwrap_or(access);
        [
            ("the access token", access),
            ("its signature", signature),
            ("the refresh token", refresh),
            ("its body", refresh.get(4..).unwrap_or(refresh)),
        ]
    }

    /// By the instance that watches: what it ended itself it knows at once.
    pub(super) fn log_out(&self, session: &str) -> Result<Receipt, Box<dyn Error>> {
        let receipt = self.watched.logout(session)?;
        println!(
            "   Other instances that watch may go on accepting its tokens for {:?}.",
            receipt.others_lag
        );
        Ok(receipt)
    }

    pub(super) fn after_the_logout(&self) -> Result<(), Box<dyn Error>> {
        println!("10 The same access token, and the refresh token");
        self.refused("Bound", &self.bound, "it asked the store: the session is not there")?;
        self.refused(
            "Watched",
            &self.watched,
            "it made that logout itself; one elsewhere it reads in the journal",
        )?;
        self.until_expiry.verify(self.access.expose(), AUDIENCE)?;
        println!(
            "   UntilExpiry  accepts it, up to 10 min: it looks at the signature and at the clock, as most do."
        );
        match self.bound.refresh(Refresh::new(self.refresh.expose(), "quickstart")) {
            Err(RefreshError::Gone(Gone::Ended)) => {
                println!("   The refresh token is refused everywhere: it lived inside the session.\n");
                Ok(())
            }
            other => Err(unexpected("a refusal", &other)),
        }
    }

    pub(super) fn revoke_all(&self) -> Result<(), Box<dyn Error>> {
        println!("11 Revoke all tokens, of everybody");
        self.bound.revoke_all_tokens(RevokeAllTokens::new())?;
        thread::sleep(BOUND);
        let why = format!("the key that signed it is gone, which was heard within {BOUND:?}");
        for (mode, engine) in self.modes() {
            self.refused(mode, engine, &why)?;
        }
        println!();
        Ok(())
    }

    fn refused(&self, mode: &str, engine: &Engine, why: &str) -> Result<(), Box<dyn Error>> {
        match engine.verify(self.access.expose(), AUDIENCE) {
            Err(VerifyError::Gone(_) | VerifyError::Token(_)) => {
                println!("   {mode:<12} refuses it: {why}.");
                Ok(())
            }
            other => Err(unexpected("a refusal", &other)),
        }
    }

    fn modes(&self) -> [(&'static str, &Engine); 3] {
        [("Bound", &self.bound), ("Watched", &self.watched), ("UntilExpiry", &self.until_expiry)]
    }
}

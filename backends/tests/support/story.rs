//! Every method of the engine, to its success and to each of its refusals, with what the audit trail must say of it.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Debug;
use std::iter::successors;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use doorward::core::event::EventResult::{self, Refused, Success};
use doorward::core::id::AccountId;
use doorward::{Issued, ManualClock, Policy, SessionCap, WhenFull};

use super::asked::{Login, LogoutEverywhere, OpenSession, Register, UpdateSessionData};
use super::engine::NAME;
use super::face::Face;
use super::operations::engine_methods;
use super::token_story::foreign;

pub(crate) const PASSWORD: &str = "canary-7f3a: a password that sings";
pub(crate) const WRONG: &str = "canary-91c2: a mistyped one sings too";
pub(crate) const NEW: &str = "canary-e40d: another song for a new day";
pub(crate) const DATA: &str = "canary-5b86: what the host keeps is the host's";
pub(crate) const LABEL: &str = "the label is no secret";

/// Why an operation may be refused: each word that its event may say.
pub(crate) const REFUSALS: [(&str, &[&str]); 25] = [
    ("authenticate", &["anonymous", "gone", "token"]),
    ("change_password", &["anonymous", "denied", "gone", "new password", "password", "throttled", "token"]),
    ("delete_account", &["not found"]),
    ("disable", &["not found"]),
    ("enable", &["not found"]),
    ("end_session", &["not found"]),
    ("issue", &["anonymous", "claims", "gone", "no key", "scope", "term", "token"]),
    (
        "login",
        &["denied", "must change", "name", "other account", "password", "throttled", "too many sessions"],
    ),
    ("logout", &["token", "unknown key"]),
    ("logout_everywhere", &["anonymous", "gone", "no account", "other account", "token"]),
    ("mark_compromised", &["not found"]),
    ("open_session", &["lifetime", "too large"]),
    ("reauthenticate", &["anonymous", "denied", "gone", "password", "throttled", "token"]),
    ("refresh", &["claims", "client", "conflict", "gone", "no key", "reused", "scope", "term", "token"]),
    ("register", &["name", "password", "taken", "throttled"]),
    ("rehash", &["overtaken"]),
    ("rename", &["name", "not found", "taken"]),
    ("revoke_token", &["client", "term", "too many", "unknown key"]),
    ("rotate_keys", &["full"]),
    ("rotate_session", &["gone", "token"]),
    ("session_data", &["gone", "token"]),
    ("set_password", &["compromised", "not found", "password"]),
    ("unlock", &["not found"]),
    ("update_session_data", &["gone", "lifetime", "token", "too large"]),
    ("verify", &["gone", "stale"]),
];

/// The words of [`JwtError::rule`](doorward::core::token::jwt::JwtError::rule), by which `verify` refuses, too.
pub(crate) const JWT_RULES: [&str; 17] = [
    "algorithm",
    "audience",
    "critical_header",
    "duplicate_member",
    "encoding",
    "expired",
    "form",
    "issuer",
    "json",
    "key_id",
    "malformed_claim",
    "missing_claim",
    "not_yet_valid",
    "signature",
    "too_long",
    "type",
    "unknown_key",
];

/// Each operation with each word by which it refuses.
pub(crate) fn refusals() -> impl Iterator<Item = (&'static str, &'static str)> {
    let words = REFUSALS.iter().flat_map(|(name, words)| words.iter().map(|word| (*name, *word)));
    words.chain(JWT_RULES.iter().map(|word| ("verify", *word)))
}

/// The policy of these stories: three sessions for each account, as many more as are replaced.
pub(crate) fn policy() -> Policy {
    let cap = SessionCap { most: NonZeroU32::new(3).unwrap(), when_full: WhenFull::Refuse };
    let argon2 = *super::engine::policy().argon2();
    Policy::builder().argon2(argon2).session_cap(cap).build().unwrap()
}

/// Who listens to a story.
pub(crate) trait Listener {
    /// A value that went in.
    fn asked(&mut self, _operation: &dyn Debug) {}

    /// What came of one call, with the messages of the error and of all behind it; these events must have been told of it.
    fn came(&mut self, outcome: &dyn Debug, errors: &[String], told: &[(&'static str, EventResult)]);

    /// A token that was given out.
    fn gave(&mut self, _token: &str) {}
}

pub(crate) struct Story<'a> {
    pub(crate) engine: &'a dyn Face,
    pub(crate) listener: &'a mut dyn Listener,
    /// The methods that were called.
    pub(super) called: BTreeSet<&'static str>,
}

/// Calls a method of the engine. It must succeed, be refused for a reason, or be told as several events.
macro_rules! tell {
    ($story:ident.$method:ident($($given:expr),*)) => {
        tell!($story.$method($($given),*), as &[(stringify!($method), Success)])
    };
    ($story:ident.$method:ident($($given:expr),*), $why:literal) => {
        tell!($story.$method($($given),*), as &[(stringify!($method), Refused($why))])
    };
    ($story:ident.$method:ident($($given:expr),*), as $told:expr) => {{
        let outcome = $story.engine.$method($($given),*);
        $story.called.insert(stringify!($method));
        $story.came(&outcome, $told);
        outcome.ok()
    }};
}
pub(super) use tell;

impl<'a> Story<'a> {
    pub(crate) fn new(engine: &'a dyn Face, listener: &'a mut dyn Listener) -> Self {
        Self { engine, listener, called: BTreeSet::new() }
    }

    pub(super) fn came<T: Debug, E: Error + 'static>(
        &mut self,
        outcome: &Result<T, E>,
        told: &[(&'static str, EventResult)],
    ) {
        let error = outcome.as_ref().err().map(|error| error as &dyn Error);
        let errors: Vec<String> =
            successors(error, |error| (**error).source()).map(ToString::to_string).collect();
        self.listener.came(outcome, &errors, told);
    }

    fn register(&mut self, operation: Register, told: EventResult) -> Option<AccountId> {
        self.listener.asked(&operation);
        tell!(self.register(operation), as &[("register", told)])
    }

    /// The session's token and the device's, if one was given out.
    pub(super) fn login(&mut self, operation: Login, told: EventResult) -> Option<(String, Option<String>)> {
        self.listener.asked(&operation);
        let login = tell!(self.login(operation), as &[("login", told)])?;
        let device = login.device.as_ref().map(|device| self.keep(device.expose()));
        Some((self.keep(login.token.expose()), device))
    }

    fn open_session(&mut self, operation: OpenSession, told: EventResult) -> Option<String> {
        self.listener.asked(&operation);
        let opened = tell!(self.open_session(operation), as &[("open_session", told)])?;
        Some(self.keep(opened.token.expose()))
    }

    fn update(&mut self, operation: UpdateSessionData, told: EventResult) {
        self.listener.asked(&operation);
        tell!(self.update_session_data(operation), as &[("update_session_data", told)]);
    }

    fn logout_everywhere(&mut self, operation: LogoutEverywhere, told: EventResult) -> Option<String> {
        self.listener.asked(&operation);
        let ended = tell!(self.logout_everywhere(operation), as &[("logout_everywhere", told)])?;
        ended.kept.map(|kept| self.keep(kept.token.expose()))
    }

    pub(super) fn keep(&mut self, token: &str) -> String {
        self.listener.gave(token);
        token.to_owned()
    }

    /// All of it, on a new store. Two sessions are left, a person's and a guest's, the latter with data.
    pub(crate) fn every_outcome(mut self, clock: &ManualClock) {
        let story = &mut self;
        let (ada, [hers, first, device]) = story.comers();
        let [second, guest, kept_guest] = story.guests(&first, &device);
        story.tokens(&second, &first, &kept_guest, clock);
        let third = story.passwords(ada, [&second, &first, &kept_guest], clock);
        story.endings(ada, [&third, &first, &kept_guest, &hers]);
        story.accounts(ada);
        story.logouts(&guest, &hers, &kept_guest);
        story.deletion(ada);
        story.access_tokens(&kept_guest, clock);
        tell!(story.after_restore());
        story.login(Login::new("grace", PASSWORD).label(LABEL), Success).unwrap();
        story.open_session(OpenSession::new(DATA), Success).unwrap();
        assert_eq!(self.called, engine_methods(), "every method is called");
    }

    /// Another's session, a first one of Ada's, and her device.
    fn comers(&mut self) -> (AccountId, [String; 3]) {
        let source = IpAddr::from([192, 0, 2, 1]);
        let ada = self.register(Register::new(NAME, PASSWORD), Success).unwrap();
        self.register(Register::new("grace", PASSWORD).source(source), Success).unwrap();
        self.register(Register::new("a name with spaces", PASSWORD), Refused("name"));
        for password in [PASSWORD[..14].to_owned(), PASSWORD.repeat(8), PASSWORD.repeat(200)] {
            self.register(Register::new("linus", password), Refused("password"));
        }
        for _ in 0..29 {
            self.register(Register::new("grace", PASSWORD).source(source), Refused("taken"));
        }
        self.register(Register::new("linus", PASSWORD).source(source), Refused("throttled"));

        let (hers, _) = self.login(Login::new("grace", PASSWORD), Success).unwrap();
        let login = Login::new(NAME, PASSWORD).source(source).label(LABEL).remember_device();
        let (first, device) = self.login(login, Success).unwrap();
        self.login(Login::new(NAME, PASSWORD).previous(&hers), Refused("other account"));
        self.login(Login::new("a name with spaces", PASSWORD), Refused("name"));
        self.login(Login::new(NAME, WRONG.repeat(200)), Refused("password"));
        for _ in 0..5 {
            self.login(Login::new("nobody", WRONG), Refused("denied"));
        }
        self.login(Login::new("nobody", WRONG), Refused("throttled"));
        (ada, [hers, first, device.unwrap()])
    }

    /// The session that replaces the first, and two guests' sessions: one over, one alive.
    fn guests(&mut self, first: &str, device: &str) -> [String; 3] {
        self.login(Login::new(NAME, WRONG).device(device), Refused("denied"));
        let login = Login::new(NAME, PASSWORD).device(device).remember_device().previous(first);
        let (second, none) = self.login(login, Success).unwrap();
        assert!(none.is_none(), "the device is known");
        let much = DATA.repeat(2_000);
        self.open_session(OpenSession::new(much.as_str()), Refused("too large"));
        self.open_session(OpenSession::new(DATA).lifetime(Duration::ZERO), Refused("lifetime"));
        let opened = self.open_session(OpenSession::new(DATA).label(LABEL), Success).unwrap();
        let kept = self.open_session(OpenSession::new(DATA), Success).unwrap();
        let guest = tell!(self.rotate_session(&opened)).unwrap().token;
        let guest = self.keep(guest.expose());
        tell!(self.rotate_session(&opened), "gone");
        tell!(self.rotate_session(&opened[1..]), "token");

        let update = |token: &str| UpdateSessionData::new(token, DATA.repeat(2));
        self.update(update(&guest), Success);
        self.update(update(&guest).lifetime(Duration::from_mins(15)), Success);
        self.update(update(&guest).lifetime(Duration::ZERO), Refused("lifetime"));
        self.update(UpdateSessionData::new(&guest, much), Refused("too large"));
        self.update(update(&opened), Refused("gone"));
        self.update(update(&opened[1..]), Refused("token"));
        tell!(self.session_data(&guest));
        tell!(self.session_data(&opened), "gone");
        tell!(self.session_data(&opened[1..]), "token");

        self.login(Login::new(NAME, PASSWORD).previous(&guest).carry_data(), Success).unwrap();
        self.login(Login::new(NAME, PASSWORD), Success).unwrap();
        self.login(Login::new(NAME, PASSWORD), Refused("too many sessions"));
        [second, guest, kept]
    }

    fn tokens(&mut self, live: &str, gone: &str, guest: &str, clock: &ManualClock) {
        tell!(self.authenticate(live));
        clock.advance(Duration::from_mins(2));
        tell!(self.authenticate(live));
        tell!(self.authenticate(gone), "gone");
        tell!(self.authenticate(guest), "anonymous");
        let mangled = format!("{live}=");
        let forged = live.replacen(&live[20..30], "AAAAAAAAAA", 1);
        for text in [&mangled, &forged, &live[1..], &live[..90]] {
            tell!(self.authenticate(text), "token");
        }
    }

    /// The live session's next token, under the new password.
    fn passwords(&mut self, ada: AccountId, [live, gone, guest]: [&str; 3], clock: &ManualClock) -> String {
        let long = WRONG.repeat(200);
        tell!(self.reauthenticate(live, WRONG), "denied");
        tell!(self.reauthenticate(live, &*long), "password");
        tell!(self.reauthenticate(gone, PASSWORD), "gone");
        tell!(self.reauthenticate(&gone[1..], PASSWORD), "token");
        tell!(self.reauthenticate(guest, PASSWORD), "anonymous");
        let renewed = tell!(self.reauthenticate(live, PASSWORD)).unwrap().token;
        let live = self.keep(renewed.expose());
        tell!(self.change_password(&live, WRONG, NEW), "denied");
        tell!(self.change_password(&live, &*long, NEW), "password");
        tell!(self.change_password(&live, PASSWORD, &NEW[..14]), "new password");
        tell!(self.change_password(gone, PASSWORD, NEW), "gone");
        tell!(self.change_password(&gone[1..], PASSWORD, NEW), "token");
        tell!(self.change_password(guest, PASSWORD, NEW), "anonymous");
        for _ in 0..4 {
            tell!(self.reauthenticate(&live, WRONG), "denied");
        }
        tell!(self.reauthenticate(&live, PASSWORD), "throttled");
        tell!(self.change_password(&live, PASSWORD, NEW), "throttled");
        clock.advance(Duration::from_mins(2));
        tell!(self.unlock(ada));
        let renewed = tell!(self.change_password(&live, PASSWORD, NEW)).unwrap().token;
        self.keep(renewed.expose())
    }

    fn endings(&mut self, ada: AccountId, [live, gone, guest, hers]: [&str; 4]) {
        let everywhere = LogoutEverywhere::new;
        self.logout_everywhere(everywhere(ada).keep(hers), Refused("other account"));
        self.logout_everywhere(everywhere(ada).keep(gone), Refused("gone"));
        self.logout_everywhere(everywhere(ada).keep(&gone[1..]), Refused("token"));
        self.logout_everywhere(everywhere(ada).keep(guest), Refused("anonymous"));
        self.logout_everywhere(everywhere(NOBODY), Refused("no account"));
        let kept = self.logout_everywhere(everywhere(ada).keep(live), Success).unwrap();
        self.login(Login::new(NAME, NEW), Success).unwrap();
        let sessions = tell!(self.sessions(ada)).unwrap();
        assert_eq!(sessions.len(), 2);
        let kept = tell!(self.authenticate(&kept)).unwrap().id;
        tell!(self.end_session(ada, kept));
        tell!(self.end_session(ada, kept), "not found");
        self.logout_everywhere(everywhere(ada), Success);
    }

    fn accounts(&mut self, ada: AccountId) {
        tell!(self.set_password(NOBODY, PASSWORD), "not found");
        tell!(self.set_password(ada, &PASSWORD[..14]), "password");
        tell!(self.mark_compromised(NOBODY), "not found");
        tell!(self.mark_compromised(ada));
        self.login(Login::new(NAME, NEW), Refused("must change"));
        tell!(self.set_password(ada, NEW), "compromised");
        tell!(self.set_password(ada, PASSWORD));
        tell!(self.unlock(NOBODY), "not found");
        tell!(self.rename(ada, "a name with spaces"), "name");
        tell!(self.rename(ada, "grace"), "taken");
        tell!(self.rename(NOBODY, "countess"), "not found");
        tell!(self.rename(ada, "countess"));
        tell!(self.disable(NOBODY), "not found");
        tell!(self.disable(ada));
        self.login(Login::new("countess", PASSWORD), Refused("denied"));
        tell!(self.enable(NOBODY), "not found");
        tell!(self.enable(ada));
        self.login(Login::new("countess", PASSWORD), Success);
    }

    fn logouts(&mut self, replaced: &str, live: &str, guest: &str) {
        // The same token as another engine's, whose master key this one was not given.
        let foreign = format!("dws_{}", foreign(&live[4..]));
        tell!(self.logout(&foreign), "unknown key");
        tell!(self.logout(&live[1..]), "token");
        for token in [live, live, replaced, guest] {
            tell!(self.logout(token));
        }
    }

    fn deletion(&mut self, ada: AccountId) {
        tell!(self.delete_account(NOBODY), "not found");
        let bites = [("delete_account", Success), ("finish_deletion", Success), ("finish_deletion", Success)];
        tell!(self.delete_account(ada), as &bites);
        tell!(self.purge(10), as &[("tick", Success), ("purge", Success)]);
        let steps = ["tick", "deletions", "rotate_keys", "maintain"].map(|step| (step, Success));
        tell!(self.maintain(), as &steps);
    }

    /// Each method once, with what brings it to success while nothing fails. Nothing is said of how it ends.
    pub(crate) fn every_method(
        mut self,
        (account, live, guest, device, issued): (AccountId, &str, &str, &str, &Issued),
    ) {
        let story = &mut self;
        let session = story.engine.authenticate(live).ok().map(|session| session.id);
        story.register(Register::new("linus", PASSWORD), Success);
        let login = Login::new(NAME, PASSWORD).previous(live).device(device).remember_device().label(LABEL);
        story.login(login, Success);
        story.login(Login::new(NAME, PASSWORD).previous(guest).carry_data(), Success);
        story.login(Login::new(NAME, WRONG).device(device), Success);
        tell!(story.authenticate(live));
        story.every_method_of_tokens(live, issued);
        story.open_session(OpenSession::new(DATA).label(LABEL), Success);
        tell!(story.session_data(guest));
        story.update(UpdateSessionData::new(guest, DATA).lifetime(Duration::from_mins(15)), Success);
        tell!(story.rotate_session(live));
        tell!(story.reauthenticate(live, PASSWORD));
        tell!(story.reauthenticate(live, WRONG));
        tell!(story.sessions(account));
        tell!(
            story.end_session(account, session.unwrap_or(doorward::core::id::SessionId::from_bytes([7; 16])))
        );
        story.logout_everywhere(LogoutEverywhere::new(account).keep(live), Success);
        tell!(story.change_password(live, PASSWORD, NEW));
        tell!(story.logout(live));
        story.logout_everywhere(LogoutEverywhere::new(account), Success);
        tell!(story.set_password(account, NEW));
        tell!(story.unlock(account));
        tell!(story.rename(account, "countess"));
        tell!(story.mark_compromised(account));
        tell!(story.disable(account));
        tell!(story.enable(account));
        tell!(story.delete_account(account));
        tell!(story.purge(10));
        tell!(story.maintain());
        tell!(story.after_restore());
        assert_eq!(self.called, engine_methods(), "every method is called");
    }
}

const NOBODY: AccountId = AccountId::from_bytes([7; 16]);

//! A long random walk through all operations, the same for the same seed as long as the engine answers the same.

use std::net::IpAddr;
use std::time::Duration;

use doorward::ManualClock;
use doorward::core::id::AccountId;

use super::asked::{Login, LogoutEverywhere, OpenSession, Register, UpdateSessionData};
use super::face::Face;

/// What the walk knows, and where its choices come from.
pub(crate) struct Wandering {
    random: u64,
    accounts: Vec<AccountId>,
    tokens: Vec<String>,
    devices: Vec<String>,
}

const NAMES: [&str; 5] = ["ada", "grace", "linus", "margaret", "a name with spaces"];
const PASSWORDS: [&str; 3] =
    ["the right and proper password", "an entirely different sentence", "a third one, and long enough"];

impl Wandering {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: seed, accounts: vec![AccountId::from_bytes([7; 16])], tokens: vec![], devices: vec![] }
    }

    /// One call of the engine. Says what was asked, what came of it, and what it gave out.
    pub(crate) fn step(&mut self, engine: &dyn Face, clock: &ManualClock) -> String {
        clock.advance(self.pause());
        let token = self.token();
        let token = token.as_str();
        let account = *self.one_of_last(|this| &this.accounts);
        match self.below(100) {
            0..4 => self.register(engine),
            4..16 => self.login(engine),
            16..32 | 57..60 => said("authenticate", engine.authenticate(token)),
            32..37 => said("session_data", engine.session_data(token)),
            37..43 => said("update", engine.update_session_data(self.update(token))),
            43..48 => {
                let operation = OpenSession::new(self.data()).label(self.word());
                let opened = engine.open_session(operation);
                let given = opened.as_ref().ok().map(|opened| opened.token.expose().to_owned());
                self.given("open_session", opened, given)
            }
            48..54 => {
                let renewed = engine.rotate_session(token);
                let given = renewed.as_ref().ok().map(|renewed| renewed.token.expose().to_owned());
                self.given("rotate", renewed, given)
            }
            54..57 => said("logout", engine.logout(token)),
            60..64 | 66..68 => match engine.sessions(account) {
                Ok(sessions) if !sessions.is_empty() => {
                    let session = sessions[self.below(sessions.len())].id;
                    said("end_session", (sessions, engine.end_session(account, session)))
                }
                other => said("sessions", other),
            },
            64..66 => {
                let everywhere = LogoutEverywhere::new(account);
                let everywhere = if self.below(2) == 0 { everywhere.keep(token) } else { everywhere };
                let ended = engine.logout_everywhere(everywhere);
                let kept = ended.as_ref().ok().and_then(|ended| ended.kept.as_ref());
                let given = kept.map(|kept| kept.token.expose().to_owned());
                self.given("logout_everywhere", ended, given)
            }
            68..71 => {
                let renewed = engine.reauthenticate(token, self.password());
                let given = renewed.as_ref().ok().map(|renewed| renewed.token.expose().to_owned());
                self.given("reauthenticate", renewed, given)
            }
            71..73 => {
                let renewed = engine.change_password(token, self.password(), self.password());
                let given = renewed.as_ref().ok().map(|renewed| renewed.token.expose().to_owned());
                self.given("change_password", renewed, given)
            }
            73..75 => said("set_password", engine.set_password(account, self.password())),
            75..79 => said("unlock", engine.unlock(account)),
            79..80 if self.below(3) == 0 => said("disable", engine.disable(account)),
            80..83 => said("enable", engine.enable(account)),
            83..84 => said("rename", engine.rename(account, self.name())),
            86..87 if self.below(3) == 0 => said("mark_compromised", engine.mark_compromised(account)),
            87..88 if self.below(3) == 0 => said("delete_account", engine.delete_account(account)),
            88..94 => said("purge", engine.purge(10_000)),
            94..99 => said("maintain", engine.maintain()),
            _ if self.below(4) == 0 => said("after_restore", engine.after_restore()),
            _ => said("nothing", ()),
        }
    }

    fn register(&mut self, engine: &dyn Face) -> String {
        let operation = Register::new(self.name(), self.password()).source(self.source());
        let registered = engine.register(operation);
        self.accounts.extend(registered.as_ref().ok());
        said("register", registered)
    }

    fn login(&mut self, engine: &dyn Face) -> String {
        let mut operation = Login::new(self.name(), self.password());
        if self.below(2) == 0 {
            operation = operation.source(self.source());
        }
        if self.below(3) == 0 {
            operation = operation.previous(&self.token());
        }
        if self.below(3) == 0 {
            operation = operation.carry_data();
        }
        if self.below(3) == 0 {
            operation = operation.remember_device().label(self.word());
        }
        if self.below(2) == 0 && !self.devices.is_empty() {
            operation = operation.device(self.one_of_last(|this| &this.devices));
        }
        let login = engine.login(operation);
        let device = login.as_ref().ok().and_then(|login| login.device.as_ref());
        let device = device.map(|device| device.expose().to_owned());
        self.devices.extend(device.clone());
        let given = login.as_ref().ok().map(|login| login.token.expose().to_owned());
        self.given("login", (login, device), given)
    }

    /// Mostly one that was given out, and mostly lately.
    fn token(&mut self) -> String {
        if self.tokens.is_empty() {
            return "no token".to_owned();
        }
        let token = self.one_of_last(|this| &this.tokens).clone();
        if self.below(20) == 0 { token[1..].to_owned() } else { token }
    }

    fn given(&mut self, what: &str, outcome: impl std::fmt::Debug, token: Option<String>) -> String {
        let said = said(what, (outcome, &token));
        self.tokens.extend(token);
        said
    }

    fn update(&mut self, token: &str) -> UpdateSessionData {
        let update = UpdateSessionData::new(token, self.data());
        let lifetime = Duration::from_mins(self.below(30) as u64);
        if self.below(3) == 0 { update.lifetime(lifetime) } else { update }
    }

    /// Nothing, a little, or too much.
    fn data(&mut self) -> String {
        let length = [0, 10, 1_000, 100_000][self.below(4)];
        self.word().repeat(length)
    }

    fn word(&mut self) -> &'static str {
        ["plum", "kettle", "orbit"][self.below(3)]
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.below(16) / 4 + usize::from(self.below(30) == 0)]
    }

    /// Mostly the first.
    fn password(&mut self) -> &'static str {
        PASSWORDS[self.below(20).saturating_sub(17)]
    }

    fn source(&mut self) -> IpAddr {
        IpAddr::from([192, 0, 2, u8::try_from(self.below(20)).unwrap()])
    }

    /// Mostly seconds; minutes, in which sessions are touched; and at times hours and days, in which they end.
    fn pause(&mut self) -> Duration {
        let seconds = match self.below(200) {
            0 => 60 * 60 * 24 * 8,
            1..4 => 60 * 60 * 5,
            4..30 => 60 * self.below(40),
            _ => self.below(20),
        };
        Duration::from_secs(seconds as u64)
    }

    fn one_of_last<T>(&mut self, all: impl Fn(&Self) -> &Vec<T>) -> &T {
        let back = self.below(all(self).len().min(4));
        let all = all(self);
        &all[all.len() - 1 - back]
    }

    /// splitmix64
    fn below(&mut self, of: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap() % of
    }
}

fn said(what: &str, outcome: impl std::fmt::Debug) -> String {
    format!("{what}: {outcome:?}")
}

//! A request gets its meaning: whose token, which account, which password, as things stand.

use std::time::Duration;

use doorward_core::id::{AccountId, DeviceId, SessionId};
use doorward_core::operation::access::{Disable, Enable};
use doorward_core::operation::after_restore::AfterRestore;
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::change_password::ChangePassword;
use doorward_core::operation::delete_account::DeleteAccount;
use doorward_core::operation::end_session::EndSession;
use doorward_core::operation::finish_deletion::FinishDeletion;
use doorward_core::operation::login::Login;
use doorward_core::operation::logout::Logout;
use doorward_core::operation::logout_everywhere::LogoutEverywhere;
use doorward_core::operation::mark_compromised::MarkCompromised;
use doorward_core::operation::open::Open;
use doorward_core::operation::open_session::OpenSession;
use doorward_core::operation::reauthenticate::Reauthenticate;
use doorward_core::operation::register::Register;
use doorward_core::operation::rename::Rename;
use doorward_core::operation::rotate_session::RotateSession;
use doorward_core::operation::session_data::{SessionData, UpdateSessionData};
use doorward_core::operation::sessions::Sessions;
use doorward_core::operation::set_password::SetPassword;
use doorward_core::operation::tick::Tick;
use doorward_core::operation::trust_clock::TrustClock;
use doorward_core::operation::unlock::Unlock;

use doorward_core::model::session::Lifetime;
use doorward_ffi_host::{Call, LoginOptions};

use super::World;
use crate::action::{Action, Forgery, Guess, Pick, ShownDevice, Stay};
use crate::answer::Machinery;
use crate::glance::Glancing;
use crate::model::judge::{Attempt, Intent, Shown, Who};
use crate::model::terms::Scopes;
use crate::model::{NAMES, PASSWORDS, Stage, lifetime, name};
use crate::task::Task;

/// Where the proof begins: the last 16 bytes of 69, in base64.
pub(super) const PROOF: usize = 21;

impl World {
    /// The request's meaning, and its machine.
    #[allow(clippy::too_many_lines, reason = "an arm for each operation, and no more")]
    pub(super) fn meaning(
        &mut self,
        action: Action,
        engine: usize,
        label: u32,
        seed: u64,
    ) -> (Intent, Box<dyn Machinery>) {
        let at = &self.engines[engine].at(seed);
        match action {
            Action::Register { name: number, password } => {
                let (number, password) = (usize::from(number) % NAMES, listed(password));
                let operation = Register::new(&name(number), PASSWORDS[password]);
                let call =
                    Call::Register { name: &name(number), password: PASSWORDS[password], source: None };
                (Intent::Register { name: number, password }, at.run(operation, &call))
            }
            Action::Login { name: number, guess, previous, carry, device: known, lifetime: kind } => {
                let previous = previous.map(|pick| self.shown(pick));
                // Whoever comes with a token comes back, every other time.
                let own = previous.as_ref().and_then(|(shown, _)| self.account_of(*shown));
                let own = own.filter(|_| number % 2 == 0).map(|account| self.model.accounts[account].name);
                // And now and then somebody whose sessions are all being ended.
                let raced = self.ending().filter(|_| number % 4 == 1);
                let number = own.or(raced).unwrap_or(usize::from(number) % NAMES);
                let password = self.guess(guess, self.model.names[number].account);
                let (lifetime, scope) = (lifetime(kind), Scopes::numbered(kind / 4));
                let mut operation = Login::new(&name(number), PASSWORDS[password]).lifetime(lifetime);
                operation = operation.scope(scope.scope());
                if let Some((_, text)) = &previous {
                    operation = operation.previous(text);
                }
                if carry {
                    operation = operation.carry_data();
                }
                let (device, text) = self.shown_device(known.shown, number);
                operation = text.iter().fold(operation, |operation, text| operation.device(text));
                let remember = known.remember;
                if remember {
                    operation = operation.remember_device();
                }
                let options = LoginOptions {
                    scope: Some(&scope.text()),
                    lifetime: match lifetime {
                        Lifetime::Web => 0,
                        Lifetime::Remembered => 1,
                        Lifetime::Device => 2,
                    },
                    carry_data: carry,
                    previous: previous.as_ref().map(|(_, text)| &**text),
                    device: text.as_deref(),
                    remember_device: remember,
                    ..LoginOptions::default()
                };
                let call = Call::Login { name: &name(number), password: PASSWORDS[password], options };
                let machine = at.run(operation, &call);
                let previous = previous.map(|(shown, _)| shown);
                let attempt =
                    Attempt { name: number, password, previous, carry, device, remember, lifetime, scope };
                (Intent::Login(attempt), machine)
            }
            Action::OpenSession { data, lifetime } => {
                let (data, lifetime) = (data.bytes(label), lifetime.map(Stay::lifetime));
                let operation = OpenSession::new(data.clone());
                let operation = lifetime.into_iter().fold(operation, OpenSession::lifetime);
                let call = Call::OpenSession { data: &data, lifetime_ms: millis(lifetime), label: None };
                let machine = at.run(operation, &call);
                (Intent::OpenSession { data, lifetime }, machine)
            }
            Action::SessionData { token } => {
                let (shown, text) = self.shown(token);
                (
                    Intent::SessionData(shown),
                    at.run(SessionData::new(&text), &Call::SessionData { token: &text }),
                )
            }
            Action::UpdateSessionData { token, data, lifetime } => {
                let (token, text) = self.shown(token);
                let (data, lifetime) = (data.bytes(label), lifetime.map(Stay::lifetime));
                let operation = UpdateSessionData::new(&text, data.clone());
                let operation = lifetime.into_iter().fold(operation, UpdateSessionData::lifetime);
                let call =
                    Call::UpdateSessionData { token: &text, data: &data, lifetime_ms: millis(lifetime) };
                // C has no word for a lifetime of nothing.
                let is_nothing = lifetime == Some(Duration::ZERO);
                let machine = if is_nothing { at.machine(operation) } else { at.run(operation, &call) };
                (Intent::UpdateSessionData { token, data, lifetime }, machine)
            }
            Action::Rehash { of } => match self.rehashes.iter().rposition(|(label, ..)| *label <= of) {
                None => (Intent::Open, at.machine(Open::new())),
                Some(last) => {
                    let (_, operation, account, shown) = self.rehashes.remove(last);
                    (Intent::Rehash { account, shown }, at.machine(operation))
                }
            },
            Action::Authenticate { token } => {
                let (shown, text) = self.shown(token);
                let machine = at.run(Authenticate::new(&text), &Call::Authenticate { token: &text });
                (Intent::Authenticate(shown), Box::new(Glancing::beside(machine, &text, &at.environment)))
            }
            Action::Reauthenticate { token, guess } => {
                let (shown, text) = self.shown(token);
                let password = self.guess(guess, self.account_of(shown));
                let operation = Reauthenticate::new(&text, PASSWORDS[password]);
                let call = Call::Reauthenticate { token: &text, password: PASSWORDS[password], source: None };
                (Intent::Reauthenticate(shown, password), at.run(operation, &call))
            }
            Action::RotateSession { token } => {
                let (shown, text) = self.shown(token);
                (
                    Intent::RotateSession(shown),
                    at.run(RotateSession::new(&text), &Call::RotateSession { token: &text }),
                )
            }
            Action::Sessions { name } => {
                let (who, id) = self.who(name);
                (
                    Intent::Sessions(who),
                    at.run(Sessions::new(id), &Call::Sessions { account: *id.as_bytes() }),
                )
            }
            Action::EndSession { name, session, own } => {
                let session = self.token(session).map(|token| self.model.tokens[token].session);
                let session = session.map(|number| &self.model.sessions[number]);
                let owner = session.and_then(|session| session.account.zip(session.account_id));
                let (who, id) = match owner {
                    Some((account, id)) if own => (Some(account), id),
                    _ => self.who(name),
                };
                let session = session.map_or(SessionId::from_bytes([7; 16]), |session| session.id);
                let call = Call::EndSession { account: *id.as_bytes(), session: *session.as_bytes() };
                (Intent::EndSession(who, session), at.run(EndSession::new(id, session), &call))
            }
            Action::Logout { token } => {
                let (shown, text) = self.shown(token);
                (Intent::Logout(shown), at.run(Logout::new(&text), &Call::Logout { token: &text }))
            }
            Action::LogoutEverywhere { name: number, keep } => {
                let (mut who, mut id) = self.busy(number);
                let mut operation = LogoutEverywhere::new(id);
                let keep = keep.map(|pick| self.shown(pick));
                if let Some((shown, text)) = &keep {
                    // Mostly the account's own.
                    if let Some(own) = self.account_of(*shown).filter(|_| number % 8 != 0) {
                        (who, id) = (Some(own), self.model.accounts[own].id);
                        operation = LogoutEverywhere::new(id);
                    }
                    operation = operation.keep(text);
                }
                let text = keep.as_ref().map(|(_, text)| &**text);
                let call = Call::LogoutEverywhere { account: *id.as_bytes(), keep: text };
                let machine = at.run(operation, &call);
                (Intent::LogoutEverywhere(who, keep.map(|(shown, _)| shown)), machine)
            }
            Action::ChangePassword { token, guess, new } => {
                let (shown, text) = self.shown(token);
                let (current, new) = (self.guess(guess, self.account_of(shown)), listed(new));
                let operation = ChangePassword::new(&text, PASSWORDS[current], PASSWORDS[new]);
                let (before, after) = (PASSWORDS[current], PASSWORDS[new]);
                let call =
                    Call::ChangePassword { token: &text, current: before, password: after, source: None };
                (Intent::ChangePassword { token: shown, current, new }, at.run(operation, &call))
            }
            Action::SetPassword { name, new } => {
                let ((who, id), new) = (self.who(name), listed(new));
                let operation = SetPassword::new(id, PASSWORDS[new]);
                let call = Call::SetPassword { account: *id.as_bytes(), password: PASSWORDS[new] };
                (Intent::SetPassword(who, new), at.run(operation, &call))
            }
            Action::Unlock { name } => {
                let (who, id) = self.who(name);
                (Intent::Unlock(who), at.run(Unlock::new(id), &Call::Unlock { account: *id.as_bytes() }))
            }
            Action::Disable { name } => {
                let (who, id) = self.busy(name);
                (Intent::Disable(who), at.run(Disable::new(id), &Call::Disable { account: *id.as_bytes() }))
            }
            Action::Enable { name } => {
                let (who, id) = self.who(name);
                (Intent::Enable(who), at.run(Enable::new(id), &Call::Enable { account: *id.as_bytes() }))
            }
            Action::DeleteAccount { name } => {
                let (who, id) = self.who(name);
                (
                    Intent::DeleteAccount(who),
                    at.run_first(DeleteAccount::new(id), &Call::DeleteAccount { account: *id.as_bytes() }),
                )
            }
            Action::FinishDeletion { of } => {
                let is_left = |account: &usize| self.model.accounts[*account].stage == Stage::Remains;
                let left: Vec<usize> = (0..self.model.accounts.len()).filter(is_left).collect();
                let who = left.get(usize::from(of) % left.len().max(1)).copied();
                let (who, id) =
                    who.map_or_else(|| self.who(of), |who| (Some(who), self.model.accounts[who].id));
                (Intent::FinishDeletion(who), at.machine(FinishDeletion::new(id)))
            }
            Action::Rename { name: number, new } => {
                let ((who, id), new) = (self.who(number), usize::from(new) % NAMES);
                let call = Call::Rename { account: *id.as_bytes(), name: &name(new) };
                (Intent::Rename(who, new), at.run(Rename::new(id, &name(new)), &call))
            }
            Action::MarkCompromised { name } => {
                let (who, id) = self.who(name);
                (
                    Intent::MarkCompromised(who),
                    at.run(MarkCompromised::new(id), &Call::MarkCompromised { account: *id.as_bytes() }),
                )
            }
            Action::Tick => (Intent::Tick, at.machine(Tick::new())),
            Action::TrustClock => (Intent::TrustClock, at.machine(TrustClock::new())),
            Action::AfterRestore => (Intent::AfterRestore, at.run(AfterRestore::new(), &Call::AfterRestore)),
            Action::Open => (Intent::Open, at.machine(Open::new())),
            Action::Token(action) => self.meaning_of_token(action, at),
        }
    }

    /// The account of this name; nobody when it has none. Now and then one of the latest, deleted or not.
    fn who(&self, name: u8) -> (Who, AccountId) {
        let latest = name
            .checked_sub(240)
            .and_then(|back| (self.model.accounts.len()).checked_sub(1 + usize::from(back)));
        let who = latest.or(self.model.names[usize::from(name) % NAMES].account);
        (who, who.map_or(AccountId::from_bytes([name; 16]), |account| self.model.accounts[account].id))
    }

    /// The name of an account whose sessions are all being ended.
    fn ending(&self) -> Option<usize> {
        let ended = self.tasks.iter().rev().find_map(|task| match *task.intent {
            Intent::LogoutEverywhere(who, None) => who,
            _ => None,
        });
        ended.map(|account| self.model.accounts[account].name)
    }

    /// Every other time one that is being granted something at this moment, so that the two race.
    fn busy(&self, name: u8) -> (Who, AccountId) {
        let granted = |task: &Task| match &*task.intent {
            Intent::Login(attempt) => self.model.names[attempt.name].account,
            intent => self.account_of(intent.session_token()?),
        };
        match self.tasks.iter().rev().find_map(granted).filter(|_| name.is_multiple_of(2)) {
            Some(account) => (Some(account), self.model.accounts[account].id),
            None => self.who(name),
        }
    }

    /// The token that this operation gave to its client, or else the last one before.
    fn token(&self, of: u32) -> Option<usize> {
        self.wallet[..self.wallet.partition_point(|(label, _)| *label <= of)].last().map(|(_, token)| *token)
    }

    fn account_of(&self, shown: Shown) -> Who {
        match shown {
            Shown::Token(number) | Shown::WrongProof(number) => {
                self.model.sessions[self.model.tokens[number].session].account
            }
            Shown::OtherKind | Shown::Garbage => None,
        }
    }

    /// A device's token, and which device it makes known.
    fn shown_device(&self, shown: ShownDevice, name: usize) -> (Option<DeviceId>, Option<String>) {
        let own = |back: u8| {
            let account = &self.model.accounts[self.model.names[name].account?];
            let given = self.devices.iter().rev().filter(|(_, id, _)| account.has_had(*id));
            given.take(usize::from(back) + 1).last()
        };
        let of = |given: Option<&(u32, DeviceId, String)>| {
            given.map_or((None, None), |(_, id, text)| (Some(*id), Some(text.clone())))
        };
        match shown {
            ShownDevice::None => (None, None),
            ShownDevice::Own(back) => of(own(back)),
            ShownDevice::Any(label) => {
                of(self.devices[..self.devices.partition_point(|(one, ..)| *one <= label)].last())
            }
            ShownDevice::Forged(noise) => match own(0) {
                Some((_, _, text)) if noise % 4 == 0 => (None, Some(text.replacen("dwd_", "dws_", 1))),
                Some((_, _, text)) => {
                    let at = text.len() - 1 - usize::from(noise) % (PROOF - 1);
                    (None, Some(with_another_character(text, at)))
                }
                None => (None, None),
            },
        }
    }

    fn guess(&self, guess: Guess, account: Who) -> usize {
        match (guess, account) {
            (Guess::Right, Some(account)) => self.model.accounts[account].password,
            (Guess::Right, None) => 0,
            (Guess::Listed(number), _) => listed(number),
        }
    }

    pub(super) fn shown(&self, pick: Pick) -> (Shown, String) {
        let Some(number) = self.token(pick.of) else {
            return (Shown::Garbage, "dws_none".to_owned());
        };
        let text = self.model.tokens[number].text.clone();
        let at = |noise: u8, from: usize, to: usize| from + usize::from(noise) % (to - from);
        let garbage = |text| (Shown::Garbage, text);
        match pick.forgery {
            Forgery::None => (Shown::Token(number), text),
            Forgery::Proof(noise) => {
                let at = at(noise, text.len() - PROOF, text.len());
                (Shown::WrongProof(number), with_another_character(&text, at))
            }
            Forgery::Prefix(noise) => {
                // A real device's, as it was given or dressed up as a session's.
                if let (Some((_, _, device)), 1) = (self.devices.last(), noise % 2) {
                    let is_dressed = noise % 4 == 1;
                    return if is_dressed {
                        garbage(device.replacen("dwd_", "dws_", 1))
                    } else {
                        (Shown::OtherKind, device.clone())
                    };
                }
                // Or a real refresh token, or an access token.
                if let (Some(refresh), 0) = (self.model.refresh_tokens.last(), noise % 6) {
                    return (Shown::OtherKind, refresh.text.clone());
                }
                if let (Some(access), 2) = (self.model.access_tokens.last(), noise % 6) {
                    return (Shown::OtherKind, access.text.clone());
                }
                let prefix = ["dwd_", "dwr_", "dwa_", ""][usize::from(noise) % 4];
                (Shown::OtherKind, text.replacen("dws_", prefix, 1))
            }
            Forgery::Field(noise) => {
                let at = at(noise, 4, text.len() - PROOF - 1);
                garbage(with_another_character(&text, at))
            }
            Forgery::Spliced(of) => {
                let other = &self.model.tokens[self.token(of).unwrap_or(number)].text;
                // Fields of one, tag and proof of the other.
                let spliced = format!("{}{}", &other[..64], &text[64..]);
                if spliced == text { (Shown::Token(number), text) } else { garbage(spliced) }
            }
            Forgery::Cut(noise) => garbage(text[..at(noise, 0, text.len())].to_owned()),
        }
    }
}

/// As C says it: 0 leaves it out. For a session of nobody a lifetime of nothing is refused as one without an end is.
fn millis(lifetime: Option<Duration>) -> u64 {
    match lifetime.map(|lifetime| lifetime.as_millis()) {
        None => 0,
        Some(0) => u64::MAX,
        Some(millis) => millis.try_into().unwrap_or(u64::MAX),
    }
}

fn listed(number: u8) -> usize {
    usize::from(number) % PASSWORDS.len()
}

pub(super) fn with_another_character(text: &str, at: usize) -> String {
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

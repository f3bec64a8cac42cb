//! Tokens tried on the side, changing nothing; and what a thief of the whole store finds.

use doorward_core::error::StoreErrorKind;
use doorward_core::machine::Reply;
use doorward_core::model::session::Gone;
use doorward_core::operation::authenticate::Authenticate;
use doorward_core::operation::deletions::Deletions;
use doorward_core::operation::introspect::Introspect;
use doorward_core::operation::verify::Verify;
use doorward_core::time::Timestamp;

use super::store::failed;
use super::{START, World};
use crate::answer::{Answer, Asked, Simulated};
use crate::model::Stage;
use crate::model::judge::{Intent, Shown};
use crate::model::token::{Bearer, Request};
use crate::model::verdict::Effect;
use crate::task::machine;
use crate::violation::{Violation, ensure};

/// How many of the latest access tokens are verified in a sweep: a signature each.
const SIGNED: usize = 48;
/// Milliseconds that a clock may show: far before every session and far after.
const FAR_TIMES: [i64; 6] = [i64::MIN, -1, 0, 1 << 53, i64::MAX - 1, i64::MAX];
/// How many of the latest tokens the thief looks for, and are tried at far times.
const SAMPLE: usize = 16;

impl World {
    /// Tries this many of the latest tokens, lost ones too, at every engine.
    pub(super) fn sweep(&mut self, many: usize) -> Result<(), Violation> {
        let all = self.model.tokens.len();
        for engine in 0..self.engines.len() {
            self.ask_deletions(engine)?;
            for token in all.saturating_sub(many)..all {
                self.probe(token, engine)?;
            }
            self.probe_granted(many.min(SIGNED), engine)?;
        }
        self.probe_orphans()
    }

    /// INVARIANT 27: whoever takes up deletions that were interrupted finds all of them.
    fn ask_deletions(&mut self, engine: usize) -> Result<(), Violation> {
        let told = self.ask(Deletions::new(), engine)?;
        let left = self.model.accounts.iter().filter(|account| account.stage == Stage::Remains);
        let mut left: Vec<_> = left.map(|account| account.id).collect();
        left.sort_unstable();
        ensure(told == Some(Answer::Deletions(left)), 27, || format!("{told:?} are to be finished"))
    }

    fn probe(&mut self, token: usize, engine: usize) -> Result<(), Violation> {
        let told = self.ask(Authenticate::new(&self.model.tokens[token].text), engine)?;
        let now = self.now(engine);
        let shown = Shown::Token(token);
        if told.as_ref().is_some_and(Answer::opens) {
            self.model.accepted(&Intent::Authenticate(shown), self.tick)?;
        }
        let expected = self.model.judge(&Intent::Authenticate(shown), now).answer;
        let is_right = match &expected {
            Answer::Gone(Gone::Idle | Gone::Expired) => !told.as_ref().is_some_and(Answer::opens),
            expected => told.as_ref() == Some(expected),
        };
        ensure(is_right, expected.blame(told.as_ref().unwrap_or(&Answer::Done)), || {
            format!("token {token} is told {told:?} instead of {expected:?}")
        })
    }

    /// The same of access tokens and refresh tokens; these are only asked about, for using one changes it.
    fn probe_granted(&mut self, many: usize, engine: usize) -> Result<(), Violation> {
        let all = self.model.access_tokens.len();
        for number in all.saturating_sub(many)..all {
            let (token, access) = (Shown::Token(number), &self.model.access_tokens[number]);
            let audience = access.audience.one(false);
            let operation = Verify::new(&access.text, audience.texts().next().unwrap_or_default());
            self.probe_request(operation, Request::Verify { token, audience }, engine)?;
        }
        let all = self.model.refresh_tokens.len();
        for number in all.saturating_sub(many)..all {
            let token = Bearer::Refresh(Shown::Token(number));
            let operation = Introspect::new(&self.model.refresh_tokens[number].text);
            self.probe_request(operation, Request::Introspect { token, audience: None }, engine)?;
        }
        Ok(())
    }

    fn probe_request(
        &mut self,
        operation: impl Simulated + 'static,
        request: Request,
        engine: usize,
    ) -> Result<(), Violation> {
        let told = self.ask(operation, engine)?;
        let (now, intent) = (self.now(engine), Intent::Token(request));
        if told.as_ref().is_some_and(Answer::opens) {
            self.model.accepted(&intent, self.tick)?;
        }
        let judged = self.model.judge(&intent, now);
        let expected = judged.answer;
        let is_right = match judged.effect {
            Effect::End { .. } => !told.as_ref().is_some_and(Answer::opens),
            _ => told.as_ref() == Some(&expected),
        };
        ensure(is_right, expected.blame(told.as_ref().unwrap_or(&Answer::Done)), || {
            format!("{intent:?} is told {told:?} instead of {expected:?}")
        })
    }

    /// What an engine tells, now and undisturbed, while nothing that it wants written is; `None`: it wanted that first.
    pub(super) fn ask(
        &mut self,
        operation: impl Simulated + 'static,
        engine: usize,
    ) -> Result<Option<Answer>, Violation> {
        let now = self.now(engine);
        self.ask_at(operation, engine, now)
    }

    /// The same, whatever time the engine takes it for.
    fn ask_at(
        &self,
        operation: impl Simulated + 'static,
        engine: usize,
        now: Timestamp,
    ) -> Result<Option<Answer>, Violation> {
        let mut machine = machine(operation, &self.engines[engine].environment, u64::MAX - 1);
        loop {
            let (ticket, reply) = match machine.poll(now) {
                Asked::Read(ticket, keys) => {
                    (ticket, Reply::Rows(keys.iter().map(|key| self.rows.get(key).cloned()).collect()))
                }
                Asked::Scan(ticket, range, limit) => {
                    (ticket, self.store.scan(range, limit).map_or_else(Reply::Failed, Reply::Page))
                }
                Asked::Commit(ticket, _) | Asked::Work(ticket, _) => (ticket, failed(StoreErrorKind::Fatal)),
                Asked::Done(outcome) => return Ok(outcome.ok().map(|told| told.answer)),
            };
            machine
                .reply(ticket, reply)
                .map_err(|misuse| Violation::new(40, format!("a right reply was refused: {misuse}")))?;
        }
    }

    /// INVARIANT 23: no time is too far away to be counted with, and when all are over, nobody is let in.
    pub(super) fn probe_far_times(&self) -> Result<(), Violation> {
        for millis in FAR_TIMES {
            let now = Timestamp::from_millis(millis);
            let mut told = Vec::new();
            for token in self.model.tokens.iter().rev().take(SAMPLE) {
                told.push(self.ask_at(Authenticate::new(&token.text), 0, now)?);
            }
            for access in self.model.access_tokens.iter().rev().take(SAMPLE) {
                let audience = access.audience.one(false);
                let audience = audience.texts().next().unwrap_or_default();
                told.push(self.ask_at(Verify::new(&access.text, audience), 0, now)?);
            }
            for refresh in self.model.refresh_tokens.iter().rev().take(SAMPLE) {
                told.push(self.ask_at(Introspect::new(&refresh.text), 0, now)?);
            }
            let opens = told.iter().flatten().find(|answer| answer.opens());
            ensure(millis < START.as_millis() || opens.is_none(), 23, || {
                format!("at {millis} ms somebody is told {opens:?}")
            })?;
        }
        Ok(())
    }

    /// INVARIANT 30: neither the bytes of the rows nor what they print holds a token or its proof.
    pub(super) fn steal_store(&self) -> Result<(), Violation> {
        let mut loot = Vec::new();
        for (key, row) in &self.rows {
            loot.extend(row.encode(key));
            loot.extend(format!("{key:?} {row:?}").into_bytes());
        }
        let latest = |text: &str| text.as_bytes()[text.len() - 20..].to_vec();
        let sessions = self.model.tokens.iter().rev().map(|token| latest(&token.text));
        let refresh = self.model.refresh_tokens.iter().rev().map(|token| latest(&token.text));
        // The beginning of a signature: its end is no whole group.
        let signature = |text: &str| text.rsplit('.').next().unwrap_or_default().as_bytes()[..20].to_vec();
        let access = self.model.access_tokens.iter().rev().map(|token| signature(&token.text));
        for proof in sessions.take(SAMPLE).chain(refresh.take(SAMPLE)).chain(access.take(SAMPLE)) {
            let holds = |secret: &[u8]| loot.windows(secret.len()).any(|window| window == secret);
            let is_held = holds(&proof) || holds(&decode(&proof));
            ensure(!is_held, 30, || "the store holds a token's proof".to_owned())?;
        }
        Ok(())
    }
}

/// Base64url of whole groups, as bytes.
fn decode(text: &[u8]) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = |byte: &u8| ALPHABET.iter().position(|one| one == byte).unwrap_or(0);
    text.chunks(4)
        .flat_map(|group| {
            let word = group.iter().fold(0, |word, byte| word << 6 | value(byte));
            let [.., one, two, three] = word.to_be_bytes();
            [one, two, three]
        })
        .collect()
}

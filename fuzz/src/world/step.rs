//! One step of one operation: its next need is carried out, and its outcome is held against the model's.

use std::fmt::Write as _;

use doorward_core::error::{Fault, StoreErrorKind};
use doorward_core::machine::{Reply, Ticket};
use doorward_core::model::session::Gone;
use doorward_core::operation::logout::Ended;
use doorward_core::time::Timestamp;
use doorward_core::work::Work;

use super::store::failed;
use super::token::is_too_late;
use super::{Through, World, word};
use crate::answer::{Answer, Asked, Flaw, Grant, Told};
use crate::hashing::{for_real, stand_in};
use crate::model::Token;
use crate::model::judge::{Attempt, Intent};
use crate::model::token::TokenEffect;
use crate::model::verdict::{Effect, Judgement};
use crate::plan::Luck;
use crate::task::{Shape, Task, describe};
use crate::violation::{Violation, ensure};

impl World {
    /// Carries out the next need of the task at this place.
    pub(super) fn step(&mut self, at: usize, luck: Luck) -> Result<(), Violation> {
        let mut task = self.tasks.remove(at);
        let now = self.now(task.engine);
        let asked = task.machine.poll(now);
        if self.records {
            let (number, asked) = (task.label, describe(&asked));
            let _ = writeln!(self.run.transcript, "{} operation {number} {luck:?}: {asked}", self.tick);
        }
        task.shape.extend(Shape::of(&asked));
        let error = match luck {
            Luck::Retryable => Some(StoreErrorKind::Retryable),
            Luck::Fatal => Some(StoreErrorKind::Fatal),
            _ => None,
        };
        let (ticket, reply, next) = match asked {
            Asked::Done(outcome) => return self.release(&task, outcome, luck),
            Asked::Read(ticket, _) | Asked::Scan(ticket, ..) if error.is_some() => {
                (task.disturbed, task.failed) = (true, true);
                (ticket, failed(error.unwrap_or(StoreErrorKind::Fatal)), Next::Ends)
            }
            Asked::Read(ticket, keys) => {
                let next = if task.settles { Next::Ends } else { Next::DecidesAnew };
                let rows = self.store.read(keys);
                if let Ok(rows) = &rows {
                    task.heard.rows(now, keys.iter().zip(rows.iter().map(Option::as_ref)));
                }
                (ticket, rows.map_or_else(Reply::Failed, Reply::Rows), next)
            }
            Asked::Scan(ticket, range, limit) => {
                let page = self.store.scan(range, limit);
                if let Ok(page) = &page {
                    task.heard.rows(now, page.iter().map(|(key, row)| (key, Some(row))));
                }
                (ticket, page.map_or_else(Reply::Failed, Reply::Page), Next::DecidesOnOldRows)
            }
            Asked::Work(ticket, _) if luck == Luck::Retryable => {
                (task.disturbed, task.failed) = (true, true);
                (ticket, Reply::Busy, Next::Ends)
            }
            Asked::Work(ticket, work) => {
                if let Work::Sign { claims, .. } = work {
                    task.signed = Some(claims.issued_at);
                }
                let worked = match self.through {
                    Through::Machines | Through::Host => stand_in(work),
                    Through::Abi => for_real(work),
                };
                (ticket, Reply::Worked(worked), Next::DecidesOnOldRows)
            }
            Asked::Commit(ticket, batch) => {
                let batch = batch.clone();
                (ticket, self.commit(&mut task, batch, luck)?, Next::Ends)
            }
        };
        if luck == Luck::Misfit {
            misfit(&mut task, ticket, now)?;
        }
        task.old_ticket = Some(ticket);
        if !matches!(reply, Reply::Rows(_) | Reply::Page(_)) {
            task.heard.reply(now, &reply);
        }
        task.machine
            .reply(ticket, reply)
            .map_err(|misuse| Violation::new(40, format!("a right reply was refused: {misuse}")))?;
        if next == Next::DecidesAnew {
            task.judged = self.model.judge(&task.intent, now);
            task.has_landed = false;
            task.waited |= matches!(task.judged.answer, Answer::Throttled(_));
            task.session = self.model.session_of(&task.intent, now);
        } else if let (Next::DecidesOnOldRows, Some(over)) = (next, over(&task, now)) {
            task.judged = over;
        } else if let (Next::DecidesOnOldRows, Some(wait)) = (next, waits(&task, now)) {
            task.judged = wait;
        } else if let (Next::DecidesOnOldRows, Some(late)) =
            (next, self.model.retried(task.judged.retried, now))
        {
            task.judged = late;
        }
        if let (Answer::Issued(grant), true) = (&task.judged.answer, next != Next::Ends)
            && is_too_late(&task, grant, now)
            && let Some(over) = over(&task, grant.ends)
        {
            task.judged = over;
        }
        self.show_list(&mut task);
        // It decides at once: what it then wants is of this moment, however long the want waits.
        task.decided = now;
        let asked = task.machine.poll(now);
        if self.records && matches!(asked, Asked::Done(_)) {
            let (number, asked) = (task.label, describe(&asked));
            let _ = writeln!(self.run.transcript, "{} operation {number} ends: {asked}", self.tick);
        }
        let Asked::Done(outcome) = asked else {
            self.tasks.insert(at.min(self.tasks.len()), task);
            return Ok(());
        };
        self.release(&task, outcome, luck)
    }

    /// The outcome is there: is it the right one? Then the client has it, unless the reply is lost.
    pub(super) fn release(
        &mut self,
        task: &Task,
        outcome: Result<Told, Fault>,
        luck: Luck,
    ) -> Result<(), Violation> {
        let told = match outcome {
            Ok(told) => told,
            Err(fault) => return check_fault(task, &fault),
        };
        ensure(!task.failed, 17, || {
            format!("{:?} was answered {:?}, and the store had failed", task.intent, told.answer)
        })?;
        if told.answer.opens() {
            self.model.accepted(&task.intent, task.started)?;
        }
        ensure(
            is_right(task, &told.answer, told.device.is_some()),
            task.judged.answer.blame(&told.answer),
            || {
                format!(
                    "{:?} was answered {:?} instead of {:?}",
                    task.intent, told.answer, task.judged.answer
                )
            },
        )?;
        if let (Answer::Issued(told), Answer::Issued(judged)) = (&told.answer, &task.judged.answer) {
            self.ends_right(task, told, judged)?;
        }
        self.compare_refused(task, &told.answer)?;
        // What was seen over must be over for good before anybody is told.
        let owed = match told.answer {
            Answer::Gone(_) => 19,
            Answer::Reused => 3,
            Answer::Issued(_) => 25,
            _ => 26,
        };
        ensure(task.has_landed || !task.judged.effect.is_owed(), owed, || {
            format!("{:?} was answered {:?}, and nothing has landed", task.intent, told.answer)
        })?;
        self.run.answered += 1;
        let told_what = format!("{} {}{}", word(&task.intent), kind(&told.answer), beside(&task.judged));
        *self.run.answers.entry(told_what).or_default() += 1;
        self.give(task, told, luck == Luck::ReplyLost)
    }

    /// INVARIANT 37: whatever the cause, a denied login looks alike to who counts and times its steps; and so does one that is told
    /// to wait, which is before anything is hashed.
    fn compare_refused(&mut self, task: &Task, answer: &Answer) -> Result<(), Violation> {
        let is_device = matches!(task.judged.effect, Effect::FailFrom { .. });
        let is_plain = !is_device && matches!(&*task.intent, Intent::Login(Attempt { previous: None, .. }));
        if task.disturbed || !is_plain {
            return Ok(());
        }
        match answer {
            Answer::Denied if !task.waited => {
                let known = self.model.denied_shape.get_or_insert_with(|| task.shape.clone());
                ensure(*known == task.shape, 37, || {
                    format!("{:?} was denied by {:?}, others by {known:?}", task.intent, task.shape)
                })
            }
            Answer::Throttled(_) => {
                let known = self.model.throttled_shape.get_or_insert_with(|| task.shape.clone());
                let is_hashed = task.shape.iter().any(|shape| matches!(shape, Shape::Verify | Shape::Hash));
                // A name that has come to be another's meanwhile is looked up once more.
                let is_alike = task.shape.starts_with(known) || known.starts_with(&task.shape);
                ensure(is_alike && !is_hashed, 37, || {
                    format!("{:?} was told to wait by {:?}, others by {known:?}", task.intent, task.shape)
                })
            }
            _ => Ok(()),
        }
    }

    fn give(&mut self, task: &Task, told: Told, is_lost: bool) -> Result<(), Violation> {
        self.never_returned(&told, is_lost)?;
        if let Some(issued) = &told.issued {
            self.give_tokens(task, issued, is_lost)?;
        }
        let minted = told.token.clone().map(|text| {
            let (Answer::LoggedIn(life, _) | Answer::Renewed(life) | Answer::Begun(life)) = &told.answer
            else {
                return usize::MAX;
            };
            let session = self.model.by_id[&life.id];
            let generation = self.model.sessions[session].generation;
            self.model.tokens.push(Token { text, session, generation, given: self.tick, dead: None });
            self.model.tokens.len() - 1
        });
        if is_lost {
            // It is known to nobody: no client tries it, and no promise was made.
            return Ok(());
        }
        if let Some(proven) = told.proven {
            self.remember(&task.intent, proven);
        }
        if let Some(token) = minted {
            let at = self.wallet.partition_point(|(label, _)| *label <= task.label);
            self.wallet.insert(at, (task.label, token));
        }
        if let (Some(text), Answer::LoggedIn(_, Some(id))) = (told.device, &task.judged.answer) {
            let at = self.devices.partition_point(|(label, ..)| *label <= task.label);
            self.devices.insert(at, (task.label, *id, text));
        }
        if let (Some(rehash), Some((account, shown))) = (told.rehash, &task.judged.shown) {
            self.rehashes.push((task.label, rehash, *account, shown.clone()));
        }
        self.model.promise(&task.intent, &told.answer, minted, task.started, self.tick);
        Ok(())
    }

    /// INVARIANT 28: what was lost on its way to one client never comes to another. A refresh token does, to whoever asks with
    /// its parent again, which is what the grace is for.
    fn never_returned(&mut self, told: &Told, is_lost: bool) -> Result<(), Violation> {
        let access = told.issued.as_ref().map(|issued| issued.access.expose());
        for text in [told.token.as_deref(), told.device.as_deref(), access].into_iter().flatten() {
            if is_lost {
                self.unreturned.insert(text.to_owned());
            } else {
                ensure(!self.unreturned.contains(text), 28, || {
                    format!("{:?} came with a token that was made for another reply", told.answer)
                })?;
            }
        }
        Ok(())
    }
}

fn is_right(task: &Task, answer: &Answer, has_device: bool) -> bool {
    match (answer, &task.judged.answer) {
        // A list is of several moments: who was live at none of them is not on it, who was at all of them is.
        (Answer::Listed(listed), Answer::Listed(_)) => {
            // Unless only an activity kept it, which a page that was read before cannot know.
            let always = task.always_live.iter().flatten().filter(|(_, until)| *until > task.decided);
            listed.iter().all(|id| task.once_live.contains(id))
                && always.map(|(id, _)| id).all(|id| listed.contains(id))
        }
        // Which device became known is not told, but whether one did is.
        (Answer::LoggedIn(told, _), Answer::LoggedIn(judged, device)) => {
            told == judged && device.is_some() == has_device
        }
        // When the access token ends is compared apart, for it depends on when that was signed.
        (Answer::Issued(told), Answer::Issued(judged)) => {
            Grant { ends: judged.ends, ..told.clone() } == *judged
        }
        // A forged token may name a key that is not known here, and could be known to another.
        (Answer::BadToken, Answer::Ended(Ended::AlreadyGone)) => task.intent.revokes_garbage(),
        // What is no token of ours can be wrong in many ways.
        (Answer::Unfit(_), Answer::Unfit(Flaw::Forged)) => true,
        (answer, judged) => answer == judged,
    }
}

/// What a task does once it has its reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    DecidesAnew,
    DecidesOnOldRows,
    /// It ends, or it reads again from the start.
    Ends,
}

/// INVARIANT 40: late, doubled and ill-formed replies are refused, and change nothing.
fn misfit(task: &mut Task, ticket: Ticket, now: Timestamp) -> Result<(), Violation> {
    let before = describe(&task.machine.poll(now));
    let ill_formed = task.machine.reply(ticket, Reply::Rows(vec![None; 99]));
    ensure(ill_formed.is_err(), 40, || "an ill-formed reply was taken".to_owned())?;
    if let Some(old) = task.old_ticket {
        let late = task.machine.reply(old, failed(StoreErrorKind::Fatal));
        ensure(late.is_err(), 40, || "a late reply was taken".to_owned())?;
    }
    let after = describe(&task.machine.poll(now));
    ensure(before == after, 40, || format!("a refused reply turned {before} into {after}"))
}

fn check_fault(task: &Task, fault: &Fault) -> Result<(), Violation> {
    let invariant = if matches!(fault, Fault::Misuse(_)) { 40 } else { 43 };
    let is_excused = match fault {
        Fault::Contended => task.disturbed && !task.intent.is_ending(),
        Fault::Store(_) | Fault::Unresolved | Fault::Busy => task.disturbed,
        _ => false,
    };
    ensure(is_excused, invariant, || format!("{:?} failed without a cause: {fault}", task.intent))
}

/// Between its last read and its decision, time passed: its session may be over by now.
fn over(task: &Task, now: Timestamp) -> Option<Judgement> {
    let (session, record) = task.session.as_ref()?;
    let gone = record.over(now).filter(|gone| matches!(gone, Gone::Idle | Gone::Expired))?;
    Some(Judgement::of(Answer::Gone(gone), Effect::End { session: *session }))
}

/// The same of the device that a guess came from.
fn waits(task: &Task, now: Timestamp) -> Option<Judgement> {
    let (_, until) = task.judged.wait.filter(|(expires, until)| now >= *expires && now < *until)?;
    Some(Judgement::of(Answer::Throttled(until), Effect::None))
}

/// What else a run must have tried: guesses from known devices, also past a wait, and data that is carried over.
fn beside(judged: &Judgement) -> &'static str {
    match &judged.effect {
        Effect::Grant { origin, .. } | Effect::FailFrom { origin, .. } if origin.has_tries => {
            if judged.wait.is_some() { " past the wait" } else { " from a device" }
        }
        Effect::Grant { data, .. } if !data.is_empty() => " with data",
        Effect::Token(TokenEffect::Open { .. }) => " with refresh",
        Effect::None | Effect::Touch { .. } if judged.retried.is_some() => " again",
        _ => "",
    }
}

fn kind(answer: &Answer) -> String {
    let text = format!("{answer:?}");
    match answer {
        Answer::Gone(_) | Answer::Ended(_) | Answer::Remains(_) | Answer::Unfit(_) => text,
        Answer::Rotated(is_new, _) => format!("Rotated({is_new})"),
        Answer::Trusted(_, ended) => format!("Trusted({ended})"),
        Answer::Kept(_, data) if data.is_empty() => "Kept(nothing)".to_owned(),
        _ => text.split('(').next().unwrap_or_default().to_owned(),
    }
}

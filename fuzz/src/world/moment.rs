//! Whether two moments of a world are alike: then the same can follow, and is right or wrong in both.
//!
//! A digest of all that a later step, judgement or comparison goes by. What it leaves out:
//!
//! | left out | for |
//! |---|---|
//! | machines | each follows from what it [heard](crate::task::Heard), which is there |
//! | at which move something began, was given out, or was known to be dead | what counts is which was before which, and that is there |
//! | what clients hold | what the operations of a schedule mean is settled before it begins |
//! | the store | every write is read back, and held against the rows |
//! | time, policies, journal, watcher, backup | no schedule moves the one or looks at the others |
//!
//! A key that an engine has parsed, and keeps, follows from the row that it was parsed from.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Run, World};
use crate::model::token::{AccessToken, RefreshToken};
use crate::model::verdict::Judgement;
use crate::model::{Account, Model, Token};
use crate::task::{Flight, Task};

impl World {
    /// A digest of this moment: of 64 bits, for a search compares some ten thousand at a time.
    pub(crate) fn moment(&self) -> u64 {
        let Self {
            store: _,
            open: _,
            shelf: _,
            backup: _,
            orphans: _,
            watcher: _,
            rows,
            engines: _,
            house: _,
            through: _,
            change: _,
            time: _,
            elapsed: _,
            passed: _,
            model,
            tasks,
            flights,
            wallet: _,
            devices: _,
            purse: _,
            unreturned,
            rehashes: _,
            relaxed,
            tick: _,
            run: Run { operations: _, answered: _, commits: _, faults: _, answers, transcript: _ },
            records: _,
        } = self;
        let mut digest = DefaultHasher::new();
        for (key, row) in rows.iter().chain(relaxed.iter().map(|(key, row)| (key, row))) {
            (key, row.stamp, row.epoch, row.owner, row.expires, row.encode(key)).hash(&mut digest);
        }
        unreturned.hash(&mut digest);
        put_model(model, &begun(tasks), &mut digest);
        for task in tasks {
            put_task(task, &mut digest);
        }
        for Flight { label, batch: _, intent: _, judged, decided, heard, attempt } in flights {
            (label, decided, heard, attempt).hash(&mut digest);
            put_judgement(judged, &mut digest);
        }
        (rows.len(), tasks.len(), answers).hash(&mut digest);
        digest.finish()
    }
}

/// When each operation began that is under way: whoever begins later, begins after all that has been.
fn begun(tasks: &[Task]) -> Vec<usize> {
    tasks.iter().filter(|task| !task.is_new()).map(|task| task.started).collect()
}

fn put_model(model: &Model, begun: &[usize], digest: &mut impl Hasher) {
    let Model {
        policy: _,
        mark,
        accounts,
        names,
        sessions,
        by_id: _,
        by_account: _,
        tokens,
        families,
        refresh_tokens,
        access_tokens,
        keys,
        once_keys,
        landed,
        ended,
        tokens_ended,
        counter_rows,
        row_of: _,
        drawn,
        denied_shape,
        throttled_shape,
    } = model;
    (mark, names, sessions, families, keys, once_keys).hash(digest);
    (landed, ended, tokens_ended, counter_rows, drawn).hash(digest);
    (denied_shape, throttled_shape).hash(digest);
    for account in accounts {
        put_account(account, digest);
    }
    let before = |tick: usize| begun.iter().map(|begun| tick < *begun).collect::<Vec<_>>();
    let dead = |dead: Option<(usize, u8)>| dead.map(|(since, by)| (before(since), by));
    for Token { text, session, generation, given, dead: since } in tokens {
        (text, session, generation, before(*given), dead(*since)).hash(digest);
    }
    for RefreshToken { text, family, generation, given, dead: since } in refresh_tokens {
        (text, family, generation, before(*given), dead(*since)).hash(digest);
    }
    for token in access_tokens {
        let AccessToken {
            text,
            id,
            key,
            session,
            family,
            client,
            audience,
            scope,
            moment,
            ends,
            is_revoked,
            is_from_ahead,
            given,
            dead: since,
        } = token;
        (text, id, key, session, family, client, audience, scope, moment, ends).hash(digest);
        (is_revoked, is_from_ahead, before(*given), dead(*since)).hash(digest);
    }
}

fn put_account(account: &Account, digest: &mut impl Hasher) {
    let Account {
        id,
        stage,
        name,
        once_named,
        password,
        hash,
        is_compromised,
        may_log_in,
        failures,
        held,
        devices,
        once_known,
        throttle,
        sessions,
        ended,
    } = account;
    (id, stage, name, once_named, password, hash.as_str(), is_compromised).hash(digest);
    (may_log_in, failures, held, devices, once_known, throttle, sessions, ended).hash(digest);
}

fn put_task(task: &Task, digest: &mut impl Hasher) {
    let Task {
        label,
        machine: _,
        intent: _,
        engine,
        started: _,
        judged,
        signed,
        session,
        has_landed,
        decided,
        settles,
        disturbed,
        waited,
        failed,
        shape,
        once_live,
        always_live,
        old_ticket: _,
        heard,
    } = task;
    (label, engine, signed, session, has_landed, decided, settles).hash(digest);
    (disturbed, waited, failed, shape, once_live, always_live, heard).hash(digest);
    put_judgement(judged, digest);
}

fn put_judgement(judgement: &Judgement, digest: &mut impl Hasher) {
    let Judgement { answer, effect, shown, wait, beside, moment, family, retried } = judgement;
    let shown = shown.as_ref().map(|(account, hash)| (account, hash.as_str()));
    (answer, effect, shown, wait, beside, moment, family, retried).hash(digest);
}

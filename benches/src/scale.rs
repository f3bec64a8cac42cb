//! The same work among ten thousand sessions and among ten million, each in a process of its own that is asked by turns.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::{Engine, Login, LogoutEverywhere, Policy, Register};
use doorward_core::id::{AccountId, SessionId, Stamp};
use doorward_core::password::Argon2Params;
use doorward_core::record::{Key, Kind, Row};
use doorward_core::store::{Batch, Commit, Durability, Expect, Range, Store, Write};
use doorward_core::time::Timestamp;

use crate::Failure;
use crate::answering::{Answering, answer};
use crate::candidate::{Candidate, Subject, key};
use crate::populate::random;
use crate::process::{bytes_below, resident_kib};
use crate::table::{Found, Table, Unit};
use crate::work::Work;

/// What is asked of each; in this order, for the last ends what those before it need.
pub const ASKED: [&str; 7] = [
    "authenticate, 1 thread",
    "authenticate, 2 threads",
    "list an account's sessions",
    "login, in the store",
    "logout",
    "logout everywhere, 16 sessions",
    "purge, 1000 of them over",
];

/// The first argument of a process that fills a store, says what a session takes, and answers.
const SERVE: &str = "--serve";

/// What our operations take on a store of each of these sizes, so many rounds, about so long each; `tell` hears of each round.
/// The program must call [`serve`] before it does anything else.
///
/// # Errors
/// A store, or a process, fails.
pub fn measure(
    store: &str,
    sizes: &[usize],
    rounds: usize,
    time: Duration,
    folder: &Path,
    tell: impl Fn(usize),
) -> Result<Table, Failure> {
    let mut table = Table::default();
    let mut answering = Vec::new();
    for size in sizes {
        let folder = tempfile::tempdir_in(folder)?;
        let name = size.to_string();
        let mut house = Answering::begin(
            Command::new(env::current_exe()?).args([SERVE, store, &name]).arg(folder.path()),
        )?;
        let [memory, disk] = house.hear()?[..] else { return Err("it does not tell what it takes".into()) };
        table.add("memory for a session", Unit::Bytes, &name, memory);
        if disk > 0.0 {
            table.add("disk for a session", Unit::Bytes, &name, disk);
        }
        answering.push((name, house, folder));
    }
    // The first round warms up.
    for round in 0..=rounds {
        for what in ASKED {
            for (name, house, _) in &mut answering {
                let micros = house.ask(&format!("{} {what}", time.as_millis()))?;
                if round > 0 {
                    table.add(what, Unit::Micros, name, micros);
                }
            }
        }
        tell(round);
    }
    Ok(table)
}

/// How the largest house on this store is to compare with the smallest, and what a session is to take in it.
pub fn bounds(store: &str, table: &Table, sizes: &[usize]) -> Vec<Found> {
    let (times, bytes) =
        if store == "memory" { (2.0, "memory for a session") } else { (2.5, "disk for a session") };
    let [few, .., many] = sizes else { return Vec::new() };
    let [first, last] = [few, many].map(ToString::to_string);
    let [one, other] = [&first, &last].map(|size| table.summary(ASKED[0], size));
    let compared = one.zip(other).map(|(one, other)| {
        let found = other.median / one.median;
        Found {
            what: format!("{store}: authenticate among {last} by among {first}"),
            figure: format!("{found:.2}"),
            bound: format!("≤ {times}"),
            is_kept: found <= times,
        }
    });
    let takes = table.summary(bytes, &last).map(|found| Found {
        what: format!("{store}: {bytes}, of {last}"),
        figure: format!("{:.0} bytes", found.median),
        bound: format!("≤ {MOST_BYTES}"),
        is_kept: found.median <= MOST_BYTES,
    });
    compared.into_iter().chain(takes).collect()
}

const MOST_BYTES: f64 = 400.0;

/// Whether these are the arguments of a process of [`measure`]: then it has done its work.
///
/// # Errors
/// The store fails, or it is asked what nobody answers.
pub fn serve(arguments: &[String]) -> Result<bool, Failure> {
    let [first, store, sessions, folder] = arguments else { return Ok(false) };
    if first != SERVE {
        return Ok(false);
    }
    let candidate = Candidate::named(store).ok_or_else(|| format!("there is no store {store}"))?;
    let (house, taken) = House::fill(candidate, folder.as_ref(), sessions.parse()?)?;
    answer(&format!("{} {}", taken.memory.unwrap_or(0), taken.disk), |line| {
        let (millis, what) = line.split_once(' ').ok_or("how long, and what")?;
        house.answer(what, Duration::from_millis(millis.parse()?))
    })?;
    Ok(true)
}

/// A store full of sessions, some of which can be used.
pub struct House {
    subject: Subject,
    store: Arc<dyn Store>,
    people: Vec<AccountId>,
    tokens: Vec<String>,
    /// A row as a login makes it: the others are copies under ids of their own.
    template: Row,
}

/// What a session takes.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Bytes of memory for each, caches included; `None` where the system does not tell.
    pub memory: Option<u64>,
    /// Bytes on the disk for each, all files of the closed store together.
    pub disk: u64,
}

impl House {
    /// A store in this folder with about so many sessions; tells on standard error how many there are, now and then.
    ///
    /// # Errors
    /// The store fails.
    #[allow(clippy::print_stderr, reason = "ten million take a while")]
    pub fn fill(candidate: Candidate, folder: &Path, sessions: usize) -> Result<(Self, Taken), Failure> {
        let (mut house, resident_before) = {
            let store = candidate.open(folder)?;
            let subject = Subject::new(candidate, &store, policy()?)?;
            let (people, tokens) = people(&subject.timed, &store)?;
            let range = Range { kind: Kind::Session, owner: None, after: None };
            let (_, template) = store.scan(&range, 1)?.pop().ok_or("no login left a session")?;
            (Self { subject, store, people, tokens, template }, resident_kib())
        };
        let ids = || if candidate.is_durable { Ids::of(sessions) } else { Ids::Random };
        let (mut ids, mut owners) = (ids(), ids());
        for filled in (0..sessions).step_by(PER_BATCH) {
            let count = (sessions - filled).min(PER_BATCH);
            house.put(count, house.template.expires, &mut ids, &mut owners)?;
            if filled % (1 << 16) < PER_BATCH {
                eprintln!("{}: {filled} of {sessions} sessions", candidate.name);
            }
        }
        let each = |bytes: u64| bytes / sessions.max(1) as u64;
        let memory =
            resident_before.zip(resident_kib()).map(|(before, now)| each((now - before.min(now)) * 1024));
        if candidate.is_durable {
            // What is on the disk then is the database, and no log beside it.
            let Self { subject, store, people, tokens, template } = house;
            drop((subject, store));
            let disk = bytes_below(folder)? / (sessions + tokens.len()) as u64;
            let store = candidate.open(folder)?;
            house = Self {
                subject: Subject::new(candidate, &store, policy()?)?,
                store,
                people,
                tokens,
                template,
            };
            return Ok((house, Taken { memory, disk }));
        }
        Ok((house, Taken { memory, disk: 0 }))
    }

    /// Sessions of accounts of their own, ten to each.
    fn put(
        &self,
        count: usize,
        expires: Option<Timestamp>,
        ids: &mut Ids,
        owners: &mut Ids,
    ) -> Result<(), Failure> {
        let mut batch = Batch::new(Stamp::from_bytes(random()?), Durability::Durable);
        let mut owner = AccountId::from_bytes(owners.next()?);
        for number in 0..count {
            if number % 10 == 0 {
                owner = AccountId::from_bytes(owners.next()?);
            }
            let row = Row {
                stamp: Stamp::from_bytes(random()?),
                owner: Some(owner),
                expires,
                ..self.template.clone()
            };
            let key = Key::Session(SessionId::from_bytes(ids.next()?));
            batch.writes.push(Write::Put { key, row, expect: Expect::Absent });
        }
        match self.store.commit(&batch)? {
            Commit::Conflict => Err("two random ids are the same".into()),
            Commit::Applied => Ok(()),
        }
    }

    /// Does what is asked for about so long: how many microseconds one took. What is ended is begun again, and that not counted.
    ///
    /// # Errors
    /// It failed, or nobody knows what is meant.
    pub fn answer(&self, asked: &str, time: Duration) -> Result<f64, Failure> {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let engine = &self.subject.timed;
        match asked {
            "authenticate, 1 thread" => {
                Ok(micros(Work::Authenticate { threads: 1 }.sample(&self.subject, &self.tokens, time)?))
            }
            "authenticate, 2 threads" => {
                Ok(micros(Work::Authenticate { threads: 2 }.sample(&self.subject, &self.tokens, time)?))
            }
            "login, in the store" => repeated(time, |_| {
                let before = self.subject.in_store();
                let login = engine.login(Login::new(VISITOR, PASSWORD))?;
                let took = self.subject.in_store().saturating_sub(before);
                engine.logout(login.token.expose())?;
                Ok(took)
            })
            .map(micros),
            "list an account's sessions" => repeated(time, |turn| {
                let begun = Instant::now();
                engine.sessions(*self.people.get(turn % self.people.len()).ok_or("nobody")?)?;
                Ok(begun.elapsed())
            })
            .map(micros),
            "logout" => repeated(time, |_| {
                let login = engine.login(Login::new(VISITOR, PASSWORD))?;
                let begun = Instant::now();
                engine.logout(login.token.expose())?;
                Ok(begun.elapsed())
            })
            .map(micros),
            "logout everywhere, 16 sessions" => repeated(time, |_| {
                let account = engine.register(Register::new(GUEST, PASSWORD))?;
                for _ in 0..16 {
                    engine.login(Login::new(GUEST, PASSWORD))?;
                }
                let begun = Instant::now();
                engine.logout_everywhere(LogoutEverywhere::new(account))?;
                let took = begun.elapsed();
                engine.delete_account(account)?;
                Ok(took)
            })
            .map(micros),
            "purge, 1000 of them over" => repeated(time, |_| {
                self.put(1000, Some(Timestamp::from_millis(1)), &mut Ids::Random, &mut Ids::Random)?;
                let begun = Instant::now();
                let removed = engine.purge(1000)?;
                if removed < 1000 {
                    return Err(format!("{removed} were removed").into());
                }
                Ok(begun.elapsed())
            })
            .map(micros),
            other => Err(format!("{other} is not asked").into()),
        }
    }
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").field("people", &self.people.len()).finish_non_exhaustive()
    }
}

/// Where new rows come to lie.
#[derive(Debug)]
enum Ids {
    /// Anywhere, as an engine's do.
    Random,
    /// Each after the one before, and as far apart as fill the space: a tree takes them much faster, and has fewer gaps then.
    Ascending { next: u128, step: u128 },
}

impl Ids {
    /// For so many.
    fn of(many: usize) -> Self {
        if many <= AT_RANDOM {
            Self::Random
        } else {
            Self::Ascending { next: 0, step: u128::MAX / many as u128 }
        }
    }

    fn next(&mut self) -> Result<[u8; 16], Failure> {
        match self {
            Self::Random => random(),
            Self::Ascending { next, step } => {
                let low = u128::from_be_bytes(random()?) % *step;
                let id = next.saturating_add(low);
                *next = next.saturating_add(*step);
                Ok(id.to_be_bytes())
            }
        }
    }
}

/// More than these are put into a file in the order of their ids: at random, SQLite would take hours.
pub const AT_RANDOM: usize = 1_000_000;
const PER_BATCH: usize = 500;
/// Who can log in, and how many sessions each has: more than a processor's nearest caches hold.
const PEOPLE: usize = 200;
const EACH: usize = 10;
const PASSWORD: &str = "plum kettle orbit";
/// Who comes and goes, and leaves no session.
const VISITOR: &str = "visitor";
/// Who is registered, and deleted.
const GUEST: &str = "guest";

/// The default, but for how often activity is written down: a process that does nothing else meets all its sessions in a minute, and
/// would show what it takes to write.
fn policy() -> Result<Policy, Failure> {
    Ok(Policy::builder().touch_every(Duration::from_mins(30)).build()?)
}

fn name(number: usize) -> String {
    format!("person-{number}")
}

/// They are registered and logged in by an engine whose hashes are as cheap as they may be; one who comes and goes, by the other.
fn people(engine: &Engine, store: &Arc<dyn Store>) -> Result<(Vec<AccountId>, Vec<String>), Failure> {
    engine.register(Register::new(VISITOR, PASSWORD))?;
    let cheap = Policy::builder().argon2(Argon2Params::default().with_memory_kib(12 * 1024)?.with_passes(1)?);
    let engine =
        Engine::builder(Arc::clone(store)).ephemeral().master_key(key()).policy(cheap.build()?).open()?;
    let (mut people, mut tokens) = (Vec::new(), Vec::new());
    for number in 0..PEOPLE {
        people.push(engine.register(Register::new(&name(number), PASSWORD))?);
        for _ in 0..EACH {
            let login = engine.login(Login::new(&name(number), PASSWORD).label("Firefox on Linux"))?;
            tokens.push(login.token.expose().to_owned());
        }
    }
    Ok((people, tokens))
}

/// Does it again and again for about this time, once at least: what it took in the middle.
fn repeated(
    time: Duration,
    mut once: impl FnMut(usize) -> Result<Duration, Failure>,
) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let mut took = Vec::new();
    while took.is_empty() || begun.elapsed() < time {
        took.push(once(took.len())?);
    }
    took.sort_unstable();
    Ok(*took.get(took.len() / 2).ok_or("it was not done")?)
}

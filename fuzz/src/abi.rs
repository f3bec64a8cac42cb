//! Operations through the C ABI, stepped as a host in C steps them; each beside its bare machine, which must need the same
//! at every step, byte for byte, and come to the same.
//!
//! | the world | the machine | the ABI |
//! |---|---|---|
//! | shows a time | polls | `dw_context_set_time`, `dw_op_poll` |
//! | replies with rows, or that it failed | replies | `dw_op_reply_...` |
//! | has work done | replies | `dw_work_run`, for real |
//! | takes the answer | takes the outcome | `dw_op_take_...` |
//!
//! What differs is told as an answer that the model has no word for. What no call of its own is stays with its machine:
//! opening, the upgrade of a hash, the bites of a deletion, the clock.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use doorward_core::error::{Misuse, StoreError, StoreErrorKind};
use doorward_core::machine::{Reply, Ticket};
use doorward_core::policy::Policy;
use doorward_core::record::{Key, Row};
use doorward_core::store::{Batch, Changes, Commit, Cursor, Guarantees, Range, Store};
use doorward_core::time::Timestamp;
use doorward_ffi::dw_status;
use doorward_ffi_host::{self as host, Call, Called, Context, Need, Op, Settings};

use crate::answer::{Answer, Asked, Machinery};
use crate::rng::Rng;
use crate::task::describe;

use agree::agrees;

pub(crate) mod agree;

/// A key or a pepper: its number, and the byte that it consists of.
pub(crate) type Numbered = (u32, u8);

/// What a context is opened with besides its policy.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) master: Numbered,
    /// The first hashes, the others are accepted.
    pub(crate) peppers: Vec<Numbered>,
}

/// One process that has opened a context of the ABI.
#[derive(Clone)]
pub(crate) struct Abi {
    context: Rc<Context>,
    /// The next bytes that its random source gives.
    seed: Arc<Mutex<[u8; 32]>>,
}

impl Abi {
    /// Opens one on this store, at this time.
    pub(crate) fn open(policy: &Policy, keys: &Keys, store: &dyn Store, now: Timestamp) -> Called<Self> {
        let seed = Arc::new(Mutex::new([1; 32]));
        let given = Arc::clone(&seed);
        let settings = Settings {
            store: None,
            master_key: (keys.master.0, [keys.master.1; 32]),
            peppers: keys
                .peppers
                .iter()
                .enumerate()
                .map(|(at, (number, byte))| (*number, [*byte; 32], at > 0))
                .collect(),
            policy: &policy.to_json(),
            manual_clock: now.as_millis(),
            events: 0,
            // A machine remembers an access token only where the world has shown it.
            remember_tokens: Some(0),
            entropy: Arc::new(move |bytes: &mut [u8]| {
                let seed = given.lock().unwrap_or_else(PoisonError::into_inner);
                bytes.iter_mut().zip(seed.iter().cycle()).for_each(|(byte, seed)| *byte = *seed);
            }),
        };
        // What opening wants written beside, such as how late it is, can wait.
        Ok(Self { context: Rc::new(Context::open(&settings, &Full(store))?), seed })
    }

    /// The operation of this machine, begun through the ABI as well.
    pub(crate) fn beside(
        &self,
        machine: Box<dyn Machinery>,
        call: &Call<'_>,
        seed: u64,
    ) -> Box<dyn Machinery> {
        let op = self.context.begin(call);
        let seed = Rng::new(seed).bytes();
        Box::new(Twin { machine, abi: self.clone(), op, seed, keys: vec![], tickets: vec![] })
    }
}

/// A store on a full disk.
struct Full<'a>(&'a dyn Store);

impl Store for Full<'_> {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    fn read(&self, keys: &[Key]) -> Result<Vec<Option<Row>>, StoreError> {
        self.0.read(keys)
    }

    fn scan(&self, range: &Range, limit: usize) -> Result<Vec<(Key, Row)>, StoreError> {
        self.0.scan(range, limit)
    }

    fn commit(&self, _: &Batch) -> Result<Commit, StoreError> {
        Err(StoreError::new(StoreErrorKind::Fatal, "the disk is full"))
    }

    fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        self.0.changes(after, limit)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Err(StoreError::new(StoreErrorKind::Fatal, "the disk is full"))
    }
}

/// A machine and an operation of the ABI.
struct Twin {
    machine: Box<dyn Machinery>,
    abi: Abi,
    op: Called<Op>,
    seed: [u8; 32],
    /// Of the read that waits.
    keys: Vec<Key>,
    /// The tickets of each need: the machine's, the ABI's.
    tickets: Vec<(Ticket, u64)>,
}

impl Twin {
    fn need(&mut self, now: Timestamp) -> Called<(u64, Need)> {
        let op = self.op.as_mut().map_err(|refused| refused.clone())?;
        // It is drawn at the first poll.
        *self.abi.seed.lock().unwrap_or_else(PoisonError::into_inner) = self.seed;
        self.abi.context.set_time(now.as_millis())?;
        op.poll()
    }
}

impl Machinery for Twin {
    fn poll(&mut self, now: Timestamp) -> Asked<'_> {
        let needed = self.need(now);
        let Self { machine, op, keys, tickets, .. } = self;
        let asked = machine.poll(now);
        let ticket = match (&asked, &needed) {
            (Asked::Read(ticket, asked), Ok((_, Need::Read(needed)))) if *asked == needed => {
                keys.clone_from(needed);
                *ticket
            }
            (Asked::Scan(ticket, range, limit), Ok((_, Need::Scan(needed, most))))
                if (*range, *limit) == (needed, *most) =>
            {
                *ticket
            }
            (Asked::Work(ticket, work), Ok((_, Need::Work { is_hashing })))
                if work.is_hashing() == *is_hashing =>
            {
                *ticket
            }
            (Asked::Commit(ticket, batch), Ok((_, Need::Commit(needed)))) if *batch == needed => *ticket,
            (Asked::Done(outcome), Ok((_, Need::Done))) => {
                let called = op.as_mut().map_err(|refused| refused.clone()).and_then(Op::take);
                return if agrees(&called, outcome) { asked } else { differs(&called, &asked) };
            }
            _ => return differs(&needed, &asked),
        };
        let number = needed.map_or(0, |(number, _)| number);
        if tickets.last() != Some(&(ticket, number)) {
            tickets.push((ticket, number));
        }
        asked
    }

    /// [`Misuse::Reply`] where the ABI alone refuses, and no refusal where it alone takes: both are found.
    fn reply(&mut self, ticket: Ticket, reply: Reply) -> Result<(), Misuse> {
        let number = self.tickets.iter().find(|(known, _)| *known == ticket).map_or(0, |(_, number)| *number);
        let keys = &self.keys;
        let called = self.op.as_mut().map_err(|refused| refused.clone()).and_then(|op| match &reply {
            Reply::Rows(rows) => op.reply(number, keys, &host::Reply::Rows(rows.clone())),
            Reply::Page(page) => op.reply(number, keys, &host::Reply::Page(page.clone())),
            Reply::Commit(commit) => op.reply(number, keys, &host::Reply::Commit(*commit)),
            Reply::Failed(error) => op.reply(number, keys, &host::Reply::Failed(error.kind())),
            Reply::Busy => op.reply(number, keys, &host::Reply::Busy),
            Reply::Worked(_) => op.work(number),
        });
        let taken = self.machine.reply(ticket, reply);
        match (taken, called.map_err(|refused| refused.status)) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(Misuse::Reply), Err(dw_status::DW_REPLY))
            | (Err(Misuse::Ticket), Err(dw_status::DW_SEQUENCE)) => taken,
            (Ok(()), Err(_)) => Err(Misuse::Reply),
            (Err(_), _) => Ok(()),
        }
    }
}

fn differs(called: &impl std::fmt::Debug, asked: &Asked<'_>) -> Asked<'static> {
    let said = format!("something else through the C ABI: {called:?}, where it is {}", describe(asked));
    Asked::Done(Ok(Answer::Other(said).into()))
}

//! The engine is the same wherever its rows live, and however its host waits: with the same clock and the same random
//! bytes, each call has the same outcome, tells the same events, and leaves the same rows and the same journal, byte for
//! byte.

use std::fmt::Debug;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use doorward::core::event::EventResult;
use doorward::core::store::Store;
use doorward::store::Pooled;
use doorward::{
    AsyncEngine, Builder, Engine, Entropy, EntropyError, ManualClock, MasterKey, SteppedEngine, Timestamp,
};

use crate::support::block_on::block_on;
use crate::support::engine::{Named, each_store};
use crate::support::face::{Awaited, Driven, Face};
use crate::support::rows::{Dump, dump};
use crate::support::steps::drive;
use crate::support::story::{Listener, Story, policy};
use crate::support::wandering::Wandering;

/// The n-th seed is n.
#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let number = 1 + self.0.fetch_add(1, Ordering::SeqCst);
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// An engine of either kind on a store of any kind, and what it says.
struct Host {
    name: String,
    engine: Arc<dyn Face>,
    store: Arc<dyn Store>,
    clock: ManualClock,
    events: Arc<Mutex<Vec<String>>>,
    log: Vec<Entry>,
    _named: Named,
}

/// What there was to be seen of one call.
#[derive(Debug, PartialEq)]
struct Entry {
    said: String,
    events: Vec<String>,
    /// What the store holds, where somebody looked.
    left: Option<Dump>,
}

impl Host {
    fn blocking(named: Named) -> Self {
        let store = Arc::clone(&named.store);
        Self::new(named, "the engine", |clock, events| {
            Arc::new(with_parts(Engine::builder(store), clock, events).open().unwrap())
        })
    }

    fn asynchronous(named: Named) -> Self {
        let store = Pooled::new(Arc::clone(&named.store)).unwrap();
        Self::new(named, "the asynchronous engine", |clock, events| {
            Arc::new(Awaited(
                block_on(with_parts(AsyncEngine::builder(store), clock, events).open()).unwrap(),
            ))
        })
    }

    fn stepped(named: Named) -> Self {
        let store = Arc::clone(&named.store);
        let guarantees = store.guarantees();
        Self::new(named, "the stepped engine", |clock, events| {
            let builder = with_parts(SteppedEngine::builder(guarantees), clock, events);
            Arc::new(Driven(drive(builder.open(), &*store).unwrap(), store))
        })
    }

    fn new(
        named: Named,
        engine: &str,
        open: impl FnOnce(ManualClock, Arc<Mutex<Vec<String>>>) -> Arc<dyn Face>,
    ) -> Self {
        let clock = ManualClock::at(Timestamp::from_millis(1_700_000_000_000));
        let events = Arc::<Mutex<Vec<String>>>::default();
        let name = format!("{engine} on {}", named.name);
        let engine = open(clock.clone(), Arc::clone(&events));
        Self { name, engine, store: Arc::clone(&named.store), clock, events, log: vec![], _named: named }
    }

    fn note(&mut self, said: String, looks: bool) {
        let events = mem::take(&mut *self.events.lock().unwrap());
        self.log.push(Entry { said, events, left: looks.then(|| dump(&*self.store)) });
    }
}

fn with_parts<S: ?Sized>(
    builder: Builder<S>,
    clock: ManualClock,
    events: Arc<Mutex<Vec<String>>>,
) -> Builder<S> {
    builder
        .ephemeral()
        .master_key(MasterKey::new(1, [0x42; 32]))
        .policy(policy())
        .clock(clock)
        .entropy(Counting::default())
        .events(move |event| events.lock().unwrap().push(format!("{event:?}")))
}

/// Each engine on each store: the first is the one to which the others are compared.
fn hosts() -> impl Iterator<Item = Host> {
    let engines = [Host::blocking, Host::asynchronous, Host::stepped];
    engines.into_iter().flat_map(|engine| each_store().into_iter().map(engine))
}

/// The same was seen by all of them, call by call.
fn assert_same(hosts: &[Host], told: &str) {
    let (first, others) = hosts.split_first().unwrap();
    for other in others {
        for (call, (seen, expected)) in other.log.iter().zip(&first.log).enumerate() {
            let (name, of) = (&other.name, &first.name);
            assert_eq!(seen, expected, "{told}: call {call} of {name} is not as that of {of}");
        }
        assert_eq!(other.log.len(), first.log.len());
    }
}

/// Notes all that a story tells, and looks at the rows after each call.
impl Listener for Host {
    fn asked(&mut self, operation: &dyn Debug) {
        self.note(format!("asked {operation:?}"), false);
    }

    fn came(&mut self, outcome: &dyn Debug, errors: &[String], _told: &[(&'static str, EventResult)]) {
        self.note(format!("came {outcome:?} {errors:?}"), true);
    }

    fn gave(&mut self, token: &str) {
        self.note(format!("gave {token}"), false);
    }
}

#[test]
fn inv_40_the_story_of_every_operation_is_the_same_everywhere() {
    let hosts = hosts().map(|mut host| {
        let (engine, clock) = (Arc::clone(&host.engine), host.clock.clone());
        Story::new(&*engine, &mut host).every_outcome(&clock);
        host
    });
    let hosts: Vec<Host> = hosts.collect();
    assert!(hosts[0].log.len() > 200, "{} entries are no long story", hosts[0].log.len());
    assert_same(&hosts, "the story");
}

/// Another seed is another walk: `DOORWARD_SEED=7`.
#[test]
fn inv_40_a_random_walk_is_the_same_everywhere() {
    let seed = std::env::var("DOORWARD_SEED").map_or(20_260_101, |seed| seed.parse().unwrap());
    let hosts = hosts().map(|mut host| {
        let mut walk = Wandering::new(seed);
        for step in 0..STEPS {
            let said = walk.step(&*host.engine, &host.clock);
            host.note(said, step % 20 == 0 || step == STEPS - 1);
        }
        host
    });
    let hosts: Vec<Host> = hosts.collect();
    assert_same(&hosts, &format!("DOORWARD_SEED={seed}"));
    let said = |what: &str| hosts[0].log.iter().filter(|entry| entry.said.starts_with(what)).count();
    for what in OFTEN {
        assert!(said(what) >= 10, "DOORWARD_SEED={seed} hardly ever comes to {what}");
    }
}

const STEPS: usize = 2_000;

/// What a walk must come to, or it shows little.
const OFTEN: [&str; 6] = [
    "authenticate: Ok",
    "authenticate: Err",
    "login: ((Ok",
    "login: ((Err",
    "update: Ok",
    "logout_everywhere: (Ok",
];

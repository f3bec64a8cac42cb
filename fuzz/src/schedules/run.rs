//! One schedule: what can happen at each point, and what happens.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Faults;
use super::actors::{Actor, Part};
use super::choices::{Choices, NoSuchBranch};
use crate::plan::{ENGINES, Luck, Move};
use crate::violation::Violation;
use crate::world::World;
use crate::world::schedule::Call;

/// The numbers of the actors' operations: above those of the set-up.
const FIRST: u32 = 1_000;

/// How a schedule ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// All is as it must be.
    Right,
    /// It is another schedule in disguise, and was left out.
    Twin,
    /// So many schedules go on from a moment from which another has gone on in all of these ways.
    Known(u64),
    Wrong(Violation),
    /// The choices were for another set.
    Lost,
}

/// A schedule as it is made: see [`super`] for which are twins of others.
pub(super) struct Schedule<'a> {
    world: World,
    actors: Vec<Acting>,
    choices: &'a mut Choices,
    /// Whether something may still go wrong.
    may_fail: bool,
    /// Whether of two looks in a row only one order is gone through.
    reduces: bool,
    last: Last,
    /// What happened, for people, when it is told.
    pub(super) story: Option<Vec<String>>,
}

struct Acting {
    actor: Actor,
    label: u32,
    engine: u8,
    has_purged: bool,
}

/// What happened last.
#[derive(Clone, Copy, Hash)]
enum Last {
    Nothing,
    /// An actor looked: whether that was its first call, and whether it came to its end by it.
    Look {
        place: usize,
        was_first: bool,
        ended: bool,
    },
    /// An actor committed: whether the batch is still on its way.
    Commit {
        place: usize,
        is_sent: bool,
    },
    Other,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Call {
        place: usize,
        call: Call,
        luck: Luck,
    },
    /// The actor's process ends while a batch is on its way.
    CrashAtSea {
        place: usize,
    },
    Purge {
        place: usize,
    },
    Crash {
        engine: u8,
    },
    /// What is on its way lands.
    Lands,
}

/// Why a schedule is not gone on with.
enum Stop {
    Twin,
    Known(u64),
    Lost,
    Wrong(Violation),
}

impl<'a> Schedule<'a> {
    /// These actors, in a world of their own, which is as it was set up.
    pub(super) fn new(
        world: &World,
        actors: &[Actor],
        choices: &'a mut Choices,
        faults: Faults,
        reduces: bool,
    ) -> Result<Self, Violation> {
        let mut world = world.fork()?;
        let mut acting = Vec::with_capacity(actors.len());
        for (actor, label) in actors.iter().zip(FIRST..) {
            let engine = (label - FIRST).to_le_bytes()[0] % ENGINES;
            if let Part::Asks(action) = actor.part {
                world.prepare(engine.into(), label, action, label.into())?;
            }
            acting.push(Acting { actor: *actor, label, engine, has_purged: false });
        }
        let may_fail = faults == Faults::One;
        Ok(Self { world, actors: acting, choices, may_fail, reduces, last: Last::Nothing, story: None })
    }

    /// Runs it to its end. What a thief finds is looked at on demand.
    pub(super) fn run(&mut self, robbed: bool) -> Ended {
        match self.run_on(robbed) {
            Ok(()) => Ended::Right,
            Err(Stop::Twin) => Ended::Twin,
            Err(Stop::Known(follow)) => Ended::Known(follow),
            Err(Stop::Lost) => Ended::Lost,
            Err(Stop::Wrong(violation)) => Ended::Wrong(violation),
        }
    }

    /// What has become of the world.
    pub(super) fn outcome(&self) -> String {
        self.world.outcome()
    }

    fn run_on(&mut self, robbed: bool) -> Result<(), Stop> {
        loop {
            let events = self.events();
            if events.is_empty() {
                break;
            }
            let event = events[self.choices.pick(events.len())?];
            if let Some(story) = &mut self.story {
                story.push(told(event, &self.actors));
            }
            self.happens(event)?;
            if let Some(follow) =
                self.choices.arrive(|| moment(&self.world, &self.actors, (self.may_fail, self.last)))
            {
                return Err(Stop::Known(follow));
            }
        }
        if !self.world.has_flight() {
            return Ok(self.world.close(robbed)?);
        }
        // Nothing has happened since it was sent: it is as if it had been applied at once.
        if matches!(self.last, Last::Commit { is_sent: true, .. }) {
            return Err(Stop::Twin);
        }
        if let Some(story) = &mut self.story {
            story.push(told(Event::Lands, &self.actors));
        }
        self.lands()?;
        Ok(self.world.close(robbed)?)
    }

    /// All that can happen now; nothing when all have come to their ends.
    fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut is_under_way = [false; ENGINES as usize];
        for place in 0..self.actors.len() {
            let Acting { actor, label, engine, has_purged } = self.actors[place];
            if actor.part == Part::Purges {
                events.extend((!has_purged).then_some(Event::Purge { place }));
                continue;
            }
            let Some(call) = self.world.waits_for(label) else { continue };
            is_under_way[usize::from(engine)] = true;
            for luck in lucks(call, self.may_fail) {
                if call == Call::Commit || !self.is_surely_a_twin(place, *luck) {
                    events.push(Event::Call { place, call, luck: *luck });
                }
            }
            if self.may_fail && call == Call::Commit {
                events.push(Event::CrashAtSea { place });
            }
        }
        if events.is_empty() {
            return events;
        }
        if self.world.has_flight() && !matches!(self.last, Last::Commit { is_sent: true, .. }) {
            events.push(Event::Lands);
        }
        for engine in 0..ENGINES {
            let may_crash = match self.last {
                Last::Nothing => true,
                Last::Look { place, .. } | Last::Commit { place, .. } => self.actors[place].engine == engine,
                Last::Other => false,
            };
            if self.may_fail && may_crash && is_under_way[usize::from(engine)] {
                events.push(Event::Crash { engine });
            }
        }
        events
    }

    fn happens(&mut self, event: Event) -> Result<(), Stop> {
        let landed = self.world.landed();
        match event {
            Event::Call { place, call: Call::Look, luck } => self.looks(place, luck),
            Event::Call { place, call: Call::Commit, luck } => {
                self.may_fail &= luck == Luck::Good;
                let label = self.actors[place].label;
                self.world.call(label, luck)?;
                self.last = Last::Commit { place, is_sent: luck == Luck::UnknownInFlight };
                let is_twin = match luck {
                    // Then there is no reply yet.
                    Luck::ReplyLost => self.world.waits_for(label).is_some(),
                    // Then it is as if it had been lost.
                    Luck::UnknownApplied => self.world.landed() == landed,
                    _ => false,
                };
                if is_twin { Err(Stop::Twin) } else { Ok(()) }
            }
            Event::CrashAtSea { place } => {
                self.may_fail = false;
                let Acting { label, engine, .. } = self.actors[place];
                self.world.call(label, Luck::UnknownInFlight)?;
                self.last = Last::Other;
                Ok(self.world.moves(Move::Restart { engine })?)
            }
            Event::Purge { place } => {
                self.actors[place].has_purged = true;
                self.last = Last::Other;
                let Acting { engine, label, .. } = self.actors[place];
                Ok(self.world.purges(engine.into(), label.into())?)
            }
            Event::Crash { engine } => {
                (self.may_fail, self.last) = (false, Last::Other);
                Ok(self.world.moves(Move::Restart { engine })?)
            }
            Event::Lands => self.lands(),
        }
    }

    fn looks(&mut self, place: usize, luck: Luck) -> Result<(), Stop> {
        self.may_fail &= luck == Luck::Good;
        let label = self.actors[place].label;
        let (may_be_a_twin, was_first) = (self.may_be_a_twin(place), self.world.is_new(label));
        self.world.call(label, luck)?;
        let ended = luck == Luck::Good && self.world.waits_for(label).is_none();
        self.last = Last::Look { place, was_first, ended };
        if may_be_a_twin && !ended { Err(Stop::Twin) } else { Ok(()) }
    }

    /// What lands without effect is as good as lost.
    fn lands(&mut self) -> Result<(), Stop> {
        let landed = self.world.landed();
        self.last = Last::Other;
        for Acting { label, .. } in &self.actors {
            self.world.moves(Move::Land { label: *label })?;
        }
        if self.world.landed() == landed { Err(Stop::Twin) } else { Ok(()) }
    }

    /// Whether a look of this actor now would come after one that it could as well have come before; unless it ends its
    /// operation, when the other was the first of its own: then one was over when the other began.
    fn may_be_a_twin(&self, place: usize) -> bool {
        let Last::Look { place: before, ended, .. } = self.last else { return false };
        self.reduces && place < before && !(ended && self.world.is_new(self.actors[place].label))
    }

    fn is_surely_a_twin(&self, place: usize, luck: Luck) -> bool {
        let other_began = matches!(self.last, Last::Look { was_first: true, .. });
        self.may_be_a_twin(place) && !(other_began && luck == Luck::Good)
    }
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Wrong(violation)
    }
}

impl From<NoSuchBranch> for Stop {
    fn from(_: NoSuchBranch) -> Self {
        Self::Lost
    }
}

/// All that decides what can follow, and whether it is right.
fn moment(world: &World, actors: &[Acting], state: (bool, Last)) -> u64 {
    let mut digest = DefaultHasher::new();
    (world.moment(), state).hash(&mut digest);
    for acting in actors {
        acting.has_purged.hash(&mut digest);
    }
    digest.finish()
}

/// How a call may go.
fn lucks(call: Call, may_fail: bool) -> &'static [Luck] {
    match (call, may_fail) {
        (_, false) => &[Luck::Good],
        (Call::Look, true) => &[Luck::Good, Luck::Retryable, Luck::Fatal],
        (Call::Commit, true) => &[
            Luck::Good,
            Luck::Retryable,
            Luck::Fatal,
            Luck::UnknownApplied,
            Luck::UnknownLost,
            Luck::UnknownInFlight,
            Luck::ReplyLost,
        ],
    }
}

fn told(event: Event, actors: &[Acting]) -> String {
    let name = |place: usize| actors[place].actor.name;
    match event {
        Event::Call { place, call, luck } => {
            let does = if call == Call::Look { "looks" } else { "commits" };
            let how = if luck == Luck::Good { String::new() } else { format!(": {luck:?}") };
            format!("{} {does}{how}", name(place))
        }
        Event::CrashAtSea { place } => {
            format!("{} commits, and its engine crashes while the batch is on its way", name(place))
        }
        Event::Purge { place } => name(place).to_owned(),
        Event::Crash { engine } => format!("engine {engine} crashes"),
        Event::Lands => "the batch that was on its way lands".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ACTORS;
    use super::super::actors::set_up;
    use super::*;

    /// The moment after these calls of these actors, each by the actor's place, and what became of it.
    fn after<const N: usize>(names: [&str; N], calls: &[(usize, Luck)]) -> (u64, String) {
        let world = World::new().set_up(&set_up()).unwrap();
        let actors = names.map(|name| *ACTORS.iter().find(|actor| actor.name == name).unwrap());
        let mut choices = Choices::default();
        let mut schedule = Schedule::new(&world, &actors, &mut choices, Faults::One, true).unwrap();
        for (place, luck) in calls {
            let label = schedule.actors[*place].label;
            assert!(schedule.world.waits_for(label).is_some());
            schedule.world.call(label, *luck).unwrap();
        }
        (schedule.world.moment(), schedule.outcome())
    }

    /// The rows are the same, and what the engine answered. But one client knows that its session is over, so that nobody may
    /// be let in by it from here on, and the other does not.
    #[test]
    fn whoever_knows_of_its_logout_is_at_another_moment() {
        let looks = (0, Luck::Good);
        let (told, lost) =
            (after(["logout"], &[looks, (0, Luck::Good)]), after(["logout"], &[looks, (0, Luck::ReplyLost)]));
        assert_eq!(told.1, lost.1);
        assert_ne!(told.0, lost.0);
    }

    /// Nor is it one moment for two operations of which one began before a logout was answered, and the other after.
    #[test]
    fn who_began_before_an_answer_matters_and_nothing_else_of_their_order() {
        let (logout, other) = ((0, Luck::Good), (1, Luck::Good));
        let both = ["logout", "register another"];
        let first = after(both, &[other, logout, logout]);
        let between = after(both, &[logout, other, logout]);
        let last = after(both, &[logout, logout, other]);
        assert_eq!(first, between);
        assert_eq!(between.1, last.1);
        assert_ne!(between.0, last.0);
    }
}

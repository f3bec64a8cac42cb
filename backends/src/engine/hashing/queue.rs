//! Who hashes now, who waits, and who is next.
//!
//! A call wakes a task, which is the host's code: it may drop that task or another, and their places with them. So nobody
//! is called under the lock.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use doorward_core::error::Fault;
use doorward_core::model::source::SourcePrefix;
use futures_channel::oneshot;

use super::Hashing;

pub(super) struct Queue {
    limits: Hashing,
    state: Mutex<State>,
    turn: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// The sources of the runs in progress, in the order of beginning.
    pub(super) running: Vec<Option<SourcePrefix>>,
    /// Who waits, in the order of coming.
    pub(super) waiting: VecDeque<Waiter>,
    pub(super) next: u64,
}

pub(super) struct Waiter {
    pub(super) ticket: u64,
    pub(super) source: Option<SourcePrefix>,
    /// Heard by who waits without a thread.
    pub(super) call: Call,
}

type Call = oneshot::Sender<()>;

impl Queue {
    pub(super) fn new(limits: Hashing) -> Self {
        Self { limits, state: Mutex::default(), turn: Condvar::new() }
    }

    /// A place in the queue, or at once a turn.
    pub(super) fn join(self: &Arc<Self>, source: Option<SourcePrefix>) -> Result<Place, Fault> {
        let mut state = self.state();
        let ticket = state.next;
        let (call, called) = oneshot::channel();
        if state.running.len() < self.limits.at_once.get() && state.waiting.is_empty() {
            state.running.push(source);
            // Nobody is there to hear that it failed to be heard.
            let _ = call.send(());
        } else {
            if state.waiting.len() >= self.limits.queue || state.waiting_of(source) >= self.share() {
                return Err(Fault::Busy);
            }
            state.waiting.push_back(Waiter { ticket, source, call });
        }
        state.next += 1;
        drop(state);
        Ok(Place { queue: Arc::clone(self), ticket, source, called })
    }

    /// How many callers of one source may wait.
    fn share(&self) -> usize {
        (self.limits.queue / self.limits.shares).max(1)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The place of a run that ends goes to who waits: to the source with the fewest runs in progress, the one that ends
    /// included, and among these to who came first. A caller without a source is a source of its own, so that without
    /// sources it is first come, first served.
    ///
    /// Nobody starves. The first in the queue of a busy source is passed over while that source has runs in progress, and
    /// these end. Then it has none, no other has fewer, and only those who came before it go before it.
    #[must_use]
    pub(super) fn hand_over(&mut self, ended: Option<SourcePrefix>) -> Option<Call> {
        let runs_of = |waiter: &Waiter| match waiter.source {
            None => 0,
            source => self.running.iter().filter(|running| **running == source).count(),
        };
        let next = self.waiting.iter().enumerate().min_by_key(|(_, waiter)| runs_of(waiter));
        let next = next.map(|(position, _)| position);
        if let Some(position) = self.running.iter().position(|running| *running == ended) {
            self.running.remove(position);
        }
        let waiter = next.and_then(|position| self.waiting.remove(position))?;
        self.running.push(waiter.source);
        Some(waiter.call)
    }

    /// Who waited goes away. Its call is dropped outside of the lock: that wakes, too.
    fn leave(&mut self, ticket: u64) -> Option<Call> {
        let position = self.waiting.iter().position(|waiter| waiter.ticket == ticket)?;
        self.waiting.remove(position).map(|waiter| waiter.call)
    }

    fn waiting_of(&self, source: Option<SourcePrefix>) -> usize {
        match source {
            None => 0,
            source => self.waiting.iter().filter(|waiter| waiter.source == source).count(),
        }
    }

    fn waits(&self, ticket: u64) -> bool {
        self.waiting.iter().any(|waiter| waiter.ticket == ticket)
    }
}

/// A place in the queue, and then at work; given up when dropped, whichever it is.
pub(super) struct Place {
    queue: Arc<Queue>,
    ticket: u64,
    source: Option<SourcePrefix>,
    called: oneshot::Receiver<()>,
}

impl Place {
    /// Blocks until its turn has come.
    pub(super) fn wait(&self) {
        let state = self.queue.state();
        // Whoever ends a run takes the next one out of the queue and gives it the place.
        let waits = |state: &mut State| state.waits(self.ticket);
        drop(self.queue.turn.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner));
    }

    /// The same without a thread.
    pub(super) async fn turn(&mut self) {
        // The caller of this place is in the queue or has called: it cannot be gone before.
        let _ = (&mut self.called).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let call =
            if state.waits(self.ticket) { state.leave(self.ticket) } else { state.hand_over(self.source) };
        drop(state);
        self.queue.turn.notify_all();
        // One that has gone away before it hears has given its place to the next by then. One whose waker panics has
        // its place all the same.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| call.map(|call| call.send(())))) {
            mem::forget(payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::num::NonZeroUsize;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use doorward_core::event::Source;

    use super::*;

    fn queue(at_once: usize, queue: usize) -> Arc<Queue> {
        let at_once = NonZeroUsize::new(at_once).unwrap();
        Arc::new(Queue::new(Hashing { at_once, queue, ..Hashing::default() }))
    }

    fn source(number: u32) -> SourcePrefix {
        Source::from(IpAddr::from(Ipv4Addr::from_bits(number))).into()
    }

    fn has_turn(place: &mut Place) -> bool {
        let turn = pin!(place.turn());
        matches!(turn.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    /// A free place is not for who comes now while others wait for it.
    #[test]
    fn nobody_overtakes_the_queue() {
        let queue = queue(1, 1);
        let call = oneshot::channel().0;
        queue.state().waiting.push_back(Waiter { ticket: u64::MAX, source: None, call });
        assert!(matches!(queue.join(None), Err(Fault::Busy)));
    }

    /// A client that hangs up while it waits, or when its turn has just come, keeps nobody from theirs.
    #[test]
    fn who_goes_away_leaves_the_turn_to_the_next() {
        let queue = queue(1, 3);
        let [mut running, mut second, third, mut fourth] = [(); 4].map(|()| queue.join(None).unwrap());
        assert!(has_turn(&mut running) && !has_turn(&mut second) && !has_turn(&mut fourth));
        drop(third);
        drop(running);
        assert!(has_turn(&mut second) && !has_turn(&mut fourth));
        drop(second);
        assert!(has_turn(&mut fourth));
        let seen = |state: &State| (state.running.len(), state.waiting.len());
        assert_eq!(seen(&queue.state()), (1, 0));
        // Called, and gone before it heard.
        let unheard = queue.join(None).unwrap();
        drop(fourth);
        drop(unheard);
        assert_eq!(seen(&queue.state()), (0, 0));
        assert!(has_turn(&mut queue.join(None).unwrap()));
    }

    /// Callers of fresh sources come without end; each finds a place in the queue, and none of them keeps a caller
    /// of the busy source from being served.
    #[test]
    fn nobody_starves() {
        const QUEUE: u64 = 16;
        for at_once in 1..5 {
            let mut state = State { running: vec![Some(source(0)); at_once], ..State::default() };
            let come = |state: &mut State, source| {
                state.waiting.push_back(Waiter { ticket: state.next, source, call: oneshot::channel().0 });
                state.next += 1;
            };
            (0..4).for_each(|_| come(&mut state, Some(source(0))));
            for turn in 0..200_u32 {
                while state.waiting.len() < 16 {
                    come(&mut state, Some(source(1_000 + turn)));
                }
                // The oldest run ends; who came when is what waits too long.
                let ended = state.running[0];
                let _called = state.hand_over(ended);
                assert_eq!(state.running.len(), at_once);
                let oldest = state.waiting.iter().map(|waiter| waiter.ticket).min().unwrap();
                let most = 4 * (QUEUE + u64::try_from(at_once).unwrap());
                assert!(state.next - oldest <= most, "{at_once} at once: ticket {oldest} in turn {turn}");
            }
        }
    }
}

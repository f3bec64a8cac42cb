//! The engines: the core's machine on a store, a clock, a random source and a hashing pool.
//!
//! | file | what |
//! |---|---|
//! | `blocking`, `asynchronous` | the two engines: a method for each operation |
//! | `stepped` | the engine of a host that does its own I/O: an operation is a value |
//! | `builder` | how one is put together |
//! | `run`, `reach` | the loop that both run, and how their calls reach the store |
//! | `authenticate` | a session token: a look, and mostly no more |
//! | `clock`, `entropy`, `hashing`, `sources`, `events` | what they are made of |
//! | `verify`, `watch`, `proven` | access tokens: the three modes, the view of the journal, what was proven before |
//! | `maintenance` | what a store needs now and then |

pub use asynchronous::AsyncEngine;
pub use blocking::Engine;
pub use builder::{Builder, OpenError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use entropy::{Entropy, EntropyError, SystemEntropy};
pub use hashing::Hashing;
pub use maintenance::Maintained;
pub use proven::Remembered;
pub(crate) use reach::contain;
pub use stepped::{Step, StepNeed, StepReply, StepTicket, StepWork, SteppedEngine, Steps};

mod asynchronous;
mod authenticate;
mod blocking;
mod builder;
mod clock;
mod entropy;
pub mod events;
mod hashing;
mod maintenance;
mod proven;
mod reach;
mod run;
mod sources;
mod stepped;
mod verify;
mod watch;

//! A host of the C ABI, for tests: it calls the header's functions with pointers and lengths, as C does, and copies and frees
//! all that it is given.
//!
//! | it | is |
//! |---|---|
//! | [`Call`] | an operation with all that can be said to it |
//! | [`Engine`] | `dw_engine`: a call has its outcome at once |
//! | [`Context`] | `dw_context`: a call becomes an [`Op`], which the host steps |
//! | [`Given`], [`Refused`] | every field of a result, or of an error |
//! | [`random`] | all functions, in any order, with any arguments |
//! | [`raw`] | every function of the header with whatever can be said to it, right or wrong |
//!
//! On the way it holds the library to what is promised of every call: an output is written when the status is `DW_OK` and only
//! then, an error only else, and a text ends in a zero. What is not so stops the test.
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
#![allow(clippy::missing_panics_doc, reason = "it fails as a test does: where the library breaks its word")]

mod call;
mod called;
mod event;
mod given;
mod host;
mod op;
pub mod random;
pub mod raw;
mod rows;

pub use call::{Call, LoginOptions, Names};
pub use called::{Called, Refused};
pub use event::Event;
pub use given::{Given, Id, Renewed, Session};
pub use host::{Context, Engine, Fill, Settings};
pub use op::{Need, Op, Reply, drive};

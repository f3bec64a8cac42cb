//! The checks, one function per promise; [`suite`](crate::suite) gives them their names and sentences.
//!
//! A check uses no more of the contract than it must, so that a store which breaks one promise is told so by
//! that promise alone: a check of raises does not rely on expectations, one of the journal not on scans.

pub(crate) mod commit;
pub(crate) mod durable;
pub(crate) mod ending;
pub(crate) mod handle;
pub(crate) mod journal;
pub(crate) mod purge;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod scan;

//! Measuring what Doorward costs.
//!
//! A figure is a median over rounds, with its quartiles. All candidates work in every round, in an order of its own,
//! so that whatever else the machine does hits all alike; compare figures of one run only.
//!
//! | module | holds |
//! |---|---|
//! | [`candidate`] | the stores that are compared: one line each |
//! | [`work`] | what is asked of each |
//! | [`populate`] | rows as an engine makes them, by the hundred thousand |
//! | [`process`] | opening in a process of its own: time and memory |
//! | [`table`] | medians, quartiles, ratios |
//! | [`duel`] | two ways to do the same work, by turns |
//! | [`limits`] | our operations next to the raw part that each cannot do without |
//! | [`instructions`] | how many instructions our operations take |
//! | [`peers`] | our operations next to what others build on |
//! | [`http`] | a request of somebody logged in: our web login next to others |
//! | [`rounds`] | what a command line asks of those that compare by turns |
//! | [`chart`] | bars |
//! | [`answering`] | processes that are asked by turns |
//! | [`crowd`] | many at once |
//! | [`scale`] | the same work among few sessions and among very many |
#![forbid(unsafe_code)]

pub mod answering;
pub mod candidate;
pub mod chart;
pub mod crowd;
pub mod duel;
pub mod http;
pub mod instructions;
pub mod limits;
pub mod peers;
pub mod populate;
pub mod process;
pub mod rounds;
pub mod scale;
pub mod table;
pub mod work;

/// Whatever stops a measurement.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

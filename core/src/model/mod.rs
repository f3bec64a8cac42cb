//! The lives of what is stored: who may be in which state, and what moves it.

pub mod keyring;
pub mod session;
pub mod source;
pub mod throttle;

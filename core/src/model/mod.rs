//! The lives of what is stored: who may be in which state, and what moves it.

pub mod clock;
pub mod data;
pub mod deletion;
pub mod device;
pub mod grant;
pub mod keyring;
pub mod session;
pub mod signing;
pub mod source;
pub mod throttle;
pub mod view;

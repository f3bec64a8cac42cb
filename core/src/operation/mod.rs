//! The operations: each a value with its input, a pure decision, and an outcome.
//!
//! | operation | reads | writes | outcome |
//! |---|---|---|---|
//! | [`open::Open`] | keyring | keyring, once per store and per new master key | [`open::Opened`] |
//! | [`register::Register`] | login | login, account, active, credential | the account |
//! | [`login::Login`] | keyring, login; throttle, account, active, credential, attempts, previous session | session; or throttle and attempts | [`login::LoggedIn`] |
//! | [`rehash::Rehash`] | credential | credential, when it is still the one that the login saw | [`rehash::Rehashed`] |
//! | [`authenticate::Authenticate`] | session, account, keyring | a touch, now and then | [`authenticate::Session`] |
//! | [`logout::Logout`] | session, account, keyring | deletes the session, tells the journal | [`logout::Receipt`] |

pub mod authenticate;
mod guess;
pub mod login;
pub mod logout;
pub mod open;
pub mod register;
pub mod rehash;
pub mod rotate_session;
mod standing;

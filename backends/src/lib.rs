//! Doorward: an embedded authentication engine. Link it, hand it a store, and it says who is at the door.
#![forbid(unsafe_code)]

pub use doorward_core as core;
pub use doorward_core::operation::authenticate::{AuthenticateError, Session};
pub use doorward_core::operation::login::{LoggedIn, Login, LoginError};
pub use doorward_core::operation::logout::{Ended, LogoutError, Receipt};
pub use doorward_core::operation::register::{Register, RegisterError};
pub use doorward_core::policy::Policy;
pub use doorward_core::secret::MasterKey;

pub use engine::{
    Builder, Clock, Engine, Entropy, EntropyError, Hashing, ManualClock, OpenError, SystemClock,
    SystemEntropy,
};

pub use key_file::{KeyFile, KeyFileError};

mod engine;
mod key_file;
pub mod store;

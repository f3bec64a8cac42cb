//! What the core promises, seen from outside: one program, because each links the whole engine.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers fail as their tests do"
)]

mod anonymous;
mod argon2_vectors;
mod cap;
mod clock;
mod compromised;
mod contracts;
mod deletion;
mod devices;
mod devices_counting;
mod encoding;
mod events;
mod faults;
mod flaws;
mod flaws_lifecycle;
mod frame;
mod glance;
mod issue;
mod jwt_differential;
mod jwt_verifier;
mod lifecycle;
mod lifecycle_endings;
mod lifecycle_password;
mod login;
mod logout;
mod machine;
mod machine_fate;
mod machine_misuse;
mod machine_random;
mod pepper;
mod policy_bounds;
mod printed;
mod receipts;
mod refresh;
mod refresh_races;
mod register;
mod rehash;
mod replies;
mod revoke_all;
mod revoke_token;
mod says_over;
mod secrets;
mod session;
mod session_data;
mod signing_keys;
mod source;
mod support;
mod verify;
mod view;
mod web;

//! The operations: each a value with its input, a pure decision, and an outcome.
//!
//! | operation | reads | writes | outcome |
//! |---|---|---|---|
//! | [`open::Open`] | keyring, clock | keyring, once per store and per new master key or pepper, and when a signing key is due; the clock's mark, now and then | [`open::Opening`] |
//! | [`register::Register`] | login | login, account, active, credential | the account |
//! | [`login::Login`] | keyring, login; throttle, account, active, credential, attempts, devices, previous session, its data to carry over; with a cap scans the account's sessions | session and data, while throttle, attempts and previous session with its data go; devices; with a cap the account, while the oldest sessions go; or throttle and attempts | [`login::LoggedIn`] |
//! | [`rehash::Rehash`] | credential | credential, when it is still the one that the login saw | [`rehash::Rehashed`] |
//! | [`authenticate::Authenticate`] | session, account, keyring | a touch, now and then | [`authenticate::Session`] |
//! | [`open_session::OpenSession`] | keyring | session, data | [`open_session::OpenedSession`] |
//! | [`session_data::SessionData`] | session, account, keyring, data | a touch, now and then | [`session_data::KeptData`] |
//! | [`session_data::UpdateSessionData`] | session, account, keyring, data | data; session, when a touch is due or it gets another lifetime | [`authenticate::Visitor`] |
//! | [`reauthenticate::Reauthenticate`] | session, account, keyring; throttle, credential, attempts, devices, data, grants | session, data, grants; or throttle and attempts | [`rotate_session::Renewed`] |
//! | [`rotate_session::RotateSession`] | session, account, keyring | session | [`rotate_session::Renewed`] |
//! | [`sessions::Sessions`] | account, keyring; scans the account's sessions | – | a list |
//! | [`end_session::EndSession`] | session, account, keyring | deletes the session with its data and grants, tells the journal | [`logout::Receipt`] |
//! | [`logout_everywhere::LogoutEverywhere`] | account; the session to keep, keyring | raises the account, tells the journal; session, while its grants go | [`logout_everywhere::EndedEverywhere`] |
//! | [`change_password::ChangePassword`] | as reauthenticate; scans the account's names | credential, session, data, raises the account, deletes devices, attempts and grants, tells the journal; or throttle and attempts | [`rotate_session::Renewed`] |
//! | [`set_password::SetPassword`] | account, credential, keyring; scans the account's names | credential, raises the account, deletes counters and devices, tells the journal | – |
//! | [`unlock::Unlock`] | account, keyring; scans the account's names; counters | deletes counters | – |
//! | [`access::Disable`] | account | deletes active, raises the account, tells the journal | – |
//! | [`access::Enable`] | account, active | active | – |
//! | [`after_restore::AfterRestore`] | keyring | keyring, raised, tells the journal | – |
//! | [`rename::Rename`] | account, the new login; scans the account's names | login, account, deletes the old login | – |
//! | [`mark_compromised::MarkCompromised`] | account, credential | credential, raises the account, tells the journal | – |
//! | [`delete_account::DeleteAccount`] | account, deletion, keyring; scans the account's names | deletion; deletes the account, its names and all that lets in, tells the journal | – |
//! | [`finish_deletion::FinishDeletion`] | deletion; scans all that the account owns | deletes a bite of it, the deletion last | [`finish_deletion::Remains`] |
//! | [`deletions::Deletions`] | scans the deletions | – | a list |
//! | [`tick::Tick`] | clock | the clock's mark, now and then | whether the clock can be right |
//! | [`trust_clock::TrustClock`] | keyring, clock | the clock's mark; raises the keyring, tells the journal, when it is lowered | [`trust_clock::Trusted`] |
//! | [`logout::Logout`] | session, account, keyring | deletes the session with its data and grants, tells the journal | [`logout::Receipt`] |
//! | [`issue::Issue`] | session, account, keyring; with a refresh token the grants | a touch, now and then; with a refresh token grants, session, and the journal is told of a family that is pushed out | [`issue::Issued`] |
//! | [`refresh::Refresh`] | session, account, keyring, grants | grants, session; or, for one that comes back, deletes the session with its data and grants, tells the journal | [`issue::Issued`] |
//! | [`verify::Verify`] | session, account, keyring, grants | as below | [`verify::Proven`] |
//! | [`introspect::Introspect`] | session, account, keyring, grants | as below | [`introspect::Introspection`] |
//! | [`revoke_token::RevokeToken`] | session, account, keyring, grants; of an access token the clock | grants, tells the journal | [`logout::Ended`] |
//! | [`jwks::Jwks`] | keyring | – | [`jwks::PublishedKeys`] |
//! | [`rotate_keys::RotateKeys`] | keyring | keyring | [`rotate_keys::RotatedKeys`] |
//! | [`revoke_all_tokens::RevokeAllTokens`] | keyring | keyring, raised when sessions are to end, tells the journal | – |
//!
//! An anonymous session has no account row to read. Whoever is shown a token of a session that is over by its time deletes that
//! session with its data and grants, and tells the journal.
//!
//! In the examples `engine.run(…)` is `doorward::Engine::run`: it drives an operation on a store. Its own failure, a
//! [`Fault`](crate::error::Fault), is outside; what the operation decided is inside.

pub mod access;
pub mod after_restore;
pub mod authenticate;
mod cap;
pub mod change_password;
pub mod delete_account;
pub mod deletions;
mod device;
pub mod end_session;
pub mod finish_deletion;
mod glance;
mod guess;
pub mod introspect;
pub mod issue;
pub mod jwks;
pub mod login;
pub mod logout;
pub mod logout_everywhere;
pub mod mark_compromised;
mod minting;
mod names;
pub mod open;
pub mod open_session;
pub mod reauthenticate;
pub mod refresh;
pub mod register;
pub mod rehash;
pub mod rename;
pub mod revoke_all_tokens;
pub mod revoke_token;
pub mod rotate_keys;
pub mod rotate_session;
pub mod session_data;
pub mod sessions;
pub mod set_password;
mod standing;
pub mod tick;
pub mod trust_clock;
pub mod unlock;
pub mod verify;

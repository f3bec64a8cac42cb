//! What the tests share: a site on a loopback socket, a client that speaks HTTP/1.1 to it, and a browser's cookies.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it fails as the tests do

pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod gate;
pub(crate) mod jar;
pub(crate) mod site;

pub(crate) const NAME: &str = "ada";
pub(crate) const PASSWORD: &str = "the right and proper password";
pub(crate) const WRONG: &str = "a wrong and improper password";
pub(crate) const COOKIE: &str = "__Host-session";
pub(crate) const CLEARED: &str = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";

//! The web, as values: what a login, a token route and a logout say to a browser. No HTTP types: an adapter turns a
//! [`Plan`](reply::Plan) into its framework's response.
//!
//! | module | decides |
//! |---|---|
//! | [`cookie`] | how the session's cookie is set, read and cleared |
//! | [`origin`] | whether a request was sent by one of our own pages |
//! | [`target`] | where a browser may be sent back to |
//! | [`bearer`] | which token an `Authorization` header carries |
//! | [`logout_link`] | the token in a link that logs out |
//! | [`reply`] | status, headers, cookies and body of each success |
//! | [`problem`] | the same for each refusal |
//!
//! What goes wrong on the web as it is usually built, and what keeps it from going wrong here:
//!
//! | elsewhere | here |
//! |---|---|
//! | a rolling cookie sets itself again after the logout | only login, re-authentication, rotation, a new password and a logout everywhere else set a cookie, and only logout clears it |
//! | the clearing cookie has other attributes than the set one, and the browser keeps that | both are written from one [`Cookie`](cookie::Cookie) |
//! | an image on another site logs people out | [`FetchHeaders::check_link`](origin::FetchHeaders::check_link) |
//! | a login redirects to wherever its link said | [`ReturnTarget`](target::ReturnTarget) |
//! | a page with the session on it stays in a cache | every [`Plan`](reply::Plan) says `no-store` |

pub mod bearer;
pub mod cookie;
pub mod logout_link;
pub mod origin;
pub mod problem;
pub mod reply;
pub mod target;

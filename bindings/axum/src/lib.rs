//! Doorward for axum: a layer, extractors, and the routes of a web login.
//!
//! | start with | for |
//! |---|---|
//! | [`Auth`] | the layer and the router, in ten lines |
//! | [`Session`], [`OptionalSession`], [`FreshSession`] | who sends this cookie |
//! | [`AccessToken`] | who sends this bearer token |
//! | [`Rejection`] | what a refused request is told |
//!
//! | route | does |
//! |---|---|
//! | `POST /auth/register` | signs up: `name`, `password` |
//! | `POST /auth/login` | logs in: `name`, `password`, `remember`; a form goes on to `next` or `/` |
//! | `POST /auth/reauthenticate` | proves the `password` again, for what asks for a [`FreshSession`] |
//! | `POST /auth/password` | changes it: `current`, `new`; every other session ends |
//! | `POST /auth/token` | an access token of the session, and a refresh token unless `refresh` is false: `scope` |
//! | `POST /auth/refresh` | both anew: `refresh_token`, `scope` |
//! | `POST /auth/logout` | ends the session, clears the cookie, and goes to `next` or `/` |
//! | `GET /auth/logout` | the same by a link: with `token` from [`Session::logout_url`], or followed by a person on a page of ours |
//! | `GET /auth/sessions` | the person's sessions |
//! | `DELETE /auth/sessions` | ends all but the one that asks, which gets a new cookie |
//! | `DELETE /auth/sessions/{id}` | ends one of them; of the one that asks, the cookie stays, and opens nothing |
//! | `GET /.well-known/jwks.json` | the keys that tokens are signed with |
//! | `GET /auth/openapi.json` | all this, as an `OpenAPI` document |
//!
//! Bodies are forms or JSON. A form's success is a redirect (to `next` or `/`; of tokens and lists it is JSON), JSON's is JSON; a
//! refusal is
//! [`application/problem+json`](doorward::core::web::problem), or a page for a browser that shows it.
//!
//! What a page must know: a `Referrer-Policy: no-referrer` makes browsers send `Origin: null` with its forms, which is
//! refused. `same-origin` is as private.
#![forbid(unsafe_code)]

pub use auth::{Auth, AuthBuilder};
pub use extract::{AccessToken, FreshSession, OptionalSession, Session};
pub use layer::WithAuth;
pub use respond::{Rejection, SessionCookies};

mod auth;
mod extract;
mod input;
mod layer;
mod respond;
mod routes;
mod visit;

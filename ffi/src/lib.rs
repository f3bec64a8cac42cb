#![doc = include_str!("../CONVENTIONS.md")]
#![allow(non_camel_case_types, reason = "the names are C's")]
#![allow(clippy::enum_glob_use, reason = "the variants of C's enums carry their prefix themselves")]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod config;
mod context;
mod engine;
mod events;
mod failure;
mod given;
mod handle;
mod id;
mod op;
mod operation;
mod refused;
mod result;
mod rows;
mod status;
mod text;
mod web;

pub use config::*;
pub use context::*;
pub use engine::*;
pub use events::*;
pub use failure::{dw_error, dw_error_free};
pub use id::*;
pub use op::*;
pub use operation::*;
pub use result::*;
pub use rows::*;
pub use status::*;
pub use text::dw_text;
pub use web::*;

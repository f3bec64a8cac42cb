//! The sans-IO core of Doorward: it decides, and touches nothing.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod name;
pub mod password;

//! The SQLite store on real files: what it promises, what it refuses, and what it survives.

mod contract;
mod crash;
mod damage;
mod fixture;
mod opening;
mod views;

//! Where rows live.

pub mod memory;

pub use memory::MemoryStore;

//! Maintenance: the clock's mark across restarts, purges that a wrong clock cannot misuse, deletions that a crash
//! interrupts, and the thread that does it all when asked.

mod clock;
mod deletion;
mod stage;
mod thread;

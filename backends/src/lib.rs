//! Doorward

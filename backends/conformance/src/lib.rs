//! Doorward conformance kit.

//! What a store says of a failure, in the contract's four kinds.

use doorward_core::error::{StoreError, StoreErrorKind};

pub(super) fn corrupt(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, what)
}

pub(super) fn fatal(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Fatal, what)
}

pub(super) fn retryable(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Retryable, what)
}

pub(super) fn unknown(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unknown, what)
}

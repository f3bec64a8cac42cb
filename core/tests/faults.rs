//! What an error says, and what a host may do about it.

use std::error::Error;
use std::io;

use doorward_core::error::{Fault, Misuse, StoreError, StoreErrorKind};
use doorward_core::name::LoginName;
use doorward_core::record::RecordError;

/// Which faults a host answers by making the same call again.
#[test]
fn only_what_is_over_by_itself_is_transient() {
    let store = |kind| Fault::Store(StoreError::new(kind, "scripted"));
    let transient = [Fault::Contended, Fault::Busy, store(StoreErrorKind::Retryable)];
    for fault in transient {
        assert!(fault.is_transient(), "{fault:?}");
    }
    let lasting = [
        store(StoreErrorKind::Unknown),
        store(StoreErrorKind::Fatal),
        store(StoreErrorKind::Corrupt),
        Fault::Unresolved,
        Fault::Record(RecordError::NoKeyring),
        Fault::Entropy,
        Fault::Signing,
        Fault::Misuse(Misuse::Endless),
    ];
    for fault in lasting {
        assert!(!fault.is_transient(), "{fault:?}");
    }
}

#[test]
fn an_error_of_a_store_says_what_failed_and_why() {
    let bare = StoreError::new(StoreErrorKind::Fatal, "the journal cannot be written");
    assert_eq!(bare.to_string(), "the journal cannot be written");
    assert!(bare.source().is_none());
    let caused = bare.with_source(io::Error::other("disk on fire"));
    assert_eq!(caused.to_string(), "the journal cannot be written (disk on fire)");
    assert_eq!(caused.source().unwrap().to_string(), "disk on fire");
    assert_eq!(
        Fault::from(caused).to_string(),
        "the store failed: the journal cannot be written (disk on fire)"
    );
}

#[test]
fn a_name_prints_as_it_is_compared() {
    let name = LoginName::parse("Ada").unwrap();
    assert_eq!((format!("{name:?}"), name.to_string()), ("LoginName(ada)".to_owned(), "ada".to_owned()));
}

//! Failures, kept apart from outcomes: what an operation decided (denied, throttled, taken) is part of that
//! operation's own error; a [`Fault`] says that it could not decide, and that nothing was granted.

use alloc::sync::Arc;
use core::error::Error;
use core::fmt;

use thiserror::Error;

use crate::model::clock::ClockError;
use crate::record::RecordError;
use crate::secret::KeyError;

/// An operation could not decide, or its outcome could not be made certain. Whatever the kind, nothing was
/// granted: what had been minted is thrown away. A logout that ends in a fault is *not done*.
///
/// # Example: what may simply be tried again
/// ```
/// use doorward_core::error::Fault;
///
/// assert!(Fault::Busy.is_transient());
/// assert!(!Fault::Unresolved.is_transient());
/// ```
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The store failed; [`StoreError::kind`] says what is true of the call that failed, which was the last.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// The rows changed under every one of the attempts. Nothing was decided and nothing was counted.
    #[error("the rows kept changing: nothing was decided, try again")]
    Contended,
    /// The commit's fate is not known. It may stand or fall, whole; tokens that it minted are thrown away, so that
    /// nobody can use them. An account that it made may be there.
    #[error("the commit's fate is unknown: no token was given out; look before trying again")]
    Unresolved,
    /// There is no room for the work: the hashing queue, or the source's share of it, is full, or its memory cannot be
    /// had. Nothing was changed.
    #[error("there is no room to hash a password now: try again later")]
    Busy,
    /// A stored record cannot be what was written.
    #[error("a stored record is not usable: {0}")]
    Record(#[from] RecordError),
    /// The master keys do not fit this store.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The clock cannot be right.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The operating system gave no random bytes. No weaker ones are used instead.
    #[error("no random bytes were to be had from the system")]
    Entropy,
    /// A token could not be signed: the system has no memory left, or the key the host brought is not one.
    #[error("a token could not be signed: look at the memory and at the signing key")]
    Signing,
    /// The caller did not keep to the protocol.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

impl Fault {
    /// Whether the same call may simply be made again, a little later: nothing was granted, and nothing that is
    /// there by now stands in its way. (A logout that was tried several times may have landed in one of them; the next
    /// call says so.)
    ///
    /// Wait between calls, a second or so and longer each time: eight attempts were made before a `Contended`, and a
    /// `Busy` engine has a full queue. Of the others, `Unresolved` asks for a look first: the name may be
    /// registered, and a logout may be repeated in any case. The rest need a person: a disk, a key, a clock, a backup, a bug.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Contended | Self::Busy => true,
            Self::Store(error) => error.kind() == StoreErrorKind::Retryable,
            Self::Unresolved
            | Self::Record(_)
            | Self::Key(_)
            | Self::Clock(_)
            | Self::Entropy
            | Self::Signing
            | Self::Misuse(_) => false,
        }
    }

    /// One word for events and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Contended => "contended",
            Self::Unresolved => "unresolved",
            Self::Busy => "busy",
            Self::Record(_) => "record",
            Self::Key(_) => "key",
            Self::Clock(_) => "clock",
            Self::Entropy => "entropy",
            Self::Signing => "signing",
            Self::Misuse(_) => "misuse",
        }
    }
}

/// The driver of a [`Machine`](crate::machine::Machine), or an operation of the host's own, did not keep to the
/// protocol. After [`Ticket`](Self::Ticket) and [`Reply`](Self::Reply) the machine is as it was and still waits; the
/// others are its outcome. Nothing was granted.
///
/// # Example: a reply that does not fit changes nothing
/// ```
/// # use std::sync::Arc;
/// # use doorward_core::{operation::open::Open, policy::Policy, secret::*, time::Timestamp};
/// use doorward_core::error::Misuse;
/// use doorward_core::machine::{Environment, Machine, Need, Reply};
///
/// # let keys = MasterKeys::new(MasterKey::new(1, [1; 32]));
/// # let environment = Arc::new(Environment { policy: Policy::default(), keys });
/// let mut machine = Machine::new(Open::new(), environment, Seed::from_bytes([2; 32]));
/// let Need::Read(ticket, [_keyring, _clock]) = machine.poll(Timestamp::from_millis(0)) else { unreachable!() };
/// assert_eq!(machine.reply(ticket, Reply::Rows(vec![])), Err(Misuse::Reply));
/// assert_eq!(machine.reply(ticket, Reply::Rows(vec![None, None])), Ok(()));
/// assert_eq!(machine.reply(ticket, Reply::Rows(vec![None, None])), Err(Misuse::Ticket)); // it has its answer
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The reply's ticket is not that of the need which waits: an earlier reply again, or one for another machine.
    #[error("a reply came for a need that does not wait: reply once to each need, with its own ticket")]
    Ticket,
    /// The reply is of another form than the need: other rows, other work.
    #[error(
        "a reply does not fit its need: answer each read with as many rows as keys, each of its key's kind"
    )]
    Reply,
    /// The outcome was already taken.
    #[error("this operation is finished: make a new machine for a new operation")]
    Finished,
    /// An operation put a record under a key of another kind.
    #[error("the operation puts a record under a key of another kind: give each key its own kind of record")]
    Record,
    /// An operation asked for more rounds than any operation needs.
    #[error("the operation asks for rows without end: its decide must read each key once")]
    Endless,
}

/// Why a store could not answer, and what is true because of it. One concrete type for all stores.
///
/// # Example: wrap a backend's own error
/// ```
/// use doorward_core::error::{StoreError, StoreErrorKind};
///
/// let io = std::io::Error::other("disk on fire");
/// let error = StoreError::new(StoreErrorKind::Fatal, "the journal cannot be written").with_source(io);
/// assert_eq!(error.kind(), StoreErrorKind::Fatal);
/// assert!(error.to_string().starts_with("the journal cannot be written"));
/// ```
#[derive(Debug, Clone)]
pub struct StoreError {
    kind: StoreErrorKind,
    what: &'static str,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What is true after a [`StoreError`].
///
/// # Example: what an I/O error means before a commit was tried, and in it
/// ```
/// use std::io::{Error, ErrorKind};
/// use doorward_core::error::StoreErrorKind;
///
/// fn kind(error: &Error, is_in_commit: bool) -> StoreErrorKind {
///     match error.kind() {
///         _ if is_in_commit => StoreErrorKind::Unknown, // never guess
///         ErrorKind::WouldBlock | ErrorKind::TimedOut => StoreErrorKind::Retryable,
///         ErrorKind::InvalidData => StoreErrorKind::Corrupt,
///         _ => StoreErrorKind::Fatal,
///     }
/// }
/// assert_eq!(kind(&ErrorKind::TimedOut.into(), false), StoreErrorKind::Retryable);
/// assert_eq!(kind(&ErrorKind::TimedOut.into(), true), StoreErrorKind::Unknown);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// Nothing was applied; the same call may succeed later (a lock is held, a queue is full).
    Retryable,
    /// The batch may have been applied, or may yet be: only a reread can tell.
    Unknown,
    /// Nothing was applied, and the same call will fail again until somebody acts (read-only, full, gone).
    Fatal,
    /// What is stored cannot be what was written. Nothing was applied.
    Corrupt,
}

impl StoreError {
    /// An error of this kind; `what` is a sentence without user data: what failed and what to do.
    pub const fn new(kind: StoreErrorKind, what: &'static str) -> Self {
        Self { kind, what, source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What is true now.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<RecordError> for StoreError {
    fn from(error: RecordError) -> Self {
        Self::new(StoreErrorKind::Corrupt, "a stored record cannot be decoded").with_source(error)
    }
}

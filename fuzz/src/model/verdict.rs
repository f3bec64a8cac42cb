//! What comes of a request: the answer that is due, and the change that must land before it is given.

use std::time::Duration;

use doorward_core::model::session::Lifetime;
use doorward_core::operation::logout::Ended;
use doorward_core::password::PasswordHash;
use doorward_core::time::Timestamp;

use super::Counted;
use super::device::Origin;
use super::keys::Rotation;
use super::terms::Scopes;
use super::token::TokenEffect;
use crate::answer::Answer;

/// What should become of a request.
#[derive(Debug, Clone)]
pub(crate) struct Judgement {
    pub(crate) answer: Answer,
    pub(crate) effect: Effect,
    /// The account and its hash that a login met, which an upgrade would replace.
    pub(crate) shown: Option<(usize, PasswordHash)>,
    /// From when on the device that it came from is a stranger's, and until when those wait.
    pub(crate) wait: Option<(Timestamp, Timestamp)>,
    /// The sessions that a login met beside the one that it replaces, and their idle ends; over or not.
    pub(crate) beside: Vec<(usize, Timestamp)>,
    /// As of which moment tokens are granted, and in which family.
    pub(crate) moment: usize,
    pub(crate) family: Option<usize>,
    /// A parent came again: of which session, and since when it has a child.
    pub(crate) retried: Option<(usize, Timestamp)>,
}

/// What should change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    None,
    Register {
        name: usize,
        password: usize,
    },
    Grant {
        account: usize,
        name: usize,
        lifetime: Lifetime,
        previous: Option<usize>,
        data: Vec<u8>,
        origin: Origin,
        remember: bool,
        scope: Scopes,
    },
    OpenSession {
        data: Vec<u8>,
        lifetime: Option<Duration>,
    },
    Update {
        session: usize,
        data: Vec<u8>,
        lifetime: Option<Duration>,
    },
    Fail {
        counter: Counted,
        attempts: Counted,
    },
    /// From a known device: the name is left as it is.
    FailFrom {
        account: usize,
        origin: Origin,
    },
    Rehash {
        account: usize,
    },
    Touch {
        session: usize,
    },
    End {
        session: usize,
    },
    Rotate {
        session: usize,
    },
    Reauthenticate {
        session: usize,
    },
    EndAll {
        account: usize,
        keep: Option<usize>,
    },
    ChangePassword {
        session: usize,
        new: usize,
    },
    SetPassword {
        account: usize,
        new: usize,
    },
    Unlock {
        account: usize,
    },
    Disable {
        account: usize,
    },
    Enable {
        account: usize,
    },
    Delete {
        account: usize,
    },
    Bite {
        account: usize,
    },
    Rename {
        account: usize,
        name: usize,
    },
    Compromise {
        account: usize,
    },
    /// The password is right, and nothing is granted.
    Forgive {
        account: usize,
        name: usize,
        origin: Origin,
    },
    EndEverything,
    /// The same, and the clock mark is lowered.
    Trust,
    Mark {
        is_durable: bool,
    },
    /// A store is opened when it is time for another signing key.
    OpenRotating {
        marks: bool,
        rotation: Rotation,
    },
    Token(TokenEffect),
}

impl Effect {
    /// Whether nothing rests on it.
    pub(crate) fn is_relaxed(&self) -> bool {
        matches!(self, Self::Touch { .. } | Self::Mark { is_durable: false } | Self::OpenRotating { .. })
    }

    /// Whether the answer must not be given before it has landed.
    pub(crate) fn is_owed(&self) -> bool {
        !matches!(self, Self::None) && !self.is_relaxed()
    }
}

impl Judgement {
    pub(crate) fn of(answer: Answer, effect: Effect) -> Self {
        Self {
            answer,
            effect,
            shown: None,
            wait: None,
            beside: Vec::new(),
            moment: 0,
            family: None,
            retried: None,
        }
    }

    pub(super) fn told(answer: Answer) -> Self {
        Self::of(answer, Effect::None)
    }

    pub(crate) fn done(effect: Effect) -> Self {
        Self::of(Answer::Done, effect)
    }

    pub(super) fn ended(session: usize, was_live: bool) -> Self {
        let ended = if was_live { Ended::Ended } else { Ended::AlreadyGone };
        Self::of(Answer::Ended(ended), Effect::End { session })
    }
}

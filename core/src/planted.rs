//! Bugs in the rules, for the tests that must find them. Test-only: without the feature `planted` none can be asked for,
//! and `Policy::has` is a constant `false`, so that nothing of them is left in a build.

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident,)+) => {
        /// A bug that a policy can ask for.
        #[doc(hidden)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Planted {
            $($(#[$doc])* $bug,)+
        }

        #[cfg(feature = "planted")]
        impl Planted {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$bug),+];
        }
    };
}

bugs! {
    /// The idle end is not looked at.
    IdleEndIgnored,
    /// The absolute end is not looked at.
    AbsoluteEndIgnored,
    /// The epochs are not compared.
    EpochsIgnored,
    /// A token of an older generation opens its session.
    GenerationIgnored,
    /// The proof of a token is not looked at.
    ProofIgnored,
    /// A session that is seen over is left where it is.
    OverIsLeft,
    /// A touch moves the absolute end.
    TouchMovesAbsoluteEnd,
    /// A touch under a clock that is behind sets the activity back.
    TouchGoesBack,
    /// A touch that met a conflict is offered again as if nothing had been there.
    TouchRevives,
    /// A logout tells the journal, and deletes nothing.
    LogoutKeepsRow,
    /// Any session can be ended from any account.
    EndsAnybodys,
    /// Logging out everywhere but here ends nothing elsewhere.
    KeepSparesAll,
    /// The session that is kept goes on under its old token.
    KeptTokenStays,
    /// Nothing ends after a restored backup.
    RestoreSparesAll,
    /// A changed password leaves the other sessions alive.
    ChangeSparesOthers,
    /// A password set from outside leaves all sessions alive.
    SetSparesSessions,
    /// Disabling leaves all sessions alive.
    DisableSparesSessions,
    /// Who is disabled may log in.
    DisabledMayLogIn,
    /// A login leaves the previous session alive.
    PreviousLives,
    /// A login goes on under the id of the previous session.
    PreviousIdAdopted,
    /// A session's salt is its id.
    SaltIsId,
    /// An unknown name is denied without a hash.
    UnknownIsQuick,
    /// No wait is obeyed.
    WaitIgnored,
    /// Every failure is the first one.
    WaitNeverGrows,
    /// An account's failures are not counted.
    FailuresUncounted,
    /// A password that is off is taken.
    OffIgnored,
    /// A hash is upgraded whatever was set since.
    RehashIsBlind,
    /// One stamp serves all attempts of an operation.
    StampPerOperation,
    /// Any row is taken for one's own when a commit's fate is looked up.
    AnyRowSettles,
    /// A commit whose answer is lost is taken for applied.
    UnknownIsApplied,
    /// A conflict is taken for applied.
    ConflictIsApplied,
    /// No commit waits for the disk.
    CommitsAreRelaxed,
    /// Rows that were consulted and are not written are not compared.
    ChecksDropped,
    /// An outcome may rest on rows of several moments.
    MomentsMixed,
    /// Endings compare rows, so that a busy row starves them.
    EndingsCompare,
    /// A reply is taken whatever need it answers.
    LateReplyTaken,
}

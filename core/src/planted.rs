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
    /// A wait is announced after a hash.
    WaitAfterHash,
    /// Every failure is the first one.
    WaitNeverGrows,
    /// An account's failures are not counted.
    FailuresUncounted,
    /// A password that is off is taken.
    OffIgnored,
    /// A hash is upgraded whatever was set since.
    RehashIsBlind,
    /// An unlock takes counters away that it has not seen.
    UnlockIsBlind,
    /// One stamp serves all attempts of an operation.
    StampPerOperation,
    /// Any row is taken for one's own when a commit's fate is looked up.
    AnyRowSettles,
    /// Rows that could not be read are not there.
    FailedReadIsEmpty,
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
    /// An update of what is kept with a session does not ask whether that lives.
    UpdateIsBlind,
    /// An update lets a person's session live as long as nobody's.
    UpdateProlongs,
    /// What is kept with a session outlives it.
    DataSurvivesEnd,
    /// What is kept with an account's session is carried over, too.
    AccountsDataCarried,
    /// Who has not logged in is somebody.
    NobodyIsSomebody,
    /// A known device may guess as long as it likes.
    DeviceTriesEndless,
    /// A known device's failures are anybody's.
    DeviceHoldsNothing,
    /// A success from a known device ends the wait of its name.
    DeviceForgivesName,
    /// A device is known whatever was ended since.
    DeviceEpochsIgnored,
    /// Two logins may find the same room.
    CapRestsOnNothing,
    /// A deleted account is still there.
    DeletionLeavesAccount,
    /// A deleted account still has its name.
    DeletionLeavesName,
    /// A deletion is finished while sessions are left.
    DeletionLeavesSessions,
    /// A renamed account keeps the old name, too.
    RenameLeavesName,
    /// A password that others know logs in.
    CompromisedIsLetIn,
    /// That a password is right and known to others rests on no counter.
    MustChangeRestsOnNothing,
    /// The clock mark is set to the present, also when that is earlier.
    MarkIsLowered,
    /// At open, the clock mark is not looked at.
    MarkIgnored,
    /// A clock that is trusted ends nothing.
    TrustSparesAll,
    /// A refresh may ask for more than its family was granted.
    RefreshWidens,
    /// A refresh family outlives what ends everything.
    FamilyEpochsIgnored,
    /// A refresh token that was used long ago gives its family's latest.
    ReuseIsAgain,
    /// A refresh token that was used long ago ends nothing.
    ReuseIsSpared,
    /// A refresh token that was used moves its family on once more.
    ParentRotatesAgain,
    /// An access token is accepted without its session.
    AccessOutlivesSession,
    /// An access token outlives what ends everything.
    AccessEpochsIgnored,
    /// A revoked token is accepted.
    RevokedTokenAccepted,
    /// Revoking all tokens revokes none.
    RevokeAllSparesTokens,
    /// An access token may allow more than its session was granted.
    IssueWidens,
    /// An access token outlives its session's end.
    ExpNotClamped,
    /// Any client may use a refresh token.
    ClientIgnored,
    /// A refresh token that was revoked refreshes.
    RevokedFamilyLives,
    /// An access token is accepted without its family.
    AccessOutlivesFamily,
    /// An access token that was accepted once has no end.
    RememberedIsEndless,
    /// What a session has granted outlives it.
    GrantsSurviveEnd,
    /// A purge forgets what a session has granted that lives longer by now.
    GrantsNotProlonged,
    /// A session has as many families as were ever opened.
    FamiliesUnbounded,
    /// Another signing key ends what was signed with the ones before.
    RotationForgets,
    /// A refresh token that is revoked when its session is over leaves it where it is.
    RevokedLateIsLeft,
    /// An upgraded hash stays under the number of the pepper that it had.
    RehashKeepsPepper,
    /// Who watches the journal goes on where it was, whatever store was put in its place.
    OldJournalGoesOn,
    /// Who watches the journal knows what it has read for no time.
    ViewForgetsAtOnce,
}

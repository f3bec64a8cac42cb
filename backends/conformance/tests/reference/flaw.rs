//! What can be wrong with a store: each a mistake that somebody made, or easily could.

/// One small edit of the correct store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The guarantees change with the first commit.
    Wavers,
    /// A key that is asked for twice is answered once.
    AnswersDuplicatesOnce,
    /// A read without keys is an error.
    RefusesEmptyReads,
    /// A read locks row by row.
    ReadsRowByRow,
    /// A thread is shown each row a second time as it was the first, unless it committed in between.
    ThreadsRemember,
    /// A second handle looks again only when it commits.
    SecondHandleCaches,
    /// `INSERT OR REPLACE`.
    Upserts,
    /// `Put` with a stamp onto nothing makes the row.
    RevivesEnded,
    /// Stamps are compared by their first fifteen bytes.
    ComparesAPrefix,
    /// A check for absence is never met.
    RefusesAbsentChecks,
    /// Checks for absence are not looked at.
    ForgetsAbsentChecks,
    /// Checks for a stamp are not looked at.
    ForgetsStampChecks,
    /// A row is as expected when it says what the expected one said.
    ComparesContents,
    /// Expectations are compared before the lock is taken.
    ComparesUnlocked,
    /// Writes are carried out one by one up to the first that conflicts.
    StopsHalfway,
    /// The journal is written before the expectations are compared.
    JournalsConflicts,
    /// A batch of more than 32 writes is cut there.
    ForgetsTheThirtyThird,
    /// An empty batch is a conflict.
    RefusesEmptyBatches,
    /// A batch that no machine makes is carried out, as far as it goes.
    TakesTheMalformed,
    /// The epoch of a row never goes down.
    KeepsTheHighestEpoch,
    /// A relaxed `Put` over a row leaves its stamp.
    TouchKeepsStamp,
    /// An ending of a row that was touched since the call began is a conflict.
    RefusesEndings,
    /// A `Delete` that finds no row is a conflict.
    RefusesIdleDeletes,
    /// A raise of nothing makes a row.
    RaisesNothing,
    /// A raise rewrites the row, and forgets when it expires.
    RaiseDropsExpiry,
    /// A raise leaves the stamp.
    RaiseKeepsStamp,
    /// A raise writes down the epoch it read before the lock.
    LosesRaises,
    /// Epochs are kept as floating-point numbers.
    EpochsAreFloats,
    /// The ending of a grant is told as that of a session.
    GrantsAreSessions,
    /// The journal is told in the order of its entries' `until`.
    JournalByUntil,
    /// The end of the journal is said to be the end of the page.
    EndsWithThePage,
    /// Entries are numbered before the commit waits for its turn.
    NumbersEarly,
    /// The floor is the epoch before the batch, where there is a row after it.
    FloorBeforeRaise,
    /// The floor of a row that is gone is 0.
    FloorOfNothingIsZero,
    /// A scan of one kind shows another's rows too.
    MixesKinds,
    /// Names are scanned in the order of their length.
    ScansByLength,
    /// A scan by owner shows nobody's rows too.
    ScansNobodys,
    /// A scan begins with the row after which it should begin.
    ScansAfterItself,
    /// A scan shows one row more than asked for.
    ScansOneMore,
    /// A scan locks row by row.
    ScansRowByRow,
    /// A row without an expiry is taken for expired.
    PurgesTheUnexpiring,
    /// A row that expires now is left.
    PurgeSparesTheMoment,
    /// A purge takes one row more than asked for.
    PurgesOneMore,
    /// A purge empties the journal.
    PurgesTheJournal,
    /// Purged rows are hidden, and still compared.
    PurgeHides,
    /// A new entry's number is one more than the entries there are.
    ReusesCursors,
    /// Opening numbers on from the last entry that is there.
    NumbersOnAtOpening,
    /// A kill loses the last durable batch.
    ForgetsOnKill,
    /// A relaxed batch stays in the process until a durable one comes.
    BuffersRelaxed,
    /// Nothing is ever synced.
    NeverSyncs,
    /// A batch that only takes away is not synced.
    SkipsSyncOfEndings,
    /// A sync writes row by row.
    SyncsRowByRow,
    /// A batch without writes is answered at once.
    SkipsBarriers,
    /// A read shows what is not yet synced.
    ReadsEarly,
    /// A scan shows what is not yet synced.
    ScansEarly,
    /// The journal tells what is not yet synced.
    TellsEarly,
    /// After a failed sync, reads go on as if nothing had been.
    ForgetsFailedSyncs,
}

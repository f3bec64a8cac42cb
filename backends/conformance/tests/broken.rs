//! Each broken store fails its own promise and no other: what shows that the kit can fail, and that its answer
//! says where to look.

mod reference;

use doorward_conformance::{Verdict, verdicts};
use reference::{Bench, Flaw};

fn broken_by(flaw: Flaw) -> Vec<&'static str> {
    let broken = verdicts(|| Bench::broken(flaw)).into_iter();
    broken
        .filter(|(_, verdict)| matches!(verdict, Verdict::Broken(_)))
        .map(|(promise, _)| promise.name)
        .collect()
}

macro_rules! fails {
    ($($test:ident: $flaw:ident => $promises:expr;)+) => {
        $(
            #[test]
            fn $test() {
                assert_eq!(broken_by(Flaw::$flaw), $promises);
            }
        )+
        #[test]
        fn every_promise_has_a_store_that_breaks_it() {
            let broken: Vec<&str> = [$(&$promises[..]),+].concat();
            let unbroken = doorward_conformance::promises().iter().filter(|promise| !broken.contains(&promise.name));
            assert_eq!(unbroken.map(|promise| promise.name).collect::<Vec<_>>(), [""; 0]);
        }
    };
}

fails! {
    wavers: Wavers => ["guarantees_stand"];
    answers_duplicates_once: AnswersDuplicatesOnce => ["a_read_answers_in_key_order"];
    refuses_empty_reads: RefusesEmptyReads => ["an_empty_read_is_empty"];
    reads_row_by_row: ReadsRowByRow => ["a_read_is_one_snapshot"];
    threads_remember: ThreadsRemember => ["a_read_sees_what_was_applied"];
    second_handle_caches: SecondHandleCaches => ["another_handle_sees_what_was_applied"];
    upserts: Upserts => ["a_put_expecting_nothing_conflicts_with_a_row"];
    revives_ended: RevivesEnded => ["a_put_expecting_a_row_conflicts_with_nothing"];
    compares_a_prefix: ComparesAPrefix => ["a_put_conflicts_with_another_stamp"];
    refuses_absent_checks: RefusesAbsentChecks => ["a_batch_whose_expectations_hold_applies"];
    forgets_absent_checks: ForgetsAbsentChecks => ["a_check_expecting_nothing_conflicts_with_a_row"];
    forgets_stamp_checks: ForgetsStampChecks => ["a_check_conflicts_with_another_stamp"];
    compares_contents: ComparesContents => ["the_same_content_is_not_the_same_row"];
    compares_unlocked: ComparesUnlocked => ["a_put_expecting_nothing_conflicts_with_a_row", "one_of_many_racing_puts_applies"];
    stops_halfway: StopsHalfway => ["a_conflict_changes_nothing"];
    journals_conflicts: JournalsConflicts => ["a_conflict_changes_nothing"];
    forgets_the_thirty_third: ForgetsTheThirtyThird => ["an_applied_batch_is_applied_whole"];
    refuses_empty_batches: RefusesEmptyBatches => ["an_empty_batch_applies", "a_barrier_makes_all_before_it_durable"];
    takes_the_malformed: TakesTheMalformed => ["a_malformed_batch_is_refused_whole"];
    keeps_the_highest_epoch: KeepsTheHighestEpoch => ["a_put_keeps_the_epoch_it_gives"];
    touch_keeps_stamp: TouchKeepsStamp => ["a_put_row_carries_its_stamp"];
    refuses_endings: RefusesEndings => ["endings_are_never_refused"];
    refuses_idle_deletes: RefusesIdleDeletes => ["endings_are_never_refused", "deleting_nothing_is_applied"];
    raises_nothing: RaisesNothing => ["raising_nothing_creates_nothing"];
    raise_drops_expiry: RaiseDropsExpiry => ["a_raise_leaves_all_else"];
    raise_keeps_stamp: RaiseKeepsStamp => ["a_raise_restamps"];
    loses_raises: LosesRaises => ["no_raise_is_lost"];
    epochs_are_floats: EpochsAreFloats => ["every_record_comes_back_bit_for_bit"];
    grants_are_sessions: GrantsAreSessions => [
        "the_journal_keeps_commit_order", "a_purge_leaves_the_journal_until_its_time", "a_cursor_is_never_given_twice",
    ];
    journal_by_until: JournalByUntil => ["the_journal_keeps_commit_order"];
    ends_with_the_page: EndsWithThePage => ["the_journal_is_read_in_pages"];
    numbers_early: NumbersEarly => ["a_follower_misses_nothing"];
    floor_before_raise: FloorBeforeRaise => ["an_epoch_ending_tells_the_floor_after_its_batch"];
    floor_of_nothing_is_zero: FloorOfNothingIsZero => ["an_epoch_ending_of_no_row_tells_the_highest_floor"];
    mixes_kinds: MixesKinds => ["a_scan_shows_one_kind"];
    scans_by_length: ScansByLength => ["a_scan_goes_in_key_order"];
    scans_nobodys: ScansNobodys => ["a_scan_by_owner_shows_its_rows_only"];
    scans_after_itself: ScansAfterItself => ["a_scan_begins_strictly_after"];
    scans_one_more: ScansOneMore => ["a_scan_obeys_its_limit"];
    scans_row_by_row: ScansRowByRow => ["a_page_of_a_scan_is_one_snapshot"];
    purges_the_unexpiring: PurgesTheUnexpiring => ["a_purge_leaves_what_is_not_over"];
    purge_spares_the_moment: PurgeSparesTheMoment => ["a_purge_takes_what_is_over"];
    purges_one_more: PurgesOneMore => ["a_purge_obeys_its_limit"];
    purges_the_journal: PurgesTheJournal => ["a_purge_leaves_the_journal_until_its_time"];
    purge_hides: PurgeHides => ["a_purged_row_is_gone_for_good"];
    reuses_cursors: ReusesCursors => ["a_cursor_is_never_given_twice"];
    numbers_on_at_opening: NumbersOnAtOpening => ["a_cursor_is_never_given_twice"];
    forgets_on_kill: ForgetsOnKill => ["an_applied_batch_survives_a_kill"];
    buffers_relaxed: BuffersRelaxed => ["a_relaxed_batch_survives_a_kill"];
    never_syncs: NeverSyncs => [
        "an_applied_batch_survives_a_power_cut", "no_crash_halves_a_batch",
        "a_barrier_makes_all_before_it_durable", "after_a_failed_sync_reads_wait",
    ];
    skips_sync_of_endings: SkipsSyncOfEndings => ["an_applied_batch_survives_a_power_cut"];
    syncs_row_by_row: SyncsRowByRow => ["no_crash_halves_a_batch"];
    skips_barriers: SkipsBarriers => ["a_barrier_makes_all_before_it_durable"];
    reads_early: ReadsEarly => ["nothing_is_read_before_it_is_durable"];
    scans_early: ScansEarly => ["nothing_is_scanned_before_it_is_durable"];
    tells_early: TellsEarly => ["no_ending_is_told_before_it_is_durable"];
    forgets_failed_syncs: ForgetsFailedSyncs => ["after_a_failed_sync_reads_wait"];
}

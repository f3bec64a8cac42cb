//! The list of promises: the one place where a promise gets its name, its sentence and its test.

use crate::check::{commit, durable, ending, handle, journal, purge, read, record, scan};
use crate::promise::{Promise, verdict};

/// Hands the list, after `$head`, to the macro `$then`.
#[doc(hidden)]
#[macro_export]
macro_rules! __promises {
    ($then:ident $head:tt) => {
        $crate::$then! { $head

guarantees_stand = handle::guarantees_stand:
"guarantees never change, and are enough for an engine (atomic and linearizable)";

// Reading
a_read_answers_in_key_order = read::answers_in_key_order:
"read: the rows under `keys`, in that order, `None` where there is none";
an_empty_read_is_empty = read::empty:
"read: no keys, no rows, no error";
a_read_is_one_snapshot = read::one_snapshot:
"read: all rows of one read stood side by side at one moment";
a_read_sees_what_was_applied = handle::reads_see_what_was_applied:
"read: a read that begins after a commit has answered `Applied` sees that batch";
another_handle_sees_what_was_applied = handle::another_handle_sees:
"read: ... here or in another handle on the same store";

// Comparing
a_batch_whose_expectations_hold_applies = commit::met_expectations_apply:
"commit: if no expectation differs, the writes are carried out and the answer is `Applied`";
a_put_expecting_nothing_conflicts_with_a_row = commit::absent_put_on_row:
"no upsert: a `Put` that expects no row writes nothing onto one, nor do two of them both write";
a_put_expecting_a_row_conflicts_with_nothing = commit::stamp_put_on_nothing:
"no upsert: a `Put` that expects a row writes nothing where it is gone: what was ended stays ended";
a_put_conflicts_with_another_stamp = commit::stamp_put_on_other:
"compare, then write: a `Put` onto a row with another stamp is a `Conflict`";
a_check_expecting_nothing_conflicts_with_a_row = commit::absent_check_on_row:
"compare, then write: a `Check` for absence where there is a row is a `Conflict`";
a_check_conflicts_with_another_stamp = commit::stamp_check_on_other:
"compare, then write: a `Check` for a stamp where there is another, or no row, is a `Conflict`";
the_same_content_is_not_the_same_row = commit::aba:
"compare, then write: stamps are compared, not contents: a row made anew with the old content is another";
one_of_many_racing_puts_applies = commit::one_winner:
"compare, then write, in one atomic step: of many puts with one expectation exactly one applies";
a_conflict_changes_nothing = commit::conflict_changes_nothing:
"all or nothing: after `Conflict` nothing is changed, in rows or journal, wherever in the batch it arose";
an_applied_batch_is_applied_whole = commit::applied_whole:
"all or nothing: after `Applied` every write is done, and the journal has every entry";
an_empty_batch_applies = commit::empty:
"commit: an empty batch, durable or relaxed, is `Applied`";
a_malformed_batch_is_refused_whole = commit::malformed:
"commit: a malformed batch is refused as `Fatal` and changes nothing";
a_put_keeps_the_epoch_it_gives = commit::epoch_given:
"commit: a row stands as the `Put` gives it, with its epoch, higher or lower than before";
a_put_row_carries_its_stamp = commit::stamp_given:
"commit: a row that was put carries the stamp of its batch";

// Taking away
endings_are_never_refused = ending::never_refused:
"never refused: a batch of `Delete` and `Raise` alone is never a conflict, however busy its rows";
deleting_nothing_is_applied = ending::delete_nothing:
"Write::Delete: without effect where there is no row";
raising_nothing_creates_nothing = ending::raise_nothing:
"Write::Raise: without effect where there is no row";
a_raise_leaves_all_else = ending::raise_leaves_all_else:
"Write::Raise: adds one to the epoch in place, all else left as it is";
a_raise_restamps = ending::raise_restamps:
"Write::Raise: gives the row the batch's stamp, so that what was consulted before conflicts";
no_raise_is_lost = ending::no_raise_is_lost:
"Write::Raise: raises in parallel add up";

// Records
every_record_comes_back_bit_for_bit = record::bit_for_bit:
"a store remembers rows and never interprets them: each comes back as it was given";

// The journal
the_journal_keeps_commit_order = journal::commit_order:
"changes: entries in commit order, and within a batch in its order, each with its own `until`";
the_journal_is_read_in_pages = journal::pages:
"changes: up to `limit` entries after `after`, and the end of the journal beyond the page";
a_follower_misses_nothing = journal::follower:
"changes: skips nothing that is committed: a follower sees every entry once, whoever commits meanwhile";
an_epoch_ending_tells_the_floor_after_its_batch = journal::floor_after_batch:
"Ending::Epoch: the store writes down the row's epoch as it is after the batch";
an_epoch_ending_of_no_row_tells_the_highest_floor = journal::floor_of_nothing:
"Ending::Epoch: `u64::MAX` where the row is gone";

// Scanning
a_scan_shows_one_kind = scan::one_kind:
"scan: the rows of `range.kind`, all of them and no others";
a_scan_goes_in_key_order = scan::key_order:
"scan: in key order: names and ids by their bytes";
a_scan_by_owner_shows_its_rows_only = scan::by_owner:
"scan: only rows with this owner, when one is given";
a_scan_begins_strictly_after = scan::strictly_after:
"scan: strictly after `range.after`, whether or not there is such a row";
a_scan_obeys_its_limit = scan::limit:
"scan: up to `limit` rows";
a_page_of_a_scan_is_one_snapshot = scan::one_snapshot:
"scan: one page is one snapshot";

// Purging
a_purge_leaves_what_is_not_over = purge::leaves_the_living:
"purge: removes no row whose `expires` is after `now`, nor one without";
a_purge_takes_what_is_over = purge::takes_the_expired:
"purge: fewer removed than `limit` means that no row is left whose `expires` is at or before `now`";
a_purge_obeys_its_limit = purge::limit:
"purge: removes at most `limit` rows and says how many";
a_purge_leaves_the_journal_until_its_time = purge::journal_until:
"purge: removes journal entries whose `until` is at or before `now`, and no others";
a_purged_row_is_gone_for_good = purge::gone_for_good:
"purge: what was removed is absent to every later comparison";
a_cursor_is_never_given_twice = purge::cursor_never_twice:
"changes: skips nothing: an entry that follows a purged one stands after it, and `end` never goes back";

// Durability
an_applied_batch_survives_a_kill = durable::survives_a_kill:
"durable: `Applied` is said only when a `Durable` batch would survive, with its journal";
a_relaxed_batch_survives_a_kill = durable::relaxed_survives_a_kill:
"Durability::Relaxed: survives the process, though a power cut may undo it";
an_applied_batch_survives_a_power_cut = durable::survives_a_power_cut:
"durable: `Applied` is said only when a `Durable` batch would survive a power cut";
no_crash_halves_a_batch = durable::never_halved:
"all or nothing, also across a crash";
a_barrier_makes_all_before_it_durable = durable::barrier:
"Batch::new: `Applied` on an empty durable batch says that all before it is durable";
nothing_is_read_before_it_is_durable = durable::not_read_early:
"durable before seen: no read shows a `Durable` write that a power cut could undo";
nothing_is_scanned_before_it_is_durable = durable::not_scanned_early:
"durable before seen: nor does a scan";
no_ending_is_told_before_it_is_durable = durable::not_told_early:
"durable before seen: nor does the journal, for a cursor past a lost entry would skip the next one";
after_a_failed_sync_reads_wait = durable::failed_sync:
"read: after a commit whose sync failed, reads fail as `Retryable` until a durable commit, or a barrier of the store's own, has succeeded";

        }
    };
}

/// Turns the list into a table.
#[doc(hidden)]
#[macro_export]
macro_rules! __table {
    (() $($name:ident = $module:ident :: $check:ident : $text:literal;)+) => {
        pub(crate) static PROMISES: &[Promise] = &[$(Promise {
            name: stringify!($name),
            text: $text,
            check: |fixture| verdict($module::$check(fixture)),
        }),+];
    };
}

__promises!(__table());

/// Turns the list into tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (($fixture:expr) $($name:ident = $module:ident :: $check:ident : $text:literal;)+) => {
        $(
            #[doc = $text]
            #[test]
            fn $name() {
                $crate::uphold(stringify!($name), &$fixture);
            }
        )+
    };
}

/// Makes one `#[test]` of each promise. The expression makes the [`Fixture`](crate::Fixture) and is evaluated
/// once per test; put the macro into a module of its own to test several stores in one file.
///
/// # Example: the whole test file of a store
/// ```
/// use std::sync::Arc;
/// use doorward_conformance::Fixture;
/// use doorward_core::store::Store;
/// # mod hidden { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/memory.rs")); }
/// # use hidden::Memory;
///
/// struct Mine;
///
/// impl Fixture for Mine {
///     fn open(&self) -> Arc<dyn Store> {
///         Arc::new(Memory::default()) // a new, empty database for each test
///     }
/// }
///
/// doorward_conformance::suite!(Mine);
/// # doorward_conformance::uphold("an_empty_read_is_empty", &Mine); // the tests themselves need a test harness
/// ```
#[macro_export]
macro_rules! suite {
    ($fixture:expr $(,)?) => {
        $crate::__promises!(__tests($fixture));
    };
}

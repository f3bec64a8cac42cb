"""The list of promises: the one place where a promise gets its name, its sentence and its check."""

from __future__ import annotations

from . import _commit, _durable, _ending, _journal, _purge, _read, _record, _scan
from ._promise import Promise

_FIRST = (
    # Reading
    Promise(
        "a_read_answers_in_key_order",
        "read: the rows under the keys, in their order, None where there is none; a key may stand twice",
        _read.answers_in_key_order,
    ),
    Promise("an_empty_read_is_empty", "read: no keys, no rows, no error", _read.empty),
    Promise(
        "a_read_is_one_snapshot",
        "one snapshot: all rows of one read stood side by side at one moment",
        _read.one_snapshot,
    ),
    Promise(
        "a_read_sees_what_was_applied",
        "one snapshot: a read that begins after a commit has answered True sees that batch",
        _read.sees_what_was_applied,
    ),
    Promise(
        "another_handle_sees_what_was_applied",
        "one snapshot: ... here or in another handle on the same store: no replicas, no caches",
        _read.another_handle_sees,
    ),
    # Comparing
    Promise(
        "a_batch_whose_expectations_hold_applies",
        "commit: if no expectation differs, the writes are carried out and the answer is True",
        _commit.met_expectations_apply,
    ),
    Promise(
        "a_put_expecting_nothing_conflicts_with_a_row",
        "no upsert: a put that expects no row writes nothing onto one, nor do two of them both write",
        _commit.absent_put_on_row,
    ),
    Promise(
        "a_put_expecting_a_row_conflicts_with_nothing",
        "no upsert: a put that expects a row writes nothing where it is gone: what was ended stays ended",
        _commit.stamp_put_on_nothing,
    ),
    Promise(
        "a_put_conflicts_with_another_stamp",
        "compare, then write: a put onto a row with another stamp is a conflict",
        _commit.stamp_put_on_other,
    ),
    Promise(
        "a_check_expecting_nothing_conflicts_with_a_row",
        "compare, then write: a check for absence where there is a row is a conflict",
        _commit.absent_check_on_row,
    ),
    Promise(
        "a_check_conflicts_with_another_stamp",
        "compare, then write: a check for a stamp where there is another, or no row, is a conflict",
        _commit.stamp_check_on_other,
    ),
    Promise(
        "the_same_content_is_not_the_same_row",
        "compare, then write: stamps are compared, not contents: a row made anew with the old content is another",
        _commit.aba,
    ),
    Promise(
        "one_of_many_racing_puts_applies",
        "compare, then write, in one atomic step: of many puts with one expectation exactly one applies",
        _commit.one_winner,
    ),
    Promise(
        "a_conflict_changes_nothing",
        "all or nothing: after a conflict nothing is changed, in rows or journal, wherever in the batch it arose",
        _commit.conflict_changes_nothing,
    ),
    Promise(
        "an_applied_batch_is_applied_whole",
        "all or nothing: after True every write is done, and the journal has every entry",
        _commit.applied_whole,
    ),
    Promise("an_empty_batch_applies", "commit: an empty batch, durable or not, is applied", _commit.empty),
    Promise(
        "a_put_keeps_the_epoch_it_gives",
        "commit: a row stands as the put gives it, with its epoch, higher or lower than before",
        _commit.epoch_given,
    ),
    Promise(
        "a_put_row_carries_its_stamp",
        "commit: a row that was put carries the stamp of its batch",
        _commit.stamp_given,
    ),
    Promise(
        "a_cancelled_commit_is_whole_or_nothing",
        "all or nothing, also of a task that is cancelled, and the next call works",
        _commit.cancelled,
    ),
)

_TAKING_AWAY = (
    Promise(
        "endings_are_never_refused",
        "never refused: a batch of deletes and raises alone is never a conflict, however busy its rows",
        _ending.never_refused,
    ),
    Promise("deleting_nothing_is_applied", "Delete: without effect where there is no row", _ending.delete_nothing),
    Promise("raising_nothing_creates_nothing", "Raise: without effect where there is no row", _ending.raise_nothing),
    Promise(
        "a_raise_leaves_all_else",
        "Raise: adds one to the epoch in place, all else left as it is",
        _ending.raise_leaves_all_else,
    ),
    Promise(
        "a_raise_restamps",
        "Raise: gives the row the batch's stamp, so that what was consulted before conflicts",
        _ending.raise_restamps,
    ),
    Promise("no_raise_is_lost", "Raise: raises in parallel add up", _ending.no_raise_is_lost),
    Promise(
        "a_raise_stops_at_the_highest",
        "Raise: of an epoch at its highest is StoreFailure fatal, and changes nothing",
        _commit.highest,
    ),
    Promise(
        "every_record_comes_back_bit_for_bit",
        "a store remembers rows and never interprets them: each comes back as it was given",
        _record.bit_for_bit,
    ),
)

_JOURNAL = (
    Promise(
        "the_journal_keeps_commit_order",
        "changes: entries in commit order, and within a batch in its order, each with its own end",
        _journal.commit_order,
    ),
    Promise(
        "the_journal_is_read_in_pages",
        "changes: up to `limit` entries after `after`, and the end of the journal beyond the page",
        _journal.pages,
    ),
    Promise(
        "a_follower_misses_nothing",
        "skips nothing: a follower sees every entry once, in commit order, whoever commits meanwhile",
        _journal.follower,
    ),
    Promise(
        "an_epoch_ending_tells_the_floor_after_its_batch",
        "Ending: the floor is the row's epoch as it is after the batch",
        _journal.floor_after_batch,
    ),
    Promise(
        "an_epoch_ending_of_no_row_tells_the_highest_floor",
        "Ending: the floor is HIGHEST where the row is gone",
        _journal.floor_of_nothing,
    ),
)

_SCANNING = (
    Promise("a_scan_shows_one_kind", "scan: the rows of the range's kind, all of them and no others", _scan.one_kind),
    Promise("a_scan_goes_in_key_order", "scan: in key order: names and ids by their bytes", _scan.key_order),
    Promise("a_scan_by_owner_shows_its_rows_only", "scan: only rows with this owner, when one is given", _scan.by_owner),
    Promise(
        "a_scan_begins_strictly_after",
        "scan: strictly after the range's `after`, whether or not there is such a row",
        _scan.strictly_after,
    ),
    Promise("a_scan_obeys_its_limit", "scan: the first `limit` rows; fewer only when there are no more", _scan.limit),
    Promise("a_page_of_a_scan_is_one_snapshot", "one snapshot: one page is one moment", _scan.one_snapshot),
)

_PURGING = (
    Promise(
        "a_purge_leaves_what_is_not_over",
        "purge: removes no row whose end is after `now`, nor one without",
        _purge.leaves_the_living,
    ),
    Promise(
        "a_purge_takes_what_is_over",
        "purge: fewer removed than `limit` means that no row is left whose end is at or before `now`",
        _purge.takes_the_expired,
    ),
    Promise("a_purge_obeys_its_limit", "purge: removes at most `limit` rows and says how many", _purge.limit),
    Promise(
        "a_purge_leaves_the_journal_until_its_time",
        "purge: removes journal entries whose end is at or before `now`, and no others",
        _purge.journal_until,
    ),
    Promise(
        "a_purged_row_is_gone_for_good",
        "purge: what was removed is absent to every later comparison",
        _purge.gone_for_good,
    ),
    Promise(
        "a_cursor_is_never_given_twice",
        "skips nothing: an entry that follows a purged one stands after it, and `end` never goes back",
        _purge.number_never_twice,
    ),
)

_DURABILITY = (
    Promise(
        "an_applied_batch_survives_a_kill",
        "durable: True is said only when a durable batch would survive, with its journal",
        _durable.survives_a_kill,
    ),
    Promise(
        "a_relaxed_batch_survives_a_kill",
        "relaxed is written: a batch that is not durable survives the process, though a power cut may undo it",
        _durable.relaxed_survives_a_kill,
    ),
    Promise(
        "an_applied_batch_survives_a_power_cut",
        "durable: True is said only when a durable batch would survive a power cut",
        _durable.survives_a_power_cut,
    ),
    Promise("no_crash_halves_a_batch", "all or nothing, also across a crash", _durable.never_halved),
    Promise(
        "a_barrier_makes_all_before_it_durable",
        "Batch: True on an empty durable batch says that all before it is durable",
        _durable.barrier,
    ),
    Promise(
        "nothing_is_read_before_it_is_durable",
        "durable before seen: no read shows a durable write that a power cut could undo",
        _durable.not_read_early,
    ),
    Promise("nothing_is_scanned_before_it_is_durable", "durable before seen: nor does a scan", _durable.not_scanned_early),
    Promise(
        "no_ending_is_told_before_it_is_durable",
        "durable before seen: nor does the journal, for a follower past a lost entry would skip the next one",
        _durable.not_told_early,
    ),
    Promise(
        "after_a_failed_sync_reads_wait",
        "durable before seen: after a commit whose sync failed, reads fail as retryable until a durable commit, or a barrier"
        " of the store's own, has succeeded",
        _durable.failed_sync,
    ),
)

PROMISES = (*_FIRST, *_TAKING_AWAY, *_JOURNAL, *_SCANNING, *_PURGING, *_DURABILITY)
"""Every promise, in the order of the Rust kit, whose names they have."""

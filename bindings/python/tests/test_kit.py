"""The kit keeps the names of the Rust kit, finds nothing wrong with a correct store, and names the promise that a broken one
breaks.

``DOORWARD_KIT_MATRIX=1`` asks every broken store for every promise: it breaks its own and no other. Without (the default), it
is asked for its own.
"""

from __future__ import annotations

import asyncio
import os
import re
import runpy
import unittest
from pathlib import Path

import pytest
from broken import Bench, Flaw

from doorward import kit
from doorward.store import StoreFailure

RUST = Path(__file__).parents[3] / "backends/conformance/src/suite.rs"
EXAMPLE = Path(__file__).parents[1] / "examples/own_store.py"

NOT_IN_PYTHON = {
    "guarantees_stand": "an AsyncStore declares none: it promises all of them",
    "a_malformed_batch_is_refused_whole": "the library makes none, and a Batch says what it holds to",
}
PYTHON_ONLY = {
    "a_cancelled_commit_is_whole_or_nothing": "in Rust a dropped future is for its author's own tests",
    "a_raise_stops_at_the_highest": "in Rust a checked addition of the core's does it for the stores",
}

BREAKS: dict[Flaw, list[str]] = {
    Flaw.ANSWERS_DUPLICATES_ONCE: ["a_read_answers_in_key_order"],
    Flaw.REFUSES_EMPTY_READS: ["an_empty_read_is_empty"],
    Flaw.READS_ROW_BY_ROW: ["a_read_is_one_snapshot"],
    Flaw.TASKS_REMEMBER: ["a_read_sees_what_was_applied"],
    Flaw.SECOND_HANDLE_CACHES: ["another_handle_sees_what_was_applied"],
    Flaw.REFUSES_ABSENT_CHECKS: ["a_batch_whose_expectations_hold_applies"],
    Flaw.UPSERTS: ["a_put_expecting_nothing_conflicts_with_a_row"],
    Flaw.REVIVES_ENDED: ["a_put_expecting_a_row_conflicts_with_nothing"],
    Flaw.COMPARES_A_PREFIX: ["a_put_conflicts_with_another_stamp"],
    Flaw.FORGETS_ABSENT_CHECKS: ["a_check_expecting_nothing_conflicts_with_a_row"],
    Flaw.FORGETS_STAMP_CHECKS: ["a_check_conflicts_with_another_stamp"],
    Flaw.COMPARES_CONTENTS: ["the_same_content_is_not_the_same_row", "a_raise_restamps"],
    Flaw.COMPARES_UNLOCKED: ["a_put_expecting_nothing_conflicts_with_a_row", "one_of_many_racing_puts_applies"],
    Flaw.STOPS_HALFWAY: ["a_conflict_changes_nothing"],
    Flaw.JOURNALS_CONFLICTS: ["a_conflict_changes_nothing"],
    Flaw.FORGETS_THE_THIRTY_THIRD: ["an_applied_batch_is_applied_whole"],
    Flaw.REFUSES_EMPTY_BATCHES: ["an_empty_batch_applies", "a_barrier_makes_all_before_it_durable"],
    Flaw.KEEPS_THE_HIGHEST_EPOCH: ["a_put_keeps_the_epoch_it_gives"],
    Flaw.TOUCH_KEEPS_STAMP: ["a_put_row_carries_its_stamp"],
    Flaw.CANCEL_HALVES: ["a_cancelled_commit_is_whole_or_nothing"],
    Flaw.CANCEL_LEAVES_LOCKED: ["a_cancelled_commit_is_whole_or_nothing", "after_a_failed_sync_reads_wait"],
    Flaw.REFUSES_ENDINGS: ["endings_are_never_refused"],
    Flaw.REFUSES_IDLE_DELETES: ["endings_are_never_refused", "deleting_nothing_is_applied"],
    Flaw.RAISES_NOTHING: ["raising_nothing_creates_nothing"],
    Flaw.RAISE_DROPS_EXPIRY: ["a_raise_leaves_all_else"],
    Flaw.RAISE_KEEPS_STAMP: ["a_raise_restamps"],
    Flaw.LOSES_RAISES: ["no_raise_is_lost"],
    Flaw.RAISE_WRAPS: ["a_raise_stops_at_the_highest"],
    Flaw.EPOCHS_ARE_FLOATS: ["every_record_comes_back_bit_for_bit"],
    Flaw.RECORDS_ARE_TEXT: ["every_record_comes_back_bit_for_bit"],
    Flaw.ENDS_AT_NUL: ["every_record_comes_back_bit_for_bit"],
    Flaw.GRANTS_ARE_SESSIONS: [
        "the_journal_keeps_commit_order",
        "a_purge_leaves_the_journal_until_its_time",
        "a_cursor_is_never_given_twice",
    ],
    Flaw.JOURNAL_BY_UNTIL: ["the_journal_keeps_commit_order"],
    Flaw.ENDS_WITH_THE_PAGE: ["the_journal_is_read_in_pages"],
    Flaw.NUMBERS_EARLY: ["a_follower_misses_nothing"],
    Flaw.FLOOR_BEFORE_RAISE: ["an_epoch_ending_tells_the_floor_after_its_batch"],
    Flaw.FLOOR_OF_NOTHING_IS_ZERO: ["an_epoch_ending_of_no_row_tells_the_highest_floor"],
    Flaw.MIXES_KINDS: ["a_scan_shows_one_kind"],
    Flaw.SCANS_BY_LENGTH: ["a_scan_goes_in_key_order"],
    Flaw.SCANS_NOBODYS: ["a_scan_by_owner_shows_its_rows_only"],
    Flaw.SCANS_AFTER_ITSELF: ["a_scan_begins_strictly_after"],
    Flaw.SCANS_ONE_MORE: ["a_scan_obeys_its_limit"],
    Flaw.SCANS_ROW_BY_ROW: ["a_page_of_a_scan_is_one_snapshot"],
    Flaw.PURGES_THE_UNEXPIRING: ["a_purge_leaves_what_is_not_over"],
    Flaw.PURGE_SPARES_THE_MOMENT: ["a_purge_takes_what_is_over"],
    Flaw.PURGES_ONE_MORE: ["a_purge_obeys_its_limit"],
    Flaw.PURGES_THE_JOURNAL: ["a_purge_leaves_the_journal_until_its_time"],
    Flaw.PURGE_HIDES: ["a_purged_row_is_gone_for_good"],
    Flaw.REUSES_NUMBERS: ["a_cursor_is_never_given_twice"],
    Flaw.NUMBERS_ON_AT_OPENING: ["a_cursor_is_never_given_twice"],
    Flaw.FORGETS_ON_KILL: ["an_applied_batch_survives_a_kill"],
    Flaw.BUFFERS_RELAXED: ["a_relaxed_batch_survives_a_kill"],
    Flaw.NEVER_SYNCS: [
        "an_applied_batch_survives_a_power_cut",
        "no_crash_halves_a_batch",
        "a_barrier_makes_all_before_it_durable",
        "after_a_failed_sync_reads_wait",
    ],
    Flaw.SKIPS_SYNC_OF_ENDINGS: ["an_applied_batch_survives_a_power_cut"],
    Flaw.SYNCS_ROW_BY_ROW: ["no_crash_halves_a_batch"],
    Flaw.SKIPS_BARRIERS: ["a_barrier_makes_all_before_it_durable"],
    Flaw.READS_EARLY: ["nothing_is_read_before_it_is_durable"],
    Flaw.SCANS_EARLY: ["nothing_is_scanned_before_it_is_durable"],
    Flaw.TELLS_EARLY: ["no_ending_is_told_before_it_is_durable"],
    Flaw.FORGETS_FAILED_SYNCS: ["after_a_failed_sync_reads_wait"],
}

test_a_correct_store_keeps = kit.pytest_suite(Bench)


def test_it_asks_what_the_rust_kit_asks_in_its_order() -> None:
    rust = re.findall(r"^([a-z_]+) = [a-z]+::[a-z_]+:$", RUST.read_text(), re.MULTILINE)
    twin = [promise.name for promise in kit.PROMISES]
    assert len(rust) > 50
    assert [name for name in rust if name not in NOT_IN_PYTHON] == [name for name in twin if name not in PYTHON_ONLY]
    assert NOT_IN_PYTHON.keys() <= set(rust)
    assert PYTHON_ONLY.keys() <= set(twin) - set(rust)


def test_every_promise_has_a_store_that_breaks_it() -> None:
    assert set(BREAKS) == set(Flaw)
    assert {name for names in BREAKS.values() for name in names} == {promise.name for promise in kit.PROMISES}


@pytest.mark.parametrize("flaw", Flaw, ids=lambda flaw: flaw.name.lower())
def test_a_broken_store_breaks_its_promise_and_no_other(flaw: Flaw) -> None:
    asks_all = os.environ.get("DOORWARD_KIT_MATRIX", "0") == "1"

    async def broken() -> list[str]:
        asked = [promise for promise in kit.PROMISES if asks_all or promise.name in BREAKS[flaw]]
        patience = 0.5 if flaw is Flaw.CANCEL_LEAVES_LOCKED else 30
        verdicts = [(promise, await promise.put_to(Bench(flaw), patience)) for promise in asked]
        return [promise.name for promise, verdict in verdicts if verdict.is_broken]

    assert asyncio.run(broken()) == [promise.name for promise in kit.PROMISES if promise.name in BREAKS[flaw]]


def test_a_failure_says_the_sentence_and_what_was_seen() -> None:
    promise = next(promise for promise in kit.PROMISES if promise.name == "a_scan_obeys_its_limit")
    with pytest.raises(kit.BrokenPromise, match=r"the first `limit` rows.*\n.*seen: a page of at most 1 of 23 rows has 2"):
        asyncio.run(kit.uphold(Bench(Flaw.SCANS_ONE_MORE), promise))


class Bare(kit.Fixture):
    async def open(self):
        return await Bench().open()


def test_what_a_fixture_does_not_offer_is_not_asked_and_not_kept() -> None:
    verdicts = asyncio.run(kit.verdicts(Bare))
    assert not any(verdict.is_broken for _, verdict in verdicts)
    unasked = {promise.name: str(verdict) for promise, verdict in verdicts if not verdict.is_kept}
    assert len(unasked) == 10
    assert unasked["another_handle_sees_what_was_applied"] == "NOT ASKED: the fixture offers no second handle"
    assert unasked["an_applied_batch_survives_a_kill"] == "NOT ASKED: the fixture offers no `reopen`"
    assert unasked["no_crash_halves_a_batch"] == "NOT ASKED: the fixture offers no simulated medium"
    asked = kit.pytest_suite(Bare)
    promise = next(promise for promise in kit.PROMISES if promise.name == "no_crash_halves_a_batch")
    with pytest.raises(unittest.SkipTest, match="NOT ASKED: the fixture offers no simulated medium"):
        asked(promise)


class Answers(kit.Fixture):
    """A store whose calls all answer the same, or raise it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def open(self):
        return self

    async def _call(self, *_: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    read = scan = commit = changes = purge = _call


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (None, "commit answered None, which is neither True nor False"),
        (ValueError("no such table"), "commit raised ValueError: no such table"),
        (StoreFailure("damaged", "a bad page"), "commit failed as damaged: a bad page"),
    ],
)
def test_what_is_no_answer_is_broken(answer: object, seen: str) -> None:
    promise = next(promise for promise in kit.PROMISES if promise.name == "an_empty_batch_applies")
    assert asyncio.run(promise.put_to(Answers(answer))) == kit.Verdict("BROKEN", seen)


class Example(kit.Fixture):
    """The store of ``examples/own_store.py``."""

    async def open(self):
        self.store = runpy.run_path(str(EXAMPLE))["DictStore"]()
        return self.store

    async def second_handle(self):
        return self.store


def test_the_example_keeps_every_promise_that_memory_can() -> None:
    verdicts = asyncio.run(kit.verdicts(Example))
    assert {promise.name: verdict.seen for promise, verdict in verdicts if verdict.is_broken} == {}
    assert sum(verdict.is_kept for _, verdict in verdicts) == len(kit.PROMISES) - 9


def test_the_example_logs_in_and_out(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out == "logged in: True\nlogged out: ended\n"

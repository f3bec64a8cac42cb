"""A store that fails, or answers what is none: the exception says what is true, nothing is made up, nothing stays open."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import replace
from typing import Any

import pytest
from secrets_told import shown
from stepped import Disturbed, Happening, Rows
from test_async import operations

from doorward import Error, Misuse, StoreError
from doorward._native import lib
from doorward.store import Change, Changes, EndingKind, Key, Row, StoreFailure

ID = bytes(16)
altered: Any = replace
ROW = Row(Key(1, ID), ID, 1, None, None, b"canary-of-a-record")
CHANGE = Change(1, EndingKind.SESSION, ID, 0, 2**40)


pytestmark = pytest.mark.usefixtures("no_handle_stays_open")


@pytest.fixture(scope="module")
def rows() -> Rows:
    return Rows()


def outcome(rows: Rows, operation: str, happens: Happening, at: int, *, is_once: bool = True, **settings: Any) -> Any:
    """What an operation gives or raises, and whether something happened to it. It leaves no handle open."""

    async def main() -> tuple[Any, bool]:
        store = rows.store()
        engine = await rows.opened(store, **settings)
        handles = lib.dw_open_handles()
        store.disturb(happens, at, is_once=is_once)
        try:
            given = await getattr(engine, operation)(**rows.operations()[operation])
        except BaseException as end:
            given = end
        assert lib.dw_open_handles() == handles
        await engine.close()
        return given, store.made > at

    return asyncio.run(main())


# Failures.

FAILURES: list[BaseException] = [
    *(StoreFailure(kind, "canary of the store's") for kind in ("retryable", "unknown", "fatal", "damaged")),
    StoreFailure("typo"),  # type: ignore[arg-type]
    StoreFailure([]),  # type: ignore[arg-type]
    ValueError("none of theirs"),
]
OTHERS = [ConnectionResetError(), asyncio.TimeoutError(), StopAsyncIteration(), RecursionError(), MemoryError()]


def raising(failure: BaseException) -> Happening:
    async def happens(_: Disturbed, __: str, ___: tuple[Any, ...]) -> Any:
        raise failure

    return happens


def kinds(failure: BaseException, call: str) -> set[str]:
    """What may be said of it: of a commit that may stand, the engine looks what became of it."""
    kind = failure.kind if isinstance(failure, StoreFailure) else None
    if kind in ("fatal", "damaged"):
        return {"fatal"}
    if kind == "retryable" or call != "commit":
        return {"retryable"}
    return {"retryable", "unresolved", "contended"}


@pytest.mark.parametrize("operation", operations())
def test_a_call_that_fails_ends_an_operation_by_what_is_true_of_it(rows: Rows, operation: str) -> None:
    for failure in [*FAILURES, *(OTHERS if operation == "logout" else [])]:
        for at in range(6):
            called: list[str] = []

            async def fails(
                store: Disturbed, name: str, _: tuple[Any, ...], failure: Any = failure, called: Any = called
            ) -> Any:
                called.append(name)
                raise failure

            given, has_happened = outcome(rows, operation, fails, at, is_once=False)
            if not has_happened:
                break
            if isinstance(given, BaseException):
                assert isinstance(given, StoreError), (failure, at, given)
                assert given.kind in kinds(failure, called[0]), (failure, at, called, given)
                assert given.__cause__ is failure
                assert "canary" not in str(given)
            else:
                # What is left out may be done later: a touch, the deletion's rest.
                assert called[0] in {"commit", "scan", "purge", "read", "changes"}


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_is_no_failure_of_the_stores_passes_through(rows: Rows, end: type[BaseException]) -> None:
    async def main() -> None:
        store = rows.store()
        engine = await rows.opened(store)
        handles = lib.dw_open_handles()
        for at in range(2):
            store.disturb(raising(end()), at)
            coroutine = engine.login("ada", "plum kettle orbit")
            with pytest.raises(end):
                await coroutine
            assert lib.dw_open_handles() == handles
        await engine.close()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()


def test_a_commit_of_which_nobody_knows_is_looked_up(rows: Rows) -> None:
    """Done and not answered, or not done: the engine asks the store, and never says what is not so."""

    async def is_lost(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "commit" and store.is_done:
            await store.undisturbed(name, *arguments)
        if name == "commit":
            store.happens = None
            raise StoreFailure("unknown")
        return await store.undisturbed(name, *arguments)

    async def main(is_done: bool) -> None:
        store = rows.store()
        store.is_done = is_done  # type: ignore[attr-defined]
        engine = await rows.opened(store)
        store.disturb(is_lost, 0, is_once=False)
        token = rows.world.session_token
        receipt = (await asyncio.gather(engine.logout(token), return_exceptions=True))[0]
        if isinstance(receipt, StoreError):
            assert receipt.kind in {"unresolved", "retryable"}
        else:
            assert not isinstance(receipt, BaseException)
            with pytest.raises(Error):
                await engine.authenticate(token)
        await engine.close()

    for is_done in (True, False):
        asyncio.run(main(is_done))


# Answers that are none.

NO_ROWS: list[Any] = [None, 5, object(), "ab", {}, {1: 2}, [5], ["x"], [object()], [ROW] * 300, (row for row in [ROW])]
BAD_ROWS = [
    *(altered(ROW, stamp=stamp) for stamp in (b"", bytes(15), bytes(17), "x" * 16, None, 5)),
    *(altered(ROW, epoch=epoch) for epoch in (-1, 2**64, 1.5, None, "1")),
    *(altered(ROW, owner=owner) for owner in (b"", bytes(15), "x" * 16, 5)),
    *(altered(ROW, expires=expires) for expires in (2**63, -(2**63) - 1, 1.5, "1", b"1")),
    *(altered(ROW, record=record) for record in (None, "x", 5, [5])),
    *(altered(ROW, key=key) for key in (None, 5, Key(-1, ID), Key(2**32, ID), Key("1", ID), Key(1, "x"), Key(1, None))),  # type: ignore[arg-type]
]
ANSWERS: dict[str, tuple[str, list[Any]]] = {
    "read": ("authenticate", [*NO_ROWS, [], *([row] for row in BAD_ROWS)]),
    "scan": (
        "sessions",
        [
            *NO_ROWS,
            [None],
            *([row] for row in BAD_ROWS),
            [altered(ROW, key=Key(2, ID))],
            [altered(ROW, owner=bytes(range(16)))],
        ],
    ),
    "commit": ("logout", [None, 0, 1, "yes", [], object()]),
    "purge": ("purge", [None, True, -1, 1.5, "1", 2**64, 10**5000, [], object()]),
    "changes": (
        "verify",
        [None, 5, [], ([], 0), object(), Changes(None, 0), Changes(5, 0), Changes([None], 1), Changes([ROW], 1)]  # type: ignore[arg-type, list-item]
        + [Changes([], end) for end in (-1, 2**64, "1", None, 1.5)]  # type: ignore[arg-type]
        + [Changes([altered(CHANGE, number=number)], 1) for number in (-1, 2**64, None)]
        + [Changes([altered(CHANGE, kind=kind)], 1) for kind in (None, 1, "SESSION")]
        + [Changes([altered(CHANGE, subject=subject)], 1) for subject in (b"", bytes(15), None)]
        + [Changes([altered(CHANGE, floor=floor)], 1) for floor in (-1, 2**64, None)]
        + [Changes([altered(CHANGE, until=until)], 1) for until in (2**63, None)]
        + [Changes([CHANGE] * 100_000, 1)],
    ),
}


def cases() -> list[Any]:
    return [
        pytest.param(call, operation, answer, id=f"{call}-{number}")
        for call, (operation, answers) in ANSWERS.items()
        for number, answer in enumerate(answers)
    ]


@pytest.mark.parametrize(("call", "operation", "answer"), cases())
def test_an_answer_that_is_none_is_misuse_and_says_of_which_call(rows: Rows, call: str, operation: str, answer: Any) -> None:
    asked: list[str] = []

    async def answers(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
        if name != call:
            return await store.undisturbed(name, *arguments)
        asked.append(name)
        return answer

    given, _ = outcome(rows, operation, answers, 0, is_once=False, revocation="watched")
    assert asked
    assert isinstance(given, Misuse), given
    assert str(given).startswith(f"the store's answer to {call} "), given
    assert "canary" not in shown(given)
    assert len(shown(given)) < 10_000


def test_rows_in_any_sequence_are_taken(rows: Rows) -> None:
    async def as_tuple(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
        given = await store.undisturbed(name, *arguments)
        return tuple(given) if isinstance(given, list) else given

    for operation in ("authenticate", "sessions", "maintain"):
        given, _ = outcome(rows, operation, as_tuple, 0, is_once=False)
        assert not isinstance(given, BaseException), given


@pytest.mark.parametrize("part", ["record", "owner", "expires", "key"])
def test_a_row_that_is_not_as_it_was_written_is_a_fatal_failure_or_misuse(rows: Rows, part: str) -> None:
    def otherwise(row: Row) -> Row:
        changed: dict[str, Any] = {
            "record": row.record[:-1] + bytes([row.record[-1] ^ 1]),
            "owner": None if row.owner else ID,
            "expires": (row.expires or 0) + 1,
            "key": Key(row.key.kind, row.key.id[::-1]),
        }
        return replace(row, **{part: changed[part]})

    async def changes(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
        given = await store.undisturbed(name, *arguments)
        return [row and otherwise(row) for row in given] if name in {"read", "scan"} else given

    for operation in ("authenticate", "sessions", "login"):
        given, _ = outcome(rows, operation, changes, 0, is_once=False)
        if part == "key":  # of what is read, it is not looked at
            assert not isinstance(given, BaseException) or isinstance(given, (StoreError, Misuse)), given
        else:
            assert isinstance(given, (StoreError, Misuse)), given
            assert getattr(given, "kind", "fatal") == "fatal"


def test_a_page_that_is_not_in_order_or_too_long_is_misuse(rows: Rows) -> None:
    async def reversed_(store: Disturbed, name: str, arguments: tuple[Any, ...]) -> Any:
        given = await store.undisturbed(name, *arguments)
        return given[::-1] * 2 if name == "scan" else given

    given, _ = outcome(rows, "sessions", reversed_, 0, is_once=False)
    assert isinstance(given, Misuse)
    assert "in order" in str(given)


def test_a_store_that_is_not_asynchronous_is_a_store_error_that_tells_why(rows: Rows) -> None:
    class Blocking:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: []

    async def main() -> None:
        with pytest.raises(StoreError) as refused:
            await rows.opened(Blocking())  # type: ignore[arg-type]
        assert "await" in str(refused.value.__cause__)

    asyncio.run(main())


def test_openings_fail_at_each_call_of_the_store_and_leave_nothing(rows: Rows) -> None:
    async def main(failure: BaseException, at: int) -> bool:
        store = rows.store()
        store.disturb(raising(failure), at, is_once=False)
        try:
            engine = await rows.opened(store)
        except BaseException as end:
            given = end
        else:
            await engine.close()
            return False
        assert isinstance(given, StoreError) or given is failure
        return True

    for failure in (*FAILURES, KeyboardInterrupt(), asyncio.CancelledError()):
        at = 0
        loop = asyncio.new_event_loop()
        while loop.run_until_complete(main(failure, at)):
            at += 1
            assert at < 20
        loop.close()
        assert at > 0


def test_every_operation_is_a_coroutine_that_is_tried(rows: Rows) -> None:
    assert set(operations()) == set(rows.operations())
    assert len(operations()) > 25
    assert all(inspect.iscoroutinefunction(getattr(type(rows.world.engine), name)) for name in operations())

"""An operation of the library, step by step: what it needs is asked of the host's store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import _rows, errors
from ._config import Hashing
from ._fork import Held, underway
from ._lent import Lent, of_type, whole
from ._native import ffi, lib
from .store import AsyncStore, StoreFailure

_ERROR = ffi.typeof("dw_error*[1]")
_NEED = ffi.typeof("dw_need*[1]")
_FAILURES = {"retryable": lib.DW_RETRYABLE, "unknown": lib.DW_UNKNOWN, "fatal": lib.DW_FATAL, "damaged": lib.DW_DAMAGED}


class Need(NamedTuple):
    """What an operation needs, in Python's terms, and for a call of the store its arguments."""

    kind: int
    ticket: int
    question: tuple[Any, ...]


@dataclass(frozen=True)
class _Call:
    """A call of the store: how its answer is given back."""

    name: str
    ask: Callable[..., Awaitable[Any]]
    read: Callable[[Any], tuple[Any, ...]]
    reply: Any
    give: Callable[[Lent, Any], tuple[Any, ...]]


def _applied(_: Lent, answer: Any) -> tuple[int]:
    if type(answer) is not bool:
        raise of_type(answer, "it", "bool")
    return (int(answer),)


_CALLS = {
    lib.DW_NEED_READ: _Call(
        "read",
        lambda store, *asked: store.read(*asked),
        lambda need: (_rows.keys(need.keys, need.key_count),),
        lib.dw_op_reply_rows,
        _rows.lent_rows,
    ),
    lib.DW_NEED_SCAN: _Call(
        "scan",
        lambda store, *asked: store.scan(*asked),
        lambda need: (_rows.span(need.range), need.limit),
        lib.dw_op_reply_page,
        _rows.lent_rows,
    ),
    lib.DW_NEED_COMMIT: _Call(
        "commit",
        lambda store, *asked: store.commit(*asked),
        lambda need: (_rows.batch(need.batch),),
        lib.dw_op_reply_commit,
        _applied,
    ),
    lib.DW_NEED_CHANGES: _Call(
        "changes",
        lambda store, *asked: store.changes(*asked),
        lambda need: (need.after, need.limit),
        lib.dw_op_reply_changes,
        _rows.lent_changes,
    ),
    lib.DW_NEED_PURGE: _Call(
        "purge",
        lambda store, *asked: store.purge(*asked),
        lambda need: (need.now, need.limit),
        lib.dw_op_reply_purged,
        lambda _, removed: (whole(removed, "it"),),
    ),
}


class Steps:
    """Runs operations on a store, in one event loop."""

    def __init__(self, store: AsyncStore, hashing: Hashing) -> None:
        missing = [call.name for call in _CALLS.values() if not callable(getattr(store, call.name, None))]
        if missing:
            raise errors.Misuse(
                f"the store, of type {type(store).__name__}, has no method {missing[0]}: give one as doorward.store.AsyncStore"
                " says, or a doorward.aiosqlite.AioSqliteStore"
            )
        self._loop = running_loop()
        self._store = store
        self._is_closed = False
        # One that hashes, or waits for it in the library, is a thread; one more finds out that there is no room.
        self._pool = ThreadPoolExecutor(hashing.cores() + hashing.queue + 1, thread_name_prefix="doorward")

    def close(self) -> None:
        self._is_closed = True
        self._pool.shutdown(wait=False)

    def check_loop(self) -> None:
        if running_loop() is not self._loop:
            raise errors.Misuse("this engine was opened in another event loop: open one in each")

    async def run(self, held: Held) -> Exception | None:
        """Until the outcome is there. Gives the store's last exception, for whoever wants to know why."""
        why: Exception | None = None
        while (need := _poll(held)).kind != lib.DW_NEED_DONE:
            if need.kind == lib.DW_NEED_WORK:
                await self._work(held, need)
                continue
            call = _CALLS.get(need.kind)
            if call is None:
                _check(lib.dw_op_reply_failed, held, need.ticket, lib.DW_FATAL)
                continue
            try:
                answer = await call.ask(self._store, *need.question)
            except Exception as failure:
                why = failure
                _check(lib.dw_op_reply_failed, held, need.ticket, _FAILURES[_kind(failure, need)])
            else:
                _answered(call, held, need, answer)
        return why

    async def _work(self, held: Held, need: Need) -> None:
        (is_hashing,) = need.question
        if not is_hashing:
            _check(lib.dw_work_run, held, need.ticket)
            return
        try:
            working = self._loop.run_in_executor(self._pool, _check, lib.dw_work_run, held, need.ticket)
        except RuntimeError:
            if self._is_closed:
                raise errors.Misuse("this engine was closed during the call") from None
            if not threading.main_thread().is_alive():
                raise errors.Misuse(
                    "the main thread is over, and with it the interpreter's thread pools: keep it alive while others serve"
                ) from None
            # The system gives no thread.
            _check(lib.dw_op_reply_busy, held, need.ticket)
            return
        await working


def running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise errors.Misuse("an AsyncEngine is opened and used in a running asyncio event loop") from None


def _poll(held: Held) -> Need:
    out = ffi.new(_NEED)
    try:
        _check(lib.dw_op_poll, held, out)
        need = out[0]
        call = _CALLS.get(need.kind)
        if call is not None:
            return Need(need.kind, need.ticket, call.read(need))
        return Need(need.kind, need.ticket, (need.is_hashing,))
    except _rows.UnknownNeed:
        return Need(-1, out[0].ticket, ())
    finally:
        lib.dw_need_free(out[0])


def _kind(failure: Exception, need: Need) -> str:
    if isinstance(failure, StoreFailure) and isinstance(failure.kind, str) and failure.kind in _FAILURES:
        return failure.kind
    return "unknown" if need.kind == lib.DW_NEED_COMMIT else "retryable"


def _answered(call: _Call, held: Held, need: Need, answer: Any) -> None:
    lent = Lent()
    try:
        given = call.give(lent, answer)
    except errors.Misuse as refused:
        refused.args = (f"the store's answer to {call.name} is none: {refused}",)
        raise
    except Exception as problem:  # whatever it is, it is none of the answers
        raise errors.Misuse(f"the store's answer to {call.name} is none: {problem}") from problem
    try:
        _check(call.reply, held, need.ticket, *given)
    except errors.Misuse as refused:
        if refused.status:  # the library's refusal: otherwise the operation is over
            refused.args = (f"the store's answer to {call.name} is refused: {refused}",)
        raise


def _check(call: Any, held: Held, *arguments: Any) -> None:
    error = ffi.new(_ERROR)
    underway.add(error)
    try:
        status = call(held.use(), *arguments, error)
    finally:
        underway.discard(error)
    if status:
        raise held.refused(errors.raised(status, error, 0))

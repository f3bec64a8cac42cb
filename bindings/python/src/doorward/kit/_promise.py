"""A promise, how it is put to a store, and what can come of it."""

from __future__ import annotations

import asyncio
import unittest
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from ..store import Row
from ._fixture import Fixture

PATIENCE = 60.0
"""How long one promise may take to be asked, in seconds: after that the store counts as one that hangs."""


class Broken(Exception):
    """What a check found wrong."""


class NotAsked(Exception):
    """Why a check could not look."""


class BrokenPromise(AssertionError):
    """A store breaks a promise: the contract's sentence, and what was seen."""


@dataclass(frozen=True)
class Verdict:
    """What came of asking a store for a promise. What was not asked is not kept: nothing is known."""

    outcome: Literal["kept", "BROKEN", "NOT ASKED"]
    seen: str = ""
    """What was seen, or why it was not asked."""

    @property
    def is_kept(self) -> bool:
        return self.outcome == "kept"

    @property
    def is_broken(self) -> bool:
        return self.outcome == "BROKEN"

    def __str__(self) -> str:
        return f"{self.outcome}: {self.seen}" if self.seen else self.outcome


@dataclass(frozen=True)
class Promise:
    """One sentence of the contract of :class:`~doorward.store.AsyncStore`, and the check that asks for it."""

    name: str
    """The name that it has in the Rust kit, too."""
    sentence: str
    """What the contract says."""
    check: Callable[[Fixture], Awaitable[None]] = field(repr=False)

    def __str__(self) -> str:
        return self.name

    async def put_to(self, fixture: Fixture, patience: float = PATIENCE) -> Verdict:
        """Asks a store, given as a fixture that nothing else has used, and closes it.

        :param patience: how long it may take, in seconds.
        """
        try:
            await asyncio.wait_for(self._ask(fixture), patience)
        except NotAsked as why:
            return Verdict("NOT ASKED", str(why))
        except Broken as what:
            return Verdict("BROKEN", str(what))
        except asyncio.TimeoutError:
            return Verdict("BROKEN", f"the store hangs: it was not done within {patience:g} s")
        return Verdict("kept")

    async def _ask(self, fixture: Fixture) -> None:
        try:
            await self.check(fixture)
        finally:
            await fixture.close()


async def uphold(fixture: Fixture, promise: Promise, patience: float = PATIENCE) -> Verdict:
    """Puts the promise to a store.

    :raises BrokenPromise: with the contract's sentence and what was seen.
    """
    verdict = await promise.put_to(fixture, patience)
    if verdict.is_broken:
        raise BrokenPromise(f"broken promise: {promise.name}: {promise.sentence}\n  seen: {verdict.seen}")
    return verdict


def suite(promises: tuple[Promise, ...], make: Callable[[], Fixture]) -> Callable[..., None]:
    """A pytest test of each promise."""
    import pytest  # who asks for tests of pytest has it

    @pytest.mark.parametrize("promise", promises, ids=str)
    def test_promise(promise: Promise) -> None:
        verdict = asyncio.run(uphold(make(), promise))
        if not verdict.is_kept:
            raise unittest.SkipTest(str(verdict))

    return test_promise


def ensure(holds: bool, said: str) -> None:
    """Leaves the check with a broken promise unless the condition holds."""
    if not holds:
        raise Broken(said)


def show(value: Any) -> str:
    """Rows with the beginning of their records, which their own ``repr`` leaves out. The kit's records are no secrets."""
    if isinstance(value, Row):
        record = f"{value.record[:24]!r}{'…' if len(value.record) > 24 else ''} ({len(value.record)} bytes)"
        return f"{repr(value)[:-1]}, record={record})"
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return "[" + ", ".join(map(show, value)) + "]"
    return repr(value)

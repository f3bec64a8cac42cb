"""The promises of a store as tests: the twin of the Rust kit, for :class:`doorward.store.AsyncStore`.

An engine trusts its store with the eight sentences of :mod:`doorward.store` and nothing else. This kit asks for each of them.

1. Derive a class from :class:`Fixture` that makes one fresh database. :meth:`Fixture.open` is enough to begin.
2. Write one line in a test file::

       test_promises = doorward.kit.pytest_suite(MyFixture)

   or, where the fixture needs something of pytest, such as a folder::

       @pytest.mark.parametrize("promise", doorward.kit.PROMISES, ids=str)
       def test_promise(promise, tmp_path):
           asyncio.run(doorward.kit.uphold(MyFixture(tmp_path), promise))

3. Run pytest. A store that breaks a promise fails the test of that name, with the contract's sentence and what was seen.

What a fixture does not offer is skipped as ``NOT ASKED`` with the reason, and is not counted as kept. Without pytest:

>>> import asyncio
>>> for promise, verdict in asyncio.run(verdicts(MyFixture)):  # doctest: +SKIP
...     print(promise, verdict)

It looks for races by racing, for a moment each: a store with a window of microseconds may pass once, so run it often. Tasks of
one event loop race only where they wait; what two processes do to each other is asked through :meth:`Fixture.second_handle`
alone. A kill in the middle of a write is for tests of your own.
"""

from __future__ import annotations

from collections.abc import Callable

from ._fixture import Fixture, Medium
from ._promise import BrokenPromise, Promise, Verdict, suite, uphold
from ._suite import PROMISES

__all__ = ["PROMISES", "BrokenPromise", "Fixture", "Medium", "Promise", "Verdict", "pytest_suite", "uphold", "verdicts"]


async def verdicts(make: Callable[[], Fixture]) -> list[tuple[Promise, Verdict]]:
    """Puts every promise to a store, one after the other, each on a fixture of its own."""
    return [(promise, await promise.put_to(make())) for promise in PROMISES]


def pytest_suite(make: Callable[[], Fixture]) -> Callable[..., None]:
    """A test of each promise, for pytest: assign it to a name that begins with ``test_``. It runs an event loop of its own."""
    return suite(PROMISES, make)

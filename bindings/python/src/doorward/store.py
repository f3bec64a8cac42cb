"""A store of your own, for :class:`doorward.AsyncEngine`: what it keeps, and the five calls that it answers.

The engine trusts it in eight sentences:

==================== ===========================================================================================================
promise              in one line
==================== ===========================================================================================================
one snapshot         all rows of one answer stood side by side at one moment, none earlier than a commit that was answered as
                     applied, here or elsewhere: no replicas, no caches
all or nothing       a batch is applied whole or not at all, also across a crash
compare, then write  any check, or any put whose expectation fails, makes the whole batch a conflict: nothing is changed
no upsert            a put onto a row that is not as expected writes nothing: what was ended stays ended
never refused        a batch of deletes and raises alone, without checks, is never a conflict
durable before seen  nothing shows a ``durable`` write that a power cut could undo
relaxed is written   a batch that is not ``durable``, once applied, survives the process
skips nothing        the journal's entries are given once each, in commit order, with numbers that are never given twice
==================== ===========================================================================================================

:mod:`doorward.kit` asks each of them of a store, and :mod:`doorward.aiosqlite` is one that keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

__all__ = [
    "AsyncStore",
    "Batch",
    "Change",
    "Changes",
    "Check",
    "Delete",
    "Ending",
    "EndingKind",
    "Key",
    "Put",
    "Raise",
    "Range",
    "Row",
    "StoreFailure",
    "Write",
]

HIGHEST = 2**64 - 1
"""The highest epoch, and the floor of a row that is gone."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What a row is filed under. Keys sort by kind, then by the bytes of their ids, as tuples do."""

    kind: int
    """From 1 to 13; each has a lasting number, and a later version may have more."""
    id: bytes
    """16 bytes, a name's UTF-8, or nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row. The store keeps each of its parts as it is, and understands none."""

    key: Key
    stamp: bytes
    """16 bytes that change whenever the row does."""
    epoch: int
    """A counter below 2**64, that :class:`Raise` adds one to."""
    owner: bytes | None
    """The account that owns it: 16 bytes."""
    expires: int | None
    """When it expires, in UTC milliseconds: ``purge`` removes it."""
    record: bytes = field(repr=False)
    """Bytes with a checksum over them, the key, the owner and the end."""


@dataclass(frozen=True, slots=True)
class Range:
    """Rows of one kind, in the order of their keys."""

    kind: int
    owner: bytes | None
    """Only rows of this owner: asked of kinds 1, 7, 9 and 13, which are worth an index by owner."""
    after: Key | None
    """Only rows after this key, which does not belong to the range, and whose row may be gone."""


@dataclass(frozen=True, slots=True)
class Check:
    """A row that must still be as it was seen, or the whole batch is a conflict."""

    key: Key
    stamp: bytes | None
    """The stamp that it must carry; ``None``: there must be no row."""


@dataclass(frozen=True, slots=True)
class Put:
    """Creates or replaces the row, if it is as expected; else the whole batch is a conflict."""

    row: Row
    expected: bytes | None
    """The stamp of the row that is there before; ``None``: there must be none."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes the row; without effect where there is none, and never a conflict."""

    key: Key


@dataclass(frozen=True, slots=True)
class Raise:
    """Adds one to the row's epoch and gives it the batch's stamp, all else left as it is; without effect where there is none,
    and never a conflict. One that is at its highest is :class:`StoreFailure` ``fatal``, and changes nothing."""

    key: Key


Write = Put | Delete | Raise


class EndingKind(int, Enum):
    """What the journal tells. The numbers are lasting."""

    SESSION = 1
    ACCOUNT = 2
    EVERYTHING = 3
    GRANT = 4


@dataclass(frozen=True, slots=True)
class Ending:
    """What a batch appends to the journal. Its floor is the epoch of the row under :attr:`floor_of` as the batch leaves it, or
    :data:`HIGHEST` where there is none; 0 when it has none to look at."""

    kind: EndingKind
    subject: bytes
    """The session, the account or the grant: 16 bytes; zeros of everything."""
    floor_of: Key | None
    """Of an account or of everything: the row whose epoch is the floor."""
    until: int
    """When the entry may be purged, in UTC milliseconds."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One atomic change: all of it is done, or nothing."""

    stamp: bytes
    """The stamp that every row it raises receives. (Those it puts carry it already.)"""
    durable: bool
    """Whether it must survive a power cut before it is acknowledged. An empty one says: all before it must."""
    checks: tuple[Check, ...]
    writes: tuple[Write, ...]
    """Each key once."""
    endings: tuple[Ending, ...]
    """What to append to the journal, in this order."""


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the journal."""

    number: int
    """From 1, in commit order, never given twice."""
    kind: EndingKind
    subject: bytes
    floor: int
    """Of an account or of everything; else 0."""
    until: int


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of the journal."""

    entries: Sequence[Change]
    end: int
    """The number of the journal's last entry, in this page or beyond it; it never goes back, also when that entry was
    purged."""


StoreFailureKind = Literal["retryable", "unknown", "fatal", "damaged"]


class StoreFailure(Exception):
    """To be raised by a store, to say what is true of a call that failed. Any other exception of a commit counts as
    ``unknown``, and of another call as ``retryable``.

    ``retryable``: nothing was applied; the same call may succeed later. ``unknown``: a commit may have been applied, or may yet
    be: a deadline that passed, a connection that was lost. ``fatal``: nothing was applied, and the same call will fail again
    until somebody acts. ``damaged``: what is stored cannot be what was written.
    """

    def __init__(self, kind: StoreFailureKind, message: str = "") -> None:
        super().__init__(message or kind)
        self.kind: StoreFailureKind = kind


class AsyncStore(Protocol):
    """The five calls. They are awaited in the engine's event loop, and several may be under way at once."""

    async def read(self, keys: Sequence[Key]) -> Sequence[Row | None]:
        """The rows under these keys, in their order, all of one moment; a key may stand twice."""

    async def scan(self, rows: Range, limit: int) -> Sequence[Row]:
        """The first ``limit`` rows of the range, all of one moment; fewer only when there are no more."""

    async def commit(self, batch: Batch) -> bool:
        """Carries the batch out, whole or not at all. ``False``: a row was not as it was expected, and nothing was changed."""

    async def changes(self, after: int, limit: int) -> Changes:
        """The first ``limit`` entries of the journal after this number; 0 is its beginning."""

    async def purge(self, now: int, limit: int) -> int:
        """Removes at most ``limit`` rows and journal entries whose end is at or before ``now``, comparing the end in the same
        step, and says how many; fewer than the limit only when none is left."""

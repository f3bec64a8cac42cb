"""Keys, rows and batches for the checks.

Contents and stamps come from one counter, so that no two are alike unless a check wants them to be. The records are arbitrary
bytes: a store understands none.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from ..store import Batch, Check, Delete, Ending, EndingKind, Key, Put, Raise, Row, Write

LOGIN, ACCOUNT, ACTIVE, CREDENTIAL, ATTEMPTS, THROTTLE, SESSION, KEYRING, DATA, DEVICES, DELETION, CLOCK, GRANTS = range(1, 14)
KINDS = range(1, 14)
SINGLE = (KEYRING, CLOCK)
"""The kinds of which there is one row, under an empty id."""

LATE = 1_000_000
"""A moment after any that a check purges at, in UTC milliseconds."""

_numbers = count(1)


def fresh() -> int:
    """A number that nobody else has had."""
    return next(_numbers)


def sixteen(number: int) -> bytes:
    """Sixteen bytes out of a number, not in the number's order."""
    scattered = number * 0x9E3779B97F4A7C15 % 2**64
    return scattered.to_bytes(8, "big") + number.to_bytes(8, "big")


def key(kind: int, number: int) -> Key:
    """A key of the kind; keyring and clock have only one."""
    if kind in SINGLE:
        return Key(kind, b"")
    return named(f"user{number}") if kind == LOGIN else Key(kind, sixteen(number))


def named(name: str) -> Key:
    return Key(LOGIN, name.encode())


def account(number: int) -> Key:
    return key(ACCOUNT, number)


def session(number: int) -> Key:
    return key(SESSION, number)


def row(
    under: Key, *, epoch: int = 0, owner: bytes | None = None, expires: int | None = None, record: bytes | None = None
) -> Row:
    """A row with a content that no other has, unless it is given. Its stamp is still to be given by a batch."""
    content = b"record %d" % fresh() if record is None else record
    return Row(under, bytes(16), epoch, owner, expires, content)


def stamp_of(seen: Row | None) -> bytes | None:
    """What a put over this row expects."""
    return None if seen is None else seen.stamp


def ended(number: int) -> tuple[EndingKind, bytes]:
    """What the journal says of that which has this number: sessions and grants take turns."""
    return (EndingKind.GRANT if number % 2 else EndingKind.SESSION), sixteen(number)


class Draft:
    """A batch in the making, with a stamp of its own."""

    def __init__(self, *, durable: bool = True) -> None:
        self.stamp = sixteen(fresh())
        self._durable = durable
        self._checks: list[Check] = []
        self._writes: list[Write] = []
        self._endings: list[Ending] = []

    def stamped(self, given: Row) -> Row:
        """The row as this batch puts it: with its stamp."""
        return replace(given, stamp=self.stamp)

    def make(self, given: Row) -> Draft:
        return self.put(given, None)

    def over(self, given: Row, seen: Row) -> Draft:
        return self.put(given, seen.stamp)

    def put(self, given: Row, expected: bytes | None) -> Draft:
        self._writes.append(Put(self.stamped(given), expected))
        return self

    def delete(self, under: Key) -> Draft:
        self._writes.append(Delete(under))
        return self

    def lift(self, under: Key) -> Draft:
        self._writes.append(Raise(under))
        return self

    def check(self, under: Key, stamp: bytes | None) -> Draft:
        self._checks.append(Check(under, stamp))
        return self

    def ends(self, number: int, until: int = LATE) -> Draft:
        """Tells the journal of what has this number (see :func:`ended`)."""
        kind, subject = ended(number)
        self._endings.append(Ending(kind, subject, None, until))
        return self

    def ends_epoch(self, of: Key) -> Draft:
        """Of an account, or of the keyring: of everything."""
        kind, subject = (EndingKind.ACCOUNT, of.id) if of.kind == ACCOUNT else (EndingKind.EVERYTHING, bytes(16))
        self._endings.append(Ending(kind, subject, of, LATE))
        return self

    def batch(self) -> Batch:
        return Batch(self.stamp, self._durable, tuple(self._checks), tuple(self._writes), tuple(self._endings))

"""Rows come back as they were given."""

from __future__ import annotations

from ..store import Key, Row
from ._draft import GRANTS, KINDS, LOGIN, SESSION, SINGLE, Draft, key, named, row, sixteen, stamp_of
from ._fixture import Fixture
from ._promise import ensure, show
from ._subject import Subject

LONGEST_NAME = 254
"""In bytes."""
LONGEST_RECORD = 256 * 1024
"""In bytes."""

MOMENTS = (0, 1, -1, -(2**63), 2**63 - 1, 2**53, 2**53 + 1, 1_700_000_000_123, 2**63 - 2)
EPOCHS = (0, 1, 2**63 - 1, 2**63 - 2, 2**53 + 1, 2**32)
OWNERS = (None, bytes(16), b"\xff" * 16, sixteen(5))
COLUMNS = 1 + len(MOMENTS)
"""How many combinations of them there are."""
RECORDS = (
    bytes(range(256)),
    b"\xc3\x28",
    b"\0",
    b"'; DROP TABLE session; -- \" \\ \0 \r\n %s $1 ?",
    "\U0001f511é\u0065\u0301".encode() * 20,
    b"\xff\xfe\x80" * 1_000,
    b'{"a": null}',
    b"12345",
    b"\0" * LONGEST_RECORD,
)


async def bit_for_bit(fixture: Fixture) -> None:
    """Records of all bytes, under every combination of extreme columns, by read, by scan and, where the fixture can, after a
    reopening."""
    store = await Subject.of(fixture)
    for kind in KINDS:
        # A store knows no difference between the kinds but that of their numbers: some see all, the rest the worst.
        records = RECORDS if kind in (LOGIN, SESSION, GRANTS) else RECORDS[:2]
        for number, record in enumerate(records):
            await _there_and_back(fixture, store, _key_for(kind, number), record, COLUMNS if number == 0 else 2)


async def _there_and_back(fixture: Fixture, store: Subject, under: Key, record: bytes, columns: int) -> None:
    seen: Row | None = None
    for given in _rows(under, record, columns):
        draft = Draft()
        put = draft.stamped(given)
        await store.apply(draft.put(put, stamp_of(seen)))
        _same("read", put, await store.row(under))
        seen = put
    page = await store.scan(under.kind)
    _same("scanned", seen, next((found for found in page if found.key == under), None))
    if reopened := await fixture.reopen():
        # Whether the last version is there is another promise's; here it is what that version says.
        again = await Subject(reopened).row(under)
        if again is not None and seen is not None and again.stamp == seen.stamp:
            _same("found on reopening", seen, again)
    await store.delete(under)


def _rows(under: Key, record: bytes, columns: int) -> list[Row]:
    expiries = (None, *MOMENTS)
    rows = [
        row(under, epoch=EPOCHS[place % 6], owner=OWNERS[place % 4], expires=expiries[place], record=record)
        for place in range(columns)
    ]
    return sorted(rows, key=lambda given: given.epoch)  # that an epoch may also go down is another promise's


def _same(how: str, given: Row | None, found: Row | None) -> None:
    ensure(given == found, f"given was {show(given)}, {how} was {show(found)}")


def _key_for(kind: int, number: int) -> Key:
    """Names go to the longest that there are, and beyond ASCII; ids to both ends."""
    if kind in SINGLE or number > 1:
        return key(kind, number)
    if kind == LOGIN:
        return named("é" if number else "n" * LONGEST_NAME)
    return Key(kind, b"\xff" * 16 if number else bytes(16))

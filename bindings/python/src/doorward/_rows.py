"""Rows, batches and journals, from C and to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._given import data
from ._lent import Lent, whole
from ._native import ffi, lib
from .store import (
    Batch,
    Change,
    Changes,
    Check,
    Delete,
    Ending,
    EndingKind,
    Key,
    Put,
    Raise,
    Range,
    Row,
    Write,
)

_WITH_FLOOR = (EndingKind.ACCOUNT, EndingKind.EVERYTHING)


class UnknownNeed(Exception):
    """Something that a later library asks for."""


def keys(given: Any, count: int) -> list[Key]:
    return [_key(given[i]) for i in range(count)]


def span(given: Any) -> Range:
    return Range(
        kind=given.kind,
        owner=_bytes(given.owner) if given.has_owner else None,
        after=_key(given.after) if given.has_after else None,
    )


def batch(given: Any) -> Batch:
    return Batch(
        stamp=_bytes(given.stamp),
        durable=given.durable,
        checks=tuple(_check(given.checks[i]) for i in range(given.check_count)),
        writes=tuple(_write(given.writes[i]) for i in range(given.write_count)),
        endings=tuple(_ending(given.endings[i]) for i in range(given.ending_count)),
    )


def lent_rows(lent: Lent, answered: Sequence[Row | None]) -> tuple[Any, int]:
    """An array of ``dw_row``; the arrays and texts live as long as ``lent``."""
    if not isinstance(answered, Sequence) or isinstance(answered, (str, bytes)):
        raise TypeError(f"{type(answered).__name__} is no sequence of rows")
    rows = lent.keep(ffi.new("dw_row[]", len(answered)))
    for given, row in zip(rows, answered, strict=True):
        if row is not None:
            _fill_row(lent, given, row)
    return rows, len(answered)


def lent_changes(lent: Lent, page: Changes) -> tuple[Any, int, int]:
    """An array of ``dw_change``, and the journal's end."""
    entries = lent.keep(ffi.new("dw_change[]", len(page.entries)))
    for given, change in zip(entries, page.entries, strict=True):
        _fill_change(given, change)
    return entries, len(page.entries), whole(page.end, "its end", bits=64)


def _bytes(given: Any) -> bytes:
    return bytes(ffi.buffer(given.bytes))


def _key(given: Any) -> Key:
    return Key(given.kind, data(given.id))


def _check(given: Any) -> Check:
    return Check(_key(given.key), None if given.absent else _bytes(given.stamp))


def _write(given: Any) -> Write:
    if given.kind == lib.DW_WRITE_PUT:
        return Put(_row(given.row), _check(given.expect).stamp)
    if given.kind == lib.DW_WRITE_DELETE:
        return Delete(_key(given.row.key))
    if given.kind == lib.DW_WRITE_RAISE:
        return Raise(_key(given.row.key))
    raise UnknownNeed


def _row(given: Any) -> Row:
    return Row(
        key=_key(given.key),
        stamp=_bytes(given.stamp),
        epoch=given.epoch,
        owner=_bytes(given.owner) if given.has_owner else None,
        expires=given.expires if given.has_expires else None,
        record=data(given.record),
    )


def _ending(given: Any) -> Ending:
    try:
        kind = EndingKind(given.kind)
    except ValueError:
        raise UnknownNeed from None
    floor_of = _key(given.key) if kind in _WITH_FLOOR else None
    return Ending(kind, _bytes(given.subject), floor_of, given.until)


def _fill_row(lent: Lent, given: Any, row: Row) -> None:
    given.key.kind = row.key.kind
    given.key.id.ptr, given.key.id.len = lent.bytes(row.key.id)
    given.exists = 1
    ffi.buffer(given.stamp.bytes)[:] = row.stamp
    given.epoch = row.epoch
    if row.owner is not None:
        given.has_owner = 1
        ffi.buffer(given.owner.bytes)[:] = row.owner
    if row.expires is not None:
        given.has_expires = 1
        given.expires = row.expires
    given.record.ptr, given.record.len = lent.bytes(row.record)


def _fill_change(given: Any, change: Change) -> None:
    given.number = change.number
    given.kind = change.kind.value
    ffi.buffer(given.subject.bytes)[:] = change.subject
    given.floor = change.floor
    given.until = change.until

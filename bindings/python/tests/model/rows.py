"""A store of a host's own: rows in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from doorward.store import HIGHEST, Batch, Change, Changes, Delete, Key, Put, Raise, Range, Row


class Rows:
    """An :class:`doorward.store.AsyncStore`. No call waits, so that each is of one moment."""

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}
        self._journal: list[Change] = []
        self._end = 0

    async def read(self, keys: Sequence[Key]) -> Sequence[Row | None]:
        return [self._rows.get(key) for key in keys]

    async def scan(self, rows: Range, limit: int) -> Sequence[Row]:
        found = [
            row
            for key, row in sorted(self._rows.items())
            if key.kind == rows.kind
            and (rows.owner is None or row.owner == rows.owner)
            and (rows.after is None or key > rows.after)
        ]
        return found[:limit]

    async def commit(self, batch: Batch) -> bool:
        expected = {check.key: check.stamp for check in batch.checks}
        expected |= {write.row.key: write.expected for write in batch.writes if isinstance(write, Put)}
        if any(self._stamp(key) != stamp for key, stamp in expected.items()):
            return False
        for write in batch.writes:
            match write:
                case Put(row=row):
                    self._rows[row.key] = row
                case Delete(key=key):
                    self._rows.pop(key, None)
                case Raise(key=key) if key in self._rows:
                    before = self._rows[key]
                    self._rows[key] = replace(before, epoch=before.epoch + 1, stamp=batch.stamp)
        for ending in batch.endings:
            self._end += 1
            self._journal.append(Change(self._end, ending.kind, ending.subject, self._floor(ending.floor_of), ending.until))
        return True

    async def changes(self, after: int, limit: int) -> Changes:
        return Changes([entry for entry in self._journal if entry.number > after][:limit], self._end)

    async def purge(self, now: int, limit: int) -> int:
        rows = [key for key, row in self._rows.items() if row.expires is not None and row.expires <= now][:limit]
        for key in rows:
            del self._rows[key]
        entries = [entry for entry in self._journal if entry.until <= now][: limit - len(rows)]
        self._journal = [entry for entry in self._journal if entry not in entries]
        return len(rows) + len(entries)

    def _stamp(self, key: Key) -> bytes | None:
        row = self._rows.get(key)
        return None if row is None else row.stamp

    def _floor(self, key: Key | None) -> int:
        if key is None:
            return 0
        row = self._rows.get(key)
        return HIGHEST if row is None else row.epoch

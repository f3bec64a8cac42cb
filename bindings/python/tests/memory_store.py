"""A store in dicts, for tests of what the engine makes of a store: it keeps all the promises but that of power cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from doorward.store import HIGHEST, Batch, Change, Changes, Delete, Ending, Key, Put, Raise, Range, Row


class MemoryStore:
    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        self.journal: list[Change] = []
        self.end = 0
        self.calls = 0

    async def read(self, keys: Sequence[Key]) -> list[Row | None]:
        self.calls += 1
        return [self.rows.get(key) for key in keys]

    async def scan(self, rows: Range, limit: int) -> list[Row]:
        self.calls += 1
        return self._range(rows)[:limit]

    def _range(self, rows: Range) -> list[Row]:
        of_kind = (self.rows[key] for key in sorted(self.rows) if key.kind == rows.kind)
        after = (row for row in of_kind if rows.after is None or row.key > rows.after)
        return [row for row in after if rows.owner is None or row.owner == rows.owner]

    async def commit(self, batch: Batch) -> bool:
        self.calls += 1
        expected = [(check.key, check.stamp) for check in batch.checks]
        expected += [(write.row.key, write.expected) for write in batch.writes if isinstance(write, Put)]
        if any(self._stamp(key) != stamp for key, stamp in expected):
            return False
        for write in batch.writes:
            self._write(write, batch.stamp)
        for ending in batch.endings:
            self._append(ending)
        return True

    def _stamp(self, key: Key) -> bytes | None:
        row = self.rows.get(key)
        return None if row is None else row.stamp

    def _write(self, write: Put | Delete | Raise, stamp: bytes) -> None:
        if isinstance(write, Put):
            self.rows[write.row.key] = write.row
        elif isinstance(write, Delete):
            self.rows.pop(write.key, None)
        elif (row := self.rows.get(write.key)) is not None:
            self.rows[write.key] = replace(row, epoch=row.epoch + 1, stamp=stamp)

    def _append(self, ending: Ending) -> None:
        floor = 0
        if ending.floor_of is not None:
            row = self.rows.get(ending.floor_of)
            floor = HIGHEST if row is None else row.epoch
        self.end += 1
        self.journal.append(Change(self.end, ending.kind, ending.subject, floor, ending.until))

    async def changes(self, after: int, limit: int) -> Changes:
        self.calls += 1
        return Changes([entry for entry in self.journal if entry.number > after][:limit], self.end)

    async def purge(self, now: int, limit: int) -> int:
        self.calls += 1
        rows = [key for key, row in self.rows.items() if row.expires is not None and row.expires <= now][:limit]
        for key in rows:
            del self.rows[key]
        entries = [entry for entry in self.journal if entry.until <= now][: limit - len(rows)]
        self.journal = [entry for entry in self.journal if entry not in entries]
        return len(rows) + len(entries)

"""A store that keeps every promise, on a simulated medium, and the flaws that make a broken store of it: each is one small edit
at the place where a careful author once put the right line."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from doorward import kit
from doorward.store import (
    HIGHEST,
    AsyncStore,
    Batch,
    Change,
    Changes,
    Delete,
    Ending,
    EndingKind,
    Key,
    Put,
    Raise,
    Range,
    Row,
    StoreFailure,
    Write,
)


class Flaw(Enum):
    """What can be wrong with a store: each a mistake that somebody made, or easily could."""

    ANSWERS_DUPLICATES_ONCE = auto()
    REFUSES_EMPTY_READS = auto()
    READS_ROW_BY_ROW = auto()
    TASKS_REMEMBER = auto()
    SECOND_HANDLE_CACHES = auto()
    REFUSES_ABSENT_CHECKS = auto()
    UPSERTS = auto()
    REVIVES_ENDED = auto()
    COMPARES_A_PREFIX = auto()
    FORGETS_ABSENT_CHECKS = auto()
    FORGETS_STAMP_CHECKS = auto()
    COMPARES_CONTENTS = auto()
    COMPARES_UNLOCKED = auto()
    STOPS_HALFWAY = auto()
    JOURNALS_CONFLICTS = auto()
    FORGETS_THE_THIRTY_THIRD = auto()
    REFUSES_EMPTY_BATCHES = auto()
    KEEPS_THE_HIGHEST_EPOCH = auto()
    TOUCH_KEEPS_STAMP = auto()
    CANCEL_HALVES = auto()
    CANCEL_LEAVES_LOCKED = auto()
    REFUSES_ENDINGS = auto()
    REFUSES_IDLE_DELETES = auto()
    RAISES_NOTHING = auto()
    RAISE_DROPS_EXPIRY = auto()
    RAISE_KEEPS_STAMP = auto()
    LOSES_RAISES = auto()
    RAISE_WRAPS = auto()
    EPOCHS_ARE_FLOATS = auto()
    RECORDS_ARE_TEXT = auto()
    ENDS_AT_NUL = auto()
    GRANTS_ARE_SESSIONS = auto()
    JOURNAL_BY_UNTIL = auto()
    ENDS_WITH_THE_PAGE = auto()
    NUMBERS_EARLY = auto()
    FLOOR_BEFORE_RAISE = auto()
    FLOOR_OF_NOTHING_IS_ZERO = auto()
    MIXES_KINDS = auto()
    SCANS_BY_LENGTH = auto()
    SCANS_NOBODYS = auto()
    SCANS_AFTER_ITSELF = auto()
    SCANS_ONE_MORE = auto()
    SCANS_ROW_BY_ROW = auto()
    PURGES_THE_UNEXPIRING = auto()
    PURGE_SPARES_THE_MOMENT = auto()
    PURGES_ONE_MORE = auto()
    PURGES_THE_JOURNAL = auto()
    PURGE_HIDES = auto()
    REUSES_NUMBERS = auto()
    NUMBERS_ON_AT_OPENING = auto()
    FORGETS_ON_KILL = auto()
    BUFFERS_RELAXED = auto()
    NEVER_SYNCS = auto()
    SKIPS_SYNC_OF_ENDINGS = auto()
    SYNCS_ROW_BY_ROW = auto()
    SKIPS_BARRIERS = auto()
    READS_EARLY = auto()
    SCANS_EARLY = auto()
    TELLS_EARLY = auto()
    FORGETS_FAILED_SYNCS = auto()


@dataclass
class Glimpse:
    """What a flawed store looked at before it took the lock."""

    held: bool | None = None
    rows: dict[Key, Row] | None = None
    number: int | None = None


@dataclass
class Data:
    """Rows and journal as one value: what a batch does to them, and what they answer."""

    flaw: Flaw | None = None
    rows: dict[Key, Row] = field(default_factory=dict)
    journal: list[Change] = field(default_factory=list)
    last: int = 0
    hidden: dict[Key, Row] = field(default_factory=dict)
    past: dict[tuple[Key, bytes], bytes] = field(default_factory=dict)
    """The content that each stamp of a row once stood for."""

    def copy(self) -> Data:
        return replace(self, rows=dict(self.rows), journal=list(self.journal), hidden=dict(self.hidden), past=dict(self.past))

    def apply(self, batch: Batch, glimpse: Glimpse) -> bool:
        before = self.copy()
        holds = self.holds(batch) if glimpse.held is None else glimpse.held
        if not holds or self.refuses(batch, glimpse):
            if self.flaw is Flaw.STOPS_HALFWAY and all(self.met(check.key, check.stamp) for check in batch.checks):
                for write in batch.writes:
                    if isinstance(write, Put) and not self.met(write.row.key, write.expected):
                        break
                    self.write(write, batch, glimpse)
            if self.flaw is Flaw.JOURNALS_CONFLICTS:
                self.append(before, batch, glimpse)
            return False
        for write in batch.writes[: 32 if self.flaw is Flaw.FORGETS_THE_THIRTY_THIRD else None]:
            self.write(write, batch, glimpse)
        self.append(before, batch, glimpse)
        return True

    def holds(self, batch: Batch) -> bool:
        for check in batch.checks:
            if check.stamp is None and self.flaw is Flaw.FORGETS_ABSENT_CHECKS:
                continue
            if check.stamp is not None and self.flaw is Flaw.FORGETS_STAMP_CHECKS:
                continue
            if check.stamp is None and self.flaw is Flaw.REFUSES_ABSENT_CHECKS:
                return False
            if not self.met(check.key, check.stamp):
                return False
        return all(self.put_is_met(write) for write in batch.writes if isinstance(write, Put))

    def put_is_met(self, put: Put) -> bool:
        there = self.rows.get(put.row.key)
        if self.flaw is Flaw.UPSERTS and put.expected is None:
            return True
        if self.flaw is Flaw.REVIVES_ENDED and there is None:
            return True
        if self.flaw is Flaw.COMPARES_A_PREFIX and there is not None and put.expected is not None:
            return there.stamp[:15] == put.expected[:15]
        if self.flaw is Flaw.COMPARES_CONTENTS and there is not None and put.expected is not None:
            return there.record == self.past.get((put.row.key, put.expected))
        return self.met(put.row.key, put.expected)

    def met(self, key: Key, expected: bytes | None) -> bool:
        there = self.rows.get(key) or self.hidden.get(key)
        return (None if there is None else there.stamp) == expected

    def refuses(self, batch: Batch, glimpse: Glimpse) -> bool:
        takes = not any(isinstance(write, Put) for write in batch.writes)
        if self.flaw is Flaw.REFUSES_EMPTY_BATCHES:
            return not (batch.checks or batch.writes or batch.endings)
        if self.flaw is Flaw.REFUSES_IDLE_DELETES:
            return any(isinstance(write, Delete) and write.key not in self.rows for write in batch.writes)
        if self.flaw is Flaw.REFUSES_ENDINGS and takes and glimpse.rows is not None:
            keys = [write.key for write in batch.writes if not isinstance(write, Put)]
            return any(glimpse.rows.get(key) != self.rows.get(key) for key in keys)
        return False

    def write(self, write: Write, batch: Batch, glimpse: Glimpse) -> None:
        if isinstance(write, Put):
            self.put(write.row, batch)
        elif isinstance(write, Delete):
            self.rows.pop(write.key, None)
        else:
            self.raise_(write, batch, glimpse)

    def put(self, row: Row, batch: Batch) -> None:
        there = self.rows.get(row.key)
        if self.flaw is Flaw.KEEPS_THE_HIGHEST_EPOCH and there is not None:
            row = replace(row, epoch=max(row.epoch, there.epoch))
        if self.flaw is Flaw.TOUCH_KEEPS_STAMP and there is not None and not batch.durable:
            row = replace(row, stamp=there.stamp)
        if self.flaw is Flaw.EPOCHS_ARE_FLOATS:
            row = replace(row, epoch=int(float(row.epoch)))
        if self.flaw is Flaw.RECORDS_ARE_TEXT:
            row = replace(row, record=row.record.decode(errors="replace").encode())
        if self.flaw is Flaw.ENDS_AT_NUL:
            row = replace(row, record=row.record.partition(b"\0")[0])
        self.rows[row.key] = row
        self.past[row.key, row.stamp] = row.record

    def raise_(self, write: Raise, batch: Batch, glimpse: Glimpse) -> None:
        there = self.rows.get(write.key)
        if there is None:
            if self.flaw is Flaw.RAISES_NOTHING:
                self.rows[write.key] = Row(write.key, batch.stamp, 1, None, None, b"")
            return
        epoch = there.epoch
        if self.flaw is Flaw.LOSES_RAISES and glimpse.rows is not None and write.key in glimpse.rows:
            epoch = glimpse.rows[write.key].epoch
        if epoch >= HIGHEST:
            if self.flaw is not Flaw.RAISE_WRAPS:
                raise StoreFailure("fatal", "an epoch is at its highest")
            epoch = -1
        stamp = there.stamp if self.flaw is Flaw.RAISE_KEEPS_STAMP else batch.stamp
        expires = None if self.flaw is Flaw.RAISE_DROPS_EXPIRY else there.expires
        self.rows[write.key] = replace(there, epoch=epoch + 1, stamp=stamp, expires=expires)
        self.past[write.key, stamp] = there.record

    def append(self, before: Data, batch: Batch, glimpse: Glimpse) -> None:
        for place, ending in enumerate(batch.endings):
            number = self.last + 1
            if self.flaw is Flaw.REUSES_NUMBERS:
                number = len(self.journal) + 1
            if glimpse.number is not None:
                number = glimpse.number + place
            kind = ending.kind
            if self.flaw is Flaw.GRANTS_ARE_SESSIONS and kind is EndingKind.GRANT:
                kind = EndingKind.SESSION
            self.journal.append(Change(number, kind, ending.subject, self.floor(ending, before), ending.until))
            self.journal.sort(key=lambda change: change.number)
            self.last = max(self.last, self.journal[-1].number)
            if self.flaw is Flaw.REUSES_NUMBERS:
                self.last = self.journal[-1].number

    def floor(self, ending: Ending, before: Data) -> int:
        if ending.floor_of is None:
            return 0
        row = self.rows.get(ending.floor_of)
        if row is None:
            return 0 if self.flaw is Flaw.FLOOR_OF_NOTHING_IS_ZERO else HIGHEST
        if self.flaw is Flaw.FLOOR_BEFORE_RAISE:
            row = before.rows.get(ending.floor_of, row)
        return row.epoch

    def read(self, keys: list[Key]) -> list[Row | None]:
        rows = [self.rows.get(key) for key in keys]
        if self.flaw is Flaw.ANSWERS_DUPLICATES_ONCE:
            rows = [row if key not in keys[:place] else None for place, (key, row) in enumerate(zip(keys, rows, strict=True))]
        return rows

    def scan(self, range: Range, limit: int) -> list[Row]:  # noqa: A002
        page = []
        for key in sorted(self.rows):
            row = self.rows[key]
            mixes = self.flaw is Flaw.MIXES_KINDS and range.kind == 3 and key.kind == 4
            nobodys = self.flaw is Flaw.SCANS_NOBODYS and row.owner is None
            itself = self.flaw is Flaw.SCANS_AFTER_ITSELF and key == range.after
            is_after = range.after is None or key > range.after or itself
            is_owners = range.owner is None or row.owner == range.owner or nobodys
            if (key.kind == range.kind or mixes) and is_owners and is_after:
                page.append(row)
        if self.flaw is Flaw.SCANS_BY_LENGTH:
            page.sort(key=lambda row: len(row.key.id))
        return page[: limit + (self.flaw is Flaw.SCANS_ONE_MORE)]

    def changes(self, after: int, limit: int) -> Changes:
        told = self.journal
        if self.flaw is Flaw.JOURNAL_BY_UNTIL:
            by_until = sorted(told, key=lambda change: change.until)
            told = [replace(change, number=placed.number) for change, placed in zip(by_until, told, strict=True)]
        entries = [change for change in told if change.number > after][:limit]
        if self.flaw is Flaw.ENDS_WITH_THE_PAGE and entries:
            return Changes(entries, entries[-1].number)
        return Changes(entries, self.last)

    def purge(self, now: int, limit: int) -> int:
        limit += self.flaw is Flaw.PURGES_ONE_MORE
        over = [key for key, row in self.rows.items() if self.is_over(row, now)][:limit]
        for key in over:
            gone = self.rows.pop(key)
            if self.flaw is Flaw.PURGE_HIDES:
                self.hidden[key] = gone
        past = {change.number for change in self.journal if change.until <= now}
        past = set(sorted(past)[: limit - len(over)])
        if self.flaw is Flaw.PURGES_THE_JOURNAL:
            past = {change.number for change in self.journal}
        self.journal = [change for change in self.journal if change.number not in past]
        return len(over) + (0 if self.flaw is Flaw.PURGES_THE_JOURNAL else len(past))

    def is_over(self, row: Row, now: int) -> bool:
        if row.expires is None:
            return self.flaw is Flaw.PURGES_THE_UNEXPIRING
        return row.expires < now if self.flaw is Flaw.PURGE_SPARES_THE_MOMENT else row.expires <= now

    def opened(self) -> Data:
        """As an opening finds it."""
        found = self.copy()
        if self.flaw is Flaw.NUMBERS_ON_AT_OPENING:
            found.last = self.journal[-1].number if self.journal else 0
        return found

    def halfway_to(self, other: Data) -> Data:
        """The same with only half of what is new in it: how a torn write leaves it."""
        half = self.copy()
        new = [key for key, row in other.rows.items() if self.rows.get(key) != row]
        for key in new[: len(new) // 2]:
            half.rows[key] = other.rows[key]
        return half


class Disk:
    """One database on its medium. Each state is a whole value, and is replaced whole."""

    def __init__(self, data: Data) -> None:
        self.flaw = data.flaw
        self.lock = asyncio.Lock()
        self.written = data  # what the process wrote: a kill leaves it
        self.earlier = data  # what a kill leaves under a flaw that loses the last batch
        self.platter = data  # what was synced: a power cut leaves it
        self.visible = data  # what reads show
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        self.fails = False
        self.is_doubtful = False  # a sync failed, and no durable commit has succeeded since
        self.number = data.last + 1
        self.memories: dict[tuple[object, Key], Row | None] = {}

    def seen(self, early: Flaw) -> Data:
        """What a call may show, unless a flaw makes it look further."""
        if self.is_doubtful and self.flaw is not Flaw.FORGETS_FAILED_SYNCS:
            raise StoreFailure("retryable", "a sync failed: commit something durable first")
        return self.written if self.flaw is early else self.visible

    async def commit(self, batch: Batch) -> bool:
        glimpse = await self.glimpse(batch)
        if self.flaw is Flaw.CANCEL_LEAVES_LOCKED:
            await self.lock.acquire()
            answer = await self.commit_locked(batch, glimpse)
            self.lock.release()
            return answer
        async with self.lock:
            return await self.commit_locked(batch, glimpse)

    async def commit_locked(self, batch: Batch, glimpse: Glimpse) -> bool:
        now, after = self.written, self.written.copy()
        if not after.apply(batch, glimpse):
            if self.flaw in (Flaw.STOPS_HALFWAY, Flaw.JOURNALS_CONFLICTS):
                self.written = self.visible = after
            return False
        if self.flaw is Flaw.CANCEL_HALVES:
            for write in batch.writes:
                self.visible = self.written = self.written.copy()
                self.written.write(write, batch, glimpse)
                await asyncio.sleep(0)
        loses = Flaw.FORGETS_ON_KILL if batch.durable else Flaw.BUFFERS_RELAXED
        self.earlier = now if self.flaw is loses else after
        self.written = after
        if batch.durable and not self.skips_sync(batch):
            await self.sync(after)
            self.is_doubtful = False
        self.visible = after
        return True

    def skips_sync(self, batch: Batch) -> bool:
        is_barrier = not (batch.writes or batch.endings)
        grants = any(isinstance(write, Put) for write in batch.writes)
        return (
            self.flaw is Flaw.NEVER_SYNCS
            or (self.flaw is Flaw.SKIPS_BARRIERS and is_barrier)
            or (self.flaw is Flaw.SKIPS_SYNC_OF_ENDINGS and not grants and not is_barrier)
        )

    async def glimpse(self, batch: Batch) -> Glimpse:
        glimpse = Glimpse()
        if self.flaw is Flaw.COMPARES_UNLOCKED:
            glimpse.held = self.written.holds(batch)
        if self.flaw in (Flaw.LOSES_RAISES, Flaw.REFUSES_ENDINGS):
            glimpse.rows = dict(self.written.rows)
        if self.flaw is Flaw.NUMBERS_EARLY:
            glimpse.number = self.number
            self.number += len(batch.endings)
            for _ in range(10 if glimpse.number % 8 == 1 else 0):
                await asyncio.sleep(0)
        if self.flaw in (Flaw.COMPARES_UNLOCKED, Flaw.LOSES_RAISES, Flaw.REFUSES_ENDINGS):
            await asyncio.sleep(0)
        return glimpse

    async def sync(self, after: Data) -> None:
        if self.flaw is Flaw.SYNCS_ROW_BY_ROW:
            self.platter = self.platter.halfway_to(after)
        self.waiting += 1
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
        finally:
            self.waiting -= 1
        if self.fails:
            self.fails, self.is_doubtful = False, True
            raise StoreFailure("unknown", "the sync failed")
        self.platter = after

    def remembered(self, keys: list[Key], rows: list[Row | None]) -> list[Row | None]:
        answer = []
        for key, row in zip(keys, rows, strict=True):
            place = (asyncio.current_task(), key)
            if place in self.memories:
                row = self.memories.pop(place)
            else:
                self.memories[place] = row
            answer.append(row)
        return answer

    def forget(self) -> None:
        self.memories = {place: row for place, row in self.memories.items() if place[0] is not asyncio.current_task()}


class Store:
    """A handle on a database."""

    def __init__(self, disk: Disk, cache: Data | None = None) -> None:
        self.disk = disk
        self.cache = cache

    async def read(self, keys: list[Key]) -> list[Row | None]:
        disk = self.disk
        if not keys and disk.flaw is Flaw.REFUSES_EMPTY_READS:
            raise StoreFailure("fatal", "a read needs at least one key")
        if self.cache is not None:
            return self.cache.read(keys)
        if disk.flaw is Flaw.READS_ROW_BY_ROW:
            rows = []
            for key in keys:
                rows += disk.seen(Flaw.READS_EARLY).read([key])
                await asyncio.sleep(0)
            return rows
        if disk.flaw is Flaw.CANCEL_HALVES:
            async with disk.lock:
                return disk.visible.read(keys)
        rows = disk.seen(Flaw.READS_EARLY).read(keys)
        return disk.remembered(keys, rows) if disk.flaw is Flaw.TASKS_REMEMBER else rows

    async def scan(self, rows: Range, limit: int) -> list[Row]:
        disk = self.disk
        if disk.flaw is Flaw.CANCEL_HALVES:
            async with disk.lock:
                return disk.visible.scan(rows, limit)
        if disk.flaw is not Flaw.SCANS_ROW_BY_ROW:
            return disk.seen(Flaw.SCANS_EARLY).scan(rows, limit)
        page: list[Row] = []
        while len(page) < limit:
            found = disk.seen(Flaw.SCANS_EARLY).scan(rows, 1)
            if not found:
                break
            rows = replace(rows, after=found[0].key)
            page += found
            await asyncio.sleep(0)
        return page

    async def commit(self, batch: Batch) -> bool:
        self.disk.forget()
        answer = await self.disk.commit(batch)
        if self.cache is not None:
            self.cache = self.disk.visible
        return answer

    async def changes(self, after: int, limit: int) -> Changes:
        return self.disk.seen(Flaw.TELLS_EARLY).changes(after, limit)

    async def purge(self, now: int, limit: int) -> int:
        self.disk.forget()
        async with self.disk.lock:
            after = self.disk.written.copy()
            removed = after.purge(now, limit)
            self.disk.written = self.disk.visible = after
            return removed


class Bench(kit.Fixture):
    """The store with all that it can be asked."""

    def __init__(self, flaw: Flaw | None = None) -> None:
        self.flaw = flaw

    async def open(self) -> AsyncStore:
        self.disk = Disk(Data(self.flaw))
        self.medium = self
        return Store(self.disk)

    async def second_handle(self) -> AsyncStore | None:
        return Store(self.disk, self.disk.visible if self.flaw is Flaw.SECOND_HANDLE_CACHES else None)

    async def reopen(self) -> AsyncStore | None:
        loses = self.flaw in (Flaw.FORGETS_ON_KILL, Flaw.BUFFERS_RELAXED)
        return self.image(self.disk.earlier if loses else self.disk.written)

    def image(self, data: Data) -> AsyncStore:
        return Store(Disk(data.opened()))

    def hold_syncs(self) -> None:
        self.disk.gate.clear()

    def syncs_held(self) -> int:
        return 0 if self.disk.gate.is_set() else self.disk.waiting

    def release_syncs(self) -> None:
        self.disk.gate.set()

    def fail_next_sync(self) -> None:
        self.disk.fails = True

    async def cut_power(self) -> AsyncStore:
        return self.image(self.disk.platter)

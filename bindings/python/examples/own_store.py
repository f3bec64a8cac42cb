"""The smallest store of one's own: rows in a dict, for as long as the process lives.

Each method is done without a wait in its middle, so that no other task of the event loop comes between: that alone makes it
atomic. A store on a database uses a transaction in its place (see ``doorward.aiosqlite``).
"""

import asyncio
from dataclasses import replace

import doorward
from doorward.store import HIGHEST, Change, Changes, Delete, Put, StoreFailure


class DictStore:
    def __init__(self):
        self.rows = {}
        self.journal = []
        self.end = 0

    async def read(self, keys):
        return [self.rows.get(key) for key in keys]

    async def scan(self, rows, limit):
        keys = sorted(key for key in self.rows if key.kind == rows.kind and (rows.after is None or key > rows.after))
        found = [self.rows[key] for key in keys]
        return [row for row in found if rows.owner is None or row.owner == rows.owner][:limit]

    async def commit(self, batch):
        expected = [(check.key, check.stamp) for check in batch.checks]
        expected += [(write.row.key, write.expected) for write in batch.writes if isinstance(write, Put)]
        if any(self.stamp(key) != stamp for key, stamp in expected):
            return False
        after = dict(self.rows)
        for write in batch.writes:
            if isinstance(write, Put):
                after[write.row.key] = write.row
            elif isinstance(write, Delete):
                after.pop(write.key, None)
            elif write.key in after:
                row = after[write.key]
                if row.epoch == HIGHEST:
                    raise StoreFailure("fatal", "an epoch is at its highest")
                after[write.key] = replace(row, epoch=row.epoch + 1, stamp=batch.stamp)
        for ending in batch.endings:
            floor = 0
            if ending.floor_of is not None:
                floor = after[ending.floor_of].epoch if ending.floor_of in after else HIGHEST
            self.end += 1
            self.journal.append(Change(self.end, ending.kind, ending.subject, floor, ending.until))
        self.rows = after
        return True

    async def changes(self, after, limit):
        return Changes([change for change in self.journal if change.number > after][:limit], self.end)

    async def purge(self, now, limit):
        over = [key for key, row in self.rows.items() if row.expires is not None and row.expires <= now][:limit]
        for key in over:
            del self.rows[key]
        past = [change for change in self.journal if change.until <= now][: limit - len(over)]
        self.journal = [change for change in self.journal if change not in past]
        return len(over) + len(past)

    def stamp(self, key):
        row = self.rows.get(key)
        return None if row is None else row.stamp


async def main():
    # A dict forgets: durable=False says that this is known.
    engine = await doorward.AsyncEngine.open(DictStore(), durable=False, master_key=bytes(range(32)))
    ada = await engine.register("ada", "plum kettle orbit")
    login = await engine.login("ada", "plum kettle orbit")
    session = await engine.authenticate(login.session_token)
    print("logged in:", session.account == ada)
    await engine.logout(login.session_token)
    try:
        await engine.authenticate(login.session_token)
    except doorward.SessionGone as gone:
        print("logged out:", gone.reason)
    await engine.close()


if __name__ == "__main__":
    asyncio.run(main())

"""What a store's author provides: a database in a known state, and as much around it as can be played with."""

from __future__ import annotations

from typing import Protocol

from ..store import AsyncStore

__all__ = ["Fixture", "Medium"]


class Medium(Protocol):
    """A simulated medium, where "durable" can be taken at its word. Few stores have one."""

    def hold_syncs(self) -> None:
        """From now on every sync waits at a gate; nothing that waits there is durable."""

    def syncs_held(self) -> int:
        """How many syncs wait at the gate."""

    def release_syncs(self) -> None:
        """Opens the gate: the waiting syncs are carried out, and later ones no longer wait."""

    def fail_next_sync(self) -> None:
        """Makes the next sync fail, once, without making anything durable."""

    async def cut_power(self) -> AsyncStore:
        """The database as it would be found after a power cut now, opened anew: whatever was not synced is gone. The first
        handle stays usable, on the medium that had no power cut."""


class Fixture:
    """One database of the store under test, empty at first. Each promise gets a fixture of its own.

    Only :meth:`open` is required. What a fixture does not offer, the kit cannot ask: such a promise is ``NOT ASKED``, which is
    shown and never counted as kept.

    ===================== ================================================ ====================================
    offer                 to be asked                                      a store on a database server
    ===================== ================================================ ====================================
    :meth:`second_handle` whether another handle sees at once what one     another connection pool
                          has applied
    :meth:`reopen`        whether what was applied survives ``kill -9``    a connection of a new process
    :attr:`medium`        power cuts, torn batches, barriers, what is      nothing: ask its manual which setting
                          seen before it is durable, failed syncs          makes a commit durable
    ===================== ================================================ ====================================
    """

    medium: Medium | None = None
    """The medium under the database, when it is a simulated one."""

    async def open(self) -> AsyncStore:
        """The database, empty. Called once per promise."""
        raise NotImplementedError("a kit.Fixture needs at least `open`, which gives an empty store")

    async def second_handle(self) -> AsyncStore | None:
        """Another handle on the same database, as another process would have: its own connection, its own caches. Called while
        the first one is open."""
        return None

    async def reopen(self) -> AsyncStore | None:
        """The database as it would be found if the process died now by ``kill -9``, opened anew: nothing may be flushed or
        closed for the occasion. Called, perhaps several times, while the first handle is open, and while no call runs on it
        except one that waits in a held sync."""
        return None

    async def close(self) -> None:
        """Closes whatever it opened. Called once, when the promise was asked."""

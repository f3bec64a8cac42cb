"""Which SQLite files are open in this process, and by which of its two SQLites.

:class:`doorward.Engine` comes with an SQLite of its own, and :mod:`doorward.aiosqlite` uses Python's. Closing any descriptor
of a file drops all POSIX locks that the process has on it. Each SQLite takes care of the descriptors that it knows, and not of
the other's: where one only looks at a file that the other has open, the other's locks are gone. Then another process takes
itself for the last one and deletes a log that is still written to, and what was acknowledged is lost.

So a file that one of them has open is refused to the other, before anything of it is opened.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal

from ._fork import underway
from .errors import ConfigError

Kind = Literal["doorward.Engine", "doorward.aiosqlite"]

# A set, because adding to one is a single step for other threads, for a fork, and for what is collected meanwhile.
_claims: set[Claim] = set()


class Claim:
    """A file that one of the two has open, or is about to open."""

    def __init__(self, kind: Kind, path: str) -> None:
        """
        :raises ConfigError: the other one has it open. Nothing was opened.
        """
        self._kind = kind
        self._path = path
        self._files = _known_as(path)
        self._last_calls: set[object] | None = None
        _claims.add(self)  # first, so that of two at once one sees the other
        for other in list(_claims):
            if other._is_over():
                other.release()
            elif other._kind != kind and not other._files.isdisjoint(self._files):
                self.release()
                raise ConfigError(
                    f"the file is open in this process by {other._kind}, which has another SQLite: the two would drop each"
                    " other's locks; give each a file of its own"
                )

    def opened(self) -> None:
        """The file is there now."""
        self._files |= _known_as(self._path)

    def release(self) -> None:
        """Nothing of it is open any more."""
        _claims.discard(self)

    def release_after_calls(self) -> None:
        """The library closes it when those calls return that are under way."""
        self._last_calls = set(underway)
        if self._is_over():
            self.release()

    def _is_over(self) -> bool:
        return self._last_calls is not None and self._last_calls.isdisjoint(underway)


def of_url(store: object) -> Claim | None:
    """That of the store of an engine. The library says what is wrong with a URL."""
    scheme, _, path = store.partition(":") if isinstance(store, str) else ("", "", "")
    return Claim("doorward.Engine", path) if scheme == "sqlite" and path else None


class Connection(sqlite3.Connection):
    """One that claims its file until it is closed or collected."""

    is_over: Callable[[], object] | None = None

    def close(self) -> None:
        super().close()
        if self.is_over is not None:
            self.is_over()


def connecting(path: str) -> Callable[..., Connection]:
    """A ``factory`` of :func:`sqlite3.connect` for this file."""

    def connect(*given: Any, **named: Any) -> Connection:
        claim = Claim("doorward.aiosqlite", path)
        try:
            connection = Connection(*given, **named)
        except BaseException:
            claim.release()
            raise
        connection.is_over = weakref.finalize(connection, claim.release)
        return connection

    return connect


def _known_as(path: str) -> set[tuple[int | str, ...]]:
    """The file by itself, whatever its names are, and by its place, where it may not be yet."""
    known: set[tuple[int | str, ...]] = set()
    with suppress(OSError, ValueError):  # whoever opens it says so
        real = os.path.realpath(path)
        folder = os.stat(os.path.dirname(real))
        known.add((folder.st_dev, folder.st_ino, os.path.basename(real)))
        file = os.stat(real)
        known.add((file.st_dev, file.st_ino))
    return known

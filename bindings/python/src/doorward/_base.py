"""What both engines have: a handle of the library, settings for calls, and the clock."""

from __future__ import annotations

import json
import warnings
from typing import Any, ClassVar

from . import errors
from ._calls import Parties
from ._fork import Held, underway
from ._given import id_text, text, text_or_none
from ._lent import whole
from ._native import ffi, lib
from .results import Event, Remembered

_ERROR = ffi.typeof("dw_error*[1]")
_RESULTS: Any = {lib.DW_EVENT_SUCCESS: "success", lib.DW_EVENT_REFUSED: "refused"}


class Base:
    """Of :class:`Engine` and :class:`AsyncEngine`."""

    _kind: ClassVar[str]
    """How C calls it."""

    def __init__(self, held: Held, parties: Parties) -> None:
        self._held = held
        self._parties = parties
        held.engine = repr(self)
        tokens = self.policy()["tokens"]
        self._issuer: str = tokens["issuer"]

    def __del__(self) -> None:
        held = getattr(self, "_held", None)
        if held is not None and held.handle is not None:
            try:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            finally:
                held.release()

    def __repr__(self) -> str:
        state = "open" if self._held.handle is not None else "closed"
        return f"<{type(self).__module__}.{type(self).__qualname__} {state}>"

    def __reduce__(self) -> Any:
        raise errors.Misuse("an engine is not pickled: open one in each process")

    def now(self) -> int:
        """The engine's time in UTC milliseconds: its clock's, but never earlier than a call has seen it.

        >>> engine.now() > 1_700_000_000_000
        True
        """
        return self._number("now")

    def _not_before(self, earlier: int) -> int:
        """The time, or that earlier one where the engine was closed meanwhile."""
        handle = self._held.handle
        return earlier if handle is None else max(earlier, int(self._function("now")(handle)))

    def set_time(self, now: int) -> None:
        """Moves the manual clock, to a time in UTC milliseconds. The engine's time does not follow it back (see :meth:`now`).

        :raises Misuse: the clock is the system's.

        >>> with Engine.open("memory:", clock="manual") as engine:
        ...     engine.set_time(60_000)
        ...     engine.now()
        60000
        """
        try:
            self._check(self._function("set_time"), self._held.use(), whole(now, "now", signed=True))
        except errors.Misuse as misuse:
            if misuse.status == "DW_SEQUENCE":
                misuse.args = ('the clock is the system\'s: open the engine with clock="manual"',)
            raise

    def policy(self) -> dict[str, Any]:
        """The policy in force, every key of it.

        >>> engine.policy()["tokens"]["lifetime_ms"]
        600000
        """
        policy: dict[str, Any] = json.loads(self._read("policy", "string", lambda given: text(given.text)))
        return policy

    def remembered_tokens(self) -> Remembered:
        """What is remembered of verified access tokens, and how often it was of use.

        >>> engine.remembered_tokens().tokens
        0
        """
        read = lambda given: Remembered(given.hits, given.misses, given.tokens)  # noqa: E731
        remembered: Remembered = self._read("remembered_tokens", "remembered", read)
        return remembered

    def events(self) -> list[Event]:
        """The events that wait, and takes them: one for each operation that has finished. Opened with ``events=0``, which is
        the default, there are none.

        >>> with Engine.open("memory:", events=100) as engine:
        ...     token = engine.open_session()
        ...     [event.operation for event in engine.events()]
        ['open', 'open_session']
        """
        waiting: list[Event] = []
        while (event := self._read("event", "event", _event)) is not None:
            waiting.append(event)
        return waiting

    def events_lost(self) -> int:
        """How many events found no room, since the engine was opened.

        >>> engine.events_lost()
        0
        """
        return self._number("events_lost")

    def _number(self, name: str) -> int:
        number = int(self._function(name)(self._held.use()))
        if number == 0:
            self._held.use()  # says why, where that is no answer
        return number

    def _function(self, name: str) -> Any:
        return getattr(lib, f"dw_{self._kind}_{name}")

    def _read(self, name: str, result: str, read: Any) -> Any:
        out = ffi.new(f"dw_{result}*[1]")
        try:
            self._check(self._function(name), self._held.use(), out)
            return read(out[0]) if out[0] else None
        finally:
            getattr(lib, f"dw_{result}_free")(out[0])

    def _check(self, call: Any, *arguments: Any) -> None:
        error = ffi.new(_ERROR)
        underway.add(error)
        try:
            status = call(*arguments, error)
        finally:
            underway.discard(error)
        if status:
            raise self._raised(status, error)

    def _raised(self, status: int, error: Any) -> errors.Error:
        handle = self._held.handle
        now = int(self._function("now")(handle)) if handle is not None else 0
        return self._held.refused(errors.raised(status, error, now))


def _event(given: Any) -> Event:
    return Event(
        at=given.at,
        operation=text(given.operation),
        result=_RESULTS.get(given.result, "failed"),
        reason=text_or_none(given.reason),
        name=text_or_none(given.name),
        account=id_text(given.account) if given.has_account else None,
        session=id_text(given.session) if given.has_session else None,
        source=text_or_none(given.source),
    )

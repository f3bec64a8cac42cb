"""Calls of an engine, and their answers as the judge reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any
from unittest import mock

from doorward import Error
from doorward._config import Settings
from doorward._native import ffi, lib
from doorward.results import AnySession

from .stores import Opened, Stores

_random = b"\1" * 32


def _fill(_: Any, place: Any, length: int) -> int:
    """What an engine draws: the judge's bytes over and over, so that both make the same tokens."""
    ffi.buffer(place, length)[:] = (_random * (length // 32 + 1))[:length]
    return 0


_CALLBACK: Any = ffi.callback("dw_entropy", _fill)


@contextmanager
def drawing_what_it_is_told() -> Iterator[None]:
    """Engines that are opened meanwhile have the judge's random bytes."""
    fill = Settings._fill

    def filled(settings: Settings, config: Any) -> None:
        fill(settings, config)
        error = ffi.new("dw_error **")
        assert lib.dw_config_entropy(config, _CALLBACK, ffi.NULL, error) == lib.DW_OK

    with mock.patch.object(Settings, "_fill", filled):
        yield


class Host:
    """Engines on one store, which do what the judge asks for."""

    def __init__(self, stores: Stores, settings: dict[str, Any]) -> None:
        self._stores = stores
        self._seed(settings["seed"])
        peppers = [(number, bytes([byte]) * 32) for number, byte in settings["peppers"]]
        number, byte = settings["master_key"]
        self.now: int = settings["now"]
        self._given = {
            "master_key": (number, bytes([byte]) * 32),
            "policy": settings["policy"],
            "peppers": peppers[:1],
            "old_peppers": peppers[1:],
        }
        self._engines = [self._open() for _ in range(stores.engines)]
        self.given: Any = None
        """The latest answer, when it was no refusal."""
        self.done: set[str] = set()
        """Which calls were done as asked."""
        self.said: list[str] = []
        """Every call and its answer, for people."""

    def set_time(self, now: int) -> None:
        self.now = now
        for opened in self._engines:
            opened.engine.set_time(now)

    def perform(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Makes the call, and tells what it was answered."""
        self._seed(asked["seed"])
        call, given, number = asked["call"], dict(asked["given"]), asked["engine"]
        if "data" in given:
            given["data"] = bytes.fromhex(given["data"])
        if call == "reopen":
            self._engines[number].close()
            self._engines[number] = self._open()
            answer: dict[str, Any] = {"given": self._engines[number].engine.now()}
        else:
            answer = _answer(self._engines[number], call, given)
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
        self.given = answer.get("given")
        if "given" in answer:
            self.done.add(call)
        self.said.append(f"engine {number} at {self.now}: {call}({shown}) -> {answer}")
        return answer

    def close(self) -> None:
        for opened in self._engines:
            opened.close()

    def _open(self) -> Opened:
        with drawing_what_it_is_told():
            return self._stores.open(clock="manual", now=self.now, **self._given)

    def _seed(self, digits: str) -> None:
        global _random
        _random = bytes.fromhex(digits)


def _answer(opened: Opened, call: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"given": _plain(opened.call(call, given))}
    except Error as error:
        told = {"status": error.status, "reason": error.reason}
        more = {name: getattr(error, name) for name in ("until", "session", "account") if hasattr(error, name)}
        return {"refused": told | more}


def _plain(value: Any) -> Any:
    """Results as JSON has them, bytes in hexadecimal."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, AnySession):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return value.hex()
    return value

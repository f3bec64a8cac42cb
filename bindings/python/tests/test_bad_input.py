"""Bad input: every parameter of every method of both engines, found by their signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bad_values import SECRET, odd, of_wrong_type
from secrets_told import shown
from worlds import WORLDS, World, methods, parameters

from doorward import (
    AsyncEngine,
    Denied,
    Engine,
    Error,
    Misuse,
    NotFound,
    Refused,
    SessionGone,
    TokenInvalid,
    WeakPassword,
)

# What becomes of a value of the right type that cannot be one. A client's own is never Misuse.
REFUSALS: dict[str, tuple[type[Error], ...]] = {
    "access_token": (TokenInvalid,),
    "account": (NotFound,),
    "audience": (Refused, TokenInvalid),
    "claims": (Misuse, Refused),
    "client_id": (Refused,),
    "current": (Denied, WeakPassword, Refused),
    "data": (Refused,),
    "keep": (SessionGone,),
    "lifetime": (Misuse, Refused),
    "limit": (Misuse,),
    "name": (Refused,),
    "new": (WeakPassword, Refused),
    "now": (Misuse,),
    "password": (Denied, WeakPassword, Refused),
    "path": (Misuse, Refused),
    "refresh_token": (TokenInvalid,),
    "scope": (Refused,),
    "session_id": (NotFound,),
    "session_token": (SessionGone,),
    "source": (Misuse, Refused),
    "when": (Misuse,),
}
# What is unusual, and taken. A token that is none of these parameters is no error, whatever it looks like.
TAKEN = {
    ("device", ANY := "any"),
    ("previous", ANY),
    ("token", ANY),
    ("label", ANY),  # cut, and made safe to show
    ("new", "zero"),
    ("scope", "empty"),  # none at all
    ("now", "below"),  # before 1970
    ("register password", "zero"),
    ("issue audience", "twice"),
    ("introspect audience", "zero"),
    ("introspect audience", "empty"),
    ("introspect audience", "mebibyte"),
}


def cases() -> Iterator[Any]:
    for engine in (Engine, AsyncEngine):
        for method in methods(engine):
            for parameter in parameters(engine, method):
                yield pytest.param(engine, method, parameter, id=f"{engine.__name__}.{method}-{parameter}")


class Worlds:
    """One of each kind, for as long as nothing is changed in it."""

    def __init__(self) -> None:
        self._open: dict[type, World] = {}

    def of(self, engine: type) -> World:
        if engine not in self._open:
            self._open[engine] = WORLDS[engine]()
        return self._open[engine]

    def end(self, engine: type) -> None:
        self._open.pop(engine).close()

    def close(self) -> None:
        for engine, world in list(self._open.items()):
            world.check_works()
            self.end(engine)


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    worlds = Worlds()
    yield worlds
    worlds.close()


def refusal(world: World, method: str, parameter: str, value: Any) -> Error | None:
    """The exception of a call, which is one of the table and shows no secret."""
    arguments = {**world.arguments(method), parameter: value}
    try:
        world.call(method, **arguments)
    except Error as refused:
        error = refused
    else:
        return None
    told = shown(error)
    assert SECRET not in told
    assert len(told) < 10_000
    assert len(str(error).split()) > 2, "no sentence"
    return error


@pytest.mark.parametrize(("engine", "method", "parameter"), list(cases()))
def test_a_value_of_a_wrong_type_is_misuse_and_changes_nothing(
    worlds: Worlds, engine: type, method: str, parameter: str
) -> None:
    world = worlds.of(engine)
    before, calls = world.snapshot(), world.store_calls()
    for value in of_wrong_type(parameters(engine, method)[parameter].annotation):
        error = refusal(world, method, parameter, value)
        assert type(error) is Misuse, (value, error)
        assert error.status == ""
        assert parameter.replace("_", " ").split()[-1] in str(error), error
    assert world.store_calls() == calls
    assert world.snapshot() == before


@pytest.mark.parametrize(("engine", "method", "parameter"), list(cases()))
def test_an_odd_value_is_refused_by_the_fitting_exception_and_changes_nothing(
    worlds: Worlds, engine: type, method: str, parameter: str
) -> None:
    world = worlds.of(engine)
    before = world.snapshot()
    for name, value in odd(parameters(engine, method)[parameter].annotation):
        error = refusal(world, method, parameter, value)
        if (method, parameter) == ("login", "lifetime"):  # a word
            assert type(error) is Misuse
        elif taken(method, parameter, name):
            assert error is None, (name, error)
            worlds.end(engine)
            world = worlds.of(engine)
            before = world.snapshot()
        else:
            assert isinstance(error, REFUSALS[parameter]), (name, error)
            assert world.snapshot() == before, name


def taken(method: str, parameter: str, name: str) -> bool:
    return bool({(parameter, name), (f"{method} {parameter}", name), (parameter, ANY)} & TAKEN)


@pytest.mark.parametrize("engine", [Engine, AsyncEngine])
def test_arguments_that_are_missing_or_unknown_are_pythons_own_affair(worlds: Worlds, engine: type) -> None:
    world = worlds.of(engine)
    with pytest.raises(TypeError):
        world.call("login", name="ada")
    with pytest.raises(TypeError):
        world.call("authenticate", session_token="x", typo=1)


class Shouting(str):
    """A text that encodes itself to something else, and lies about its length."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        raise AssertionError("asked of the text itself")

    def __len__(self) -> int:
        return 2**40


def test_a_subclass_of_str_is_its_text(worlds: Worlds) -> None:
    world = worlds.of(Engine)
    assert world.call("authenticate", session_token=Shouting(world.session_token)).account == world.account
    assert world.call("login", name=Shouting("ada"), password=Shouting("plum kettle orbit")).account == world.account


def test_a_text_with_a_lone_surrogate_is_a_clients_and_says_so(worlds: Worlds) -> None:
    world = worlds.of(Engine)
    with pytest.raises(Refused, match="password has a lone surrogate") as refused:
        world.call("login", name="ada", password="\ud800")
    assert refused.value.status == "DW_NOT_UTF8"
    assert refused.value.__context__ is None


@pytest.mark.parametrize("data", [bytearray(b"plums"), memoryview(b"plums"), memoryview(b"p l u m s ")[::2]])
def test_bytes_of_every_kind_are_taken_as_they_are(worlds: Worlds, data: Any) -> None:
    world = worlds.of(Engine)
    token = world.call("open_session", data=data)
    assert world.call("session_data", session_token=token).data == b"plums"


def test_a_memoryview_that_was_released_is_misuse(worlds: Worlds) -> None:
    view = memoryview(b"plums")
    view.release()
    with pytest.raises(Misuse, match="data"):
        worlds.of(Engine).call("open_session", data=view)

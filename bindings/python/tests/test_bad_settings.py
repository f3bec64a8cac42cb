"""Bad settings: each is refused by both engines when they are opened, with a sentence that names it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from memory_store import MemoryStore
from secrets_told import shown

from doorward import AsyncEngine, ConfigError, Engine, Hashing, Misuse, SessionGone, StoreError
from doorward._native import lib

SECRET = b"canary-5b1e-nobody-may-see-me-32"
OTHER = SECRET[::-1]
NAN, INFINITE, HUGE = float("nan"), float("inf"), 10**5000
PEM = f"-----BEGIN PRIVATE KEY-----\n{SECRET.decode()}\n-----END PRIVATE KEY-----\n"

# For each setting the values that are refused.
# fmt: off
BAD: dict[str, list[Any]] = {
    "store": [None, 5, b"memory:", ["memory:"], object(), "\ud800",
              "", "sqlite", "sqlite:", "memory:x", "memory:\0", "mysql:x", "SQLITE:x", "x" * 20 * 2**20],
    "master_key": [5, "x" * 32, b"", SECRET[:31], SECRET + b"x", [SECRET], [], object(), {1: SECRET}, {SECRET},
                   [(1, SECRET), (1, OTHER)], (1, SECRET, 3), [("1", SECRET)], [(True, SECRET)], [(1, SECRET.decode())],
                   [(-1, SECRET)], [(2**32, SECRET)], [(HUGE, SECRET)], memoryview(SECRET)[:31]],
    "peppers": [5, SECRET[:31], "x" * 32, [(1, b"x")], [(1, SECRET), (1, OTHER)], {1: SECRET}, [(2**32, SECRET)], [1, 2]],
    "old_peppers": [5, [(1, b"x")], [(1, SECRET), (1, OTHER)], [(-1, SECRET)]],
    "policy": [5, 0, True, b"{}", [], "", "{", "[]", "null", "[" * 100_000, "\ud800", {"min": object()}, {"min": HUGE},
               {b"min": 1}, {1: 2}, {"min": NAN}, {"tokens": {"issuer": "\ud800"}}, {1.5}, object()],
    "signing": [5, "x", SECRET, {}, [{}], [5], [None], object(), {1: 2}, {"typo": 1, "alg": "ES256"}, {"pem": PEM},
                {"alg": "HS256", "pem": PEM}, {"alg": ["ES256"], "pem": PEM}, {"alg": "ES256", "secret": SECRET},
                {"alg": "HS256", "secret": SECRET, "typo": 1}, [{"alg": "EdDSA"}], {"alg": "EdDSA", "jwk": {}}],
    "issuer": [5, b"x", [], object(), "", "a b", "a\0", "\ud800", "x" * 1000],
    "audience": [5, b"x", ["a"], object(), "\ud800"],
    "client_id": [5, b"x", ["a"], object(), "\ud800"],
    "revocation": ["typo", "", "until_expiry", 5, b"bound", ["bound"], object(), {"mode": "typo"}, {"mode": 5}, {"typo": 1}],
    "clock": ["typo", 5, None, b"manual", ["manual"], object()],
    "now": ["0", 1.5, True, 2**63, -(2**63) - 1, HUGE, NAN],
    "trust_clock": ["yes", 1, None],
    "create_key_file": ["yes", 1, None],
    "durable": ["yes", 1, None],
    "remember_tokens": ["1", 1.5, True, -1, 2**63, HUGE],
    "events": ["1", "", None, 0.0, [], 1.5, True, -1, 2**21, HUGE],
    "maintain_every": ["1", b"1", True, -1, 0, 0.5, NAN, INFINITE, 1e300, HUGE],
    "hashing": [None, 5, {"queue": 1}, Hashing],
    "key_file": [5, 1.5, True, ["x"], object(), "\ud800", b"\xff\xfe", "", "a\0b"],
}
# fmt: on
# What is wrong inside of a setting, and the words that say what.
INSIDE: list[tuple[str, Any, str]] = [
    ("policy", {"tokens": 5}, "tokens must be an object"),
    ("policy", {"argon2": []}, "argon2 must be an object"),
    ("policy", {"tokens": {"lifetim_ms": 1}}, "tokens.lifetim_ms"),
    ("policy", '{"throttel": {}}', "throttel"),
    ("policy", {"argon2": {"memory_kib": "x"}}, "argon2.memory_kib"),
    ("policy", {"argon2": {"memory_kib": 8}}, "argon2.memory_kib"),
    ("policy", {"sessions": {"web": {"idle_ms": True}}}, "sessions.web.idle_ms"),
    ("policy", {"password": {"min": -1}}, "password.min"),
    ("policy", {"password": {"min": 1.5}}, "password.min"),
    ("signing", {"alg": "none"}, "algorithm"),
    ("signing", {"alg": 5}, "algorithm"),
    ("signing", {"alg": "HS256", "secret": SECRET[:31]}, "too weak"),
    ("signing", {"alg": "HS256", "secret": SECRET.decode()}, "secret must be bytes"),
    ("signing", {"alg": "HS256", "secret": SECRET, "kid": 5}, "kid must be str"),
    ("signing", {"alg": "ES256", "pem": SECRET.decode()}, "PEM"),
    ("signing", {"alg": "ES256", "pem": PEM}, "PEM"),
    ("signing", {"alg": "ES256", "pem": PEM.encode()}, "pem must be str"),
    ("signing", {"alg": "ES256", "pem": PEM + "\ud800"}, "pem has a lone surrogate"),
    ("signing", {"jwk": 5}, "JWK"),
    ("signing", {"jwk": SECRET}, "jwk"),
    ("signing", {"jwk": {"k": SECRET}}, "jwk"),
    ("signing", {"jwk": "{"}, "JWK"),
    ("signing", {"jwk": {}}, "kty"),
    ("signing", {"jwk": {"kty": "oct", "kid": "1", "alg": "HS256", "k": "!" + SECRET.decode()}}, "`k`"),
    ("hashing", Hashing(at_once=-1), "at_once"),
    ("hashing", Hashing(at_once="1"), "at_once"),  # type: ignore[arg-type]
    ("hashing", Hashing(at_once=True), "at_once"),
    ("hashing", Hashing(at_once=HUGE), "at_once"),
    ("hashing", Hashing(queue=-1), "queue"),
    ("hashing", Hashing(queue=1.5), "queue"),  # type: ignore[arg-type]
    ("hashing", Hashing(queue=2**63), "queue"),
    ("hashing", Hashing(shares=0), "shares"),
    ("hashing", Hashing(shares=None), "shares"),  # type: ignore[arg-type]
    ("hashing", Hashing(shares=-1), "shares"),
]
# How the sentence calls it.
CALLED = {"master_key": "key", "peppers": "key|pepper", "old_peppers": "key|pepper", "key_file": "key file|key_file"}
CALLED |= {"maintain_every": "maintain_every|maintenance", "events": "event", "policy": "policy|min"}

Opening = Callable[..., None]


def blocking(**settings: Any) -> None:
    Engine.open(**{"store": "memory:", **settings}).close()


def stepping(**settings: Any) -> None:
    async def opened() -> None:
        engine = await AsyncEngine.open(**{"store": MemoryStore(), **settings})
        await engine.close()

    asyncio.run(opened())


def refusal(opening: Opening, settings: dict[str, Any]) -> str:
    """The sentence of an opening that is refused, without a secret and without a handle that stays open."""
    before = lib.dw_open_handles()
    with pytest.raises((ConfigError, Misuse)) as refused:
        opening(**settings)
    told = shown(refused.value)
    assert "canary" not in told
    assert "yranac" not in told
    assert len(told) < 10_000
    assert lib.dw_open_handles() == before
    sentence = str(refused.value)
    assert len(sentence.split()) > 2
    return sentence


def settings_of(engine: type, name: str, value: Any, folder: Path) -> dict[str, Any]:
    """So that nothing else is wrong."""
    settings: dict[str, Any] = {name: value}
    if engine is Engine:
        settings.setdefault("store", f"sqlite:{folder}/database")
    if name == "create_key_file":
        settings["key_file"] = folder / "key"
    elif name not in {"master_key", "key_file"}:
        settings["master_key"] = OTHER
    if name == "now":
        settings["clock"] = "manual"
    return settings


OPENINGS: dict[type, Opening] = {Engine: blocking, AsyncEngine: stepping}
SETTINGS = {engine: set(inspect.signature(engine.open).parameters) for engine in (Engine, AsyncEngine)}


def both() -> Iterator[Any]:
    for engine in (Engine, AsyncEngine):
        for name in sorted(SETTINGS[engine]):
            yield pytest.param(engine, name, id=f"{engine.__name__}-{name}")


def test_every_setting_is_tried() -> None:
    assert set(BAD) == SETTINGS[Engine] | SETTINGS[AsyncEngine]


@pytest.mark.parametrize(("engine", "name"), list(both()))
def test_a_bad_setting_is_refused_by_a_sentence_that_names_it(engine: type, name: str, tmp_path: Path) -> None:
    values = BAD[name]
    if engine is AsyncEngine and name == "store":
        values = [None, 5, "memory:", object(), MemoryStore.read]
    for value in values:
        sentence = refusal(OPENINGS[engine], settings_of(engine, name, value, tmp_path)).lower()
        assert any(word in sentence for word in CALLED.get(name, name).lower().split("|")), (value, sentence)
    if engine is Engine:
        # Nothing is in the way of the right ones.
        blocking(store=f"sqlite:{tmp_path}/database", master_key=OTHER)


@pytest.mark.parametrize("engine", [Engine, AsyncEngine])
@pytest.mark.parametrize(("name", "value", "words"), INSIDE)
def test_what_is_wrong_inside_of_a_setting_is_named(engine: type, name: str, value: Any, words: str, tmp_path: Path) -> None:
    assert words in refusal(OPENINGS[engine], settings_of(engine, name, value, tmp_path))


@pytest.mark.parametrize("opening", [blocking, stepping])
def test_no_hash_at_once_is_not_as_many_as_cores(opening: Opening) -> None:
    """``Hashing(at_once=0)``, of a host that computed the number, was taken for ``None``: as many as there are cores."""
    assert "at_once" in refusal(opening, {"master_key": OTHER, "hashing": Hashing(at_once=0)})


@pytest.mark.parametrize("opening", [blocking, stepping])
@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({"policy": {"tokens": {"issuer": "one"}}, "issuer": "another"}, "tokens.issuer"),
        ({"policy": {"tokens": {"algorithm": "ES256"}}, "signing": {"alg": "HS256"}}, "tokens.algorithm"),
        ({"policy": {"tokens": {"revocation": {"mode": "watched"}}}, "revocation": "bound"}, "tokens.revocation"),
        ({"key_file": "/nowhere"}, "both master_key and key_file"),
        ({"now": 5}, 'open with clock="manual"'),
        ({"create_key_file": True}, "give key_file=path too"),
        ({"peppers": [(1, SECRET)], "old_peppers": [(1, OTHER)]}, "pepper"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(opening: Opening, beside: dict[str, Any], words: str) -> None:
    assert words in refusal(opening, {"master_key": OTHER, **beside})


@pytest.mark.parametrize("opening", [blocking, stepping])
def test_settings_that_say_the_same_twice_are_taken(opening: Opening) -> None:
    policy = MappingProxyType({"tokens": MappingProxyType({"issuer": "one", "algorithm": "ES256"})})
    opening(master_key=OTHER, policy=policy, issuer="one", signing={"alg": "ES256"}, revocation="until-expiry")
    opening(master_key=bytearray(OTHER), policy='{"tokens": {"issuer": "one"}}', issuer="one", peppers=memoryview(SECRET))


def test_a_policy_that_was_given_is_left_as_it_was() -> None:
    policy: dict[str, Any] = {"tokens": {}}
    blocking(policy=policy, issuer="one", signing={"alg": "ES256"})
    assert policy == {"tokens": {}}


# Key files and databases.


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    blocking(store=f"sqlite:{tmp_path}/first", key_file=path, create_key_file=True)
    assert path.stat().st_mode & 0o777 == 0o600
    return path


@pytest.mark.parametrize("engine", [Engine, AsyncEngine])
def test_a_key_file_that_is_missing_open_to_others_or_none_is_refused(engine: type, key_file: Path, tmp_path: Path) -> None:
    opening = OPENINGS[engine]

    def refused(path: Path) -> str:
        return refusal(opening, settings_of(engine, "key_file", path, tmp_path))

    opening(**settings_of(engine, "key_file", key_file, tmp_path))
    assert "missing" in refused(tmp_path / "nowhere")
    assert "missing" in refused(tmp_path / "no folder" / "key")
    assert "cannot be read" in refused(tmp_path)
    line = key_file.read_bytes()
    for content in (b"", SECRET, line[:-5], line + line, line.replace(b"1", b"2", 1), b"\xff" * 32):
        key_file.write_bytes(content)
        assert "restore it" in refused(key_file)
    key_file.write_bytes(line)
    key_file.chmod(0o644)
    assert "open to others" in refused(key_file)


def test_a_key_file_is_not_made_where_it_cannot_be(tmp_path: Path) -> None:
    settings = {"store": f"sqlite:{tmp_path}/db", "key_file": tmp_path / "no folder" / "key", "create_key_file": True}
    assert "key file" in refusal(blocking, settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["sqlite", "sled"])
def test_a_store_where_none_can_be_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"no database " * 1000)
    for path in ("no folder/database" if kind == "sqlite" else "garbage/database", "garbage", "a\0b"):
        assert refusal(blocking, {"store": f"{kind}:{tmp_path}/{path}", "master_key": OTHER})
    if kind == "sqlite":
        assert refusal(blocking, {"store": f"sqlite:{tmp_path}", "master_key": OTHER})
    assert (tmp_path / "garbage").read_bytes() == b"no database " * 1000


@pytest.mark.parametrize("kind", ["sqlite", "sled"])
def test_a_store_of_another_master_key_is_refused_and_left_as_it_is(kind: str, tmp_path: Path) -> None:
    store = f"{kind}:{tmp_path}/store"
    with Engine.open(store, master_key=OTHER) as engine:
        token = engine.open_session(b"plums")
    with pytest.raises((StoreError, ConfigError)) as refused:
        Engine.open(store, master_key=SECRET)
    assert refused.value.status in {"DW_KEY", "DW_CONFIG_KEY"}
    assert "key" in str(refused.value)
    assert "canary" not in shown(refused.value)
    with Engine.open(store, master_key=OTHER) as engine:
        assert engine.session_data(token).data == b"plums"
    with Engine.open(store, master_key=[(2, SECRET), (1, OTHER)]) as engine:
        assert engine.session_data(token).data == b"plums"
        with pytest.raises(SessionGone):
            engine.authenticate("plums")

"""Every exception of the table, reached by calls: its class, status, reason, HTTP status, and whether it passes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import AUDIENCE, PASSWORD
from memory_store import MemoryStore
from worlds import NOW, POLICY

import doorward
from doorward import (
    Anonymous,
    AsyncEngine,
    Busy,
    ConfigError,
    Conflict,
    Denied,
    Engine,
    Error,
    InternalError,
    Misuse,
    MustChange,
    NotFound,
    Refused,
    SessionGone,
    StoreError,
    Taken,
    Throttled,
    TokenInvalid,
    TokenReused,
    WeakPassword,
    errors,
)
from doorward._native import lib
from doorward.store import Batch, StoreFailure

OTHER = "nine brass telescopes"
KEY = bytes(range(32))
SECOND, HOUR = 1000, 3_600_000


class Site:
    """Ada and Bob with accounts, and Ada logged in."""

    def __init__(self, **settings: Any) -> None:
        policy = {**POLICY, **settings.pop("policy", {})}
        given = {"audience": AUDIENCE, "clock": "manual", "now": NOW, **settings}
        self.engine = Engine.open("memory:", policy=policy, **given)
        self.ada = self.engine.register("ada", PASSWORD)
        self.bob = self.engine.register("bob", OTHER)
        self.login = self.engine.login("ada", PASSWORD)
        self.token = self.login.session_token

    def pass_time(self, milliseconds: int) -> Engine:
        self.engine.set_time(self.engine.now() + milliseconds)
        return self.engine


@dataclass(frozen=True)
class Refusal:
    """A call, and what it is refused as."""

    kind: type[Error]
    status: str
    call: Callable[[Site], object]
    reason: str | None = None
    http: int = 500
    is_transient: bool = False
    settings: tuple[tuple[str, Any], ...] = ()


def used_again(site: Site, after: int) -> object:
    tokens = site.engine.issue(site.token, refresh=True)
    site.engine.refresh(tokens.refresh or "")
    return site.pass_time(after).refresh(tokens.refresh or "")


def throttled(site: Site) -> object:
    for _ in range(10):
        try:
            site.engine.login("ada", OTHER)
        except Denied:
            continue
    raise AssertionError("never throttled")


def compromised(site: Site) -> object:
    site.engine.mark_compromised(site.ada)
    return site.engine.login("ada", PASSWORD)


def rotated(site: Site) -> object:
    site.engine.rotate_session(site.token)
    return site.engine.authenticate(site.token)


def ended(site: Site) -> object:
    site.engine.logout(site.token)
    return site.engine.authenticate(site.token)


def revoked(site: Site) -> object:
    site.engine.logout_everywhere(site.ada)
    return site.engine.authenticate(site.token)


def expired(site: Site) -> object:
    for _ in range(50):
        site.pass_time(HOUR // 2).authenticate(site.token)
    return None


def guest(site: Site) -> object:
    return site.engine.authenticate(site.engine.open_session())


def verified(site: Site, altered: Callable[[list[str]], list[str]], later: int = 0, audience: str = AUDIENCE) -> object:
    access = site.engine.issue(site.token).access
    return site.pass_time(later).verify(".".join(altered(access.split("."))), audience)


def same(parts: list[str]) -> list[str]:
    return parts


def after_logout(site: Site) -> object:
    access = site.engine.issue(site.token).access
    site.engine.logout(site.token)
    return site.engine.verify(access)


def elsewhere(call: Callable[[Engine], object], **settings: Any) -> object:
    with Site(**settings).engine as other:
        return call(other)


def too_many_keys(site: Site) -> object:
    for _ in range(100):
        site.engine.rotate_keys("at-once")
    return None


def too_many_revocations(site: Site) -> object:
    for _ in range(1000):
        site.engine.revoke(site.engine.issue(site.token).access)
    return None


def bobs(site: Site) -> str:
    return site.engine.login("bob", OTHER).session_token


def changed_to_the_same(site: Site) -> None:
    site.engine.mark_compromised(site.ada)
    site.engine.set_password(site.ada, PASSWORD)


def closed(site: Site) -> object:
    site.engine.close()
    return site.engine.now()


def settings(**given: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(given.items())


def weak(reason: str, chosen: str, /, **policy: Any) -> Refusal:
    given = settings(policy=policy) if policy else ()
    return Refusal(WeakPassword, "DW_PASSWORD", lambda s: s.engine.register("carol-anne", chosen), reason, 422, settings=given)


def gone(reason: str, call: Callable[[Site], object]) -> Refusal:
    return Refusal(SessionGone, "DW_GONE", call, reason, 401)


def invalid(reason: str, call: Callable[[Site], object]) -> Refusal:
    return Refusal(TokenInvalid, "DW_TOKEN_INVALID", call, reason, 401)


def misused(status: str, call: Callable[[Site], object]) -> Refusal:
    return Refusal(Misuse, status, call)


REFUSALS: dict[str, Refusal] = {
    "denied": Refusal(Denied, "DW_DENIED", lambda s: s.engine.login("ada", OTHER), http=401),
    "denied to a name of nobody": Refusal(Denied, "DW_DENIED", lambda s: s.engine.login("eve", OTHER), http=401),
    "throttled": Refusal(Throttled, "DW_THROTTLED", throttled, http=429, settings=settings(policy={"throttle": {"free": 2}})),
    "taken": Refusal(Taken, "DW_TAKEN", lambda s: s.engine.register("ADA", PASSWORD), http=409),
    "taken by a rename": Refusal(Taken, "DW_TAKEN", lambda s: s.engine.rename(s.ada, "bob"), http=409),
    "short": weak("too short", "plum"),
    "long": weak("too long", "plum kettle " * 30),
    "common": weak("common", "password123", password={"min": 8}),
    "pattern": weak("pattern", "abcdefgabcdefgabcdefg"),
    "listed": weak("listed", "three amber ladders", password={"blocklist": ["three amber ladders"]}),
    "name as password": weak("login name", "carol-anne", password={"min": 8}),
    "service as password": weak("service", "plum kettle shop", service_names=["plum kettle shop"]),
    "compromised": Refusal(WeakPassword, "DW_PASSWORD", changed_to_the_same, "compromised", 422),
    "name": Refusal(Refused, "DW_NAME", lambda s: s.engine.register("a b", PASSWORD), http=422),
    "text": Refusal(Refused, "DW_NOT_UTF8", lambda s: s.engine.register("\ud800", PASSWORD), http=400),
    "lifetime": Refusal(Refused, "DW_LIFETIME", lambda s: s.engine.open_session(lifetime=1e9), http=400),
    "data": Refusal(Refused, "DW_TOO_LARGE", lambda s: s.engine.open_session(bytes(20_000)), http=413),
    "audience": Refusal(Refused, "DW_TERM", lambda s: s.engine.issue(s.token, audience="a b"), http=400),
    "client id": Refusal(Refused, "DW_TERM", lambda s: s.engine.issue(s.token, client_id=""), http=400),
    "claims": Refusal(Refused, "DW_CLAIMS", lambda s: s.engine.issue(s.token, claims={"sub": "eve"}), http=400),
    "scope": Refusal(Refused, "DW_SCOPE", lambda s: s.engine.issue(s.token, scope="more"), http=403),
    "client": Refusal(Refused, "DW_CLIENT", lambda s: s.engine.revoke(s.engine.issue(s.token).access, "eve"), http=403),
    "full": Refusal(StoreError, "DW_FULL", too_many_keys, http=503),
    "full of revocations": Refusal(StoreError, "DW_FULL", too_many_revocations, http=503),
    "sessions": Refusal(
        Refused,
        "DW_TOO_MANY_SESSIONS",
        lambda s: s.engine.login("ada", PASSWORD),
        http=409,
        settings=settings(policy={"session_cap": {"most": 1, "when_full": "refuse"}}),
    ),
    "other": Refusal(Refused, "DW_OTHER_ACCOUNT", lambda s: s.engine.login("ada", PASSWORD, previous=bobs(s)), http=409),
    "must change": Refusal(MustChange, "DW_MUST_CHANGE", compromised, http=403),
    "no account": Refusal(NotFound, "DW_NOT_FOUND", lambda s: s.engine.disable("0" * 32), http=404),
    "no id": Refusal(NotFound, "DW_NOT_FOUND", lambda s: s.engine.disable("ada"), http=404),
    "no session": Refusal(NotFound, "DW_NOT_FOUND", lambda s: s.engine.end_session(s.bob, s.login.session), http=404),
    "conflict": Refusal(Conflict, "DW_CONFLICT", lambda s: used_again(s, 10 * SECOND), http=409),
    "reused": Refusal(TokenReused, "DW_REUSED", lambda s: used_again(s, 12 * SECOND), http=401),
    "no token": Refusal(SessionGone, "DW_TOKEN", lambda s: s.engine.authenticate("dws_"), "token", 401),
    "foreign": Refusal(SessionGone, "DW_TOKEN", lambda s: elsewhere(lambda other: other.authenticate(s.token)), "token", 401),
    "ended": gone("ended", ended),
    "idle": gone("idle", lambda s: s.pass_time(HOUR + 60 * SECOND).authenticate(s.token)),
    "expired": gone("expired", expired),
    "revoked": gone("revoked", revoked),
    "replaced": gone("replaced", rotated),
    "anonymous": Refusal(Anonymous, "DW_ANONYMOUS", guest, "anonymous", 401),
    "form": invalid("form", lambda s: s.engine.verify("plums")),
    "length": invalid("too_long", lambda s: s.engine.verify("x" * 20_000)),
    "encoding": invalid("encoding", lambda s: verified(s, lambda parts: [*parts[:2], parts[2] + "!"])),
    "signature": invalid("signature", lambda s: verified(s, lambda parts: [*parts[:2], "AAAA" + parts[2][4:]])),
    "unknown key": invalid("unknown_key", lambda s: elsewhere(lambda other: other.verify(s.engine.issue(s.token).access))),
    "another audience": invalid("audience", lambda s: verified(s, same, audience="https://other.example")),
    "token expired": invalid("expired", lambda s: verified(s, same, 605 * SECOND)),
    "token of a logout": invalid("ended", after_logout),
    "no refresh token": invalid("token", lambda s: s.engine.refresh("plums")),
    "unknown key of a logout": Refusal(
        StoreError, "DW_UNKNOWN_KEY", lambda s: elsewhere(lambda other: other.logout(s.token), master_key=(2, KEY)), http=503
    ),
    "closed": misused("", closed),
    "type": misused("", lambda s: s.engine.authenticate(None)),  # type: ignore[arg-type]
    "word": misused("", lambda s: s.engine.rotate_keys("tomorrow")),
    "source": misused("DW_VALUE", lambda s: s.engine.login("ada", PASSWORD, source="192.0.2.7:80")),
    "clock": Refusal(Misuse, "DW_SEQUENCE", lambda s: s.engine.set_time(0), settings=settings(clock="system", now=None)),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_is_as_the_table_says(refusal: Refusal) -> None:
    site = Site(**dict(refusal.settings))
    with pytest.raises(Error) as raised:
        refusal.call(site)
    site.engine.close()
    error = raised.value
    assert type(error) is refusal.kind, error
    told = (error.status, error.reason, error.http_status, error.is_transient)
    assert told == (refusal.status, refusal.reason, refusal.http, refusal.is_transient)


def test_a_reuse_says_whose_session_has_ended() -> None:
    site = Site()
    with pytest.raises(TokenReused) as reused:
        used_again(site, 12 * SECOND)
    assert (reused.value.account, reused.value.session) == (site.ada, site.login.session)
    with pytest.raises(SessionGone, match="ended"):
        site.engine.authenticate(site.token)
    site.engine.close()


def test_a_guests_session_is_told() -> None:
    site = Site()
    token = site.engine.open_session()
    with pytest.raises(Anonymous) as anonymous:
        site.engine.authenticate(token)
    assert anonymous.value.session == site.engine.session_data(token).session.session_id
    site.engine.close()


# What stores, keys and the clock do.


class Failing(MemoryStore):
    """A store whose commits fail from a time on."""

    failure: Callable[[], bool] | None = None

    async def commit(self, batch: Batch) -> bool:
        return await super().commit(batch) if self.failure is None else self.failure()


def fails(kind: Any) -> Callable[..., bool]:
    """With a failure of this kind, or with an exception that is none."""

    def fail(*_: object) -> bool:
        raise StoreFailure(kind) if isinstance(kind, str) else kind

    return fail


@pytest.mark.parametrize(
    ("failure", "kind", "status", "is_transient"),
    [
        (fails("retryable"), "retryable", "DW_STORE_RETRYABLE", True),
        (lambda: False, "contended", "DW_CONTENDED", True),
        (fails("unknown"), "unresolved", "DW_UNRESOLVED", False),
        (fails(ConnectionError()), "unresolved", "DW_UNRESOLVED", False),
        (fails("fatal"), "fatal", "DW_STORE_FATAL", False),
        (fails("damaged"), "fatal", "DW_CORRUPT", False),
    ],
)
def test_a_stores_failure_has_its_kind(failure: Callable[[], bool], kind: str, status: str, is_transient: bool) -> None:
    async def main() -> None:
        store = Failing()
        async with await AsyncEngine.open(store, master_key=KEY, policy=POLICY) as engine:
            store.failure = failure
            with pytest.raises(StoreError) as raised:
                await engine.open_session()
        error = raised.value
        assert (error.kind, error.status, error.http_status) == (kind, status, 503)
        assert error.is_transient is is_transient

    asyncio.run(main())


def test_a_journal_that_is_too_old_is_told_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    mode = {"mode": "watched", "max_staleness_ms": 50, "when_stale": "refuse"}
    given: dict[str, Any] = {"policy": POLICY, "audience": AUDIENCE, "clock": "manual", "now": NOW, "revocation": mode}

    async def main() -> None:
        store = MemoryStore()
        async with await AsyncEngine.open(store, master_key=KEY, **given) as engine:
            await engine.register("ada", PASSWORD)
            access = (await engine.issue((await engine.login("ada", PASSWORD)).session_token)).access
            assert await engine.verify(access)
            engine.set_time(NOW + 1000)
            with monkeypatch.context() as patched:
                patched.setattr(store, "changes", fails("retryable"))
                with pytest.raises(StoreError) as stale:
                    await engine.verify(access)
            assert (stale.value.status, stale.value.kind, stale.value.is_transient) == ("DW_STALE", "retryable", True)
            assert await engine.verify(access)

    asyncio.run(main())


def test_no_room_to_hash_is_busy_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with await AsyncEngine.open(MemoryStore(), master_key=KEY, policy=POLICY) as engine:

            def no_thread(*_: Any) -> Any:
                raise RuntimeError("can't start new thread")

            with monkeypatch.context() as patched:
                patched.setattr(asyncio.get_running_loop(), "run_in_executor", no_thread)
                with pytest.raises(Busy) as busy:
                    await engine.register("ada", PASSWORD)
            assert (busy.value.status, busy.value.http_status, busy.value.is_transient) == ("DW_BUSY", 503, True)
            assert await engine.register("ada", PASSWORD)

    asyncio.run(main())


def test_a_clock_that_cannot_be_right_is_told_at_opening_and_can_be_trusted(tmp_path: Any) -> None:
    given: dict[str, Any] = {"master_key": KEY, "clock": "manual"}
    store = f"sqlite:{tmp_path}/db"
    Engine.open(store, now=NOW, **given).close()
    with pytest.raises(StoreError) as wrong:
        Engine.open(store, now=NOW - 24 * HOUR, **given)
    assert (wrong.value.status, wrong.value.kind) == ("DW_CLOCK", "fatal")
    Engine.open(store, now=NOW - 24 * HOUR, trust_clock=True, **given).close()
    Engine.open(store, now=NOW - 24 * HOUR, **given).close()


def test_settings_that_cannot_be_are_the_operators_affair() -> None:
    with pytest.raises(ConfigError) as refused:
        Engine.open("memory:", policy={"sesions": {}})
    error = refused.value
    assert (error.status, error.http_status, error.is_transient) == ("DW_CONFIG_POLICY", 500, False)


# The table itself.


def test_an_error_that_no_call_has_made_has_the_status_of_its_class() -> None:
    """As those that are refused before the library is asked."""
    for refusal in REFUSALS.values():
        if refusal.kind is not Refused:
            assert refusal.kind.http_status == refusal.http, refusal.kind
    reached = {refusal.kind for refusal in REFUSALS.values()} | {Busy, ConfigError}
    every = {kind for name in errors.__all__ if (kind := getattr(errors, name)) is not Error}
    assert every - reached == {InternalError}, "a bug of the library is reached by none"


def test_each_status_is_answered_as_the_table_says_of_its_class() -> None:
    """``rotate_keys`` and ``revoke`` without room raised a ``Refused`` with 503, which the table calls a 4xx; ``issue`` without
    a key a ``ConfigError`` with 503, which it calls a 500 at opening."""
    table = dict(re.findall(r"^``(\w+)`` .* (\d..)$", errors.__doc__ or "", re.MULTILINE))
    statuses = {status: http for status in range(1, 100) if (http := lib.dw_status_http(status))}
    assert len(statuses) > 50
    for status, http in statuses.items():
        kind = errors.error_class(status)
        row = next(table[each.__name__] for each in kind.__mro__ if each.__name__ in table)
        assert re.fullmatch(row.replace("x", "."), str(http)), (errors.status_name(status), kind, http)


def test_every_refusal_is_an_error_of_the_package_and_travels_between_processes() -> None:
    import pickle

    site = Site()
    with pytest.raises(TokenReused) as reused:
        used_again(site, 12 * SECOND)
    site.engine.close()
    copied = pickle.loads(pickle.dumps(reused.value))
    assert type(copied) is TokenReused
    assert json.dumps(vars(copied), default=str) == json.dumps(vars(reused.value), default=str)
    assert str(copied) == str(reused.value)
    assert isinstance(copied, doorward.Error)

"""What the engine answers with: times, freshness, and the rounding of what is counted in seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conftest import AUDIENCE, PASSWORD
from hypothesis import given
from hypothesis import strategies as st
from worlds import POLICY

import doorward
from doorward import AnySession, Engine, Event, Receipt, Rotated, Session, Throttled, Tokens
from doorward._native import ffi, lib

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
HOUR, DAY = 3_600_000, 86_400_000
# Before 1970, at its beginning, in our time, after 2038, and as late as datetimes go.
TIMES = [
    -1_000_000_000_001,
    -1,
    0,
    1,
    999,
    1_700_000_000_123,
    2**31 * 1000 - 1,
    2**31 * 1000,
    2**32 * 1000 + 7,
    253_370_764_800_000,
]


def opened(now: int, **settings: Any) -> Engine:
    return Engine.open("memory:", policy=POLICY, audience=AUDIENCE, clock="manual", now=now, **settings)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with opened(1_700_000_000_123, events=100) as engine:
        engine.register("ada", PASSWORD)
        yield engine


def exact(milliseconds: int) -> datetime:
    days, rest = divmod(milliseconds, DAY)
    return EPOCH + timedelta(days=days, milliseconds=rest)


# Times.


@pytest.mark.parametrize("now", TIMES)
def test_a_sessions_times_are_milliseconds_of_the_engines_clock_and_the_same_as_datetimes(now: int) -> None:
    with opened(now) as engine:
        engine.register("ada", PASSWORD)
        session = engine.login("ada", PASSWORD).details
        assert engine.now() == now
        assert (session.created, session.auth_time, session.seen_at) == (now, now, now)
        assert (session.idle_ends, session.absolute_ends) == (now + HOUR, now + DAY)
        assert session.created_utc == session.auth_time_utc == session.seen_at_utc == exact(now)
        assert session.idle_ends_utc == exact(now + HOUR)
        assert session.absolute_ends_utc == exact(now + DAY)


SESSION = Session("0" * 32, "1" * 32, 1, 2, ("pwd",), 3, 4, None, 5)
RECEIPT = Receipt(session="0" * 32, ended=True, access_dies_at=6, max_staleness=0)
TOKENS = Tokens("a.b.c", None, 600, 7, "2" * 32, (), "1" * 32, "0" * 32)
EVENT = Event(9, "login", "success", None, None, None, None, None)


def throttled() -> Throttled:
    error = Throttled("too many")
    error.until = 10
    return error


@pytest.mark.parametrize(
    ("told", "names"),
    [
        (SESSION, {"created", "auth_time", "idle_ends", "absolute_ends", "seen_at"}),
        (RECEIPT, {"access_dies_at"}),
        (TOKENS, {"expires"}),
        (Rotated(is_new=True, active_from=8), {"active_from"}),
        (EVENT, {"at"}),
        (throttled(), {"until"}),
    ],
    ids=lambda told: type(told).__name__,
)
def test_each_time_is_there_as_a_datetime_too(told: Any, names: set[str]) -> None:
    assert {name.removesuffix("_utc") for name in dir(told) if name.endswith("_utc")} == names
    for name in names:
        assert getattr(told, f"{name}_utc") == exact(getattr(told, name))


def test_a_time_that_is_not_there_is_none() -> None:
    guest = AnySession(*SESSION)._replace(account=None, auth_time=None)
    assert guest.auth_time_utc is None
    assert Receipt("0" * 32, ended=False, access_dies_at=None, max_staleness=0).access_dies_at_utc is None


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_datetime_is_aware_and_exact(milliseconds: int) -> None:
    moment = Rotated(is_new=False, active_from=milliseconds).active_from_utc
    assert moment.utcoffset() == timedelta(0)
    assert (moment - EPOCH) // timedelta(milliseconds=1) == milliseconds
    assert moment.microsecond == milliseconds % 1000 * 1000


# What is counted in seconds.


def test_expires_in_is_whole_seconds_that_the_token_surely_lives(engine: Engine) -> None:
    login = engine.login("ada", PASSWORD)
    tokens = engine.issue(login.session_token, refresh=True)
    assert tokens.expires == 1_700_000_600_000  # a JWT's times are whole seconds
    assert tokens.expires_in == 599
    assert engine.refresh(tokens.refresh or "").expires_in == 599
    engine.set_time(1_700_000_001_000)
    assert engine.issue(login.session_token).expires_in == 600


def test_a_receipt_says_when_the_last_access_token_dies(engine: Engine) -> None:
    login = engine.login("ada", PASSWORD)
    tokens = engine.issue(login.session_token)
    receipt = engine.logout(login.session_token)
    assert (receipt.session, receipt.ended, receipt.max_staleness) == (login.session, True, 0)
    assert receipt.access_dies_at is None  # `bound`: it is dead already
    again = engine.logout(login.session_token)
    assert (again.session, again.ended) == (login.session, False)
    with opened(1_700_000_000_123, revocation="until-expiry") as lenient:
        lenient.register("ada", PASSWORD)
        login = lenient.login("ada", PASSWORD)
        tokens = lenient.issue(login.session_token)
        receipt = lenient.end_session(login.account, login.session)
        assert receipt.access_dies_at is not None
        assert receipt.access_dies_at >= tokens.expires


def test_the_time_to_wait_is_rounded_up(engine: Engine) -> None:
    for _ in range(95):
        with pytest.raises((doorward.Denied, Throttled)) as refused:
            engine.login("ada", "wrong wrong wrong wrong")
        if isinstance(refused.value, Throttled):
            break
    error = refused.value
    assert isinstance(error, Throttled)
    wait = error.until - engine.now()
    assert wait > 1000
    assert error.retry_after == math.ceil(wait / 1000)
    for left, seconds in ((1001, 2), (1000, 1), (999, 1), (1, 1)):
        engine.set_time(error.until - left)
        with pytest.raises(Throttled) as later:
            engine.login("ada", PASSWORD)
        assert (later.value.until, later.value.retry_after) == (error.until, seconds)
    engine.set_time(error.until)
    assert engine.login("ada", PASSWORD).account


# Whose a session is.


def test_a_session_is_of_an_account_and_any_session_perhaps_a_guests(engine: Engine) -> None:
    login = engine.login("ada", PASSWORD)
    guest = engine.open_session(b"plums")
    for session in (login.details, engine.authenticate(login.session_token), *engine.sessions(login.account)):
        assert (type(session), session.account) == (Session, login.account)
    ours, guests = engine.session_data(login.session_token).session, engine.session_data(guest).session
    assert (type(ours), ours.account, ours.auth_time) == (Session, login.account, engine.now())
    assert (type(guests), guests.account, guests.auth_time, guests.amr) == (AnySession, None, None, ())
    assert type(engine.update_session_data(guest, b"")) is AnySession
    assert type(engine.update_session_data(login.session_token, b"")) is Session
    assert ours == login.details


# Freshness.


def in_c(session: AnySession, milliseconds: int) -> bool:
    given = ffi.new("dw_session *")
    given.is_anonymous = session.account is None
    given.auth_time = session.auth_time or 0
    given.seen_at = session.seen_at
    return bool(lib.dw_session_is_fresh(given, milliseconds))


MOMENT = st.integers(-(2**45), 2**45)


@given(MOMENT, st.integers(-5000, 2**40), st.integers(0, 2**40))
def test_fresh_is_the_librarys(auth_time: int, ago: int, within: int) -> None:
    for milliseconds in (within, max(0, ago - 1), max(0, ago), max(0, ago + 1)):
        session = SESSION._replace(auth_time=auth_time, seen_at=auth_time + ago)
        assert session.fresh(milliseconds / 1000) == in_c(session, milliseconds), (session, milliseconds)


def test_a_guests_session_is_never_fresh() -> None:
    guest = AnySession(*SESSION)._replace(account=None, auth_time=None)
    assert not guest.fresh(math.inf)
    assert not in_c(guest, 2**63)


def test_fresh_knows_parts_of_seconds_and_for_ever(engine: Engine) -> None:
    login = engine.login("ada", PASSWORD)
    assert login.details.fresh(0)
    engine.set_time(engine.now() + 1001)
    session = engine.authenticate(login.session_token)
    assert [session.fresh(seconds) for seconds in (1, 1.0009, 1.001, 2, math.inf)] == [False, False, True, True, True]
    assert not session.fresh(-1)
    token = engine.reauthenticate(login.session_token, PASSWORD)
    assert engine.authenticate(token).fresh(0)


# Events.


def test_events_tell_each_finished_operation_and_are_taken(engine: Engine) -> None:
    engine.events()
    login = engine.login("Ada", PASSWORD, source="192.0.2.7")
    with pytest.raises(doorward.Denied):
        engine.login("ada", "wrong wrong wrong wrong", source="192.0.2.8")
    engine.revoke("no token", "web")
    engine.logout(login.session_token)
    now = engine.now()
    done, refused, revoked, ended = engine.events()
    assert done == Event(now, "login", "success", None, "ada", login.account, login.session, "192.0.2.7")
    assert (refused.operation, refused.result, refused.reason) == ("login", "refused", "denied")
    assert (refused.name, refused.account, refused.session, refused.source) == ("ada", None, None, "192.0.2.8")
    assert (revoked.operation, revoked.result) == ("revoke_token", "success")
    assert (ended.operation, ended.session, ended.name) == ("logout", login.session, None)
    assert engine.events() == []
    assert engine.events_lost() == 0


def test_events_beyond_the_room_are_counted_and_without_room_there_are_none() -> None:
    with opened(0, events=2) as engine:
        for _ in range(4):
            engine.open_session()
        assert [event.operation for event in engine.events()] == ["open", "open_session"]
        assert engine.events_lost() == 3
    with opened(0) as engine:
        engine.open_session()
        assert (engine.events(), engine.events_lost()) == ([], 0)


def test_what_is_remembered_of_verified_tokens_is_counted(engine: Engine) -> None:
    login = engine.login("ada", PASSWORD)
    first, second = engine.issue(login.session_token).access, engine.issue(login.session_token).access
    assert engine.remembered_tokens() == doorward.Remembered(hits=0, misses=0, tokens=0)
    for access in (first, first, second, first):
        engine.verify(access)
    assert engine.remembered_tokens() == doorward.Remembered(hits=2, misses=2, tokens=2)
    with opened(0, remember_tokens=0) as forgetful:
        forgetful.register("ada", PASSWORD)
        access = forgetful.issue(forgetful.login("ada", PASSWORD).session_token).access
        forgetful.verify(access)
        assert forgetful.verify(access)["sub"]
        assert forgetful.remembered_tokens().hits == 0

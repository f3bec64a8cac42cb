"""What docstrings say, and no other test asks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import AUDIENCE, PASSWORD
from memory_store import MemoryStore
from worlds import NOW, POLICY

from doorward import AsyncEngine, Denied, Engine, Hashing, Login, Misuse, NotFound, Refused, SessionGone, StoreError
from doorward.store import Batch, StoreFailure

KEY = bytes(range(32))
HOUR = 3_600_000
PATIENCE = 60
"""How many seconds are waited at most for what comes by itself."""
OTHERS = [f"https://api{number}.example" for number in range(9)]


@pytest.fixture
def login(engine: Engine) -> Login:
    engine.register("ada", PASSWORD)
    return engine.login("ada", PASSWORD)


# Tokens.


def test_a_token_is_for_eight_audiences_at_most(engine: Engine, login: Login) -> None:
    tokens = engine.issue(login.session_token, audience=OTHERS[:8])
    assert engine.verify(tokens.access, OTHERS[7])["aud"] == OTHERS[:8]
    with pytest.raises(Refused, match="8 audiences"):
        engine.issue(login.session_token, audience=OTHERS)


def test_claims_and_narrower_terms_are_of_one_access_token(engine: Engine) -> None:
    engine.register("ada", PASSWORD)
    session = engine.login("ada", PASSWORD, scope="read write").session_token
    first = engine.issue(session, audience=OTHERS[:2], claims={"plan": "gold"}, refresh=True)
    assert first.scope == ("read", "write")
    second = engine.refresh(first.refresh or "", "read", audience=OTHERS[1], claims={"plan": "silver", "seats": 2})
    claims = engine.verify(second.access, OTHERS[1])
    assert (claims["scope"], claims["aud"], claims["plan"], claims["seats"]) == ("read", [OTHERS[1]], "silver", 2)
    third = engine.refresh(second.refresh or "")
    claims = engine.verify(third.access, OTHERS[0])
    assert (claims["scope"], claims["aud"], "plan" in claims) == ("read write", OTHERS[:2], False)


def test_a_refresh_token_is_used_again_within_its_grace() -> None:
    with Engine.open("memory:", policy=POLICY, audience=AUDIENCE, clock="manual", now=NOW) as engine:
        engine.register("ada", PASSWORD)
        token = engine.issue(engine.login("ada", PASSWORD).session_token, refresh=True).refresh or ""
        once = engine.refresh(token)
        engine.set_time(NOW + 9_999)
        again = engine.refresh(token)
        assert {engine.verify(tokens.access)["sub"] for tokens in (once, again)} == {once.account}


def test_expires_in_counts_from_the_answer_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {"policy": POLICY, "audience": AUDIENCE, "clock": "manual", "now": NOW}

    def later(engine: Engine | AsyncEngine, tokens: Any) -> Any:
        engine.set_time(engine.now() + 2000)
        return tokens

    with Engine.open("memory:", **given) as engine:
        engine.register("ada", PASSWORD)
        token = engine.login("ada", PASSWORD).session_token
        run = engine._run
        monkeypatch.setattr(engine, "_run", lambda call: later(engine, run(call)))
        tokens = engine.issue(token, refresh=True)
        assert (tokens.expires_in, engine.refresh(tokens.refresh or "").expires_in) == (598, 598)

    async def main() -> None:
        store = MemoryStore()
        async with await AsyncEngine.open(store, master_key=KEY, **given) as engine:
            await engine.register("ada", PASSWORD)
            token = (await engine.login("ada", PASSWORD)).session_token

            async def slow(batch: Batch) -> bool:
                return bool(later(engine, await MemoryStore.commit(store, batch)))

            monkeypatch.setattr(store, "commit", slow)
            tokens = await engine.issue(token, refresh=True)
            assert (tokens.expires_in, (await engine.refresh(tokens.refresh or "")).expires_in) == (598, 598)

    asyncio.run(main())


def test_the_engines_client_is_its_audience_unless_another_is_named(engine: Engine, login: Login) -> None:
    assert engine.verify(engine.issue(login.session_token).access)["client_id"] == AUDIENCE
    assert engine.verify(engine.issue(login.session_token, "app").access)["client_id"] == "app"
    with Engine.open("memory:", policy=POLICY, audience=AUDIENCE, client_id="web") as named:
        named.register("ada", PASSWORD)
        access = named.issue(named.login("ada", PASSWORD).session_token, audience=OTHERS[0]).access
        claims = named.verify(access, OTHERS[0])
    assert (claims["client_id"], claims["aud"]) == ("web", [OTHERS[0]])


def test_who_names_neither_client_nor_audience_is_told_what_to_give() -> None:
    with Engine.open("memory:", policy=POLICY) as engine:
        engine.register("ada", PASSWORD)
        token = engine.login("ada", PASSWORD).session_token
        with pytest.raises(Misuse, match=r"no client_id: give one here, or open the engine with client_id=, or with audience="):
            engine.issue(token, audience=AUDIENCE)
        with pytest.raises(Misuse, match=r"no audience: give one here, or open the engine with audience="):
            engine.issue(token, "web")
        assert engine.verify(engine.issue(token, "web", AUDIENCE).access, AUDIENCE)["client_id"] == "web"


@pytest.mark.parametrize("claims", [{"seats": float("nan")}, {"seats": {1, 2}}, {"seats": b"2"}])
def test_claims_that_are_no_json_are_refused_before_the_library_is_asked(claims: Any, engine: Engine, login: Login) -> None:
    with pytest.raises(Misuse, match="claims are no JSON") as refused:
        engine.issue(login.session_token, claims=claims)
    assert refused.value.status == ""


def test_times_of_claims_are_seconds(engine: Engine, login: Login) -> None:
    claims = engine.verify(engine.issue(login.session_token).access)
    assert claims["auth_time"] == login.details.auth_time // 1000
    assert claims["exp"] - claims["iat"] == 600
    assert claims["iss"] == "doorward"


# Sessions.


def test_a_guests_session_is_rotated_too(engine: Engine) -> None:
    guest = engine.open_session(b"plums")
    token = engine.rotate_session(guest)
    assert engine.session_data(token).data == b"plums"
    with pytest.raises(SessionGone):
        engine.session_data(guest)


def test_where_there_is_no_session_to_keep_none_is_ended(engine: Engine, login: Login) -> None:
    for keep in ("plums", engine.open_session()):
        with pytest.raises(SessionGone):
            engine.logout_everywhere(login.account, keep=keep)
    assert engine.authenticate(login.session_token).account == login.account


def test_the_three_lifetimes_are_the_policys() -> None:
    day = 24 * HOUR
    ends: dict[Any, tuple[int, int]] = {"web": (HOUR, day), "remembered": (7 * day, 30 * day), "device": (30 * day, 90 * day)}
    with Engine.open("memory:", policy=POLICY, clock="manual", now=NOW) as engine:
        engine.register("ada", PASSWORD)
        for lifetime, (idle, absolute) in ends.items():
            session = engine.login("ada", PASSWORD, lifetime=lifetime).details
            assert (session.idle_ends - NOW, session.absolute_ends - NOW) == (idle, absolute), lifetime


def test_a_device_has_an_allowance_of_guesses_of_its_own() -> None:
    policy = {**POLICY, "throttle": {"free": 2}}
    with Engine.open("memory:", policy=policy) as engine:
        engine.register("ada", PASSWORD)
        login = engine.login("ada", PASSWORD, remember_device=True)
        assert login.device_token is not None
        assert engine.login("ada", PASSWORD).device_token is None
        for _ in range(4):
            with pytest.raises(Exception, match=r"wrong|many"):
                engine.login("ada", "wrong wrong wrong wrong")
        with pytest.raises(Exception, match="many"):
            engine.login("ada", PASSWORD)
        assert engine.login("ada", PASSWORD, device=login.device_token).account == login.account


def test_what_a_guest_kept_goes_along_when_it_is_told_to(engine: Engine) -> None:
    engine.register("ada", PASSWORD)
    for carry_data, data in ((True, b"plums"), (False, b"")):
        guest = engine.open_session(b"plums", label="Lynx")
        login = engine.login("ada", PASSWORD, previous=guest, carry_data=carry_data)
        assert engine.session_data(login.session_token).data == data
        with pytest.raises(SessionGone):
            engine.session_data(guest)


def test_a_session_lives_as_many_seconds_as_it_is_told() -> None:
    with Engine.open("memory:", policy=POLICY, clock="manual", now=NOW) as engine:
        guest = engine.open_session(lifetime=1.5)
        assert engine.session_data(guest).session.absolute_ends == NOW + 1500
        assert engine.update_session_data(guest, b"", lifetime=60).absolute_ends == NOW + 60_000
        assert engine.session_data(engine.open_session()).session.absolute_ends == NOW + 24 * HOUR


def test_a_lifetime_of_no_seconds_is_not_the_policys() -> None:
    with Engine.open("memory:", policy=POLICY, clock="manual", now=NOW) as engine:
        guest = engine.open_session(lifetime=0)
        assert engine.session_data(guest).session.absolute_ends == NOW + 1


@pytest.mark.parametrize("beside", ["\ud800", " ", "\0", "="])
def test_a_token_with_something_beside_it_is_none(beside: str, engine: Engine, login: Login) -> None:
    for token in (login.session_token + beside, beside + login.session_token):
        with pytest.raises(SessionGone):
            engine.authenticate(token)
    assert engine.authenticate(login.session_token).account == login.account


def test_a_label_is_made_safe_to_show_and_an_empty_one_is_one(engine: Engine) -> None:
    engine.register("ada", PASSWORD)
    labels = {"Lynx": "Lynx", "a\ud800b": "a?b", "": "", None: None}
    for given, shown in labels.items():
        assert engine.login("ada", PASSWORD, label=given).details.label == shown


# Accounts.


def test_an_id_is_32_digits_and_nothing_else(engine: Engine, login: Login) -> None:
    spaced = " ".join(login.account[i : i + 2] for i in range(0, 32, 2))
    for digits in (spaced, login.account + " ", login.account[:-2], "0x" + login.account[2:], ""):
        with pytest.raises(NotFound, match="ids have 32 hexadecimal digits"):
            engine.unlock(digits)
    engine.unlock(login.account.upper())


def test_a_disabled_account_is_enabled_and_what_was_ended_stays_ended(engine: Engine, login: Login) -> None:
    engine.disable(login.account)
    engine.enable(login.account)
    with pytest.raises(SessionGone):
        engine.authenticate(login.session_token)
    assert engine.login("ada", PASSWORD).account == login.account


def test_an_account_goes_by_its_new_name_alone(engine: Engine, login: Login) -> None:
    engine.rename(login.account, "ada.lovelace")
    assert engine.login("Ada.Lovelace", PASSWORD).account == login.account
    with pytest.raises(Denied):
        engine.login("ada", PASSWORD)
    assert engine.authenticate(login.session_token).account == login.account
    assert engine.register("ada", PASSWORD) != login.account


def test_an_unlocked_account_is_let_in_again() -> None:
    with Engine.open("memory:", policy={**POLICY, "throttle": {"free": 1}}) as engine:
        ada = engine.register("ada", PASSWORD)
        for _ in range(3):
            with pytest.raises(Exception, match=r"wrong|many"):
                engine.login("ada", "wrong wrong wrong wrong")
        with pytest.raises(Exception, match="many"):
            engine.login("ada", PASSWORD)
        engine.unlock(ada)
        assert engine.login("ada", PASSWORD).account == ada


def test_a_changed_password_keeps_this_session_under_another_token_and_no_other(engine: Engine, login: Login) -> None:
    other = engine.login("ada", PASSWORD).session_token
    token = engine.change_password(login.session_token, PASSWORD, "nine brass telescopes")
    assert engine.authenticate(token).session_id == login.session
    for dead in (other, login.session_token):
        with pytest.raises(SessionGone):
            engine.authenticate(dead)
    with pytest.raises(Denied):
        engine.login("ada", PASSWORD)
    assert engine.login("ada", "nine brass telescopes").account == login.account


# The clock and upkeep.


def test_the_engines_time_is_never_earlier_than_a_call_has_seen_it() -> None:
    with Engine.open("memory:", clock="manual", now=NOW) as engine:
        engine.set_time(NOW + 5)
        engine.open_session()
        engine.set_time(NOW)
        assert engine.now() == NOW + 5
    with Engine.open("memory:", clock="manual") as engine:
        assert engine.now() == 0


def test_a_trusted_clock_that_sets_the_time_back_ends_all_sessions(tmp_path: Path) -> None:
    given: dict[str, Any] = {"master_key": KEY, "policy": POLICY, "clock": "manual"}
    store = f"sqlite:{tmp_path}/db"
    with Engine.open(store, now=NOW, **given) as engine:
        engine.register("ada", PASSWORD)
        token = engine.login("ada", PASSWORD).session_token
    with pytest.raises(StoreError):
        Engine.open(store, now=NOW - 24 * HOUR, **given)
    with Engine.open(store, now=NOW - 24 * HOUR, trust_clock=True, **given) as engine, pytest.raises(SessionGone):
        engine.authenticate(token)


def test_what_has_expired_is_purged_up_to_the_limit() -> None:
    with Engine.open("memory:", policy=POLICY, clock="manual", now=NOW) as engine:
        for _ in range(5):
            engine.open_session(lifetime=1)
        assert engine.purge() == 0
        engine.set_time(NOW + 24 * HOUR)
        assert engine.purge(2) == 2
        assert engine.maintain().purged == 3
        assert engine.purge() == 0


def test_a_deletion_that_the_store_has_cut_short_is_finished_by_maintenance(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        store = MemoryStore()
        async with await AsyncEngine.open(store, master_key=KEY, policy=POLICY) as engine:
            ada = await engine.register("ada", PASSWORD)
            await engine.login("ada", PASSWORD)
            commits = 0

            async def failing(batch: Batch) -> bool:
                nonlocal commits
                commits += 1
                if commits > 1:
                    raise StoreFailure("fatal")
                return await MemoryStore.commit(store, batch)

            with monkeypatch.context() as patched:
                patched.setattr(store, "commit", failing)
                await engine.delete_account(ada)
            assert commits > 1
            assert await engine.sessions(ada) == []
            assert (await engine.maintain()).deletions == 1
            assert (await engine.maintain()).deletions == 0

    asyncio.run(main())


def test_an_engine_maintains_itself_when_told_to() -> None:
    with Engine.open("memory:", policy=POLICY, maintain_every=1, events=1000) as engine:
        last = time.monotonic() + PATIENCE
        while not any(event.operation == "tick" for event in engine.events()):
            assert time.monotonic() < last, "never maintained"
            time.sleep(0.01)


def test_hashing_is_as_it_is_set() -> None:
    assert Hashing().cores() >= 1
    assert Hashing(at_once=3).cores() == 3
    with Engine.open("memory:", policy=POLICY, hashing=Hashing(at_once=1, queue=0, shares=1)) as engine:
        assert engine.register("ada", PASSWORD)

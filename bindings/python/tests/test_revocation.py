"""What becomes of access tokens after a logout, in each of the three modes, here and at another engine on the same store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conftest import AUDIENCE, PASSWORD
from memory_store import MemoryStore
from worlds import NOW, POLICY

from doorward import AsyncEngine, Engine, SessionGone, TokenInvalid, Tokens

KEY = bytes(range(32))
LEEWAY = 5_000


class Pair:
    """Two engines on one file, as two processes have them; Ada is logged in by the first."""

    def __init__(self, stack: ExitStack, folder: Path, revocation: Any) -> None:
        given: dict[str, Any] = {"master_key": KEY, "policy": POLICY, "audience": AUDIENCE, "revocation": revocation}
        engines = [Engine.open(f"sqlite:{folder}/db", clock="manual", now=NOW, **given) for _ in range(2)]
        self.first, self.second = (stack.enter_context(engine) for engine in engines)
        self.account = self.first.register("ada", PASSWORD)

    def issued(self) -> tuple[str, Tokens]:
        """A session's token, and an access token of it that both engines have seen."""
        session = self.first.login("ada", PASSWORD).session_token
        tokens = self.first.issue(session)
        for engine in (self.first, self.second):
            assert engine.verify(tokens.access)["sub"] == self.account
        return session, tokens


@pytest.fixture
def pair(tmp_path: Path) -> Any:
    with ExitStack() as stack:
        yield lambda revocation: Pair(stack, tmp_path, revocation)


Paired = Callable[[Any], Pair]


def reason(engine: Engine, access: str) -> str | None:
    """Why it is refused; ``None`` when it is not."""
    try:
        engine.verify(access)
    except TokenInvalid as refused:
        return refused.reason
    return None


@pytest.mark.parametrize("revocation", [None, "bound"])
def test_bound_accepts_nothing_that_is_over_anywhere(revocation: Any, pair: Paired) -> None:
    two = pair(revocation)
    assert two.first.policy()["tokens"]["revocation"] == {"mode": "bound"}
    session, tokens = two.issued()
    receipt = two.first.logout(session)
    assert (receipt.access_dies_at, receipt.max_staleness) == (None, 0)
    assert (reason(two.first, tokens.access), reason(two.second, tokens.access)) == ("ended", "ended")
    _, tokens = two.issued()
    two.second.logout_everywhere(two.account)
    assert (reason(two.first, tokens.access), reason(two.second, tokens.access)) == ("revoked", "revoked")


@pytest.mark.parametrize(
    ("revocation", "staleness"),
    [("watched", 2000), ({"mode": "watched", "max_staleness_ms": 50, "when_stale": "refuse"}, 50)],
)
def test_watched_knows_its_own_logouts_at_once_and_others_within_its_staleness(
    revocation: Any, staleness: int, pair: Paired
) -> None:
    two = pair(revocation)
    assert two.first.policy()["tokens"]["revocation"]["max_staleness_ms"] == staleness
    session, tokens = two.issued()
    receipt = two.first.logout(session)
    assert (receipt.access_dies_at, receipt.max_staleness) == (NOW + staleness, staleness)
    assert reason(two.first, tokens.access) == "ended"
    assert reason(two.second, tokens.access) is None
    two.second.set_time(NOW + staleness)
    assert reason(two.second, tokens.access) == "ended"


def test_until_expiry_accepts_a_token_to_its_end_and_no_longer(pair: Paired) -> None:
    two = pair("until-expiry")
    assert two.first.policy()["tokens"]["revocation"] == {"mode": "until_expiry", "max_key_age_ms": 60_000}
    session, tokens = two.issued()
    receipt = two.first.logout(session)
    assert receipt.access_dies_at is not None
    assert receipt.access_dies_at >= tokens.expires
    with pytest.raises(SessionGone):
        two.second.authenticate(session)
    for engine in (two.first, two.second):
        engine.set_time(tokens.expires + LEEWAY - 1)
        assert reason(engine, tokens.access) is None
        engine.set_time(tokens.expires + LEEWAY)
        assert reason(engine, tokens.access) == "expired"


def test_until_expiry_hears_of_new_keys_within_a_minute(pair: Paired) -> None:
    two = pair("until-expiry")
    _, tokens = two.issued()
    two.first.revoke_all_tokens()
    assert reason(two.first, tokens.access) == "unknown_key"
    assert reason(two.second, tokens.access) is None
    two.second.set_time(NOW + 60_001)
    assert reason(two.second, tokens.access) == "unknown_key"


@pytest.mark.parametrize("revocation", ["bound", "watched", "until-expiry"])
def test_introspection_asks_the_store_in_every_mode(revocation: str, pair: Paired) -> None:
    two = pair(revocation)
    session, tokens = two.issued()
    assert two.second.introspect(tokens.access)["active"] is True
    two.first.logout(session)
    assert two.second.introspect(tokens.access) == {"active": False}


@pytest.mark.parametrize("revocation", ["bound", "watched"])
def test_one_access_token_is_revoked_alone(revocation: str, pair: Paired) -> None:
    two = pair(revocation)
    session, tokens = two.issued()
    other = two.first.issue(session)
    assert two.first.revoke(tokens.access) is True
    assert two.first.revoke(tokens.access) is False
    assert reason(two.first, tokens.access) is not None
    two.second.set_time(NOW + 2000)
    assert reason(two.second, tokens.access) is not None
    assert reason(two.second, other.access) is None
    assert two.first.authenticate(session).account == two.account


def test_an_async_engine_says_too_whether_there_was_something_to_revoke() -> None:
    async def main() -> None:
        async with await AsyncEngine.open(MemoryStore(), master_key=KEY, policy=POLICY, audience=AUDIENCE) as engine:
            await engine.register("ada", PASSWORD)
            access = (await engine.issue((await engine.login("ada", PASSWORD)).session_token)).access
            assert [await engine.revoke(token) for token in (access, access, "plums")] == [True, False, False]

    asyncio.run(main())


def test_a_mode_beside_the_policy_is_added_to_it(pair: Paired) -> None:
    given: dict[str, Any] = {"policy": {**POLICY, "tokens": {"lifetime_ms": 60_000}}, "revocation": "watched"}
    with Engine.open("memory:", **given) as engine:
        tokens = engine.policy()["tokens"]
    assert (tokens["lifetime_ms"], tokens["revocation"]["mode"]) == (60_000, "watched")

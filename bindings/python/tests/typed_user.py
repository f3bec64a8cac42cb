"""A program of a user's, for type checkers: never run. A line that is wrong says so, or it would be an unused comment."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import doorward
import doorward.aiosqlite
from doorward import AnySession, AsyncEngine, Engine, Hashing, Login, Session, Signing, Tokens, web

KEY = bytes(range(32))


def site(engine: Engine) -> None:
    account: str = engine.register("ada", "plum kettle orbit", source=None)
    login: Login = engine.login("ada", "plum kettle orbit", lifetime="remembered", remember_device=True)
    engine.login("ada", "plum kettle orbit", lifetime="forever")  # type: ignore[arg-type]
    who: Session = engine.authenticate(login.session_token)
    owner: str = who.account
    proven: datetime = who.auth_time_utc
    print(owner, proven, who.fresh(60))
    anybody: AnySession = engine.session_data(login.session_token).session
    owner = anybody.account  # type: ignore[assignment]
    tokens: Tokens = engine.issue(login.session_token, audience=["a", "b"], claims={"plan": "gold"}, refresh=True)
    if tokens.refresh is not None:
        tokens = engine.refresh(tokens.refresh)
    claims: dict[str, Any] = engine.verify(tokens.access)
    kept: str = engine.logout_everywhere(account, keep=login.session_token)
    kept = engine.logout_everywhere(account)  # type: ignore[assignment]
    maybe: str | None = None
    either: str | None = engine.logout_everywhere(account, maybe)
    engine.rotate_keys("tomorrow")  # type: ignore[arg-type]
    print(claims, kept, either, engine.sessions(account)[0].account.upper())
    for event in engine.events():
        print(event.at_utc.isoformat(), event.result == "refused")
    engine.backup("copy.db", lambda done, of: print(done, of))
    web.set_cookie(kept, (who.absolute_ends - who.seen_at) / 1000)


def opened() -> Engine:
    key: Signing = {"alg": "HS256", "secret": b"x" * 32}
    Engine.open("memory:", revocation="sometimes")  # type: ignore[arg-type]
    return Engine.open("memory:", master_key=KEY, signing=[key], revocation="watched", clock="manual", hashing=Hashing(queue=3))


async def main() -> None:
    store = await doorward.aiosqlite.AioSqliteStore.open("auth.db")
    async with await AsyncEngine.open(store, key_file="auth.key", create_key_file=True) as engine:
        who = await engine.authenticate("token")
        print(who.account.upper(), await engine.rotate_keys("at-once"))
        token: str = await engine.logout_everywhere(who.account, keep="token")
        try:
            await engine.reauthenticate(token, "plum kettle orbit")
        except doorward.Throttled as wait:
            print(wait.retry_after, wait.until_utc)
        except doorward.StoreError as failed:
            print(failed.kind == "unresolved")


asyncio.run(main())

"""An engine with somebody in it, of either kind, behind the same calls."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from conftest import AUDIENCE, PASSWORD
from memory_store import MemoryStore

import doorward
from doorward import AsyncEngine, Engine

NOW = 1_700_000_000_000
LIGHT = {"memory_kib": 12288, "passes": 1, "lanes": 1}
POLICY = {"argon2": LIGHT, "throttle": {"free": 90, "off_at": 100}}


class World:
    """Somebody who is logged in, a guest, and tokens. The clock stands still."""

    engine: Any

    def __init__(self) -> None:
        self.account: str = self.call("register", name="ada", password=PASSWORD)
        login = self.call("login", name="ada", password=PASSWORD)
        self.session_token: str = login.session_token
        self.session_id: str = login.session
        self.tokens: doorward.Tokens = self.call("issue", session_token=self.session_token, refresh=True)
        self.guest: str = self.call("open_session", data=b"two plums")

    def call(self, method: str, **arguments: Any) -> Any:
        raise NotImplementedError

    def snapshot(self) -> list[Any]:
        """What a refused call must not change."""
        tokens = (self.session_token, self.guest)
        return [self.call("sessions", account=self.account)] + [self.call("session_data", session_token=t) for t in tokens]

    def check_works(self) -> None:
        """The password is as before, so are the tokens, and the name that was refused is nobody's."""
        assert self.call("login", name="ada", password=PASSWORD).account == self.account
        assert self.call("verify", access_token=self.tokens.access)["sub"] == self.account
        assert self.call("refresh", refresh_token=self.tokens.refresh).account == self.account

        assert self.call("register", name="grace", password=PASSWORD) != self.account

    def store_calls(self) -> int:
        """How often the store was asked, where that can be seen."""
        return 0

    def valid(self, method: str, parameter: str) -> Any:
        """An argument that the method takes. A parameter that is new is added here."""
        by_method = {
            ("login", "name"): "ada",
            ("login", "lifetime"): "web",
            ("register", "password"): "nine brass telescopes",
            ("update_session_data", "session_token"): self.guest,
        }
        if (method, parameter) in by_method:
            return by_method[method, parameter]
        return {
            "access_token": self.tokens.access,
            "account": self.account,
            "and_sessions": False,
            "audience": AUDIENCE,
            "carry_data": False,
            "claims": None,
            "client_id": AUDIENCE,
            "current": PASSWORD,
            "data": b"three plums",
            "device": None,
            "keep": None,
            "label": "Firefox",
            "lifetime": 3600,
            "limit": 10,
            "name": "grace",
            "new": "nine brass telescopes",
            "now": NOW,
            "password": PASSWORD,
            "path": "/nowhere/at/all",
            "previous": None,
            "progress": None,
            "refresh": False,
            "refresh_token": self.tokens.refresh,
            "remember_device": False,
            "scope": None,
            "session_id": self.session_id,
            "session_token": self.session_token,
            "source": None,
            "token": self.tokens.access,
            "when": "when-due",
        }[parameter]

    def arguments(self, method: str) -> dict[str, Any]:
        return {name: self.valid(method, name) for name in parameters(type(self.engine), method)}

    def close(self) -> None:
        raise NotImplementedError


class BlockingWorld(World):
    def __init__(self) -> None:
        self.engine = Engine.open("memory:", policy=POLICY, audience=AUDIENCE, clock="manual", now=NOW)
        super().__init__()

    def call(self, method: str, **arguments: Any) -> Any:
        return getattr(self.engine, method)(**arguments)

    def close(self) -> None:
        self.engine.close()


class AsyncWorld(World):
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.loop = asyncio.new_event_loop()
        key, peppers = bytes(range(32)), [(1, bytes(range(32)))]
        opening = AsyncEngine.open(
            self.store, master_key=key, peppers=peppers, policy=POLICY, audience=AUDIENCE, clock="manual", now=NOW
        )
        self.engine = self.loop.run_until_complete(opening)
        super().__init__()

    def call(self, method: str, **arguments: Any) -> Any:
        given = getattr(self.engine, method)(**arguments)
        return self.loop.run_until_complete(given) if inspect.isawaitable(given) else given

    def store_calls(self) -> int:
        return self.store.calls

    def close(self) -> None:
        self.loop.run_until_complete(self.engine.close())
        self.loop.close()


WORLDS: dict[type, type[World]] = {Engine: BlockingWorld, AsyncEngine: AsyncWorld}


def methods(engine: type) -> list[str]:
    """What is called of an open engine."""
    found = inspect.getmembers(engine, inspect.isfunction)
    return [name for name, _ in found if not name.startswith("_")]


def parameters(engine: type, method: str) -> dict[str, inspect.Parameter]:
    given = dict(inspect.signature(getattr(engine, method)).parameters)
    del given["self"]
    return given

"""What an application says in its configuration, and its engine."""

from __future__ import annotations

import inspect
import json
import os
import weakref
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

from flask import Flask

from ..engine import Engine
from ..errors import ConfigError
from ..web import Cookie, check_request

PREFIX = "DOORWARD_"
_OF_THE_ENGINE = frozenset(inspect.signature(Engine.open).parameters)
_OF_THE_EXTENSION = frozenset({"check_origin", "origins", "login_view"})

_DAY_MS = 86_400_000
_LONGEST_MS = 400 * _DAY_MS
"""The longest that a policy lets a session live, and that a browser keeps a cookie."""


class Site:
    """One application's settings, and its engine in this process."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        given = _given(app.config)
        self.checks_origin = bool(given.pop("check_origin", True))
        self.origins = _origins(given.pop("origins", ()))
        self.login_view: str | None = given.pop("login_view", None)
        self._settings = _of_the_engine(app, given)
        self._engine: Engine | None = None
        self.longest_guest_ms = 0
        """How long a guest's session lives at most from its beginning, once the engine is open."""
        self.cookie()
        self._renew_lock()
        if hasattr(os, "register_at_fork"):
            renew = weakref.WeakMethod(self._renew_lock)
            os.register_at_fork(after_in_child=lambda: (method := renew()) and method())

    def _renew_lock(self) -> None:
        # A child has a copy of it as it happened to be.
        self._lock = Lock()

    @property
    def engine(self) -> Engine:
        """The engine of this process, which the first call opens: not before the processes of a server have been forked."""
        engine = self._engine
        if engine is not None:
            return engine
        with self._lock:
            if self._engine is None:
                engine = Engine.open(**self._settings)
                # Whoever forgets an application need not close it.
                weakref.finalize(self, engine.close)
                self.longest_guest_ms = engine.policy()["sessions"]["anonymous"]["absolute_ms"]
                self._engine = engine
            return self._engine

    def close(self) -> None:
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def guest_lifetime(self, permanent: bool) -> float:
        """How many seconds a guest's session lives from its last change on, once the engine is open."""
        longest = self.app.permanent_session_lifetime.total_seconds()
        wanted = longest if permanent else min(longest, _DAY_MS / 1000)
        return min(wanted, self.longest_guest_ms / 1000)

    def cookie(self) -> Cookie:
        """The session's cookie, by Flask's settings."""
        config = self.app.config
        path = config["SESSION_COOKIE_PATH"] or config["APPLICATION_ROOT"]
        return _cookie(
            config["SESSION_COOKIE_NAME"], path, config["SESSION_COOKIE_DOMAIN"] or None, not config["SESSION_COOKIE_SECURE"]
        )


@lru_cache
def _cookie(name: str, path: str, domain: str | None, insecure: bool) -> Cookie:
    try:
        return Cookie(name, path, domain, insecure)
    except ConfigError as error:
        raise ConfigError(f"SESSION_COOKIE_NAME, _PATH, _DOMAIN and _SECURE do not fit each other: {error}") from None


def _given(config: Mapping[str, Any]) -> dict[str, Any]:
    known = _OF_THE_ENGINE | _OF_THE_EXTENSION
    given = {}
    for key, value in config.items():
        if not key.startswith(PREFIX):
            continue
        name = key[len(PREFIX) :].lower()
        if name not in known:
            raise ConfigError(f"{key} is no setting: there are {', '.join(PREFIX + one.upper() for one in sorted(known))}")
        given[name] = value
    return given


def _origins(given: Any) -> tuple[str, ...]:
    origins = (given,) if isinstance(given, str) else tuple(given or ())
    if origins:
        try:
            check_request({}, "read", origins)
        except Exception as error:
            raise ConfigError(f"{PREFIX}ORIGINS: {error}") from None
    return origins


def _of_the_engine(app: Flask, given: dict[str, Any]) -> dict[str, Any]:
    if not given.get("store"):
        raise ConfigError(f'{PREFIX}STORE is not set: say "sqlite:PATH" before init_app, or "memory:" in tests')
    policy = _policy(given.get("policy"))
    tokens = policy.get("tokens")
    issuer = given.get("issuer") or (tokens.get("issuer") if isinstance(tokens, dict) else None)
    settings = {"maintain_every": 300, "audience": issuer or "doorward", **given}
    settings["policy"] = _with_lifetimes(policy, app.permanent_session_lifetime.total_seconds())
    return settings


def _policy(given: Any) -> dict[str, Any]:
    try:
        # A copy: it is added to.
        policy = json.loads(given if isinstance(given, str) else json.dumps(given or {}))
    except (TypeError, ValueError) as problem:
        raise ConfigError(f"{PREFIX}POLICY is no JSON: {problem}") from None
    if not isinstance(policy, dict):
        raise ConfigError(f"{PREFIX}POLICY must be a dict, or a JSON object as text")
    return policy


def _with_lifetimes(policy: dict[str, Any], permanent: float) -> dict[str, Any]:
    """Nothing lives longer than ``PERMANENT_SESSION_LIFETIME``, and what is permanent as long; unless the policy says its
    own."""
    longest = min(int(permanent * 1000), _LONGEST_MS)
    hour, week = _DAY_MS // 24, 7 * _DAY_MS
    spans = {
        "web": (hour, _DAY_MS),
        "remembered": (week, longest),
        "anonymous": (longest, longest),
    }
    sessions = policy.setdefault("sessions", {})
    if not isinstance(sessions, dict):
        return policy  # the library says what is wrong with it
    for kind, (idle, absolute) in spans.items():
        own = sessions.setdefault(kind, {})
        if isinstance(own, dict):
            own.setdefault("absolute_ms", min(absolute, longest))
            own.setdefault("idle_ms", min(idle, longest, own["absolute_ms"]))
    idles = [own.get("idle_ms") for own in sessions.values() if isinstance(own, dict)]
    shortest = min((idle for idle in idles if isinstance(idle, int)), default=longest)
    policy.setdefault("touch_every_ms", min(60_000, shortest // 2))
    return policy

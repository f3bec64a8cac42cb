"""``settings.DOORWARD``: what is wrong with it, and what an engine is opened with."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings

from .. import Engine

APP = "doorward.django"

KEYS = {name.upper(): name for name in inspect.signature(Engine.open).parameters}

_SECOND = 1000
_DAY = 24 * 3600 * _SECOND
_LONGEST = 400 * _DAY
"""The engine's own bound."""
_ABSOLUTE = 30 * _DAY
_MAINTAIN_EVERY = 300.0


@dataclass(frozen=True)
class Problem:
    id: str
    message: str
    hint: str


def problems() -> Iterator[Problem]:
    """What keeps an engine from being opened, as far as settings tell. Nothing is opened."""
    given = getattr(settings, "DOORWARD", None)
    if not apps.is_installed(APP):
        yield Problem("doorward.E004", f"{APP!r} is used, and not installed.", f"Add {APP!r} to INSTALLED_APPS.")
    if not isinstance(given, Mapping) or not isinstance(given.get("STORE"), str):
        yield Problem(
            "doorward.E001",
            "The setting DOORWARD must be a dict that names a STORE.",
            'Set DOORWARD = {"STORE": "sqlite:doorward.db", "KEY_FILE": "doorward.key"}.',
        )
        return
    for key in given:
        if key not in KEYS:
            alike = difflib.get_close_matches(str(key).upper(), KEYS, 1)
            hint = f"Is {alike[0]!r} meant?" if alike else f"It knows {', '.join(sorted(KEYS))}."
            yield Problem("doorward.E002", f"DOORWARD has no key {key!r}.", hint)
    yield from _key_problems(given)
    yield from _file_problems(given["STORE"])


def _key_problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    keys = [key for key in ("KEY_FILE", "MASTER_KEY") if given.get(key) is not None]
    if len(keys) == 2:
        yield Problem("doorward.E003", "DOORWARD has both a KEY_FILE and a MASTER_KEY.", "Leave one of them out.")
    if not keys and given["STORE"] != "memory:":
        yield Problem(
            "doorward.E003",
            "DOORWARD has no master key.",
            'Set its "KEY_FILE" to a path apart from the database and its backups; with "CREATE_KEY_FILE": True it is made'
            " when it is not there.",
        )


def _file_problems(store: str) -> Iterator[Problem]:
    scheme, _, path = store.partition(":")
    if scheme != "sqlite" or not path:
        return
    for alias, database in settings.DATABASES.items():
        name = database.get("NAME")
        is_file = "sqlite" in database.get("ENGINE", "") and name and str(name) != ":memory:"
        if is_file and Path(name).resolve() == Path(path).resolve():
            yield Problem(
                "doorward.E006",
                f"DOORWARD's STORE is the file of the database {alias!r}.",
                "Give the engine a file of its own.",
            )


def open_arguments() -> dict[str, Any]:
    """What :meth:`doorward.Engine.open` is called with."""
    arguments = {KEYS[key]: value for key, value in settings.DOORWARD.items()}
    arguments["policy"] = _policy(arguments.get("policy"))
    if arguments.get("clock", "system") == "system":
        arguments.setdefault("maintain_every", _MAINTAIN_EVERY)
    return arguments


def _policy(own: Any) -> Any:
    """The project's policy over defaults that follow Django's settings: ``SESSION_COOKIE_AGE`` is how long a session lives
    without use, and every session ends after 30 days, or that age if it is longer."""
    try:
        policy = json.loads(own) if isinstance(own, str) else dict(own or {})
    except (TypeError, ValueError):
        return own  # the engine says what is wrong with it
    if not isinstance(policy, dict) or not isinstance(policy.get("sessions", {}), Mapping):
        return own
    age = min(max(int(settings.SESSION_COOKIE_AGE * _SECOND), _SECOND), _LONGEST)
    longest = max(age, _ABSOLUTE)
    # A guest's session gets its lifetime each time it is saved: here are the bounds.
    policy["sessions"] = {
        "web": {"idle_ms": age, "absolute_ms": longest},
        "anonymous": {"idle_ms": longest, "absolute_ms": longest},
        **policy.get("sessions", {}),
    }
    if age < 2 * 60 * _SECOND:
        policy.setdefault("touch_every_ms", age // 2)
    return policy

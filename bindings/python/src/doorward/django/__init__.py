"""Doorward for Django: sessions, an authentication backend and system checks.

.. code-block:: python

    INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "doorward.django"]
    SESSION_ENGINE = "doorward.django"
    AUTHENTICATION_BACKENDS = ["doorward.django.Backend"]
    DOORWARD = {"STORE": "sqlite:doorward.db", "KEY_FILE": "doorward.key"}

What needs Django's models is imported when it is asked for, because settings name this module before the models are there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import checks as checks  # so that they run also where the app was forgotten
from ._engine import close, engine
from .sessions import SessionEnded, SessionStore

if TYPE_CHECKING:
    from .accounts import change_password, link, reauthenticate, register, unregister
    from .backends import Backend

__all__ = [
    "Backend",
    "SessionEnded",
    "SessionStore",
    "change_password",
    "close",
    "engine",
    "link",
    "reauthenticate",
    "register",
    "unregister",
]

_LATER = {"Backend": "backends"} | dict.fromkeys(
    ("change_password", "link", "reauthenticate", "register", "unregister"), "accounts"
)


def __getattr__(name: str) -> Any:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)

"""System checks: they read settings, and open no engine."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Warned
from django.utils.module_loading import import_string

from ._settings import APP, problems


def _is_session_engine() -> bool:
    from .sessions import SessionStore

    try:
        store = import_module(settings.SESSION_ENGINE).SessionStore
    except (ImportError, AttributeError):
        return False
    return isinstance(store, type) and issubclass(store, SessionStore)


def _has_backend() -> bool:
    for path in settings.AUTHENTICATION_BACKENDS:
        try:
            backend = import_string(path)
        except (ImportError, RuntimeError):
            # Of the latter kind where the app is not installed.
            if path.startswith(f"{APP}."):
                return True
            continue
        from .backends import Backend

        if isinstance(backend, type) and issubclass(backend, Backend):
            return True
    return False


@register("doorward")
def check_settings(**_: Any) -> list[CheckMessage]:
    if not (apps.is_installed(APP) or _is_session_engine() or _has_backend()):
        return []  # imported, and not used
    found: list[CheckMessage] = [Error(problem.message, hint=problem.hint, id=problem.id) for problem in problems()]
    if _has_backend() and not _is_session_engine():
        hint = 'Set SESSION_ENGINE = "doorward.django".'
        found.append(Error("doorward.django.Backend needs the engine's sessions.", hint=hint, id="doorward.E005"))
    return found


@register("doorward", deploy=True)
def check_deployment(**_: Any) -> list[CheckMessage]:
    """What Django's own ``security.W010`` to ``W015`` do not say of session cookies."""
    found: list[CheckMessage] = []
    if (getattr(settings, "DOORWARD", None) or {}).get("STORE") == "memory:":
        hint = "Name a file: each process has its own memory, and forgets everybody when it stops."
        found.append(Warned('DOORWARD\'s STORE is "memory:".', hint=hint, id="doorward.W001"))
    if settings.SESSION_COOKIE_SAMESITE not in ("Lax", "Strict"):
        hint = 'Set SESSION_COOKIE_SAMESITE = "Lax": without it, other sites\' requests carry the session.'
        found.append(Warned("SESSION_COOKIE_SAMESITE is neither Lax nor Strict.", hint=hint, id="doorward.W002"))
    return found

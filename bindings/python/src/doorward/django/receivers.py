"""What this app listens to."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, load_backend
from django.contrib.auth.signals import user_logged_in
from django.core.signals import request_finished, request_started, setting_changed

from .. import Misuse
from ._engine import reopen_for_tests
from ._proofs import end_pending, take
from .sessions import SessionStore


def connect() -> None:
    setting_changed.connect(reopen_for_tests, dispatch_uid="doorward.setting_changed")
    request_started.connect(end_pending, dispatch_uid="doorward.request_started")
    request_finished.connect(end_pending, dispatch_uid="doorward.request_finished")
    user_logged_in.connect(logged_in, dispatch_uid="doorward.user_logged_in")


def logged_in(*, request: Any, user: Any, **_: Any) -> None:
    """Makes the engine's login the request's session.

    :raises Misuse: ``login()`` names this backend for a user whose password the engine has not seen.
    """
    from .backends import Backend

    session = getattr(request, "session", None)
    backend = None if session is None else session.get(BACKEND_SESSION_KEY)
    # Without one, it was not login() that sent the signal: packages for tokens send it, too.
    if backend is None or not isinstance(load_backend(backend), Backend):
        return
    if not isinstance(session, SessionStore):
        raise Misuse('doorward.django.Backend needs SESSION_ENGINE = "doorward.django"')
    proof = take(user)
    if proof is not None:
        session.adopt(proof)
    elif session.account is None or session.account != str(getattr(user, "doorward", "")):
        session.flush()
        raise Misuse(
            "login() was called for a user whose password was not given to authenticate() in this request: the engine knows"
            " nothing of such a login, and could not end it. Log in with the password, or name another backend that is in"
            " AUTHENTICATION_BACKENDS: login(request, user, backend='django.contrib.auth.backends.ModelBackend')"
        )

"""Logins of the engine that no Django session has yet.

``authenticate()`` proves a password, and so begins a session of the engine. Django's ``login()`` makes it the request's. Where
nobody calls ``login()``, as for HTTP basic authentication, it is ended: when the request is finished, or at the latest when
nobody has the user object any more.
"""

from __future__ import annotations

import logging
import weakref
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

from .. import Engine, Error, Login, Misuse

logger = logging.getLogger("doorward.django")


class Proof:
    """A login of the engine, until a Django session is saved with it or it is ended."""

    def __init__(self, engine: Engine, login: Login) -> None:
        self.account = login.account
        self.session = login.session
        self.token: str | None = login.session_token
        self.user_key: Any = None
        self.is_adopted = False
        self._engine = engine

    def settle(self) -> None:
        """A client gets the token: the session goes on."""
        self.token = None

    def end(self) -> None:
        token, self.token = self.token, None
        if token is None:
            return
        try:
            self._engine.logout(token)
        except Misuse:
            pass  # the engine is closed, or the parent's: at the end of a process
        except Error as error:
            # Its token was given to nobody: it ends for lack of use.
            logger.warning("A session that no login has taken was not ended: %s", error)


_pending: ContextVar[tuple[weakref.ref[Proof], ...]] = ContextVar("doorward_proofs", default=())


def keep(user: Any, proof: Proof) -> None:
    """For a ``login()`` of this user, in this thread or task."""
    proof.user_key = user.pk
    weakref.finalize(user, proof.end)
    _pending.set((*(one for one in _pending.get() if one() is not None), weakref.ref(proof)))


def end_with(request: Any, proof: Proof) -> None:
    """Ends it when Django closes the request, unless a client has got it. Under ASGI, ``request_finished`` is sent where
    :data:`_pending` is not known."""
    request = getattr(request, "_request", request)  # within that of the REST framework
    if not isinstance(request, HttpRequest):
        return
    before = request.close

    def close() -> None:
        vars(request).pop("close", None)  # no cycle stays
        before()
        proof.end()

    request.close = close  # type: ignore[method-assign]


def has_pending() -> bool:
    return any(_living())


def take(user: Any) -> Proof | None:
    """The latest login of this user that is nobody's yet."""
    for proof in reversed(_living()):
        if proof.user_key == user.pk:
            proof.is_adopted = True
            return proof
    return None


def _living() -> list[Proof]:
    proofs = [one() for one in _pending.get()]
    return [proof for proof in proofs if proof is not None and proof.token is not None and not proof.is_adopted]


def end_pending(**_: Any) -> None:
    """Receives ``request_started`` and ``request_finished``: ends also what was adopted and not saved, as after an answer of
    500."""
    pending = _pending.get()
    if pending:
        _pending.set(())
    for one in pending:
        proof = one()
        if proof is not None:
            proof.end()

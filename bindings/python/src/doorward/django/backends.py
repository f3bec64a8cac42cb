"""``AUTHENTICATION_BACKENDS = ["doorward.django.Backend"]``."""

from __future__ import annotations

from typing import Any, Literal

from asgiref.sync import sync_to_async
from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .. import Denied, Error, MustChange, Refused, Throttled, WeakPassword
from .._client import address
from ._engine import engine
from ._proofs import Proof, end_with, keep, logger
from .models import Account

_NOBODYS = ("DW_NAME", "DW_NOT_UTF8")
"""The status of a name that cannot be one."""


class Backend(ModelBackend):
    """Passwords are the engine's; users, groups and permissions are Django's.

    A wrong password is None, as ever. Where the engine refuses to look at the password, or will not let it in although it is
    right, ``PermissionDenied`` keeps other backends from trying it. Why is in ``request.doorward_refusal``, an exception of
    :mod:`doorward`, for the page that answers. A failure of the engine is raised.
    """

    lifetime: Literal["web", "remembered", "device"] = "web"
    """Which lifetime of the policy a login has."""

    def source(self, request: HttpRequest) -> str | None:
        """The client's address, for logins, registrations and password changes. Behind a proxy, say here where it stands."""
        return address(request.META.get("REMOTE_ADDR"))

    def user_of(self, account: str) -> Any:
        """The user that is linked to this account, or None."""
        linked = Account.objects.select_related("user").filter(account=account).first()
        return None if linked is None else linked.user

    @sensitive_variables()
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        if username is None:
            model: Any = get_user_model()
            username = kwargs.get(model.USERNAME_FIELD)
        if not isinstance(username, str) or not isinstance(password, str):
            return None
        opened = engine()
        try:
            login = opened.login(
                username,
                password,
                source=None if request is None else self.source(request),
                label=None if request is None else request.META.get("HTTP_USER_AGENT"),
                lifetime=self.lifetime,
            )
        except (Denied, Throttled, Refused, WeakPassword) as refusal:
            return _refused(request, refusal)
        proof = Proof(opened, login)
        try:
            user = self.user_of(login.account)
            if user is not None and self.user_can_authenticate(user):
                keep(user, proof)
                if request is not None:
                    end_with(request, proof)
                return user
        except BaseException:
            proof.end()
            raise
        proof.end()
        if user is None:
            logger.warning("A login was refused: no user is linked to the account %s.", login.account)
        return None

    @sensitive_variables()
    async def aauthenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        @sensitive_variables()
        def authenticated() -> Any:
            # Without arguments, which reports would show where asgiref has them.
            return self.authenticate(request, username=username, password=password, **kwargs)

        return await sync_to_async(authenticated)()

    def get_user(self, user_id: Any) -> Any:
        """The user, as long as an account is linked to it."""
        users = get_user_model()._default_manager.filter(doorward__isnull=False)
        user = users.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    async def aget_user(self, user_id: Any) -> Any:
        return await sync_to_async(self.get_user)(user_id)


def source_of(request: HttpRequest) -> str | None:
    """The client's address, as the project's own backend knows it."""
    own = next((backend for backend in get_backends() if isinstance(backend, Backend)), None)
    return (own or Backend()).source(request)


def _refused(request: HttpRequest | None, refusal: Error) -> None:
    if request is not None:
        # Without its frames, which have the password.
        request.doorward_refusal = refusal.with_traceback(None)  # type: ignore[attr-defined]
    is_nobodys = isinstance(refusal, Refused) and refusal.status in _NOBODYS
    if is_nobodys or isinstance(refusal, (Denied, WeakPassword)):
        return
    kind = "warning" if isinstance(refusal, (Throttled, MustChange)) else "info"
    getattr(logger, kind)("A login was refused: %s", refusal)
    raise PermissionDenied(str(refusal)) from None

"""Users and their accounts, together."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .. import Misuse, NotFound, Refused, Taken
from ._engine import engine
from .backends import source_of
from .models import Account
from .sessions import SessionStore


@sensitive_variables()
def register(username: str, password: str, *, request: HttpRequest | None = None, **fields: Any) -> Any:
    """Signs a person up: an account of the engine, a Django user with these fields, and the link between them.

    The user has no password of Django's. Call it outside of a transaction, because a rollback would leave the account behind.

    :param request: whose client is slowed when it registers too much.
    :raises Taken: another account or another Django user has the name.
    :raises WeakPassword: the password cannot be one.
    :raises Refused: the name cannot be one, of an account or of a user.
    :raises Throttled: too many from this source.
    """
    model: Any = get_user_model()
    _check_name(model, username)
    users = model._default_manager.using(router.db_for_write(model))
    field = model.USERNAME_FIELD
    with transaction.atomic(using=users.db, durable=True):
        if users.filter(**{f"{field}__iexact": model.normalize_username(username)}).exists():
            raise Taken("another user has this name")
    opened = engine()
    account = opened.register(username, password, None if request is None else source_of(request))
    try:
        with transaction.atomic(using=users.db, durable=True):
            user = model._default_manager.db_manager(users.db).create_user(**{field: username, "password": None, **fields})
            Account.objects.using(users.db).create(user=user, account=account)
    except BaseException:
        opened.delete_account(account)
        raise
    return user


def _check_name(model: Any, username: str) -> None:
    """What forms ask of a name, and ``create_user`` does not: a database may refuse it, or keep it."""
    try:
        model._meta.get_field(model.USERNAME_FIELD).run_validators(model.normalize_username(username))
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None


def unregister(user: Any) -> None:
    """Deletes a user's account, which ends all its sessions and frees its name, and then the user. Where Django does not delete
    the user, it may be called again."""
    with suppress(NotFound):
        engine().delete_account(user.doorward.account)
    user.delete()


def link(user: Any, account: str) -> None:
    """Lets an account, by its id, log in as this Django user, from now on with the engine's password only: the user has none of
    Django's any more.

    :raises ValidationError: this is no id, or the user or the account is linked already.
    """
    linked = Account(user=user, account=account)
    linked.full_clean()
    using = router.db_for_write(Account, instance=user)
    with transaction.atomic(using=using):
        linked.save(using=using)
        user.set_unusable_password()
        user.save(using=using, update_fields=["password"])


@sensitive_variables()
def change_password(request: HttpRequest, current: str, new: str) -> None:
    """Changes the password of who is logged in. This session goes on under another key; every other one is over.

    :raises Denied: the current password is wrong.
    :raises WeakPassword: the new one cannot be one.
    :raises Throttled: too many guesses.
    :raises SessionGone: nobody is logged in by the engine.
    """
    session, key = _session_of(request)
    session.renewed(engine().change_password(key, current, new, source_of(request)))


@sensitive_variables()
def reauthenticate(request: HttpRequest, password: str) -> None:
    """Proves the password of who is logged in again. The session goes on under another key.

    :raises Denied: it is wrong.
    :raises Throttled: too many guesses.
    :raises SessionGone: nobody is logged in by the engine.
    """
    session, key = _session_of(request)
    session.renewed(engine().reauthenticate(key, password, source_of(request)))


def _session_of(request: HttpRequest) -> tuple[SessionStore, str]:
    session = request.session
    if not isinstance(session, SessionStore):
        raise Misuse('the request has no session of SESSION_ENGINE = "doorward.django"')
    return session, session.session_key or ""

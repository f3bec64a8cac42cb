"""Which user has which account, and who makes both."""

from __future__ import annotations

from doorward_project import *  # noqa: F403 - fixtures, and the settings before what needs them

# isort: split

import logging
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.views.debug import ExceptionReporter
from doorward_site import PASSWORD, WHO, entered, whoami

import doorward
from doorward.django import engine, link, register, unregister
from doorward.django.models import Account

User: Any = get_user_model()


def test_no_unlinked_user_is_taken_over(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    root = User.objects.create_superuser("root", password="of Django's")
    account = engine().register("root", PASSWORD)
    with caplog.at_level(logging.WARNING, "doorward.django"):
        assert client.post("/enter", WHO | {"name": "root"}).status_code == 403
    assert f"no user is linked to the account {account}" in caplog.text
    assert "root" not in caplog.text
    assert not engine().sessions(account)
    with pytest.raises(doorward.Taken):
        register("ROOT", PASSWORD)
    link(root, account)
    assert client.post("/enter", WHO | {"name": "root"}).content == b"root"
    root.refresh_from_db()
    assert not root.has_usable_password()


def test_a_name_that_is_free_again_gets_no_former_user(ada: Any) -> None:
    client = entered()
    engine().delete_account(ada.doorward.account)
    assert whoami(client) == "nobody"
    engine().register("ada", PASSWORD)
    assert client.post("/enter", WHO).status_code == 403
    with pytest.raises(doorward.Taken):
        register("ada", PASSWORD)


def test_a_link_that_is_cut_ends_logins(ada: Any) -> None:
    client = entered()
    ada.doorward.delete()
    assert whoami(client) == "nobody"


def test_links_are_checked(ada: Any) -> None:
    bob = User.objects.create_user("bob")
    for account in ("", "no id", "A" * 32, ada.doorward.account):
        with pytest.raises(ValidationError):
            link(bob, account)
    with pytest.raises(ValidationError):
        link(ada, "0" * 32)


def test_registering(ada: Any) -> None:
    assert ada.email == "ada@example.org"
    with pytest.raises(doorward.WeakPassword):
        register("bob", "short")
    with pytest.raises(doorward.Refused):
        register("not a name", PASSWORD)
    with pytest.raises(doorward.Taken):
        register("ADA", PASSWORD)
    grace = User.objects.create_user("Grace")
    with pytest.raises(doorward.Taken):
        register("grace", PASSWORD)
    grace.delete()
    assert [user.username for user in User.objects.all()] == ["ada"]


@pytest.mark.parametrize("name", ["a" * 151, "<script>", "x/../y"])
def test_a_name_that_is_no_users_is_refused(name: str) -> None:
    """A stranger signed up with a name of 151 letters, which the engine takes: PostgreSQL made a 500 of it, and SQLite kept it,
    with whatever else no form of Django's lets through."""
    with pytest.raises(doorward.Refused, match=r"valid username|at most 150"):
        register(name, PASSWORD)
    assert not User.objects.exists()
    engine().register(name, PASSWORD)  # the name is free


def test_no_report_of_a_registration_shows_the_password() -> None:
    """Django mails an error's local variables to ADMINS: of a password with half a character in it, as JSON may have one, they
    were shown, because deeper functions have it under another name."""
    password = PASSWORD + "\ud800"
    with pytest.raises(doorward.Refused) as refused:
        register("ada", password)
    trace = refused.tb.tb_next  # beyond this function's frame, which knows it
    report = ExceptionReporter(None, refused.type, refused.value, trace)
    for text in (report.get_traceback_text(), report.get_traceback_html()):
        assert "Refused" in text
        assert PASSWORD not in text


def test_a_registration_that_django_refuses_leaves_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise IntegrityError

    with monkeypatch.context() as patch:
        patch.setattr(Account, "save", fails)
        with pytest.raises(IntegrityError):
            register("ada", PASSWORD)
    assert not User.objects.exists()
    with pytest.raises(TypeError):
        register("ada", PASSWORD, no_such_field=1)
    register("ada", PASSWORD)


def test_registering_is_not_done_inside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        register("ada", PASSWORD)
    engine().register("ada", PASSWORD)  # the name is free


def test_unregistering(ada: Any) -> None:
    client = entered()
    unregister(User.objects.get(pk=ada.pk))
    assert whoami(client) == "nobody"
    assert register("ada", PASSWORD).pk != ada.pk


def test_unregistering_may_be_tried_again(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom a protected row had kept from being deleted could never be unregistered: the second attempt found no account
    any more."""

    def fails(*_: Any, **__: Any) -> Any:
        raise ProtectedError("an order is hers", set())

    with monkeypatch.context() as patch:
        patch.setattr(User, "delete", fails)
        with pytest.raises(ProtectedError):
            unregister(ada)
    assert not engine().sessions(ada.doorward.account)
    unregister(ada)
    assert not User.objects.exists()

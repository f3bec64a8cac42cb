"""What the page says is so."""

from __future__ import annotations

from doorward_project import *  # noqa: F403 - fixtures, and the settings before what needs them

# isort: split

import inspect
import re
from pathlib import Path
from typing import Any

from django.test import Client, RequestFactory, TestCase, override_settings

import doorward.django
from doorward.django import _settings, checks

PAGE = (Path(__file__).parents[2] / "docs/django.md").read_text()


def test_it_lists_every_check() -> None:
    listed = re.findall(r"^\| `(doorward\.\w+)` \|", PAGE, re.MULTILINE)
    source = inspect.getsource(checks) + inspect.getsource(_settings)
    assert listed == sorted(set(re.findall(r'"(doorward\.[EW]\d+)"', source)))


def test_it_names_nothing_that_is_not_there() -> None:
    for name in re.findall(r"doorward\.django\.(\w+)", PAGE.replace("doorward.django.forms", "")):
        assert hasattr(doorward.django, name), name
    for name in doorward.django.__all__:
        assert name in PAGE, name
    for name in re.findall(r"engine\(\)\.(\w+)", PAGE):
        assert hasattr(doorward.Engine, name), name


@override_settings(DOORWARD={"STORE": "memory:"})
class TestItsTests(TestCase):
    """The recipe for tests, twice on one name."""

    client: Client
    ada: Any

    def setUp(self) -> None:
        doorward.django.close()
        self.ada = doorward.django.register("ada", "plum kettle orbit")
        assert self.client.login(username="ada", password="plum kettle orbit")

    def test_once(self) -> None:
        assert self.client.get("/whoami").content == b"ada"

    def test_again(self) -> None:
        assert len(doorward.django.engine().sessions(self.ada.doorward.account)) == 1


@override_settings(AUTHENTICATION_BACKENDS=["test_django_docs.Proxied"])
def test_a_backend_of_ones_own(ada: Any) -> None:
    """Behind a proxy, where the backend says the client's address, it was asked at logins only: all clients together had one
    allowance of registrations, and of guesses at the password that is to be changed."""
    Proxied.seen.clear()
    client, who = Client(headers={"x-real-ip": "192.0.2.7"}), {"name": "ada", "password": "plum kettle orbit"}
    assert client.post("/enter", who).content == b"ada"
    assert client.post("/confirm", who).status_code == 200
    assert client.post("/change", {"current": who["password"], "new": "nine brass telescopes"}).status_code == 200
    doorward.django.register("bob", "plum kettle orbit", request=RequestFactory(headers={"x-real-ip": "192.0.2.8"}).get("/"))
    assert Proxied.seen == ["192.0.2.7"] * 3 + ["192.0.2.8"]


class Proxied(doorward.django.Backend):
    seen: list[str] = []  # noqa: RUF012

    def source(self, request: Any) -> str:
        self.seen.append(request.META["HTTP_X_REAL_IP"])
        return self.seen[-1]

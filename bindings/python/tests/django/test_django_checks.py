"""System checks, each seen firing, and the engine that settings open."""

from __future__ import annotations

from doorward_project import *  # noqa: F403 - fixtures, and the settings before what needs them

# isort: split

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import override_settings

import doorward
from doorward.django import close, engine

GOOD = {"STORE": "sqlite:doorward.db", "KEY_FILE": "doorward.key"}
MEMORY = {"STORE": "memory:"}


def found(deploy: bool = False, **changed: Any) -> dict[str, str]:
    with override_settings(**changed):
        said = run_checks(tags=["doorward"], include_deployment_checks=deploy)
    return {str(message.id): f"{message.msg} {message.hint}" for message in said}


def test_good_settings_are_silent() -> None:
    assert found(deploy=True, DOORWARD=GOOD) == {}
    call_command("check")


@pytest.mark.parametrize(
    ("given", "check", "says"),
    [
        (None, "E001", "STORE"),
        ([], "E001", "STORE"),
        ({}, "E001", "STORE"),
        ({"STORE": Path("doorward.db")}, "E001", "STORE"),
        ({"store": "memory:"}, "E001", "STORE"),
        (MEMORY | {"POLCY": {}}, "E002", "'POLCY'. Is 'POLICY' meant?"),
        (MEMORY | {"policy": {}}, "E002", "'policy'. Is 'POLICY' meant?"),
        (MEMORY | {"ZZZ": 1}, "E002", "'ZZZ'. It knows AUDIENCE, "),
        (MEMORY | {5: 1}, "E002", "no key 5"),
        ({"STORE": "sqlite:a.db"}, "E003", "no master key"),
        ({"STORE": "sqlite:a.db", "KEY_FILE": None}, "E003", "no master key"),
        ({"STORE": "sqlite:a.db", "KEY_FILE": "key", "MASTER_KEY": b"k" * 32}, "E003", "both"),
        ({"STORE": "sqlite:site.sqlite3", "KEY_FILE": "key"}, "E006", "'default'"),
    ],
)
def test_what_opens_no_engine_is_named_by_a_check_and_at_opening(given: Any, check: str, says: str) -> None:
    databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("site.sqlite3").resolve()}}
    with pytest.MonkeyPatch.context() as patch, override_settings(DOORWARD=given):
        patch.setattr(settings, "DATABASES", databases)
        assert list(found()) == [f"doorward.{check}"]
        assert says in found()[f"doorward.{check}"]
        with pytest.raises(ImproperlyConfigured) as raised:
            engine()
    assert says in str(raised.value)
    assert not Path("a.db").exists()


def test_the_setting_is_missing() -> None:
    with override_settings():
        del settings.DOORWARD
        assert list(found()) == ["doorward.E001"]


def test_the_app_is_not_installed() -> None:
    others = [app for app in settings.INSTALLED_APPS if app != "doorward.django"]
    assert list(found(INSTALLED_APPS=others)) == ["doorward.E004"]
    assert list(found(INSTALLED_APPS=others, AUTHENTICATION_BACKENDS=[])) == ["doorward.E004"]
    unused: dict[str, Any] = {"AUTHENTICATION_BACKENDS": [], "SESSION_ENGINE": "django.contrib.sessions.backends.db"}
    assert found(INSTALLED_APPS=others, **unused) == {}
    close()
    with override_settings(INSTALLED_APPS=others), pytest.raises(ImproperlyConfigured, match="INSTALLED_APPS"):
        engine()


def test_the_backend_needs_the_session_engine() -> None:
    assert list(found(SESSION_ENGINE="django.contrib.sessions.backends.db")) == ["doorward.E005"]
    assert list(found(SESSION_ENGINE="no.such.module")) == ["doorward.E005"]
    assert found(SESSION_ENGINE="django.contrib.sessions.backends.db", AUTHENTICATION_BACKENDS=[]) == {}


def test_warnings_for_deployment() -> None:
    assert found(DOORWARD=MEMORY, SESSION_COOKIE_SAMESITE="None") == {}
    said = found(deploy=True, DOORWARD=MEMORY, SESSION_COOKIE_SAMESITE="None")
    assert list(said) == ["doorward.W001", "doorward.W002"]
    # Of these Django itself warns, whatever the session engine is.
    with override_settings(SESSION_COOKIE_SECURE=False, SESSION_COOKIE_HTTPONLY=False):
        ids = {message.id for message in run_checks(tags=["security"], include_deployment_checks=True)}
    assert {"security.W012", "security.W015"} <= ids


def test_checks_open_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def opens(*_: Any, **__: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(doorward.Engine, "open", opens)
    found(deploy=True, DOORWARD=GOOD)
    with override_settings(DOORWARD=GOOD), pytest.raises(AssertionError):
        engine()


def test_what_the_engine_does_not_take_is_improperly_configured() -> None:
    for more in ({"POLICY": {"sesions": {}}}, {"POLICY": "no JSON"}, {"KEY_FILE": "/no/such/file"}):
        with override_settings(DOORWARD=MEMORY | more), pytest.raises(ImproperlyConfigured, match="DOORWARD: "):
            engine()


def test_one_engine_until_the_settings_change() -> None:
    first = engine()
    assert engine() is first
    with override_settings(DOORWARD=MEMORY | {"EVENTS": 5}):
        assert engine() is not first
        with pytest.raises(doorward.Misuse, match="closed"):
            first.now()


# Processes of their own.

PROJECT = """
import os, sys
from django.conf import settings
import django
settings.configure(
    SECRET_KEY="k" * 60,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", *sys.argv[1:]],
    SESSION_ENGINE="doorward.django",
    AUTHENTICATION_BACKENDS=["doorward.django.Backend"],
    DOORWARD={"STORE": "sqlite:doorward.db", "KEY_FILE": "doorward.key", "CREATE_KEY_FILE": True},
)
django.setup()
import doorward
from doorward.django import SessionStore, engine
"""


def python(folder: Path, code: str, *apps: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROJECT + code, *apps],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_importing_and_setting_up_open_nothing(tmp_path: Path) -> None:
    python(tmp_path, "", "doorward.django")
    assert not list(tmp_path.iterdir())


def test_an_engine_is_closed_at_exit(tmp_path: Path) -> None:
    python(tmp_path, "SessionStore().create()", "doorward.django")
    assert {file.name for file in tmp_path.iterdir()} == {"doorward.db", "doorward.key"}, "no write-ahead log is left"


def test_without_the_app(tmp_path: Path) -> None:
    code = """
from django.core.checks import run_checks
print([message.id for message in run_checks(tags=["doorward"])])
"""
    assert python(tmp_path, code) == "['doorward.E004']\n"


FORK = """
{before}
pid = os.fork()
if pid == 0:
    try:
        engine().now()
    except doorward.Misuse as error:
        print("Misuse:", error)
    else:
        print("opened")
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_before_the_first_use_is_fine_and_one_after_it_is_refused(tmp_path: Path) -> None:
    assert python(tmp_path, FORK.format(before=""), "doorward.django") == "opened\n"
    said = python(tmp_path, FORK.format(before="engine()"), "doorward.django")
    assert said.startswith("Misuse: this engine was opened before this process was forked")
    # Closed in the parent's hook, as the page says, it does no harm.
    closed = "engine()\nfrom doorward.django import close\nclose()"
    assert python(tmp_path, FORK.format(before=closed), "doorward.django") == "opened\n"

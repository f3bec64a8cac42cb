"""Django's own tests of a session store, all of them, on ours.

They are not in Django's wheel: its sdist is fetched from PyPI, of the version that is installed, into the folder
``DOORWARD_DJANGO_SDIST`` names (else the user's cache). Nothing of it is copied into this repository.
"""

from __future__ import annotations

from doorward_project import *  # noqa: F403 - fixtures, and the settings before what needs them

# isort: split

import importlib.util
import os
import subprocess
import sys
import tarfile
import types
import unittest
from pathlib import Path
from typing import Any

import django
import pytest
from django.contrib.sessions.backends.db import SessionStore as DatabaseSession
from django.test import SimpleTestCase

from doorward.django import SessionStore

VERSION = django.get_version()
MEMBER = "tests/sessions_tests/tests.py"


def sdist() -> Path:
    folder = os.environ.get("DOORWARD_DJANGO_SDIST")
    cache = Path(folder) if folder else Path.home() / ".cache/doorward"
    found = cache / f"django-{VERSION}.tar.gz"
    if not found.exists():
        asked = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(cache), f"django=={VERSION}"]
        done = subprocess.run([sys.executable, "-m", "pip", "download", *asked], capture_output=True, text=True, check=False)
        if not found.exists():
            pytest.fail(
                f"Django's own tests are needed: its sdist {found.name} is not in {cache}, and could not be fetched from PyPI."
                f" Put it there, or name its folder in DOORWARD_DJANGO_SDIST.\n{done.stderr}"
            )
    return found


@pytest.fixture(scope="module")
def mixin(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``SessionTestsMixin``, imported out of the sdist."""
    with tarfile.open(sdist()) as archive:
        member = archive.extractfile(f"django-{VERSION}/{MEMBER}")
        assert member is not None
        file = tmp_path_factory.mktemp("sdist") / "tests.py"
        file.write_bytes(member.read())
    # The module's other classes want a model of their own, which would have to be an installed app.
    models = types.ModuleType("sessions_tests.models")
    models.SessionStore = DatabaseSession  # type: ignore[attr-defined]
    package = types.ModuleType("sessions_tests")
    spec = importlib.util.spec_from_file_location("sessions_tests.tests", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sessions_tests", package)
        patch.setitem(sys.modules, "sessions_tests.models", models)
        spec.loader.exec_module(module)
    return module.SessionTestsMixin


@pytest.fixture
def doorward_settings(store: str, tmp_path: Path) -> dict[str, Any]:
    return {"STORE": store, "KEY_FILE": tmp_path / "key", "CREATE_KEY_FILE": True}


def run(mixin: Any, backend: Any) -> tuple[set[str], list[str]]:
    """Which tests ran, and what did not succeed."""
    case = type("DoorwardSessionTests", (mixin, SimpleTestCase), {"backend": backend})
    result = unittest.TestResult()
    ran: set[str] = set()
    result.startTest = lambda test: ran.add(test.id().rpartition(".")[2])  # type: ignore[method-assign]
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert not result.skipped
    bad = [*result.errors, *result.failures, *result.expectedFailures]
    return ran, [f"{test}\n{why}" for test, why in bad]


def test_every_test_of_djangos_mixin(mixin: Any) -> None:
    ran, bad = run(mixin, SessionStore)
    defined = {name for name in vars(mixin) if name.startswith("test_")}
    assert len(defined) >= 60
    assert ran == defined
    assert not bad, "\n\n".join(bad)


def test_the_mixin_finds_a_store_that_resurrects(mixin: Any) -> None:
    class Resurrects(SessionStore):
        def save(self, must_create: bool = False) -> None:
            if self.session_key is not None and not self.exists(self.session_key):
                self._session_key = None
            super().save(must_create)

    _, bad = run(mixin, Resurrects)
    assert any("does_not_resurrect" in one for one in bad)

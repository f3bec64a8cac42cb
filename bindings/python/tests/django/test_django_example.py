"""The example project, started as a person would start it, and asked over HTTP."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

PASSWORD = "plum kettle orbit"
EXAMPLE = Path(__file__).parents[2] / "examples/django"
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"} | {
    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path != str(Path(__file__).parent))
}

SERVE = """
from wsgiref.simple_server import make_server
from project.wsgi import application
with make_server("127.0.0.1", 0, application) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


def manage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    environ = ENVIRONMENT | environment
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "django"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db", "*.key"))
    return folder


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    migrated = manage(project, "migrate", "--verbosity", "0")
    assert (migrated.returncode, migrated.stdout, migrated.stderr) == (0, "", "")
    command = [sys.executable, "-c", SERVE]
    with (
        open(project / "log", "w") as log,
        subprocess.Popen(command, cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


class Browser:
    def __init__(self, address: str) -> None:
        self.address = address
        self.jar = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.opener.addheaders = [("User-Agent", "Firefox")]

    def get(self, path: str = "/") -> str:
        with self.opener.open(self.address + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, form_at: str | None = None, **fields: str) -> str:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(form_at or path))
        assert found
        data = urllib.parse.urlencode(fields | {"csrfmiddlewaretoken": found[1]}).encode()
        with self.opener.open(self.address + path, data, timeout=30) as answer:
            return str(answer.read().decode())

    def key(self) -> str:
        return next(str(cookie.value) for cookie in self.jar if cookie.name == "sessionid")


def test_its_checks_are_silent(project: Path) -> None:
    done = manage(project, "check", "--fail-level", "DEBUG")
    assert (done.returncode, done.stderr) == (0, "")
    done = manage(project, "check", "--deploy", "--tag", "doorward", "--fail-level", "DEBUG", DEBUG="0", SECRET_KEY="k" * 60)
    assert (done.returncode, done.stderr) == (0, "")
    done = manage(project, "makemigrations", "--check", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "No changes detected\n")


def test_its_pages(address: str) -> None:
    browser, other = Browser(address), Browser(address)
    assert "Hello, guest. Your cart: empty." in browser.get()
    assert "Your cart: plum." in browser.post("/cart", form_at="/", thing="plum")
    guest = browser.key()
    assert "at least 15 characters" in browser.post("/register", username="ada", password="short")
    assert "Hello, ada. Your cart: plum." in browser.post("/register", username="ada", password=PASSWORD)
    assert browser.key() != guest

    assert "Please enter a correct username" in other.post("/login", username="ada", password="wrong")
    assert "Hello, ada. Your cart: empty." in other.post("/login", username="ada", password=PASSWORD)
    assert browser.get("/devices").count("Firefox") == 2
    key = browser.key()
    assert browser.post("/devices").count("Firefox") == 1
    assert browser.key() != key
    assert "Hello, guest." in other.get()

    new = "nine brass telescopes"
    assert "wrong" in browser.post("/password", current="wrong", new=new)
    assert "Hello, ada." in browser.post("/password", current=PASSWORD, new=new)
    key = browser.key()
    assert "Hello, guest." in browser.post("/logout", form_at="/")
    replay = Browser(address)
    replay.opener.addheaders.append(("Cookie", f"sessionid={key}"))
    assert "Hello, guest." in replay.get()

    said = [other.post("/login", username="ada", password=f"wrong {i}") for i in range(8)][-1]
    assert re.search(r"Too many attempts. Try again in \d+ seconds.", said)


def test_a_second_start_knows_everybody(project: Path, address: str) -> None:
    done = manage(
        project, "shell", "--verbosity", "0", "-c", "import doorward.django as d; d.register('bob', 'plum kettle orbit')"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Hello, bob." in Browser(address).post("/login", username="bob", password=PASSWORD)


def test_a_password_is_what_was_typed(address: str) -> None:
    """Who chose a password with a space at its end could not log in: the form for registering cut it off, and that for logins
    does not."""
    browser, other = Browser(address), Browser(address)
    assert "Hello, eve." in browser.post("/register", username="eve", password=PASSWORD + " ")
    assert "Hello, eve." in other.post("/login", username="eve", password=PASSWORD + " ")


def test_a_name_that_was_guessed_at_before_it_was_anybodys(address: str) -> None:
    """A stranger's guesses at a free name made a 500 of the registration of it: the login that follows was refused, and nobody
    was logged in."""
    browser = Browser(address)
    for number in range(8):
        browser.post("/login", username="mallory", password=f"wrong {number}")
    assert "Log in" in browser.post("/register", username="mallory", password=PASSWORD)

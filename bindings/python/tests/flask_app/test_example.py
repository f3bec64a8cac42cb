"""The example application and the page of docs, as they stand: run, and asked over HTTP."""

from __future__ import annotations

import doctest
import http.cookiejar
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import doorward.flask

ROOT = Path(__file__).parents[2]
SECRET = "plum kettle orbit"


class Browser:
    """What a browser does: cookies, redirects, and the origin of a form."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def ask(self, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        asked = urllib.request.Request(self.base + path, data, headers)
        if form is not None and "Origin" not in headers:
            asked.add_header("Origin", self.base)
        try:
            with self.opener.open(asked, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    """The address of the example, served by Flask's own server."""
    path = [str(ROOT / "examples/flask"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    command = [sys.executable, "-u", "-m", "flask", "--app", "app", "run", "--port", "0"]
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield _address(server, tmp_path / "log")
        finally:
            server.terminate()
            server.wait(30)


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(300):
        if found := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text()):
            return found[1]
        try:
            server.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(log.read_text())


def test_the_example_signs_up_logs_in_and_out(base: str) -> None:
    ada = Browser(base)
    assert "In the cart: nothing" in ada.ask("/")[1]
    ada.ask("/cart", {"what": "plum"})
    assert ada.ask("/account")[1].count("Log in") == 1  # sent to the login
    assert "In the cart: plum." in ada.ask("/register", {"name": "ada", "password": SECRET})[1]
    status, account = ada.ask("/account")
    assert status == 200
    assert re.fullmatch(r"[0-9a-f]{32}, here since \d\d:\d\d", account)

    token = json.loads(ada.ask("/token", {})[1])["access_token"]
    api = Browser(base)
    assert json.loads(api.ask("/api/me", Authorization=f"Bearer {token}")[1]) == {"account": account[:32]}
    assert api.ask("/api/me")[0] == 401

    old = [*ada.cookies]
    assert ada.ask("/logout", {}, Origin="https://evil.example")[0] == 403
    assert "Log in" in ada.ask("/logout", {})[1]
    assert [*ada.cookies] == []
    assert api.ask("/api/me", Authorization=f"Bearer {token}")[0] == 401
    for cookie in old:
        ada.cookies.set_cookie(cookie)
    assert "Log in" in ada.ask("/account")[1]

    assert "Name or password is wrong" in ada.ask("/login", {"name": "ada", "password": "wrong kettle orbit"})[1]
    form = {"name": "ada", "password": SECRET, "remember": "on", "next": "/account"}
    assert ada.ask("/login", form)[1].startswith(account[:32])
    assert [cookie.expires is not None for cookie in ada.cookies] == [True]
    ada.ask("/logout", {})
    taken = ada.ask("/register", {"name": "ada", "password": SECRET})[1]
    assert "taken" in taken


def test_the_example_of_the_module_runs() -> None:
    results = doctest.testmod(doorward.flask)
    assert (results.attempted > 5, results.failed) == (True, 0)


def test_the_page_of_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/flask.md").read_text(), re.M | re.S)
    assert len(blocks) == 3
    names: dict[str, object] = {"__name__": "shop"}
    for block in blocks:
        exec(block, names)

"""Master keys and peppers: what a store was made with, what is added, and what is given up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import AUDIENCE, PASSWORD
from worlds import POLICY

from doorward import ConfigError, Denied, Engine, Error, SessionGone, StoreError

FIRST, SECOND, THIRD = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/db"


def opened(url: str, **settings: Any) -> Engine:
    return Engine.open(url, **{"policy": POLICY, "audience": AUDIENCE, "master_key": FIRST, **settings})


# Master keys.


def test_a_key_without_a_number_is_number_one(url: str) -> None:
    with opened(url) as engine:
        token = engine.open_session(b"plums")
    for same in ((1, FIRST), [(1, FIRST)], bytearray(FIRST)):
        with opened(url, master_key=same) as engine:
            assert engine.session_data(token).data == b"plums"


def test_tokens_of_an_old_key_are_accepted_while_it_is_given(url: str) -> None:
    with opened(url) as engine:
        engine.register("ada", PASSWORD)
        old = engine.login("ada", PASSWORD).session_token
    with opened(url, master_key=[(2, SECOND), (1, FIRST)]) as engine:
        assert engine.authenticate(old).account
        new = engine.login("ada", PASSWORD).session_token
    with opened(url, master_key=[(1, FIRST), (2, SECOND)]) as engine:
        assert {engine.authenticate(token).account for token in (old, new)} == {engine.authenticate(old).account}
    with opened(url, master_key=(2, SECOND)) as engine:
        assert engine.authenticate(new).account
        with pytest.raises(SessionGone, match="master key"):
            engine.authenticate(old)
        with pytest.raises(StoreError, match="not done") as undone:
            engine.logout(old)
        assert undone.value.status == "DW_UNKNOWN_KEY"


def test_an_instance_without_the_key_that_signs_is_a_failure_and_no_wrong_setting(url: str) -> None:
    """Another instance had moved the signing key on to a master key that this one was not given. Its ``issue`` raised a
    ``ConfigError``, which is of openings and a 500, with the HTTP status 503."""
    with opened(url) as engine, opened(url, master_key=[(2, SECOND), (1, FIRST)]) as other:
        engine.register("ada", PASSWORD)
        token = engine.login("ada", PASSWORD).session_token
        other.rotate_keys("at-once")
        with pytest.raises(StoreError, match="no key to sign with") as failed:
            engine.issue(token)
        assert other.issue(token).access
    error = failed.value
    assert (error.status, error.kind, error.http_status, error.is_transient) == ("DW_NO_KEY", "fatal", 503, False)


def test_a_key_file_is_made_once_and_opens_the_store_again(url: str, tmp_path: Path) -> None:
    path = tmp_path / "app.key"
    with opened(url, master_key=None, key_file=path, create_key_file=True) as engine:
        token = engine.open_session(b"plums")
    line = path.read_bytes()
    for given in (path, str(path)):
        with opened(url, master_key=None, key_file=given, create_key_file=True) as engine:
            assert engine.session_data(token).data == b"plums"
    assert path.read_bytes() == line
    with opened(url, master_key=None, key_file=path) as engine:
        assert engine.session_data(token).data == b"plums"


# Peppers.


def logs_in(engine: Engine, name: str = "ada") -> bool:
    try:
        engine.login(name, PASSWORD)
    except Denied:
        return False
    return True


def test_a_password_is_verified_with_the_pepper_that_hashed_it_and_without_it_never(url: str) -> None:
    with opened(url, peppers=[(1, SECOND)]) as engine:
        engine.register("ada", PASSWORD)
        assert logs_in(engine)
    for missing in ({}, {"peppers": [(2, THIRD)]}, {"old_peppers": [(2, THIRD)]}):
        with opened(url, **missing) as engine:
            assert not logs_in(engine)
    with pytest.raises(ConfigError, match="pepper 1 is not the one"):
        opened(url, peppers=[(1, THIRD)])
    for same in (SECOND, [(2, THIRD), (1, SECOND)]):
        with opened(url, peppers=same) as engine:
            assert logs_in(engine)


def test_the_first_pepper_hashes_new_passwords_and_a_login_moves_to_it(url: str) -> None:
    with opened(url, peppers=[(1, SECOND)]) as engine:
        engine.register("ada", PASSWORD)
        engine.register("bob", PASSWORD)
    with opened(url, peppers=[(2, THIRD)], old_peppers=[(1, SECOND)]) as engine:
        assert logs_in(engine)
        engine.register("carol", PASSWORD)
    with opened(url, peppers=[(2, THIRD)]) as engine:
        assert [logs_in(engine, name) for name in ("ada", "bob", "carol")] == [True, False, True]


def test_peppers_of_one_number_or_of_a_wrong_length_are_refused(url: str) -> None:
    for wrong in ([(1, SECOND), (1, THIRD)], [(1, SECOND[:31])], [(2**32, SECOND)]):
        with pytest.raises(Error):
            opened(url, peppers=wrong)

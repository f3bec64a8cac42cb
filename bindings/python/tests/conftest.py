"""What tests share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from model.judge import Judge, binary

import doorward
from doorward._native import lib

PASSWORD = "plum kettle orbit"
AUDIENCE = "https://api.example"


@pytest.fixture(params=["memory", "sqlite", "sled"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store's URL, of each kind."""
    return "memory:" if request.param == "memory" else f"{request.param}:{tmp_path / 'store'}"


@pytest.fixture
def engine() -> Iterator[doorward.Engine]:
    with doorward.Engine.open("memory:", audience=AUDIENCE) as engine:
        yield engine


@pytest.fixture
def no_handle_stays_open() -> Iterator[None]:
    """The library has as many handles open after a test as before it."""
    before = lib.dw_open_handles()
    yield
    if lib.dw_open_handles() != before:
        gc.collect()
    assert lib.dw_open_handles() == before


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """Who judges by the model: see :mod:`model`."""
    with Judge(binary()) as judge:
        yield judge

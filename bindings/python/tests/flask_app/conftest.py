"""Applications of real Flask, and their clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from .shop import PASSWORD, SOON, Browser, Failing, Make, add_views, doorward


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes an application on a store of its own, with the views of a small shop."""
    apps: list[Flask] = []

    def made(**config: Any) -> Flask:
        app = Flask("shop")
        app.test_client_class = Browser
        store = f"sqlite:{tmp_path}/{len(apps)}.db"
        app.config.update(DOORWARD_STORE=store, DOORWARD_KEY_FILE=tmp_path / "key", DOORWARD_CREATE_KEY_FILE=True)
        app.config.update(DOORWARD_POLICY=SOON, DOORWARD_MAINTAIN_EVERY=None, TESTING=True)
        app.config.update(config)
        doorward.init_app(app)
        add_views(app)
        apps.append(app)
        return app

    yield made
    for app in apps:
        doorward.close(app)


@pytest.fixture
def app(make: Make) -> Flask:
    """One with an account."""
    app = make()
    with app.app_context():
        doorward.engine.register("ada", PASSWORD)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def fail(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Lets what has these names fail in the engine from then on; without names, nothing."""
    site = app.extensions["doorward"]
    engine = site.engine

    def fail(*names: str) -> None:
        monkeypatch.setattr(site, "_engine", Failing(engine, *names) if names else engine)

    yield fail
    fail()

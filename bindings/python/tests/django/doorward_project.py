"""A Django project for the tests: its settings, its database, and an engine for each test.

Test modules import all of it. It is no ``conftest.py``, which would stand before the one of the other tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.conf import settings

settings.configure(
    SECRET_KEY="a key for tests, of no use elsewhere, and long enough for Django's check",
    ALLOWED_HOSTS=["testserver"],
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "doorward.django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    ROOT_URLCONF="doorward_site",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SESSION_ENGINE="doorward.django",
    AUTHENTICATION_BACKENDS=["doorward.django.Backend"],
    DOORWARD={"STORE": "memory:"},
    STATIC_URL="/static/",
    USE_TZ=True,
)
django.setup()

# isort: split
from django.contrib.auth import get_user_model  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from django.test.utils import (  # noqa: E402
    setup_databases,
    setup_test_environment,
    teardown_databases,
    teardown_test_environment,
)

import doorward.django  # noqa: E402

__all__ = ["ada", "client", "database", "doorward_settings", "each_engine"]


@pytest.fixture(scope="module", autouse=True)
def database() -> Iterator[None]:
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    yield
    teardown_databases(made, verbosity=0)
    teardown_test_environment()


@pytest.fixture
def doorward_settings() -> dict[str, Any]:
    """``settings.DOORWARD`` of the test: a module may say another."""
    return {"STORE": "memory:"}


@pytest.fixture(autouse=True)
def each_engine(doorward_settings: dict[str, Any], database: None) -> Iterator[None]:
    with override_settings(DOORWARD=doorward_settings):
        yield
    get_user_model()._default_manager.all().delete()


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def ada() -> Any:
    return doorward.django.register("ada", "plum kettle orbit", email="ada@example.org")

"""The project's pages, and who asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.auth import aauthenticate, alogin, alogout, authenticate, login, logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client
from django.urls import path

import doorward.django

PASSWORD = "plum kettle orbit"

meanwhile: list[Callable[[], Any]] = []
"""What happens elsewhere while ``/slow`` works."""


def _name(user: Any) -> str:
    return user.get_username() or "nobody"


def enter(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, username=request.POST["name"], password=request.POST["password"])
    if user is None:
        refusal: Any = getattr(request, "doorward_refusal", None)
        return HttpResponse(type(refusal).__name__, status=403)
    login(request, user)
    if "fail" in request.POST:
        return HttpResponse(status=500)
    return HttpResponse(_name(request.user))


def leave(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse()


def whoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_name(request.user))


def basic(request: HttpRequest) -> HttpResponse:
    """Asks for the password each time, and logs nobody in."""
    user = authenticate(request, username=request.POST["name"], password=request.POST["password"])
    return HttpResponse(_name(user) if user else "nobody")


def keep(request: HttpRequest) -> JsonResponse:
    request.session.update(request.POST.dict())
    return JsonResponse({key: value for key, value in request.session.items() if not key.startswith("_")})


def slow(request: HttpRequest) -> HttpResponse:
    request.session["slow"] = "done"
    for act in meanwhile:
        act()
    return HttpResponse(_name(request.user))


def change(request: HttpRequest) -> HttpResponse:
    try:
        doorward.django.change_password(request, request.POST["current"], request.POST["new"])
    except doorward.Error as refusal:
        return HttpResponse(type(refusal).__name__, status=refusal.http_status)
    return HttpResponse()


def confirm(request: HttpRequest) -> HttpResponse:
    doorward.django.reauthenticate(request, request.POST["password"])
    return HttpResponse()


async def aenter(request: HttpRequest) -> HttpResponse:
    user = await aauthenticate(request, username=request.POST["name"], password=request.POST["password"])
    if user is None:
        return HttpResponse(status=403)
    if "only" not in request.POST:
        await alogin(request, user)
    return HttpResponse(_name(user))


async def aleave(request: HttpRequest) -> HttpResponse:
    await alogout(request)
    return HttpResponse()


async def awhoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_name(await request.auser()))  # type: ignore[attr-defined]


urlpatterns = [
    path("admin/", admin.site.urls),
    path("enter", enter),
    path("leave", leave),
    path("whoami", whoami),
    path("basic", basic),
    path("keep", keep),
    path("slow", slow),
    path("change", change),
    path("confirm", confirm),
    path("aenter", aenter),
    path("aleave", aleave),
    path("awhoami", awhoami),
]


# Who asks for them.

WHO = {"name": "ada", "password": PASSWORD}


def key_of(client: Client) -> str:
    return str(client.cookies["sessionid"].value)


def whoami(client: Client, path: str = "/whoami") -> str:
    return client.get(path).content.decode()


def entered(client: Client | None = None, **more: str) -> Client:
    client = client or Client(headers={"user-agent": "Firefox"})
    assert client.post("/enter", WHO | more).content == b"ada"
    return client

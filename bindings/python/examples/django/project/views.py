from __future__ import annotations

from django import forms
from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

import doorward
import doorward.django
from doorward.django import engine


class RegisterForm(forms.Form):
    username = forms.CharField(max_length=150)
    password = forms.CharField(widget=forms.PasswordInput, strip=False)


class PasswordForm(forms.Form):
    current = forms.CharField(widget=forms.PasswordInput, strip=False)
    new = forms.CharField(widget=forms.PasswordInput, strip=False)


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html", {"cart": request.session.get("cart", [])})


@require_POST
def cart(request: HttpRequest) -> HttpResponse:
    """A guest's cart: the login takes it along, under another key."""
    request.session["cart"] = [*request.session.get("cart", []), request.POST["thing"]]
    return redirect("home")


def register(request: HttpRequest) -> HttpResponse:
    form = RegisterForm(request.POST or None)
    if form.is_valid():
        given = form.cleaned_data
        try:
            doorward.django.register(**given, request=request)
        except (doorward.Taken, doorward.WeakPassword, doorward.Refused, doorward.Throttled) as refusal:
            form.add_error(None, str(refusal))
        else:
            user = authenticate(request, **given)
            if user is None:  # the name had too many guesses before it was anybody's
                return redirect("login")
            login(request, user)
            return redirect("home")
    return render(request, "form.html", {"form": form})


@login_required
def password(request: HttpRequest) -> HttpResponse:
    form = PasswordForm(request.POST or None)
    if form.is_valid():
        try:
            doorward.django.change_password(request, **form.cleaned_data)
        except (doorward.Denied, doorward.WeakPassword, doorward.Throttled) as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("home")
    return render(request, "form.html", {"form": form})


@login_required
def devices(request: HttpRequest) -> HttpResponse:
    """Where this person is logged in; a POST ends one of these sessions, or all but this one."""
    account = request.user.doorward.account
    if request.method == "POST":
        if "session" in request.POST:
            engine().end_session(account, request.POST["session"])
        else:
            token = engine().logout_everywhere(account, keep=request.session.session_key)
            request.session.renewed(token)
        return redirect("devices")
    here = engine().authenticate(request.session.session_key).session_id
    return render(request, "devices.html", {"sessions": engine().sessions(account), "here": here})

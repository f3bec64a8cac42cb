"""The login form, with what the engine says."""

from __future__ import annotations

from django.contrib.auth import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .. import MustChange, Throttled


class AuthenticationForm(forms.AuthenticationForm):
    """Django's, which also says when to come again, and that a password must be changed:
    ``LoginView.as_view(authentication_form=AuthenticationForm)``."""

    def get_invalid_login_error(self) -> ValidationError:
        refusal = getattr(self.request, "doorward_refusal", None)
        if isinstance(refusal, Throttled):
            seconds = refusal.retry_after
            text = ngettext(
                "Too many attempts. Try again in %(seconds)d second.",
                "Too many attempts. Try again in %(seconds)d seconds.",
                seconds,
            )
            return ValidationError(text, code="throttled", params={"seconds": seconds})
        if isinstance(refusal, MustChange):
            return ValidationError(_("This password is known to others. Reset it."), code="must_change")
        return super().get_invalid_login_error()

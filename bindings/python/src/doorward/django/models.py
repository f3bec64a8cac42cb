"""Which Django user has which account."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models


class Account(models.Model):
    """Links a Django user to an account of the engine, by the account's id, which is never given twice. A user without such a
    link is no account's, whatever its name."""

    user: models.OneToOneField[Any, Any] = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="doorward"
    )
    account: models.CharField[str, str] = models.CharField(
        max_length=32, unique=True, validators=[RegexValidator(r"\A[0-9a-f]{32}\Z")]
    )

    class Meta:
        app_label = "doorward"

    def __str__(self) -> str:
        return self.account

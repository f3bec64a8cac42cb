"""The package's exceptions as HTTP answers."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, HTTPException, ServiceUnavailable, TooManyRequests, Unauthorized, default_exceptions

from ..errors import Error, Throttled, TokenInvalid


class InsufficientScope(Forbidden):
    """The token does not grant this (RFC 6750, section 3.1)."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"the token does not grant the scope {scope}")
        self.scope = scope

    def get_headers(self, *arguments: Any, **named: Any) -> list[tuple[str, str]]:
        challenge = WWWAuthenticate("bearer", {"error": "insufficient_scope", "scope": self.scope})
        return [*super().get_headers(*arguments, **named), ("WWW-Authenticate", challenge.to_header())]


def no_bearer() -> HTTPException:
    return Unauthorized("send a bearer token", www_authenticate=WWWAuthenticate("bearer"))


def http_exception(error: Error) -> HTTPException:
    """The answer to an error, which the application's handlers for status codes may dress. What the store says is not for
    clients."""
    if isinstance(error, Throttled):
        return TooManyRequests(str(error), retry_after=error.retry_after)
    if isinstance(error, TokenInvalid):
        challenge = WWWAuthenticate("bearer", {"error": "invalid_token"})
        return Unauthorized(str(error), www_authenticate=challenge)
    if error.http_status == 503:
        return ServiceUnavailable(retry_after=1 if error.is_transient else None)
    return default_exceptions[error.http_status](str(error))

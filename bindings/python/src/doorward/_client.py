"""The client of a request."""

from __future__ import annotations

_OF_SOCKETS = ("", "localhost", "<local>", "unix:")
"""What servers say for it, where they listen to a Unix socket: gunicorn, waitress, Werkzeug and nginx."""


def address(said: str | None) -> str | None:
    """The address in ``REMOTE_ADDR``, or ``None`` where the client has none."""
    return None if said in _OF_SOCKETS else said

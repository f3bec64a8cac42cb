"""Judges what the processes have written down, by the times at which calls began and ended."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

ENDINGS = ("logout", "end_session", "logout_everywhere")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("lines.*")) for line in path.read_text().splitlines()]


def judge(said: list[dict[str, Any]]) -> tuple[list[str], Counter[str]]:
    """What cannot be, and how often each outcome was."""
    counts = Counter(f"{line['what']}: {line['outcome']}" for line in said)
    wrong = [f"{line}" for line in said if line["outcome"].startswith("wrong")]
    logins = {line["session"]: line for line in said if line["what"] == "login"}
    of_session: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in said:
        if line["what"] == "logout_everywhere":
            # Of every session that had been logged in to before it began: what was opened meanwhile may live or not.
            for session, login in logins.items():
                if login["account"] == line["account"]:
                    of_session[session].append({**line, "surely": login["ended"] < line["begun"]})
        elif line["what"] != "maintain":
            of_session[line["session"]].append({**line, "surely": True})
    for session, calls in of_session.items():
        wrong += _of_session(session, calls)
    return wrong, counts


def _of_session(session: str, calls: list[dict[str, Any]]) -> list[str]:
    wrong = []
    endings = [call for call in calls if call["what"] in ENDINGS]
    # Over for everybody from here on. A logout that finds it ended says that it is over by then, too.
    over = min((call["ended"] for call in endings if _ends(call)), default=None)
    # Before this nobody had begun to end it.
    first = min((call["begun"] for call in endings), default=None)
    for call in calls:
        if call["what"] not in ("authenticate", "verify"):
            continue
        if call["outcome"] == "ok" and over is not None and call["begun"] > over:
            wrong.append(f"{session}: accepted after its end: {call}")
        if call["outcome"].startswith("no") and (first is None or call["ended"] < first):
            wrong.append(f"{session}: refused before anybody began to end it: {call}")
    return wrong


def _ends(call: dict[str, Any]) -> bool:
    return bool(call["surely"]) and (call["outcome"] == "ok" or call["outcome"].startswith("no"))

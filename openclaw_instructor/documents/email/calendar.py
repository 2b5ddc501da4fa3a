"""Read invitations (RFC 5545): what, where and when, and whether they invite, move or cancel.

Six properties of one event are read, which the icalendar package does too; it brings 6 MB and raises on the loose
calendars that mail carries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST = 200_000
_MOST_LINES = 5_000
_ESCAPED = re.compile(r"\\([nN,;\\])")
_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2}))?")
_MEANS = {
    "REQUEST": "Meeting invitation",
    "CANCEL": "Meeting cancelled",
    "REPLY": "Reply to a meeting invitation",
    "COUNTER": "Proposal of another time for a meeting",
    "DECLINECOUNTER": "Proposal of another time declined",
    "ADD": "Meeting added to a series",
    "REFRESH": "Request for the current meeting",
    "PUBLISH": "Calendar event",
}
_ANSWERS = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentatively accepted"}


@dataclass(frozen=True)
class Invitation:
    """The first event of a calendar: its `method` ("REQUEST", "CANCEL" ..., "" for none) and its text."""

    method: str
    text: str


def read_calendar(source: str) -> Invitation | None:
    """Read the first event (or task) of an iCalendar text; None if there is none. Never raises."""
    lines = source[:_LONGEST].replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "").split("\n")
    method = answer = ""
    found: dict[str, str] = {}
    inside = False
    for line in lines[:_MOST_LINES]:
        name, parameters, value = _parted(line)
        if name in ("BEGIN", "END") and value.strip().upper() in ("VEVENT", "VTODO"):
            if name == "END":
                break
            inside = True
        elif name == "METHOD":
            method = value.strip().upper()
        elif inside and name in ("SUMMARY", "LOCATION", "DESCRIPTION", "DTSTART", "STATUS"):
            found.setdefault(name, _ESCAPED.sub(lambda sign: "\n" if sign[1] in "nN" else sign[1], value).strip())
        elif inside and name == "ATTENDEE":
            answer = answer or next((word for key, word in _ANSWERS.items() if f"PARTSTAT={key}" in parameters), "")
    if not inside:
        return None
    if found.get("STATUS", "").upper() == "CANCELLED":
        method = method or "CANCEL"
    method = method if method in _MEANS else ""
    means = _MEANS.get(method, _MEANS["PUBLISH"]) + (f": {answer}" if method == "REPLY" and answer else "")
    parts = [means, found.get("SUMMARY", ""), found.get("LOCATION", ""), _moment(found.get("DTSTART", ""))]
    return Invitation(method, "\n".join(part for part in [*parts, found.get("DESCRIPTION", "")] if part))


def _parted(line: str) -> tuple[str, str, str]:
    """Split a line into name, parameters and value; a colon in quotes belongs to the parameters."""
    quoted = False
    for place, sign in enumerate(line[:2_000]):
        if sign == '"':
            quoted = not quoted
        elif sign == ":" and not quoted:
            name, _, parameters = line[:place].partition(";")
            return name.strip().upper(), parameters.upper(), line[place + 1 :]
    return "", "", ""


def _moment(value: str) -> str:
    found = _TIME.match(value)
    if not found:
        return ""
    day = f"{found[1]}-{found[2]}-{found[3]}"
    return f"{day} {found[4]}:{found[5]}" if found[4] else day

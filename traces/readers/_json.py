"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from olearn.traces._files import Source


def objects(source: Source, what: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbered lines (from 1) as objects; `what` says what an object must be."""
    for number, line in source.lines():
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):  # also numbers of 5,000 digits, lists in lists in lists
            record = None
        if not isinstance(record, dict):
            raise source.error(f"line {number}: not {what}")
        yield number, record


def head_objects(head: bytes, most: int = 20) -> list[dict[str, Any]]:
    """The objects on the first lines of a file; nothing if one of them is no object."""
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return []
    lines = [line for line in head.split(b"\n")[: most + 1] if line.strip()]
    if len(head) >= 1 << 16 and len(lines) > 1 and not head.endswith(b"\n"):
        lines = lines[:-1]
    found: list[dict[str, Any]] = []
    for line in lines[:most]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return found if len(found) > 3 else []
        if not isinstance(record, dict):
            return []
        found.append(record)
    return found


def is_whole(value: Any) -> bool:
    """A whole number within 64 bits, not a truth value."""
    return type(value) is int and -(2**63) <= value < 2**63

"""How much memory the reading of one file may take, and one sentence where it would take more.

The limit is a quarter of the machine's (or the container's) memory, at least 1 GiB; the environment
variable ``OLEARN_MEMORY`` (``8gb``) or ``--memory 8gb`` sets another one.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from olearn.errors import ParameterError, TraceError

VARIABLE = "OLEARN_MEMORY"
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_CONTROL_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def parse_bytes(text: str | int, what: str = "a number of bytes") -> int:
    """``4096``, ``4kb``, ``1.5 GiB``, ``8g`` as a number of bytes; units are powers of 1024.

    Examples
    --------
    >>> parse_bytes("4kb"), parse_bytes("1.5GiB"), parse_bytes(512)
    (4096, 1610612736, 512)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", str(text), re.IGNORECASE)
    size = int(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    if size < 1:
        raise ParameterError(f"{what} is written 4096, 4kb, 512mb or 8gb and is at least 1, got {text!r}")
    return size


def memory_limit() -> int:
    """Bytes that reading one file may take."""
    asked = os.environ.get(VARIABLE)
    if asked:
        return parse_bytes(asked, VARIABLE)
    return max(1 << 30, _physical() // 4)


def _physical() -> int:
    try:
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        most = 8 << 30
    for name in _CONTROL_GROUPS:
        with suppress(OSError, ValueError):
            most = min(most, int(Path(name).read_text()))
    return most


def check_memory(need: int, what: str, instead: str = "") -> None:
    """Refuse, in one sentence, what would take more memory than allowed; `what` is its subject."""
    limit = memory_limit()
    if need > limit:
        raise TraceError(
            f"{what} about {size_text(need)} of memory, more than the limit of {size_text(limit)}; "
            f"{VARIABLE}={_roomy(need)} (or --memory) raises it{instead}"
        )


def size_text(size: float) -> str:
    """A number of bytes for people.

    Examples
    --------
    >>> size_text(512), size_text(3 << 29)
    ('512 bytes', '1.5 GiB')
    """
    for unit, step in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size:.0f} bytes"


def _roomy(need: int) -> str:
    return f"{-(-need * 5 // 4 // (1 << 30)) + 1}gb"

"""Web servers' access logs in the Common and the Combined Log Format.

``host ident user [10/Oct/2000:13:55:36 -0700] "GET /path?query HTTP/1.1" status bytes`` and, in the
Combined format, the referer and the user agent. An item is the URL's path (with the query if asked),
its size the bytes sent (``-`` is 0), its time in seconds since 1970. A line whose request field is no
``METHOD target`` (a broken or timed-out connection) asks for nothing and is skipped; a line that
does not have the format is an error.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from pathlib import PurePath
from urllib.parse import urlsplit

import numpy as np

from olearn.traces._files import Source, at
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader, head_lines

_LINE = re.compile(
    r'\S+ \S+ .*?\[(?P<time>[^\]]{20,32})\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-)'
    r'(?: "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*".*)?\s*$'
)
_REQUEST = re.compile(r"[A-Z]+ (\S+)(?: HTTP/[\d.]+)?$")


class AccessLog(Reader):
    """Common and Combined Log Format (Apache, nginx, ...)."""

    name = "accesslog"
    extensions = (".log",)
    description = "text, Common or Combined Log Format; item = URL path, size = bytes sent"

    def sniff(self, head: bytes, path: PurePath) -> float:
        lines = head_lines(head)[:50]
        matched = sum(bool(_LINE.match(line)) for line in lines)
        return 0.0 if not lines or matched < 0.5 * len(lines) else 0.95

    def read(self, source: Source, query: bool = False) -> Trace:
        """Read the log; with `query`, URLs that differ in their query are different items."""
        keys, sizes, times = [], [], []
        for number, line in source.lines():
            if not line.strip():
                continue
            match = _LINE.match(line)
            if match is None:
                raise source.error(f"line {number}: not in the Common or Combined Log Format: {line[:60]!r}")
            request = _REQUEST.match(match["request"])
            if request is None:
                continue
            try:
                times.append(_seconds(match["time"]))
            except ValueError:
                raise source.error(f"line {number}: not a time: {match['time']!r}") from None
            keys.append(_target(request[1], query))
            sizes.append(0 if match["bytes"] == "-" else int(match["bytes"]))
        if not keys:
            raise source.error("holds no request")
        with at(source, lambda position: f"request {position + 1}"):
            return Trace.from_keys(keys, np.array(sizes, np.int64), np.array(times, np.int64))


def _target(target: str, query: bool) -> str:
    if target.startswith("/"):  # the usual case, ten times as fast
        return target if query else (target.partition("?")[0].partition("#")[0] or "/")
    try:
        parts = urlsplit(target)
    except ValueError:  # e.g. a broken IPv6 host: the target as it stands is still a name
        return target
    path = parts.path or "/"
    return f"{path}?{parts.query}" if query and parts.query else path


@lru_cache(1024)
def _seconds(text: str) -> int:
    return int(datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp())

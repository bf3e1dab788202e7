"""Web servers' access logs in the Common and the Combined Log Format.

``host ident user [10/Oct/2000:13:55:36 -0700] "GET /path?query HTTP/1.1" status bytes`` and, in the
Combined format, the referer and the user agent. An item is the URL's path (with the query if asked),
its size the bytes sent (``-`` is 0), its time in seconds since 1970. Any method counts, a target may
have blanks in it. A line whose request field is no ``METHOD target`` (a broken or timed-out connection)
asks for nothing: such lines are skipped and counted. A line that does not have the format is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import PurePath
from urllib.parse import urlsplit

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader, head_lines

_LINE = re.compile(
    r'\S+ \S+ .*?\[(?P<time>[^\]]{20,32})\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-)'
    r'(?: "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*".*)?\s*$'
)
# RFC 9110's token for the method; the target may have blanks in it where a client did not escape them.
_REQUEST = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+ +(\S.*?)(?: +HTTP/[\d.]+)?\s*$")
_ROWS = 1 << 16


class AccessLog(Reader):
    """Common and Combined Log Format (Apache, nginx, ...)."""

    name = "accesslog"
    extensions = (".log",)
    description = "text, Common or Combined Log Format; item = URL path, size = bytes sent"
    example = '10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a.png HTTP/1.0" 200 2326'
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        lines = head_lines(head)[:50]
        matched = sum(bool(_LINE.match(line)) for line in lines)
        return 0.0 if not lines or matched < 0.5 * len(lines) else 0.95

    def blocks(self, source: Source, query: bool = False) -> Iterator[Block | None]:
        """Read the log; with `query`, URLs that differ in their query are different items."""
        source.told["columns"] = {
            "item": "path of the request" + " with its query" * query,
            "size": "bytes sent",
        }
        keys: list[str] = []
        sizes: list[int] = []
        times: list[int] = []
        lines: list[int] = []
        skipped = rows = queries = 0
        for number, line in source.lines():
            if not line.strip():
                continue
            rows += 1
            match = _LINE.match(line)
            if match is None:
                raise source.error(f"line {number}: not in the Common or Combined Log Format: {line[:60]!r}")
            request = _REQUEST.match(match["request"])
            if request is None:
                skipped += 1
                continue
            try:
                times.append(_seconds(match["time"]))
            except (ValueError, OverflowError):
                raise source.error(f"line {number}: not a time: {match['time']!r}") from None
            sent = match["bytes"]
            if len(sent) > 18:
                raise source.error(f"line {number}: the bytes sent must be below 10^18, got {sent[:40]}")
            target = _target(request[1], query)
            queries += not query and target != request[1] and "?" in request[1]
            keys.append(target)
            sizes.append(0 if sent == "-" else int(sent))
            lines.append(number)
            if len(keys) == _ROWS:
                yield _made(source, keys, sizes, times, lines)
                keys, sizes, times, lines = [], [], [], []
        if skipped:
            source.note(f"{skipped:,} of {rows:,} lines hold no request (broken or timed out) and are skipped")
        if queries:
            source.note(f"the query of {queries:,} URLs is cut off (--query keeps it)")
        if keys:
            yield _made(source, keys, sizes, times, lines)


def _made(source: Source, keys: list[str], sizes: list[int], times: list[int], lines: list[int]) -> Block:
    import pyarrow as pa

    base = source.rows
    source.rows += len(keys)
    source.where = lambda position: f"line {lines[position - base]}"
    return Block(pa.array(keys, pa.string()), np.array(sizes, np.int64), np.array(times, np.int64))


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

"""The traces that come with olearn; README.md beside this file says where they are from."""

from __future__ import annotations

from pathlib import Path

from olearn.errors import unknown
from olearn.traces._npz import decode
from olearn.traces._trace import Trace

#: Name -> file.
BUNDLED = {"twitter": "twitter_cluster52_250k.npz"}


def bundled(name: str = "twitter") -> Trace:
    """A trace that comes with olearn.

    Examples
    --------
    >>> bundled()
    <Trace 'twitter': 250,000 requests, 47,198 items, sizes, times>
    """
    if name not in BUNDLED:
        raise unknown("bundled trace", name, BUNDLED)
    trace = decode(str(Path(__file__).with_name(BUNDLED[name])))
    trace.name = name
    trace.source = f"olearn.traces.data/{BUNDLED[name]}"
    return trace

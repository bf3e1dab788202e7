"""Names of columns in the traces of the field."""

from __future__ import annotations

import re

#: Names of columns in the traces of the field, most telling first; compared without case, ``_``, ``-``.
SYNONYMS = {
    "item": (
        "item", "itemid", "obj", "object", "objid", "objectid", "key", "contentid", "content", "fileid", "file",
        "movieid", "videoid", "docid", "documentid", "pageid", "blockid", "lbn", "lba", "block", "page", "url",
        "uri", "path", "hash", "anonymizedkey", "id",
    ),
    "time": (
        "time", "timestamp", "ts", "optime", "datetime", "date", "clock", "clocktime", "timeus", "timems",
        "timesec", "arrivaltime", "arrival",
    ),
    "size": (
        "size", "objsize", "objectsize", "itemsize", "filesize", "contentsize", "valuesize", "bytes", "length",
        "len", "iosize", "sizebytes", "blockidsize", "blocksize",
    ),
    "cost": ("cost", "misscost", "penalty", "misspenalty", "latency", "delay", "weight"),
    "operation": ("operation", "op", "optype", "opname", "method", "command", "cmd"),
    "ttl": ("ttl", "timetolive", "expiry", "expirytime"),
    "count": ("opcount", "repeatcount"),
}  # fmt: skip


def fold(name: str) -> str:
    """A name as names are compared."""
    return re.sub(r"[\s_#\-.\"']+", "", name).lower()


def by_name(names: list[str], role: str) -> int | None:
    """Which of the names is the role's, None if none is."""
    folded = [fold(n) for n in names]
    return next((folded.index(s) for s in SYNONYMS[role] if s in folded), None)

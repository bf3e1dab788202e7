"""CacheLib's key-value traces: a header with ``key``, ``op``, ``size`` and ``op_count`` in any order.

A row stands for ``op_count`` equal operations. The size is that of the value; a read of size 0 was a
miss: it takes the item's size known before or, before one is known, the next one. ``op_time`` and
``ttl`` (seconds) are read where they are there.
"""

from __future__ import annotations

from olearn.traces._gather import Plan
from olearn.traces.readers._tabular import Tabular

_NAMES = {
    "key": "item",
    "op": "operation",
    "size": "size",
    "op_count": "count",
    "op_time": "time",
    "ttl": "ttl",
}


class CachelibKeyValue(Tabular):
    """Key-value caches of Meta, as CacheLib's benchmark reads them."""

    name = "cachelib-kv"
    extensions = (".csv",)
    description = "text with a header: key,op,size,op_count[,key_size,op_time,ttl,...] (CacheLib)"
    example = "1668757755,GET,82,3,40"
    fields = (4, 40)
    plan = Plan(repair_sizes=True)

    def header(self, names: list[str]) -> dict[str, int] | None:
        if not {"key", "op", "size", "op_count"} <= set(names):
            return None
        return {role: names.index(name) for name, role in _NAMES.items() if name in names}

    def fits(self, row: list[str]) -> bool:
        return True

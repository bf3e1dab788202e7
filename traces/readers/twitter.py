"""Twitter's cache traces (OSDI 2020): time, key, key size, value size, client, operation, time to live.

No header; times and times to live in seconds. The size of an item is key size plus value size. Reads
are ``get`` and ``gets``; the operations that write are ``set add replace cas append prepend incr decr``;
``delete`` removes.
"""

from __future__ import annotations

from olearn.traces.operations import code_of
from olearn.traces.readers._table import is_number, is_whole
from olearn.traces.readers._tabular import Tabular


class Twitter(Tabular):
    """Twitter's production cache clusters."""

    name = "twitter"
    extensions = (".csv",)
    description = "text, 'time,key,key size,value size,client,operation,ttl' (Twitter's cache traces)"
    example = "0,abc,12,4,3,get,0"
    fields = (7, 7)
    columns = {"time": 0, "item": 1, "extra_size": 2, "size": 3, "operation": 5, "ttl": 6}

    def fits(self, row: list[str]) -> bool:
        whole = all(is_whole(row[k]) for k in (2, 3, 6))
        return whole and is_number(row[0]) and row[5].isalpha()

    def likely(self, row: list[str]) -> bool:
        return code_of(row[5]) is not None

"""WikiBench's Wikipedia traces: a counter, the time, the URL, and ``save`` or ``-``.

Fields are separated by blanks. An item is the URL as it stands; a line with ``save`` is a request that
writes, others read. Times are seconds.
"""

from __future__ import annotations

from olearn.traces.readers._table import is_number, is_whole
from olearn.traces.readers._tabular import Tabular


class Wikibench(Tabular):
    """Requests to Wikipedia, 2007."""

    name = "wikibench"
    extensions = (".wiki",)
    description = "text, 'counter time url save|-' separated by blanks (WikiBench)"
    example = "929840853 1190146243.324 http://en.wikipedia.org/wiki/Main_Page -"
    delimiter = " "
    fields = (4, 4)
    columns = {"time": 1, "item": 2, "operation": 3}
    codes = {"-": "read", "save": "write"}

    def fits(self, row: list[str]) -> bool:
        return is_whole(row[0]) and is_number(row[1]) and "://" in row[2] and row[3] in ("-", "save")

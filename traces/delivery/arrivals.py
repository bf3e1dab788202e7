"""Arrival times of requests from a table: the load of an inference service over time.

A CSV with a column of times (``timestamp``, ``time``, ``arrival``, ``arrived_at``; numbers in seconds, or
dates as in Azure's traces of LLM inference). The other columns are not used. Such a file has no items: it
says when requests come, not what for.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np

from olearn.traces._files import Source

NAMES = ("timestamp", "time", "arrival", "arrived_at", "arrival_time")


def load_arrivals(path: str | Path) -> np.ndarray:
    r"""Arrival times in seconds from the first, in order: float64 of shape (n,).

    Raises
    ------
    TraceError
        One sentence with the line.

    Examples
    --------
    >>> import tempfile, os
    >>> name = os.path.join(tempfile.mkdtemp(), "load.csv")
    >>> _ = open(name, "w").write("Timestamp,Model\n5,a\n45,b\n")
    >>> load_arrivals(name)
    array([ 0., 40.])
    """
    source = Source(Path(path))
    column, times = -1, []
    for number, line in source.lines():
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        cells = [c.strip().strip('"') for c in text.strip().split(",")]
        if not text.strip():
            continue
        if column < 0:
            names = [c.lower() for c in cells]
            column = next((names.index(n) for n in NAMES if n in names), -1)
            if column < 0:
                raise source.error(f"line {number}: no column of times ({', '.join(NAMES)}) in its header")
            continue
        value = cells[column] if column < len(cells) else ""
        try:
            times.append(float(value))
        except ValueError:
            try:
                times.append(
                    datetime.datetime.fromisoformat(value[:26]).replace(tzinfo=datetime.UTC).timestamp()
                )
            except ValueError:
                raise source.error(f"line {number}: {value!r} is no time") from None
        if not np.isfinite(times[-1]):
            raise source.error(f"line {number}: {value!r} is no time")
    if not times:
        raise source.error("holds no arrival")
    found = np.sort(np.array(times))
    return found - found[0]

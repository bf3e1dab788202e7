"""The traces of the ARC paper: ``start n_blocks 0 seq`` a line, expanded to `n_blocks` requests.

Each line asks for the blocks start, start+1, ..., start+n_blocks-1 in order.
"""

from __future__ import annotations

from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._intern import MAX_REQUESTS
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._table import Layout, is_whole, read_columns, request_lines


class Arc(Reader):
    """Block ranges, as in the ARC paper (FAST 2003)."""

    name = "arc"
    extensions = (".lis",)
    description = "text, 'start blocks 0 number' a line, expanded to single blocks (ARC)"

    def sniff(self, head: bytes, path: PurePath) -> float:
        rows = [line.split() for line in head_lines(head)]
        if not rows or not all(len(r) == 4 and all(map(is_whole, r)) for r in rows):
            return 0.0
        return 0.0 if any(r[2] != "0" for r in rows) else 0.75 + 0.2 * self.named(path)

    def read(self, source: Source) -> Trace:
        lines = head_lines(source.head, strict=False)
        single = all(" ".join(line.split()) == line for line in lines)
        layout = Layout(" ", {"item": 0, "size": 1}, 4, collapse=not single)
        columns = read_columns(source, layout, lines)
        starts, counts = columns["item"].to_numpy(), columns["size"].to_numpy()
        numeric = starts.dtype.kind in "iu" and counts.dtype.kind in "iu"
        good = np.zeros(len(starts), bool)
        if numeric:
            good = (counts >= 1) & (counts <= MAX_REQUESTS) & (starts < np.uint64(2**63 - MAX_REQUESTS))
        if not good.all():
            bad = int(np.argmin(good))
            number, line = next(p for k, p in enumerate(request_lines(source, layout)) if k == bad)
            raise source.error(f"line {number}: expected 'start blocks 0 number', got {line!r}")
        if counts.sum() > MAX_REQUESTS:
            raise source.error(f"expands to {counts.sum()} requests; a trace has at most {MAX_REQUESTS}")
        # Within a line the block rises by one; the first of each line undoes the rise before it.
        before = np.cumsum(counts) - counts
        blocks = np.repeat(starts.astype(np.int64) - before, counts) + np.arange(counts.sum())
        return Trace.from_keys(blocks)

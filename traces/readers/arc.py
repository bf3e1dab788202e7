"""The traces of the ARC paper: ``start n_blocks 0 seq`` a line, expanded to `n_blocks` requests.

Each line asks for the blocks start, start+1, ..., start+n_blocks-1 in order. The third field is 0 in
most of the traces and a number without a meaning for caches in some (P6, P12).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces._intern import MAX_REQUESTS
from olearn.traces._limits import check_memory
from olearn.traces.readers._base import Reader, head_lines
from olearn.traces.readers._blocks import ranges
from olearn.traces.readers._table import Layout, is_whole, read_blocks, request_lines


class Arc(Reader):
    """Block ranges, as in the ARC paper (FAST 2003)."""

    name = "arc"
    extensions = (".lis",)
    description = "text, 'start blocks 0 number' a line, expanded to single blocks (ARC)"
    example = "42932745 8 0 17"
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        rows = [line.split() for line in head_lines(head)]
        if not rows or not all(len(r) == 4 and all(map(is_whole, r)) for r in rows):
            return 0.0
        if any(int(r[1]) < 1 for r in rows):
            return 0.0
        if any(r[2] != "0" for r in rows):
            return 0.9 if self.named(path) else 0.25
        return 0.75 + 0.2 * self.named(path)

    def blocks(self, source: Source) -> Iterator[Block | None]:
        lines = head_lines(source.head, strict=False)
        single = all(" ".join(line.split()) == line for line in lines)
        layout = Layout(" ", {"item": 0, "size": 1}, 4, collapse=not single)
        source.told["columns"] = {"item": "1 to 1 + 2 - 1, expanded"}
        total = rows = 0
        for block in read_blocks(source, layout, lines):
            if block is None:
                total = rows = 0
                yield None
                continue
            starts, counts = block.keys, np.asarray(block.sizes)
            numeric = isinstance(starts, np.ndarray) and counts.dtype.kind in "iu"
            good = np.zeros(len(counts), bool)
            if numeric:
                good = (counts >= 1) & (counts <= MAX_REQUESTS) & (starts < np.uint64(2**63 - MAX_REQUESTS))
            if not good.all():
                bad = rows + int(np.argmin(good))
                number, line = next(p for k, p in enumerate(request_lines(source, layout)) if k == bad)
                raise source.error(f"line {number}: expected 'start blocks 0 number', got {line!r}")
            rows += counts.size
            total += int(counts.sum())
            if total > MAX_REQUESTS:
                raise source.error(f"expands to {total} requests; a trace has at most {MAX_REQUESTS}")
            check_memory(24 * int(counts.sum()), f"{source}: expands to {total:,} requests, which takes")
            yield from ranges(starts.astype(np.int64), counts.astype(np.int64))

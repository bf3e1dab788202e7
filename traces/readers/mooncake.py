"""Mooncake's traces of LLM serving: a JSON object a line, whose ``hash_ids`` are prefix blocks.

Every id of ``hash_ids`` (a block of 512 tokens) becomes a request at the object's ``timestamp``
(milliseconds). What gets lost: a block is of use only if every earlier block of its prompt was found.
"""

from __future__ import annotations

import json
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source, at
from olearn.traces._trace import Trace
from olearn.traces.readers._base import Reader


class Mooncake(Reader):
    """Block hashes of LLM prompts, flattened."""

    name = "mooncake"
    extensions = (".jsonl",)
    description = "JSON lines with 'timestamp' and 'hash_ids' (Mooncake), one request a block"

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 0.95 if head.lstrip().startswith(b"{") and b'"hash_ids"' in head else 0.0

    def read(self, source: Source) -> Trace:
        blocks: list[int] = []
        times: list[float] = []
        for number, line in source.lines():
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                ids, moment = record["hash_ids"], record.get("timestamp", 0)
            except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
                raise source.error(f"line {number}: not a JSON object with 'hash_ids'") from None
            if not isinstance(ids, list) or any(type(i) is not int or abs(i) >= 2**63 for i in ids):
                raise source.error(f"line {number}: 'hash_ids' must be a list of whole numbers")
            if type(moment) not in (int, float) or not 0 <= moment < 2**63:
                raise source.error(f"line {number}: 'timestamp' must be at least 0, got {moment!r}")
            blocks += ids
            times += [moment] * len(ids)
        if not blocks:
            raise source.error("holds no request")
        with at(source, lambda position: f"request {position + 1}"):
            return Trace.from_keys(np.array(blocks, np.int64), times=np.array(times))

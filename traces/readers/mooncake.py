"""Traces of LLM serving with prefix blocks: a JSON object a line, whose ``hash_ids`` are the blocks.

Mooncake's (blocks of 512 tokens, times in milliseconds) and Qwen's (16 tokens, seconds, chat ids and
turns). As a cache trace, every id of ``hash_ids`` becomes a request at the object's ``timestamp``.
What gets lost then, and is said: a block is of use only if every earlier block of its chain was found;
:class:`olearn.traces.llm.ChainTrace` keeps the chains.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader
from olearn.traces.readers._json import is_whole, objects

_ROWS = 1 << 16


class Mooncake(Reader):
    """Block hashes of LLM prompts, flattened."""

    name = "mooncake"
    extensions = (".jsonl",)
    description = "JSON lines with 'timestamp' and 'hash_ids' (Mooncake, Qwen), one request a block"
    example = '{"timestamp": 27, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2]}'
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        return 0.95 if head.lstrip().startswith(b"{") and b'"hash_ids"' in head else 0.0

    def blocks(self, source: Source) -> Iterator[Block | None]:
        source.told["columns"] = {"item": "hash_ids", "time": "timestamp"}
        ids: list[int] = []
        times: list[float] = []
        lines: list[int] = []
        chains = 0
        for number, record in objects(source, "a JSON object with 'hash_ids'"):
            if "hash_ids" not in record:
                raise source.error(f"line {number}: not a JSON object with 'hash_ids'")
            found, moment = record["hash_ids"], record.get("timestamp", 0)
            if not isinstance(found, list) or not all(map(is_whole, found)):
                raise source.error(f"line {number}: 'hash_ids' must be a list of whole numbers")
            if type(moment) not in (int, float) or not 0 <= moment < 2**63:
                raise source.error(f"line {number}: 'timestamp' must be at least 0, got {moment!r}")
            ids += found
            times += [moment] * len(found)
            lines += [number] * len(found)
            chains += 1
            if len(ids) >= _ROWS:
                yield _made(source, ids, times, lines)
                ids, times, lines = [], [], []
        source.note(
            f"{chains:,} requests for chains of blocks are flattened to single blocks: a hit on a block does "
            "not say that the blocks before it are held (olearn.traces.llm.ChainTrace keeps the chains)"
        )
        if ids:
            yield _made(source, ids, times, lines)


def _made(source: Source, ids: list[int], times: list[float], lines: list[int]) -> Block:
    base = source.rows
    source.rows += len(ids)
    source.where = lambda position: f"line {lines[position - base]}"
    return Block(np.array(ids, np.int64), times=np.array(times))

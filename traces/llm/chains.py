"""Requests to a language model as chains of prefix blocks.

A prompt is cut into blocks of tokens; what the model keeps of a block (keys and values) depends on all
tokens before it. So a block *is* its whole prefix: two blocks with the same id but another beginning are
different blocks. Traces that hash prefixes (Mooncake) and traces that hash contents (Qwen-Bailian's) come
to the same here.

Layouts, a JSON object a line: ``hash_ids`` (a list of whole numbers) and ``input_length`` (tokens; the last
block may be partial); ``timestamp``, ``output_length`` and anything else may be there. Mooncake's blocks
have 512 tokens, Qwen-Bailian's 16: said by `block_tokens`, or by a field ``block_size``, or worked out from
the lengths.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_positive_int
from olearn.traces._files import Source

#: Sizes of blocks that servers use.
COMMON = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)


class ChainTrace:
    """Chains of blocks.

    Attributes
    ----------
    starts : ndarray of int64, shape (R+1,)
        Request r has the blocks ``blocks[starts[r] : starts[r+1]]``.
    blocks : ndarray of int32
        Ids of blocks 0 .. N-1, in order of first appearance.
    parents : ndarray of int32, shape (N,)
        The block before, -1 for the first of a chain.
    tokens : ndarray of int64, shape (blocks,)
        Tokens in each block requested; `block_tokens` but for the last of a chain.
    times : ndarray of float64, shape (R,), or None
    block_tokens : int
    name : str
    notes : list of str
        What was not used or changed while reading.
    """

    def __init__(
        self,
        starts: np.ndarray,
        blocks: np.ndarray,
        parents: np.ndarray,
        tokens: np.ndarray,
        block_tokens: int,
        times: np.ndarray | None = None,
        name: str = "chains",
        notes: Sequence[str] = (),
    ) -> None:
        self.starts = starts
        self.blocks = blocks
        self.parents = parents
        self.tokens = tokens
        self.block_tokens = block_tokens
        self.times = times
        self.name = name
        self.notes = list(notes)

    @classmethod
    def from_ids(
        cls,
        chains: Iterable[Sequence[Any]],
        block_tokens: int = 16,
        lengths: Sequence[int] | None = None,
        times: Sequence[float] | None = None,
        name: str = "chains",
    ) -> ChainTrace:
        """Chains from lists of block ids of any hashable type.

        Parameters
        ----------
        chains : iterable of sequences
            Ids of a request's blocks; empty ones are requests without a full block.
        block_tokens : int
            Tokens of a block.
        lengths : sequence of int, optional
            Tokens of each prompt; by default every block is full.
        times : sequence of float, optional
        name : str

        Raises
        ------
        ParameterError
            An id twice in a chain; a length that does not fit the blocks.

        Examples
        --------
        >>> trace = ChainTrace.from_ids([["a", "b"], ["a", "c"]], block_tokens=16, lengths=[32, 20])
        >>> len(trace), trace.tokens.tolist()
        (2, [16, 16, 16, 4])
        """
        size = check_positive_int("block_tokens", block_tokens)
        known: dict[tuple[int, Any], int] = {}
        parents: list[int] = []
        blocks: list[int] = []
        starts = [0]
        for r, chain in enumerate(chains, 1):
            if len(set(chain)) < len(chain):
                twice = next(x for x in chain if list(chain).count(x) > 1)
                raise ParameterError(f"request {r}: block {twice!r} stands twice in its chain")
            above = -1
            for one in chain:
                block = known.get((above, one))
                if block is None:
                    block = known[above, one] = len(parents)
                    parents.append(above)
                blocks.append(block)
                above = block
            starts.append(len(blocks))
        edges = np.array(starts, np.int64)
        if edges.size == 1:
            raise ParameterError("a trace needs at least one request, got none")
        tokens = np.full(len(blocks), size, np.int64)
        if lengths is not None:
            _partial(tokens, edges, np.asarray(lengths), size)
        return cls(
            edges,
            np.array(blocks, np.int32),
            np.array(parents, np.int32),
            tokens,
            size,
            None if times is None else np.array(times, np.float64),
            name,
        )

    @classmethod
    def load(cls, path: str | Path, block_tokens: int | None = None) -> ChainTrace:
        """Read JSON lines with ``hash_ids``, plain or compressed.

        Parameters
        ----------
        path : path
        block_tokens : int, optional
            Tokens of a block; by default from the file.

        Raises
        ------
        TraceError
            One sentence with the line.
        """
        source = Source(Path(path))
        chains: list[list[Any]] = []
        lengths: list[int] = []
        times: list[float] = []
        sizes: set[int] = set()
        others: dict[str, int] = {}
        for number, line in source.lines():
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                ids = record["hash_ids"]
            except (ValueError, KeyError, TypeError, RecursionError):
                raise source.error(f"line {number}: not a JSON object with 'hash_ids'") from None
            if not isinstance(ids, list) or any(type(i) not in (int, str) for i in ids):
                raise source.error(f"line {number}: 'hash_ids' must be a list of whole numbers or texts")
            if len(set(ids)) < len(ids):
                twice = next(i for i in ids if ids.count(i) > 1)
                raise source.error(f"line {number}: block {twice!r} stands twice in its chain")
            length = record.get("input_length", -1)
            moment = record.get("timestamp", math.nan)
            if type(length) is not int or length < -1:
                raise source.error(f"line {number}: 'input_length' must be a whole number of at least 0")
            if type(moment) not in (int, float) or moment < 0:
                raise source.error(f"line {number}: 'timestamp' must be a number of at least 0, got {moment!r}")
            size = record.get("block_size")
            if size is not None:
                if type(size) is not int or size < 1:
                    raise source.error(f"line {number}: 'block_size' must be a whole number of at least 1")
                sizes.add(size)
            for field in record:
                if field not in ("hash_ids", "input_length", "timestamp", "block_size"):
                    others[field] = others.get(field, 0) + 1
            chains.append(ids)
            lengths.append(length)
            times.append(float(moment))
        if not chains:
            raise source.error("holds no request")
        if len(sizes) > 1:
            raise source.error(f"has blocks of {len(sizes)} sizes ({', '.join(map(str, sorted(sizes)))})")
        notes = []
        if others:
            notes.append(f"not used: {', '.join(sorted(others))}")
        size = block_tokens or next(iter(sizes), None)
        if size is None:
            size = _guess(chains, lengths)
            if size is None:
                raise source.error(
                    "does not say how many tokens a block has: give block_tokens (--block-tokens)"
                )
            notes.append(f"blocks of {size} tokens, worked out from input_length")
        try:
            trace = cls.from_ids(
                chains, size, None, times if not np.isnan(times).any() else None, Path(path).name
            )
        except ParameterError as error:
            raise source.error(str(error)) from None
        known = np.array(lengths)
        if (known >= 0).any():
            short = _partial(trace.tokens, trace.starts, known, size)
            if short:
                notes.append(
                    f"{short:,} prompts have more tokens than their blocks: those beyond count for nothing"
                )
        trace.notes = notes
        return trace

    def __len__(self) -> int:
        """Number of requests."""
        return self.starts.size - 1

    @property
    def catalog_size(self) -> int:
        """Number of distinct blocks."""
        return self.parents.size

    @property
    def digest(self) -> str:
        """Hash of the content."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.starts, self.blocks, self.tokens):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def requested(self) -> np.ndarray:
        """Tokens of each request, int64 (R,)."""
        total = np.concatenate([[0], np.cumsum(self.tokens)])
        return total[self.starts[1:]] - total[self.starts[:-1]]

    def saved(self, hits: np.ndarray) -> np.ndarray:
        """Tokens that `hits` leading blocks of each request save, int64 (R,)."""
        total = np.concatenate([[0], np.cumsum(self.tokens)])
        return total[self.starts[:-1] + hits] - total[self.starts[:-1]]

    def __repr__(self) -> str:
        return (
            f"<ChainTrace {self.name!r}: {len(self):,} requests, {self.blocks.size:,} blocks of "
            f"{self.block_tokens} tokens, {self.catalog_size:,} distinct>"
        )


def _guess(chains: list[list[Any]], lengths: list[int]) -> int | None:
    """The one common block size that fits all prompts of known length, with or without partial blocks."""
    known = [(len(c), n) for c, n in zip(chains, lengths) if n > 0 and c]
    fits = [size for size in COMMON if known and all(b in (-(-n // size), n // size) for b, n in known)]
    return fits[0] if len(fits) == 1 else None


def _partial(tokens: np.ndarray, starts: np.ndarray, lengths: np.ndarray, size: int) -> int:
    """Put the tokens of last blocks right, in place; returns how many prompts are longer than their blocks."""
    counts = np.diff(starts)
    known = (lengths >= 0) & (counts > 0)
    rest = lengths - (counts - 1) * size
    if (known & (rest < 1)).any():
        r = int(np.argmax(known & (rest < 1)))
        raise ParameterError(
            f"request {r + 1} has {lengths[r]} tokens in {counts[r]} blocks of {size}: "
            "too few; is the block size right?"
        )
    tokens[starts[1:][known] - 1] = np.minimum(rest[known], size)
    return int((known & (rest > size)).sum())

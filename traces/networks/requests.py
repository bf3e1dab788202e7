"""How requests arrive: Poisson processes of the demands, a trace of items sent to query nodes, or what a file
says.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from olearn._rng import generator
from olearn.errors import TraceError, check_real
from olearn.traces.networks.model import Network


def poisson(network: Network, time: float, seed: int = 0) -> np.ndarray:
    """Demands in order of arrival (int32) when each is a Poisson process of its rate for `time` units of time.

    Raises
    ------
    TraceError
        All rates are 0.

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(2, [(0, 1, 2.0)], [1, 0], [1], [(0, [0, 1], 5.0)])
    >>> poisson(line, 100.0, seed=1).dtype
    dtype('int32')
    """
    return poisson_times(network, time, seed)[0]


def poisson_times(network: Network, time: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The same with the times of arrival (float64, rising)."""
    time = check_real("time", time, 0.0)
    total = float(network.rate.sum())
    if not total > 0.0:
        raise TraceError("every rate is 0, so nothing is ever requested")
    draw = generator(seed, 71)
    steps = np.cumsum(network.rate) / total
    chosen = np.searchsorted(steps, draw.random(draw.poisson(total * time)), side="right")
    demands = np.minimum(chosen, network.demands - 1).astype(np.int32)
    return demands, np.sort(generator(seed, 75).random(demands.size)) * time


def sent(network: Network, items: np.ndarray, seed: int = 0) -> np.ndarray:
    """Demands (int32) when each item of a trace goes to one of the query nodes, drawn uniformly.

    Parameters
    ----------
    items : array of int
        In order of request.

    Raises
    ------
    TraceError
        An item is asked for that some query node has no demand for.
    """
    queries = np.unique(network.path[network.start[:-1]])
    table = np.full((network.items, len(queries)), -1, dtype=np.int32)
    where = np.searchsorted(queries, network.path[network.start[:-1]])
    table[network.item, where] = np.arange(network.demands, dtype=np.int32)
    items = np.asarray(items, dtype=np.int64)
    if len(items) and not (items.min() >= 0 and items.max() < network.items):
        raise TraceError(f"the trace asks for item {int(items.max())}, known items: 0..{network.items - 1}")
    lacking = np.flatnonzero((table[items] < 0).any(axis=1))
    if len(lacking):
        item = int(items[lacking[0]])
        raise TraceError(
            f"request {int(lacking[0])} is for item {item}, which some query node has no demand for"
        )
    return table[items, generator(seed, 72).integers(len(queries), size=len(items))]


def own_requests(
    network: Network, folder: Path | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, str]:
    """The requests that an instance names: demands (int32), times (float64), and what they are called.

    ``"trace NAME: ..."`` in its field ``requests`` is ``trace-NAME.txt`` (an item a line) in `folder`, spread
    over as many units of time as the text says (1000); anything else is a Poisson process of each demand for
    as many units as it says (100).
    """
    told = str(network.published.get("requests", ""))
    units = re.search(r"([\d,.]*\d) time units", told)
    words = told.split()
    if words and words[0] == "trace" and len(words) > 1 and folder is not None:
        file = folder / f"trace-{words[1].rstrip(':')}.txt"
        span = float(units.group(1).replace(",", "")) if units else 1000.0
        demands = sent(network, read_items(file), seed)
        return demands, np.arange(1, demands.size + 1) * (span / demands.size), f"trace {words[1].rstrip(':')}"
    span = float(units.group(1).replace(",", "")) if units else 100.0
    demands, times = poisson_times(network, span, seed)
    if not demands.size:
        raise TraceError(
            f"no request arrives in {span:g} units of time: the rates add up to {network.rate.sum():g}"
        )
    return demands, times, f"Poisson for {span:g} units of time, seed {seed}"


def read_items(path: str | Path) -> np.ndarray:
    """Item numbers from a text file, one a line (int64).

    Raises
    ------
    TraceError
        The file can't be read, is empty, or a line is no whole number; the sentence says which.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split()
    except OSError as error:
        raise TraceError(f"can't read the trace {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise TraceError(f"the trace {path} is not text (UTF-8)") from None
    if not lines:
        raise TraceError(f"the trace {path} is empty")
    try:
        return np.array(lines, dtype=np.int64)
    except (ValueError, OverflowError):
        bad = next(k for k, word in enumerate(lines) if not re.fullmatch(r"[+-]?\d{1,18}", word))
        raise TraceError(
            f"entry {bad + 1} of {path} must be a whole item number, got {lines[bad]!r:.40}"
        ) from None

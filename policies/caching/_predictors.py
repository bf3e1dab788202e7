"""What an optimistic policy believes about the next request: one item, or none.

=============== ==========================================================================================
``none``        no prediction: the optimistic policy is the plain one
``oracle``      the item that is going to be requested, with chance `accuracy`; else a uniform random item. It
                reads the future: for experiments
``last-seen``   what followed the current item when it was requested before
``recency``     the item just requested
an array        ``predictions[t]`` for request t (from 0), -1 for none; after its end, none
=============== ==========================================================================================

Cost: O(1) a request; ``last-seen`` 4 bytes an item.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.errors import ParameterError, unknown

NONE, ORACLE, LAST_SEEN, RECENCY, GIVEN = range(5)
PREDICTORS = {"none": NONE, "oracle": ORACLE, "last-seen": LAST_SEEN, "recency": RECENCY}


class Predictor(NamedTuple):
    """A predictor and what it remembers."""

    kind: int
    accuracy: float
    rng: np.ndarray  # uint64 (4,)
    follower: np.ndarray  # int32 (N,) for last-seen: what followed each item, -1 at first
    given: np.ndarray  # int32 (T,)
    cells: np.ndarray  # int64 (3,): the prediction that stands, the item before, requests so far


def check(predictor: Any, catalog_size: int) -> int:
    """The kind of a predictor as the user wrote it; raises one sentence."""
    if isinstance(predictor, str):
        if predictor not in PREDICTORS:
            raise unknown("predictor", predictor, PREDICTORS)
        return PREDICTORS[predictor]
    raw = np.asarray(predictor)
    if raw.ndim != 1 or (raw.size and raw.dtype.kind not in "iu"):
        raise ParameterError(
            f"predictor must be one of {', '.join(PREDICTORS)}, or an array of items (-1: none), "
            f"got {raw.dtype} of shape {raw.shape}"
        )
    if raw.size and not (raw.min() >= -1 and raw.max() < catalog_size):
        bad = int(np.flatnonzero((raw < -1) | (raw >= catalog_size))[0])
        raise ParameterError(
            f"predictor must hold items between -1 and {catalog_size - 1}, got {raw[bad]} at position {bad}"
        )
    return GIVEN


def new(predictor: Any, accuracy: float, catalog_size: int, seed: int) -> Predictor:
    """A predictor before the first request; its random numbers are a stream of their own."""
    kind = check(predictor, catalog_size)
    given = np.ascontiguousarray(predictor if kind == GIVEN else [], dtype=np.int32)
    cells = np.array([-1, -1, 0])
    if given.size:
        cells[0] = given[0]
    follower = np.full(catalog_size if kind == LAST_SEEN else 0, -1, np.int32)
    return Predictor(kind, accuracy, _rng.new_state(seed, 1), follower, given, cells)


def grow(predictor: Predictor, catalog_size: int) -> Predictor:
    """The same predictor for a larger catalogue."""
    if predictor.kind != LAST_SEEN:
        return predictor
    more = np.full(catalog_size - predictor.follower.size, -1, np.int32)
    return predictor._replace(follower=np.concatenate([predictor.follower, more]))


@kernel
def foresee(p, item, n):
    """The oracle's prediction of a request to `item`, in place of the one that stands."""
    p.cells[0] = item if _rng.uniform(p.rng) < p.accuracy else _rng.below(p.rng, n)


@kernel
def advance(p, item):
    """After a request to `item`: what comes next?"""
    cells = p.cells
    cells[2] += 1
    if p.kind == LAST_SEEN:
        if cells[1] >= 0:
            p.follower[cells[1]] = item
        cells[0] = p.follower[item]
    elif p.kind == RECENCY:
        cells[0] = item
    elif p.kind == GIVEN:
        cells[0] = p.given[cells[2]] if cells[2] < p.given.size else -1
    else:
        cells[0] = -1
    cells[1] = item

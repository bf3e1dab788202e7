"""Sizes of items, drawn independently of their popularity."""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.errors import check_positive_int, check_real, unknown

#: Laws that `item_sizes` knows.
LAWS = ("lognormal", "pareto", "uniform")
_STREAM = 1  # sizes do not change when the requests' law does


def item_sizes(items: int, law: str = "lognormal", seed: Any = 0, *, mean: float = 16384.0) -> np.ndarray:
    """A size in bytes for each item, int64 of shape (items,), at least 1.

    Parameters
    ----------
    items : int
    law : {"lognormal", "pareto", "uniform"}
        Lognormal with sigma 1.5, Pareto with shape 1.5, or uniform on (0, 2 mean); all rounded up.
    seed : int
    mean : float
        Mean of the law in bytes.

    Examples
    --------
    >>> item_sizes(3, "uniform", seed=1, mean=100).tolist()
    [96, 121, 50]
    """
    items = check_positive_int("items", items)
    mean = check_real("mean", mean, 0.0, open_low=True)
    random = generator(seed, _STREAM)
    if law == "lognormal":
        sigma = 1.5
        drawn = mean * np.exp(sigma * random.standard_normal(items) - sigma * sigma / 2.0)
    elif law == "pareto":
        shape = 1.5
        drawn = mean * (shape - 1.0) / shape * (1.0 - random.random(items)) ** (-1.0 / shape)
    elif law == "uniform":
        drawn = 2.0 * mean * random.random(items)
    else:
        raise unknown("law of sizes", law, LAWS)
    return np.clip(np.ceil(drawn), 1.0, 2.0**62).astype(np.int64)

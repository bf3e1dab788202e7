"""Two thresholds on a binary score in hindsight: answer 0 below, 1 above, offload in between.

The score s = P(class 1) lies in one of K equal steps. The pair lo <= hi answers 0 where the step is below lo,
1 where it is hi or more, and offloads in between. Its total loss is a part of lo plus a part of hi, both
prefix sums over the steps, so a running minimum prices all (K+1)(K+2)/2 pairs in O(T + K), exactly. The
certificate is that enumeration; the value is the loss of the reported pair, summed anew over the samples.

References
----------
.. [1] H2T2: hierarchical inference with two thresholds, arXiv 2509.15674.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_int
from olearn.optima._optimum import Optimum, finish
from olearn.optima.thresholds import check_samples

BETWEEN = "answer 0 below the pair, 1 above it, offload in between; losses are totals"


def best_pair(score: Any, steps: int, zero_loss: Any, one_loss: Any, offload_loss: Any) -> Optimum:
    """The pair of thresholds on the score with the least total loss.

    Parameters
    ----------
    score : array_like of float in [0, 1], shape (T,)
        The local model's probability of class 1.
    steps : int
        K; thresholds are multiples of 1/K.
    zero_loss, one_loss, offload_loss : array_like of float, shape (T,)
        Loss of answering 0, of answering 1, of offloading.

    Returns
    -------
    Optimum
        `allocation`: the pair (lo, hi) as whole numbers of steps, 0 <= lo <= hi <= K; of equal ones the one
        with the lowest hi, then the lowest lo.

    Examples
    --------
    >>> best = best_pair([0.1, 0.45, 0.55, 0.9], 4, [0, 1, 0, 1], [1, 0, 1, 0], [0.3] * 4)
    >>> best.allocation, best.value
    ((1, 3), 0.6)
    """
    started = time.perf_counter()
    columns = check_samples(
        score, zero_loss, one_loss, offload_loss, names=("score", "zero_loss", "one_loss", "offload_loss")
    )
    s, zero, one, offload = columns
    if s.min() < 0.0 or s.max() > 1.0:
        raise ParameterError(f"score must lie in [0, 1], got {s.min() if s.min() < 0.0 else s.max()}")
    k = check_int("steps", steps, minimum=1)
    step = np.minimum((s * k).astype(np.int64), k - 1)
    z, o, f = (np.concatenate([[0.0], np.cumsum(np.bincount(step, c, k))]) for c in (zero, one, offload))
    low = z - f  # what lo adds, by lo = 0 .. K
    high = f + o[-1] - o  # what hi adds
    so_far = np.minimum.accumulate(low)
    hi = int((so_far + high).argmin())
    lo = int(low[: hi + 1].argmin())
    value = float(np.where(step < lo, zero, np.where(step >= hi, one, offload)).sum())
    bound = float((so_far + high).min())
    return finish(value, (lo, hi), bound, "best pair of thresholds", BETWEEN, "counting", started, sense="min")

"""The best rule on bins of confidence *in expectation*, where the gaps of the bins are known.

A bin's gap is the price of offloading less P(local answer wrong): offloading a sample of it costs that much
more, on average, than keeping it. The best fixed rule offloads the bins of negative gap. Losses count above
those of keeping every sample, so that the expected total of any rule is the sum of the gaps of the samples it
offloads; the difference to the value is the (pseudo-)regret that stochastic guarantees speak about, free of
the luck of single answers. The certificate is that every sample takes the smaller of 0 and its gap.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.errors import ParameterError
from olearn.optima._optimum import Optimum, finish

EXPECTED = "expected total loss above that of answering everything locally, for the given gaps"


def best_rule_on_bins(bins: Any, gaps: Any) -> Optimum:
    """The rule on bins with the least expected loss.

    Parameters
    ----------
    bins : array_like of int, shape (T,)
        The bin of each sample.
    gaps : array_like of float, shape (K,)
        Price - P(local wrong) of each bin; NaN only for bins without samples.

    Returns
    -------
    Optimum
        `allocation`: bool ndarray of shape (K,), the bins that are offloaded.

    Examples
    --------
    >>> best = best_rule_on_bins([0, 0, 1], [-0.25, 0.5])
    >>> best.allocation.tolist(), best.value
    ([True, False], -0.5)
    """
    started = time.perf_counter()
    at, gap = np.asarray(bins), np.asarray(gaps, dtype=np.float64)
    if at.ndim != 1 or at.size == 0 or at.dtype.kind not in "iu" or at.min() < 0 or at.max() >= gap.size:
        raise ParameterError(f"bins must be whole numbers from 0 to {gap.size - 1}, one a sample, got {bins!r}")
    of_sample = gap[at]
    if not np.isfinite(of_sample).all():
        raise ParameterError(f"gaps must be numbers for every bin with samples, got {gaps!r}")
    offload = gap < 0.0
    value = float(of_sample[offload[at]].sum())
    bound = float(np.minimum(of_sample, 0.0).sum())
    return finish(value, offload, bound, "best rule on bins", EXPECTED, "counting", started, sense="min")

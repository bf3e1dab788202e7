"""Confidence bands over replicates.

The steps of one run are dependent, so an interval for a cumulated reward is not the sum of intervals of
steps: that sum can be ten times too wide or too narrow. What is independent is the replicates: one seed,
one curve. At a checkpoint the S values of S seeds are a sample, and the interval is Student's

    mean +- t_{S-1, (1+level)/2} * s / sqrt(S),

exact for normal values and asymptotically right otherwise. It says how sure the *mean over seeds on this
trace* is; it says nothing about other traces.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn.errors import ParameterError, check_real


class Band(NamedTuple):
    """Mean and confidence limits at each checkpoint, float64 of shape (K,) each."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    replicates: int


def band(curves: Any, level: float = 0.95, *, simultaneous: bool = False) -> Band:
    """Student-t band over replicates, checkpoint by checkpoint.

    Parameters
    ----------
    curves : array_like of float, shape (S, K)
        One row a seed, one column a checkpoint.
    level : float
        Chance that the interval covers the mean, in (0, 1).
    simultaneous : bool
        Cover the whole curve at once with that chance (Bonferroni over the K checkpoints), instead of
        each checkpoint by itself.

    Returns
    -------
    Band
        With one replicate the limits are NaN: one run says nothing about its spread.

    Examples
    --------
    >>> b = band([[1.0, 2.0], [3.0, 2.0], [2.0, 2.0]])
    >>> b.mean.tolist(), b.low.round(3).tolist(), b.high.round(3).tolist()
    ([2.0, 2.0], [-0.484, 2.0], [4.484, 2.0])
    """
    values = np.asarray(curves, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] == 0:
        raise ParameterError(f"curves must have shape (seeds, checkpoints), got {values.shape}")
    level = check_real("level", level, 0.0, 1.0, open_low=True, open_high=True)
    seeds, points = values.shape
    mean = values.mean(axis=0)
    if seeds == 1:
        nothing = np.full(points, np.nan)
        return Band(mean, nothing, nothing.copy(), level, 1)
    half = t_quantile(seeds - 1, level, points if simultaneous else 1) * values.std(axis=0, ddof=1)
    half = half / np.sqrt(seeds)
    return Band(mean, mean - half, mean + half, level, seeds)


def t_quantile(freedom: int, level: float, tests: int = 1) -> float:
    """Two-sided quantile of Student's t, Bonferroni-corrected for `tests` intervals."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1.0 - (1.0 - level) / (2.0 * tests)))

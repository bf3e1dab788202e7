"""Tables whose distribution moves: harder samples, other classes, a confidence that loses its meaning.

Each generator draws from a table with replacement, so any length can be made, and moves a strength s(t)
from 0 to 1 over time: ``"linear"``, ``"abrupt"`` (0, then 1 from the middle on) or ``"periodic"`` (up
and down, two periods).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.errors import ParameterError, check_positive_int, check_real, unknown
from olearn.traces.offloading._table import OffloadTable

SHAPES = ("linear", "abrupt", "periodic")
_CHUNKS = 256


def strength(samples: int, shape: str) -> np.ndarray:
    """s(t), float64 of shape (samples,).

    Examples
    --------
    >>> strength(4, "abrupt")
    array([0., 0., 1., 1.])
    """
    T = check_positive_int("samples", samples)
    if shape not in SHAPES:
        raise unknown("shape", shape, SHAPES)
    t = np.arange(T) / max(T - 1, 1)
    if shape == "linear":
        return t
    if shape == "abrupt":
        return (np.arange(T) >= T / 2).astype(np.float64)
    return 0.5 - 0.5 * np.cos(4.0 * np.pi * t)


def drift(
    table: OffloadTable, samples: int, *, amount: float = 2.0, shape: str = "linear", seed: int = 0
) -> OffloadTable:
    """Covariate drift: the samples get harder for the local model.

    Sample i is drawn at time t with chance proportional to exp(-amount s(t) z_i), z_i its
    standardised confidence; a negative amount makes samples easier.
    """
    a = check_real("amount", amount)
    p = table["confidence"]
    z = (p - p.mean()) / max(float(p.std()), 1e-12)
    return _drawn(table, strength(samples, shape), lambda s: np.exp(-a * s * z), seed)


def label_shift(
    table: OffloadTable, samples: int, *, to: Any = None, shape: str = "linear", seed: int = 0
) -> OffloadTable:
    """Label shift: the classes' shares move from the table's to `to`, each class stays as it is.

    Parameters
    ----------
    to : array_like of float, shape (L,), optional
        Shares at strength 1 (any positive scale); default: proportional to 1/2, 1/4, 1/8, ...
    """
    labels = table.need("label", "label shift")
    count = int(labels.max()) + 1
    before = np.bincount(labels, minlength=count) / len(table)
    after = 0.5 ** np.arange(1, count + 1) if to is None else np.asarray(to, dtype=np.float64)
    if after.shape != (count,) or not (np.isfinite(after).all() and (after >= 0).all() and after.sum() > 0):
        raise ParameterError(f"to must be {count} shares of at least 0, not all 0, got {to!r}")
    after = np.where(before > 0, after, 0.0)
    after = after / after.sum()
    ratio = np.divide(after, before, out=np.zeros(count), where=before > 0)
    return _drawn(table, strength(samples, shape), lambda s: (1.0 - s) + s * ratio[labels], seed)


def calibration_shift(
    table: OffloadTable, samples: int, *, temperature: float = 0.25, shape: str = "linear", seed: int = 0
) -> OffloadTable:
    """Calibration shift: the same answers, but the confidence's log-odds are divided by a temperature.

    The temperature moves from 1 to `temperature` (below 1: over-confident; above: unsure). At any
    time the order of confidences stays, so the best threshold moves and its cost does not. Class
    scores no longer fit the confidence and are left out.
    """
    end = check_real("temperature", temperature, 0.0, open_low=True)
    s = strength(samples, shape)
    drawn = table.take(generator(seed).integers(0, len(table), s.size))
    p = np.clip(drawn["confidence"], 1e-15, 1.0 - 1e-15)
    odds = np.log(p) - np.log1p(-p)
    scale = end**s
    columns = {k: v for k, v in drawn.columns.items() if k != "scores"}
    columns["confidence"] = 1.0 / (1.0 + np.exp(-odds / scale))
    return drawn._like(columns)


#: Name of a shift -> its generator.
SHIFTS: dict[str, Callable[..., OffloadTable]] = {
    "drift": drift,
    "label": label_shift,
    "calibration": calibration_shift,
}


def shifted(
    table: OffloadTable, name: str, samples: int | None = None, *, shape: str = "linear", seed: int = 0
) -> OffloadTable:
    """A shift by name, of the table's own length unless `samples` is given."""
    if name not in SHIFTS:
        raise unknown("shift", name, SHIFTS)
    return SHIFTS[name](table, len(table) if samples is None else samples, shape=shape, seed=seed)


def _drawn(table: OffloadTable, s: np.ndarray, weights: Any, seed: int) -> OffloadTable:
    """Draw sample t with chances ``weights(s(t))``; s is held over short stretches."""
    rng = generator(seed)
    index = np.empty(s.size, np.int64)
    for part in np.array_split(np.arange(s.size), min(_CHUNKS, s.size)):
        total = np.cumsum(weights(float(s[part].mean())))
        index[part] = np.searchsorted(total, rng.random(part.size) * total[-1], side="right")
    return table.take(np.minimum(index, len(table) - 1))

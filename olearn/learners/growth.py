"""How regret grows with the horizon: the exponent of a power law, with a confidence interval.

Examples
--------
>>> from olearn.learners.hedge import Hedge
>>> growth = regret_growth(Hedge(2), "random", [100, 400, 1600], seeds=5)
>>> growth.regrets.shape
(3, 5)
>>> 0.0 < growth.exponent < 1.0
True
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from olearn._rng import generator
from olearn.errors import NotSupportedError, ParameterError, check_positive_int, check_real
from olearn.learners._wrapper import fresh
from olearn.learners.adversaries import Adversary, get_adversary


class Growth(NamedTuple):
    """Regret at several horizons, and the power law ``constant * T^exponent`` fitted to its means.

    Attributes
    ----------
    policy, adversary : str
        Names, for tables and pictures.
    horizons : ndarray, int64 (H,)
    regrets : ndarray, float64 (H, S)
        Regret against the best fixed action or point, by horizon and seed.
    bounds : ndarray, float64 (H,)
        The learner's declared bounds, NaN where there is none.
    exponent, low, high : float
        Slope of log regret on log T, with its confidence interval; NaN if fewer than three means are positive.
    constant : float
        The factor of the power law.
    level : float
        Confidence level.
    method : str
        "bootstrap" (percentiles over seeds) or "least squares" (Student-t; fewer than five seeds).
    """

    policy: str
    adversary: str
    horizons: np.ndarray
    regrets: np.ndarray
    bounds: np.ndarray
    exponent: float
    low: float
    high: float
    constant: float
    level: float
    method: str


def regret_growth(
    policy: Any,
    adversary: Any,
    horizons: Sequence[int],
    *,
    seeds: int = 10,
    level: float = 0.95,
) -> Growth:
    """Fit how the regret of a learner grows with the horizon.

    Parameters
    ----------
    policy : learner or callable
        A learner or bandit policy, copied and tuned for each horizon (its ``horizon`` is set where it has
        one), or a function ``(horizon, seed) -> learner``.
    adversary : str, Adversary or callable
        A name or an :class:`~olearn.learners.adversaries.Adversary`, or a function ``(horizon, seed) ->
        matrix`` of losses (gradients), float64 (horizon, d). Bandits need an oblivious one with losses in [0,
        1] and are told ``1 - loss``.
    horizons : sequence of int
        At least three different horizons.
    seeds : int, default 10
        Runs for each horizon; a deterministic learner against a deterministic adversary is run once.
    level : float, default 0.95
        Level of the confidence interval.

    Returns
    -------
    Growth
        ``olearn.plot.growth.draw`` draws it.

    Notes
    -----
    Every horizon and seed is a run of its own. With five seeds or more the interval is a bootstrap over
    seeds (2000 resamples, fixed seed): it covers the spread of the runs, not a departure from a power law.
    """
    T = np.array(sorted({check_positive_int("horizon", h) for h in horizons}), np.int64)
    if T.size < 3:
        raise ParameterError(f"horizons must hold at least three different numbers, got {list(horizons)}")
    runs = check_positive_int("seeds", seeds)
    check_real("level", level, 0.0, 1.0, open_low=True, open_high=True)
    opponent = get_adversary(adversary) if isinstance(adversary, str) else adversary
    probe = _made(policy, int(T[0]), 0)
    if not getattr(probe, "randomised", True) and isinstance(opponent, Adversary) and not _random(opponent):
        runs = 1
    regrets, bounds = np.empty((T.size, runs)), np.full(T.size, np.nan)
    for h, horizon in enumerate(T):
        for s in range(runs):
            learner = _made(policy, int(horizon), s)
            regrets[h, s] = _regret(learner, opponent, int(horizon), s)
        bounds[h] = _declared(_made(policy, int(horizon), 0), int(horizon))
    name, against = getattr(probe, "name", type(probe).__name__), getattr(opponent, "name", "matrix")
    exponent, low, high, constant, method = _fit(T, regrets, level)
    return Growth(name, against, T, regrets, bounds, exponent, low, high, constant, level, method)


def _random(adversary: Adversary) -> bool:
    return adversary.name in ("random", "orthogonal")


def _made(policy: Any, horizon: int, seed: int) -> Any:
    """A learner for this horizon and seed."""
    if not hasattr(policy, "copy"):
        if not callable(policy):
            raise NotSupportedError(f"policy must be a learner or a function (horizon, seed), got {policy!r}")
        return policy(horizon, seed)
    learner = fresh(policy, 0)
    if hasattr(learner, "horizon"):
        learner.horizon = horizon
    if hasattr(learner, "seed"):
        learner.seed = learner.seed + seed
    return learner


def _declared(learner: Any, horizon: int) -> float:
    if not hasattr(learner, "bound"):
        return math.nan
    try:
        bound = learner.bound(horizon)
    except (ParameterError, NotSupportedError):
        return math.nan
    return math.nan if bound is None else float(bound.value)


def _regret(learner: Any, opponent: Any, horizon: int, seed: int) -> float:
    """Regret of one run against the best fixed action, or point of the learner's set."""
    arms = hasattr(learner, "pull")
    if isinstance(opponent, Adversary):
        seeded = opponent._replace(seed=opponent.seed + seed)
        if not arms and hasattr(learner, "play"):
            played = learner.play(seeded, horizon)
            return float(played.losses.sum()) - _least(learner, played.gradients)
        if seeded.adaptive:
            raise NotSupportedError(f"{learner.name} needs an oblivious adversary, got {seeded.name!r}")
        G = _table(seeded, int(learner.arms if arms else learner.dimension), horizon)
    else:
        G = np.ascontiguousarray(opponent(horizon, seed), np.float64)
    if arms:
        return float((1.0 - G).sum(axis=0).max() - learner.run(1.0 - G).sum())
    return float(learner.run(G).sum()) - _least(learner, G)


def _table(adversary: Adversary, dimension: int, horizon: int) -> np.ndarray:
    """The losses of an oblivious adversary as a matrix."""
    from olearn.learners._feed import respond

    feed, x = adversary.feed(dimension), np.zeros(dimension)
    table = np.empty((horizon, dimension))
    for t in range(horizon):
        respond(feed, t, x)
        table[t] = feed.gradient
    return table


def _least(learner: Any, G: np.ndarray) -> float:
    domain: Any = getattr(learner, "domain", None)
    total = G.sum(axis=0)
    if hasattr(domain, "support"):
        return -float(domain.support(-total))
    if getattr(learner, "feedback", "") == "gradient":
        raise NotSupportedError(f"{learner.name}: regret without a set has no best point; play on a set")
    return float(total.min())


def _slope(log_t: np.ndarray, log_r: np.ndarray) -> np.ndarray:
    """Least-squares slopes of rows of `log_r` on `log_t`."""
    centred = log_t - log_t.mean()
    return np.asarray((log_r * centred).sum(axis=-1) / (centred**2).sum())


def _fit(T: np.ndarray, regrets: np.ndarray, level: float) -> tuple[float, float, float, float, str]:
    """Exponent, interval, constant and method."""
    means = regrets.mean(axis=1)
    used = means > 0.0
    method = "bootstrap" if regrets.shape[1] >= 5 else "least squares"
    if used.sum() < 3:
        return math.nan, math.nan, math.nan, math.nan, method
    log_t, log_r = np.log(T[used]), np.log(means[used])
    exponent = float(_slope(log_t, log_r))
    constant = math.exp(float(log_r.mean()) - exponent * float(log_t.mean()))
    if method == "bootstrap":
        S = regrets.shape[1]
        drawn = generator(0).integers(0, S, size=(2000, int(used.sum()), S))
        picked = np.take_along_axis(regrets[used][None], drawn, axis=2).mean(axis=2)
        slopes = _slope(log_t, np.log(np.maximum(picked, 1e-12)))
        low, high = np.quantile(slopes, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    else:
        from scipy.stats import t as student

        centred = log_t - log_t.mean()
        residual = log_r - log_r.mean() - exponent * centred
        freedom = log_t.size - 2
        error = math.sqrt(float((residual**2).sum()) / freedom / float((centred**2).sum()))
        margin = float(student.ppf((1.0 + level) / 2.0, freedom)) * error
        low, high = exponent - margin, exponent + margin
    return exponent, float(low), float(high), constant, method

"""What no bandit policy can beat: Lai-Robbins constants and minimax lower bounds.

Examples
--------
>>> round(lai_robbins([0.9, 0.8]), 4)
2.2521
>>> round(minimax_lower(10, 10_000), 2)
15.81
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_positive_int, check_real


def bernoulli_kl(p: float, q: float) -> float:
    """Kullback-Leibler divergence of Bernoulli(p) from Bernoulli(q) in nats; inf where it is infinite.

    >>> round(bernoulli_kl(0.1, 0.9), 6)
    1.75778
    """
    p = check_real("p", p, 0.0, 1.0)
    q = check_real("q", q, 0.0, 1.0)
    left = 0.0 if p == 0.0 else (math.inf if q == 0.0 else p * math.log(p / q))
    right = 0.0 if p == 1.0 else (math.inf if q == 1.0 else (1.0 - p) * math.log((1.0 - p) / (1.0 - q)))
    return left + right


def lai_robbins(means: Any, *, std: float | None = None) -> float:
    r"""The constant c in front of ln T that no consistent policy can go below.

    :math:`\sum_{i: \mu_i < \mu^*} (\mu^* - \mu_i) / \mathrm{kl}(\mu_i, \mu^*)`, with the Bernoulli
    divergence, or :math:`(\mu^* - \mu_i)^2 / (2\sigma^2)` for normal rewards.

    Parameters
    ----------
    means : array_like of float, shape (arms,)
    std : float, optional
        Standard deviation of normal rewards; without it rewards are Bernoulli.

    References
    ----------
    .. [1] T. L. Lai and H. Robbins, "Asymptotically efficient adaptive allocation rules", Advances in
       Applied Mathematics 6, 1985.
    """
    mu = np.asarray(means, np.float64)
    if mu.ndim != 1 or mu.size == 0 or not np.isfinite(mu).all():
        raise ParameterError(f"means must be finite numbers, one for each arm, got {means!r}")
    best = float(mu.max())
    gaps = [(float(m), best - float(m)) for m in mu if m < best]
    if std is not None:
        sigma = check_real("std", std, 0.0, open_low=True)
        return math.fsum(2.0 * sigma**2 / gap for _, gap in gaps)
    return math.fsum(gap / bernoulli_kl(m, best) for m, gap in gaps)


def minimax_lower(arms: int, horizon: int) -> float:
    r"""A lower bound on the worst-case expected regret of any policy, rewards in [0, 1].

    :math:`\frac{1}{20} \min(\sqrt{KT}, T)` for K > 1, 0 for one arm.

    References
    ----------
    .. [1] P. Auer, N. Cesa-Bianchi, Y. Freund and R. Schapire, "The nonstochastic multiarmed bandit
       problem", SIAM J. Computing 32(1), 2002, Theorem 5.1.
    """
    k, t = check_positive_int("arms", arms), check_positive_int("horizon", horizon)
    return 0.0 if k == 1 else min(math.sqrt(k * t), t) / 20.0


def gaussian_lower(arms: int, horizon: int) -> float:
    r"""The same for normal rewards of unit variance, :math:`\sqrt{(K-1)T}/27` for T >= K - 1.

    References
    ----------
    .. [1] T. Lattimore and C. Szepesvari, *Bandit Algorithms*, Cambridge 2020, Theorem 15.2.
    """
    k, t = check_positive_int("arms", arms), check_positive_int("horizon", horizon)
    if t < k - 1:
        raise ParameterError(f"horizon must be at least arms - 1 = {k - 1}, got {t}")
    return math.sqrt((k - 1) * t) / 27.0

"""Mirror steps on the simplex under the Tsallis-1/2 entropy and under the log-barrier.

Both are the solution of follow-the-regularised-leader for a vector theta (a learning rate times a
cumulative loss), and both come down to one number nu below ``min theta``:

* Tsallis-1/2: ``argmin <theta, x> - 4 sum sqrt(x)`` has ``x_i = 4 / (theta_i - nu)^2`` [1]_;
* log-barrier: ``argmin <theta, x> - sum ln x`` has ``x_i = 1 / (theta_i - nu)`` [2]_.

With ``z = min theta - nu > 0`` and ``S_p(z) = sum (theta_i - min theta + z)^-p``, the power mean
``S_p^(-1/p)`` is increasing and *concave* in z (Minkowski's inequality for negative exponents) and
nearly linear. Newton's method on it therefore lands at or below the root after one step from
anywhere and then climbs to it: no bracket, 3 to 6 steps cold, 1 to 3 from the last nu.

Cost: O(n) a step. No allocation; `out` may be `theta`.

References
----------
.. [1] J. Zimmert and Y. Seldin, "Tsallis-INF: an optimal algorithm for stochastic and adversarial
   bandits", JMLR 22, 2021.
.. [2] D. J. Foster et al., "Learning in games: robustness of fast convergence", NeurIPS 2016 (the
   log-barrier as regulariser on the simplex).
"""

from __future__ import annotations

import math

from olearn._jit import kernel

_STEPS = 60
_CLOSE = 1e-8  # Newton's method doubles the digits: a step this small was the last


@kernel
def _smallest(theta):
    low = math.inf
    bad = False
    for i in range(theta.size):
        v = theta[i]
        bad = bad or v != v
        low = v if v < low else low
    return math.nan if bad else low


@kernel
def tsallis_simplex(theta, scale, out, nu):
    """``argmin <theta, x> - 4 sum sqrt(x)`` over ``{x >= 0, sum x = scale}``.

    Parameters
    ----------
    theta : float64 array, shape (n,)
        Finite.
    scale : float
        The sum, > 0.
    out : float64 array, shape (n,)
        Receives x, all positive; may be `theta`.
    nu : float
        The multiplier to start from (the last one returned), NaN for a cold start.

    Returns
    -------
    float
        nu, below every theta: ``x = 4 / (theta - nu)^2``. NaN if `theta` holds one.

    Examples
    --------
    >>> import numpy as np
    >>> out = np.empty(2)
    >>> _ = tsallis_simplex(np.array([0.0, 2.0]), 1.0, out, np.nan)
    >>> out.round(6), round(float(2 / np.sqrt(out[1]) - 2 / np.sqrt(out[0])), 12)
    (array([0.780048, 0.219952]), 2.0)
    """
    n = theta.size
    low = _smallest(theta)
    if not (-math.inf < low < math.inf):
        out[:] = math.nan
        return math.nan
    least = 2.0 / math.sqrt(scale)
    most = 2.0 * math.sqrt(n / scale)
    z = low - nu
    if not (least <= z <= most):
        z = most if z > most else least
    for _ in range(_STEPS):
        squares = 0.0
        cubes = 0.0
        for i in range(n):
            inverse = 1.0 / ((theta[i] - low) + z)
            squares += inverse * inverse
            cubes += inverse * inverse * inverse
        after = z - (squares - least * squares * math.sqrt(squares)) / cubes
        after = min(max(after, least), most)
        last = abs(after - z) <= _CLOSE * z
        z = after
        if last:
            break
    total = 0.0
    for i in range(n):
        inverse = 2.0 / ((theta[i] - low) + z)
        out[i] = inverse * inverse
        total += out[i]
    factor = scale / total  # 1 up to rounding: the sum is exact
    for i in range(n):
        out[i] *= factor
    return low - z


@kernel
def logbarrier_simplex(theta, scale, out, nu):
    """``argmin <theta, x> - sum ln x`` over ``{x >= 0, sum x = scale}``.

    Parameters and return value as in :func:`tsallis_simplex`, with ``x = 1 / (theta - nu)``.

    Examples
    --------
    >>> import numpy as np
    >>> out = np.empty(2)
    >>> _ = logbarrier_simplex(np.array([0.0, 1.5]), 1.0, out, np.nan)
    >>> out.round(12)
    array([0.66666667, 0.33333333])
    """
    n = theta.size
    low = _smallest(theta)
    if not (-math.inf < low < math.inf):
        out[:] = math.nan
        return math.nan
    least = 1.0 / scale
    most = n / scale
    z = low - nu
    if not (least <= z <= most):
        z = most if z > most else least
    for _ in range(_STEPS):
        total = 0.0
        squares = 0.0
        for i in range(n):
            inverse = 1.0 / ((theta[i] - low) + z)
            total += inverse
            squares += inverse * inverse
        after = z - (total - least * total * total) / squares
        after = min(max(after, least), most)
        last = abs(after - z) <= _CLOSE * z
        z = after
        if last:
            break
    total = 0.0
    for i in range(n):
        out[i] = 1.0 / ((theta[i] - low) + z)
        total += out[i]
    factor = scale / total  # 1 up to rounding: the sum is exact
    for i in range(n):
        out[i] *= factor
    return low - z

r"""Step sizes of `ogd` and `ogb`: one for a known horizon, or a schedule that needs none.

With steps :math:`\eta_1 \ge \eta_2 \ge \dots` taken at the requests that move x (those with x_j < 1; at the
others the step is void and the regret of the request is not positive), the inequality of
:mod:`olearn.policies.caching._gradient`, divided by its own step before it is summed, gives

.. math:: R_T \le \frac{D_1}{2\eta_1} + \frac{D}{2} \Big(\frac1{\eta_A} - \frac1{\eta_1}\Big)
          + \sum_{k \le A} \Big(g_k - \frac{g_k^2}{2\eta_k}\Big), \qquad g_k - g_k^2/(2\eta_k) \le \eta_k/2,

with A the number of such requests, :math:`D_1 = C(1-C/N)` and :math:`D = 2 \min(C, N-C)`, the largest squared
distance of two points of the set (one of them a vertex). For a numerator a, by default
:math:`\sqrt{\min(C, N-C)}`, which balances the two terms:

=========== =================================================== =================================
schedule    step                                                at most, with the default a
=========== =================================================== =================================
fixed       eta, by default sqrt(D_1 / T)                       sqrt(D_1 T)
sqrt        a / sqrt(t), t the requests so far                  2 sqrt(min(C, N-C) T)
adagrad     a / sqrt(A_t), A_t those of them that moved x       2 sqrt(min(C, N-C) A)
doubling    a / sqrt(2^k) while 2^k <= A_t < 2^(k+1)            2.21 sqrt(min(C, N-C) T)
=========== =================================================== =================================

A request's gradient has norm 1, or 0 where x_j = 1: so A_t is the sum of squared norms, and ``adagrad`` is
AdaGrad-norm [2]_. A vertex is always at the distance :math:`\sqrt{D_1}` from the start, so there is nothing to
learn about the comparator's distance, which is what parameter-free methods adapt to: with T unknown, AdaGrad
is all that is left of them here.

Why it stays lazy: a step enters at the requested coordinate only. What differs is that the key of a
coordinate that was 0 may be below the last key of the ring where a step shrinks; it then goes to the heap.

References
----------
.. [1] M. Zinkevich, "Online convex programming and generalized infinitesimal gradient ascent", ICML 2003.
.. [2] M. Streeter and H. B. McMahan, "Less regret via online conditioning", 2010 (arXiv 1002.4862).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel

FIXED, SQRT, ADAGRAD, DOUBLING = range(4)
SCHEDULES = {"fixed": FIXED, "sqrt": SQRT, "adagrad": ADAGRAD, "doubling": DOUBLING}

#: Places in ``clock``: requests; the length of the epoch (doubling); the first and the last step that moved
#: x; the sum of g - g^2 / (2 eta); the sum of steps that moved x.
REQUESTS, EPOCH, FIRST, LAST, OWN, TOTAL = range(6)


class Steps(NamedTuple):
    """A schedule and what it remembers."""

    kind: int
    eta: float  # the step, or the numerator
    clock: np.ndarray  # float64 (6,)


def new(kind: int, eta: float) -> Steps:
    """A schedule before its first request."""
    clock = np.zeros(6)
    clock[EPOCH] = 1.0
    return Steps(kind, eta, clock)


@kernel(inline=True)
def current(steps, moves):
    """The step of this request, after `moves` requests that moved x. Once a request."""
    if steps.kind == FIXED:
        return steps.eta
    return _scheduled(steps, moves)


@kernel
def _scheduled(steps, moves):
    clock = steps.clock
    clock[REQUESTS] += 1.0
    if steps.kind == SQRT:
        return steps.eta / math.sqrt(clock[REQUESTS])
    if steps.kind == ADAGRAD:
        return steps.eta / math.sqrt(moves + 1.0)
    if moves + 1.0 >= 2.0 * clock[EPOCH]:
        clock[EPOCH] *= 2.0
    return steps.eta / math.sqrt(clock[EPOCH])


@kernel(inline=True)
def taken(steps, eta, gained):
    """Remember that a step moved the requested coordinate by `gained`."""
    if steps.kind != FIXED and gained > 0.0:
        clock = steps.clock
        clock[OWN] += gained * (1.0 - 0.5 * gained / eta)
        clock[TOTAL] += eta
        clock[LAST] = eta
        if clock[FIRST] == 0.0:
            clock[FIRST] = eta


def promised(kind: int, a: float, t: int) -> tuple[float, float]:
    """The smallest step of `t` requests and an upper bound of the sum of steps."""
    if kind == DOUBLING:
        length = 2.0 ** math.floor(math.log2(max(t, 1)))
        full = sum(math.sqrt(2.0**k) for k in range(round(math.log2(length))))
        return a / math.sqrt(length), a * (full + (t - length + 1) / math.sqrt(length))
    return a / math.sqrt(max(t, 1)), 2 * a * math.sqrt(t)

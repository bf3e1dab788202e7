"""One compiled description of any feasible set, so that a learner's kernel compiles once for all sets.

A :class:`Region` is a product of one or more blocks; a plain set is a product of one. The kernels here
walk over the blocks:

* :func:`project`, :func:`project_entropic`: Euclidean and Bregman projection of a point;
* :func:`mirror`: ``argmin_{x in X} <theta, x> + psi(x)``;
* :func:`dual`: ``-grad psi(x)``.

Follow-the-regularised-leader is ``mirror(eta * cumulative gradient)``; online mirror descent is
``theta = dual(x); theta += eta g; x = mirror(theta)``. The mirror maps psi are

=============  ======================  =======================================================
``EUCLIDEAN``  ``sum x^2 / 2``          every block
``ENTROPIC``   ``sum s x ln x``         simplex, capped simplex, knapsack (s = its sizes), box in x >= 0
``TSALLIS``    ``-4 sum sqrt(x)``       simplex
``LOGBARRIER`` ``-sum ln x``            simplex
=============  ======================  =======================================================

Regions are made by the ``region()`` method of a set, which owns the checks; a mirror map that a block
does not have fills `out` with NaN.

Examples
--------
>>> from olearn.geometry import CappedSimplex
>>> region = CappedSimplex(4, 2).region()
>>> x = np.empty(4)
>>> mirror(region, EUCLIDEAN, np.array([-3.0, -1.0, -1.0, 1.0]), x)
>>> x
array([1. , 0.5, 0.5, 0. ])
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry.barriers import logbarrier_simplex, tsallis_simplex
from olearn.geometry.entropic import entropic_knapsack, softmin
from olearn.geometry.euclidean import (
    project_ball,
    project_box,
    project_capped,
    project_knapsack,
)

#: Kinds of blocks.
BOX, BALL, SIMPLEX, CAPPED, KNAPSACK = range(5)
#: Mirror maps; the names in the order of their numbers.
EUCLIDEAN, ENTROPIC, TSALLIS, LOGBARRIER = range(4)
GEOMETRIES = ("euclidean", "entropic", "tsallis", "logbarrier")


class Region(NamedTuple):
    """A feasible set for kernels: blocks ``starts[b]:starts[b+1]`` of the coordinates, each of one kind."""

    kinds: np.ndarray  # int64 (P,): BOX, BALL, SIMPLEX, CAPPED or KNAPSACK
    starts: np.ndarray  # int64 (P+1,)
    scales: np.ndarray  # float64 (P,): radius of a ball, else the sum (scale, k or budget)
    low: np.ndarray  # float64 (n,) or (0,): lower ends of a box, centre of a ball, sizes of a knapsack
    high: np.ndarray  # float64 (n,) or (0,): upper ends of a box
    empty: np.ndarray  # float64 (0,): sizes of a block that has none
    tau: np.ndarray  # float64 (P,): last Euclidean multiplier of each block, the next warm start; NaN at first
    nu: np.ndarray  # float64 (P,): the same for the Tsallis entropy and the log-barrier


@kernel
def project(region, y, out):
    """Euclidean projection of `y` on the region, written to `out`, which must not overlap `y`."""
    for b in range(region.kinds.size):
        kind = region.kinds[b]
        i, j = region.starts[b], region.starts[b + 1]
        scale = region.scales[b]
        if kind in (SIMPLEX, CAPPED):
            cap = scale if kind == SIMPLEX else 1.0
            region.tau[b] = project_capped(y[i:j], scale, cap, out[i:j], region.tau[b])
        elif kind == KNAPSACK:
            region.tau[b] = project_knapsack(y[i:j], region.low[i:j], scale, out[i:j], region.tau[b])
        elif kind == BALL:
            project_ball(y[i:j], region.low[i:j], scale, out[i:j])
        else:
            project_box(y[i:j], region.low[i:j], region.high[i:j], out[i:j])


@kernel
def project_entropic(region, y, out):
    """Bregman projection of ``y >= 0`` under the entropy; `out` may be `y`. A ball has none: NaN."""
    for b in range(region.kinds.size):
        kind = region.kinds[b]
        i, j = region.starts[b], region.starts[b + 1]
        scale = region.scales[b]
        if kind == BALL:
            out[i:j] = math.nan
        elif kind == BOX:
            project_box(y[i:j], region.low[i:j], region.high[i:j], out[i:j])
        else:
            sizes = region.low[i:j] if kind == KNAPSACK else region.empty
            entropic_knapsack(y[i:j], sizes, scale, scale if kind == SIMPLEX else 1.0, out[i:j])


@kernel
def mirror(region, geometry, theta, out):
    """``argmin <theta, x> + psi(x)`` over the region, written to `out`, which must not overlap `theta`.

    In the Euclidean geometry `theta` is negated in place and back: it is unchanged afterwards.
    """
    if geometry == EUCLIDEAN:
        for i in range(theta.size):
            theta[i] = -theta[i]
        project(region, theta, out)
        for i in range(theta.size):
            theta[i] = -theta[i]
        return
    for b in range(region.kinds.size):
        kind = region.kinds[b]
        i, j = region.starts[b], region.starts[b + 1]
        scale = region.scales[b]
        if kind == SIMPLEX and geometry == TSALLIS:
            region.nu[b] = tsallis_simplex(theta[i:j], scale, out[i:j], region.nu[b])
        elif kind == SIMPLEX and geometry == LOGBARRIER:
            region.nu[b] = logbarrier_simplex(theta[i:j], scale, out[i:j], region.nu[b])
        elif geometry == ENTROPIC and kind in (SIMPLEX, CAPPED, KNAPSACK):
            sizes = region.low[i:j] if kind == KNAPSACK else region.empty
            softmin(theta[i:j], sizes, scale, scale if kind == SIMPLEX else 1.0, out[i:j])
        elif geometry == ENTROPIC and kind == BOX:
            for c in range(i, j):
                x = math.exp(min(-1.0 - theta[c], 709.0))
                out[c] = min(max(x, region.low[c]), region.high[c])
        else:
            out[i:j] = math.nan


@kernel
def dual(region, geometry, x, out):
    """``-grad psi(x)``, the vector of which `x` is the :func:`mirror` image; inf where psi is steep at 0."""
    for b in range(region.kinds.size):
        weighted = region.kinds[b] == KNAPSACK
        for i in range(region.starts[b], region.starts[b + 1]):
            if geometry == EUCLIDEAN:
                out[i] = -x[i]
            elif geometry == ENTROPIC:
                s = region.low[i] if weighted else 1.0
                out[i] = -s * (1.0 + math.log(x[i])) if x[i] > 0.0 else math.inf
            elif geometry == TSALLIS:
                out[i] = 2.0 / math.sqrt(x[i]) if x[i] > 0.0 else math.inf
            else:
                out[i] = 1.0 / x[i] if x[i] > 0.0 else math.inf

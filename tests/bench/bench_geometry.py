"""Projections and roundings against NumPy: milliseconds a call, and ratios taken in one process.

The capped simplex is the case of the reference page: k = 0.1 N, y uniform on [0, 2]. ``warm`` starts from
the multiplier of a vector that differs by noise of size 1e-3, as the next step of a learner does. Every
comparison with NumPy is an algorithm that gives the same answer (checked here to 1e-9): Newton's method
on the same piecewise linear equation, bisection (60 halvings), and the sort of the breakpoints.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_key, new_state
from olearn.geometry import CappedSimplex, Simplex
from olearn.geometry.barriers import logbarrier_simplex, tsallis_simplex
from olearn.geometry.entropic import entropic_knapsack, softmin
from olearn.geometry.euclidean import project_capped_simplex, project_knapsack
from olearn.geometry.region import project
from olearn.geometry.rounding.coupled import coupled
from olearn.geometry.rounding.deprounding import BERNOULLI, depround
from olearn.geometry.rounding.madow import madow
from olearn.geometry.rounding.pivotal import leaves, pivotal
from olearn.geometry.rounding.poisson import poisson


def seconds(call: Callable[[], Any], budget: float) -> float:
    """The shortest of the calls that fit in `budget` seconds (three at least), after one to warm up."""
    call()
    best, end, count = math.inf, time.perf_counter() + budget, 0
    while count < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
        count += 1
    return best


def numpy_newton(y: np.ndarray, k: float) -> np.ndarray:
    """Newton's method for tau, from the mean, vectorised."""
    tau = (y.sum() - k) / y.size
    for _ in range(100):
        a = y - tau
        inside = (a > 0.0) & (a < 1.0)
        count = np.count_nonzero(inside)
        rest = np.clip(a, 0.0, 1.0).sum() - k
        if abs(rest) <= 1e-12 * k or count == 0:
            break
        tau += rest / count
    return np.clip(y - tau, 0.0, 1.0)


def numpy_bisection(y: np.ndarray, k: float) -> np.ndarray:
    """60 halvings of the bracket."""
    low, high = y.min() - 1.0, y.max()
    for _ in range(60):
        tau = 0.5 * (low + high)
        if np.clip(y - tau, 0.0, 1.0).sum() > k:
            low = tau
        else:
            high = tau
    return np.clip(y - 0.5 * (low + high), 0.0, 1.0)


def numpy_sort(y: np.ndarray, k: float) -> np.ndarray:
    """All breakpoints sorted, the sum at each by running totals, the segment by bisection."""
    points = np.concatenate([y - 1.0, y])
    kind = np.concatenate([np.ones(y.size), -np.ones(y.size)])  # slope of the sum, from the left: -count
    order = np.argsort(points)
    points, kind = points[order], kind[order]
    slope = np.cumsum(kind)
    used = y.size - np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(points))])
    i = int(np.searchsorted(-used, -k, side="right")) - 1
    tau = points[i] + (used[i] - k) / slope[i] if slope[i] > 0 else points[i]
    return np.clip(y - tau, 0.0, 1.0)


def numpy_entropic(y: np.ndarray, k: float) -> np.ndarray:
    """min(1, c y), capping whatever exceeds 1 until nothing does."""
    capped = np.zeros(y.size, bool)
    while True:
        c = (k - np.count_nonzero(capped)) / y[~capped].sum()
        more = (c * y >= 1.0) & ~capped
        if not more.any():
            return np.where(capped, 1.0, c * y)
        capped |= more


def projections(n: int, budget: float) -> list[dict[str, Any]]:
    """The capped simplex, cold and warm, against NumPy; then the other sets."""
    rng = np.random.default_rng(0)
    y, k, out = rng.uniform(0, 2, n), 0.1 * n, np.empty(n)
    tau = project_capped_simplex(y, k, out, math.nan)
    near = y + 1e-3 * rng.normal(size=n)
    cold = seconds(lambda: project_capped_simplex(y, k, out, math.nan), budget)
    warm = seconds(lambda: project_capped_simplex(near, k, out, tau), budget)
    project_capped_simplex(y, k, out, math.nan)
    rows = [{"name": f"capped simplex cold n={n}", "ms": 1e3 * cold}]
    rows.append({"name": f"capped simplex warm n={n}", "ms": 1e3 * warm, "ratio_to_cold": cold / warm})
    for twin in (numpy_newton, numpy_bisection, numpy_sort):
        if not np.allclose(twin(y, k), out, rtol=0, atol=1e-9):
            raise AssertionError(f"{twin.__name__} disagrees")
        rows[0][f"ratio_to_{twin.__name__}"] = seconds(lambda twin=twin: twin(y, k), budget) / cold
    sizes, none = rng.uniform(0.5, 2.0, n), np.empty(0)
    knapsack = seconds(lambda: project_knapsack(y, sizes, k, out, math.nan), budget)
    rows.append(
        {"name": f"knapsack cold n={n}", "ms": 1e3 * knapsack, "ratio_to_capped_simplex": cold / knapsack}
    )
    entropic = seconds(lambda: entropic_knapsack(y, none, k, 1.0, out), budget)
    if not np.allclose(numpy_entropic(y, k), out, rtol=0, atol=1e-9):
        raise AssertionError("numpy_entropic disagrees")
    ratio = seconds(lambda: numpy_entropic(y, k), budget) / entropic
    rows.append(
        {"name": f"capped simplex entropic n={n}", "ms": 1e3 * entropic, "ratio_to_numpy_entropic": ratio}
    )
    for name, call in {
        "softmin": lambda: softmin(y, none, k, 1.0, out),
        "tsallis": lambda: tsallis_simplex(y, 1.0, out, math.nan),
        "log-barrier": lambda: logbarrier_simplex(y, 1.0, out, math.nan),
    }.items():
        rows.append({"name": f"{name} n={n}", "ms": 1e3 * seconds(call, budget)})
    return rows


@kernel
def _descent(region, gradients, x, y, eta):
    """Online gradient descent with linear losses: one subtraction and one projection a round."""
    for t in range(gradients.shape[0]):
        for i in range(x.size):
            y[i] = x[i] - eta * gradients[t, i]
        project(region, y, x)


def rounds(budget: float) -> list[dict[str, Any]]:
    """Projected gradient steps a second at d = 100, against the same loop in NumPy (by sorting)."""
    rng = np.random.default_rng(1)
    gradients = rng.random((2000, 100))
    rows = []
    for region, twin in (
        (Simplex(100), numpy_simplex),
        (CappedSimplex(100, 10), lambda y: numpy_newton(y, 10.0)),
    ):
        x, y, compiled = region.centre(), np.empty(100), region.region()
        ours = seconds(lambda c=compiled, x=x, y=y: _descent(c, gradients, x, y, 0.01), budget) / len(gradients)

        def numpy_loop(z: np.ndarray, twin: Callable[[np.ndarray], np.ndarray]) -> None:
            for g in gradients[:100]:
                z = twin(z - 0.01 * g)

        centre = region.centre()
        theirs = seconds(lambda c=centre, t=twin: numpy_loop(c, t), budget) / 100
        name = f"gradient step {type(region).__name__} d=100"
        rows.append({"name": name, "per_second": 1 / ours, "ratio_to_numpy": theirs / ours})
    return rows


def numpy_simplex(y: np.ndarray) -> np.ndarray:
    """The usual projection on the simplex, by sorting."""
    u = np.sort(y)[::-1]
    total = np.cumsum(u) - 1.0
    count = np.count_nonzero(u - total / np.arange(1, y.size + 1) > 0)
    return np.maximum(y - total[count - 1] / count, 0.0)


def roundings(n: int, budget: float) -> list[dict[str, Any]]:
    """Nanoseconds an item of each rounding; the ratio is to independent draws by NumPy."""
    rng = np.random.default_rng(2)
    x = CappedSimplex(n, n // 10).project(rng.uniform(0, 2, n))
    moved = CappedSimplex(n, n // 10).project(x + 1e-3 * rng.normal(size=n))
    chosen, work, none = np.zeros(n, np.uint8), np.empty(n), np.empty(0)
    state, key, m = new_state(1), new_key(1), leaves(n)
    fraction, carrier = np.empty(2 * m), np.empty(2 * m, np.int64)

    def fresh() -> None:
        np.copyto(work, x)
        depround(state, work, none, BERNOULLI, chosen)

    calls = {
        "madow": lambda: madow(x, 0.5, chosen),
        "depround": fresh,
        "poisson": lambda: poisson(key, x, chosen),
        "pivotal": lambda: pivotal(key, x, fraction, carrier, chosen),
        "coupled": lambda: coupled(state, x, moved, chosen, work, none),
    }
    independent = seconds(lambda: rng.random(n) < x, budget)
    return [
        {"name": f"{name} n={n}", "ns_per_item": 1e9 * s / n, "ratio_to_numpy_independent": independent / s}
        for name, s in ((name, seconds(call, budget)) for name, call in calls.items())
    ]


def main(quick: bool = False) -> list[dict[str, Any]]:
    """Run everything; `quick` takes short vectors and one tenth of the time."""
    budget = 0.02 if quick else 0.2
    rows: list[dict[str, Any]] = []
    for n in (1000, 10_000) if quick else (100, 10_000, 1_000_000):
        rows += projections(n, budget)
    rows += rounds(budget)
    rows += roundings(1000 if quick else 100_000, budget)
    return rows


if __name__ == "__main__":
    for row in main():
        print(", ".join(f"{key} {v:.4g}" if isinstance(v, float) else str(v) for key, v in row.items()))

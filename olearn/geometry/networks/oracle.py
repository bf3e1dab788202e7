"""The linear program of the concave relaxation as an oracle that is asked again and again; pipage rounding.

    max  sum_d theta_d sum_k w_k t_dk   with  t_dk <= sum_{j <= k} y[v_j, i],  t_dk <= 1,  sum_i y[v, i] <= c_v.

The program is built once; each call changes its costs only, and HiGHS goes on from the last basis.

Pipage rounding [1]_: along a shift of mass between two items of one node the multilinear gain is linear (no
demand asks for both), so one of the two ends, where one of them is whole, is at least as good; after at most
as many shifts as there are fractions all are whole, and the gain is at least that of the start, so at least 1
- 1/e of the relaxed one.

References
----------
.. [1] A. Ageev and M. Sviridenko, "Pipage rounding: a new method of constructing algorithms with proven
performance
   guarantee", J. Comb. Optim. 8, 2004.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.errors import SolverError


class Cells(NamedTuple):
    """Where items can lie: one cell a (node, item) that some path passes before its server."""

    node: np.ndarray  # int64 (cells,), not falling
    item: np.ndarray  # int64 (cells,)
    of: np.ndarray  # cell of each place of each path, -1 where nothing can be held; int64 (as path)
    first: np.ndarray  # the paths' places in cell c are place[first[c] : first[c + 1]]
    place: np.ndarray
    demand: np.ndarray  # demand of each place of each path, int64 (as path)


def cells(network: Any) -> Cells:
    """The cells of a network."""
    demand = np.repeat(np.arange(network.demands), np.diff(network.start))
    usable = network.capacity[network.path] > 0
    usable[network.start[1:] - 1] = False
    keys = network.path * network.items + network.item[demand]
    known, inverse = np.unique(keys[usable], return_inverse=True)
    of = np.full(len(network.path), -1, dtype=np.int64)
    of[usable] = inverse
    order = np.argsort(inverse, kind="stable")
    first = np.searchsorted(inverse[order], np.arange(known.size + 1)).astype(np.int64)
    place = np.flatnonzero(usable)[order]
    return Cells(known // network.items, known % network.items, of, first, place, demand)


@kernel
def slope(at, start, upstream, first, place, demand, of, theta, y):
    """Derivative of the multilinear gain of the demands (weights `theta`) in the fraction of cell `at`."""
    found = 0.0
    for p in range(first[at], first[at + 1]):
        d = demand[place[p]]
        if theta[d] <= 0.0:
            continue
        absent = 1.0
        for k in range(start[d], start[d + 1] - 1):
            if of[k] >= 0 and of[k] != at:
                absent *= 1.0 - y[of[k]]
            if k >= place[p]:
                found += theta[d] * absent * (upstream[k] - upstream[k + 1])
    return found


@kernel
def pipage(node, start, upstream, first, place, demand, of, theta, y):
    """Make the fractions `y` (float64, by cell; in place) whole without losing gain; returns the shifts.

    A last fraction of a node, whose sum is not whole, is rounded up if its node's sum allows (sums are at most
    the whole capacity, so it does).
    """
    shifts = 0
    held = -1
    for c in range(len(y)):
        if held >= 0 and node[held] != node[c]:
            y[held] = 1.0
            held = -1
        if y[c] <= 1e-9:
            y[c] = 0.0
            continue
        if y[c] >= 1.0 - 1e-9:
            y[c] = 1.0
            continue
        if held < 0:
            held = c
            continue
        shifts += 1
        a = slope(held, start, upstream, first, place, demand, of, theta, y)
        b = slope(c, start, upstream, first, place, demand, of, theta, y)
        total = y[held] + y[c]
        better, worse = (held, c) if a >= b else (c, held)
        y[better] = min(1.0, total)
        y[worse] = max(0.0, total - 1.0)
        if y[worse] > 1e-9:
            held = worse
        elif y[better] < 1.0 - 1e-9:
            y[worse] = 0.0
            held = better
        else:
            y[better], y[worse] = 1.0, 0.0
            held = -1
    if held >= 0:
        y[held] = 1.0
    return shifts


class Oracle:
    """The program of a network, warm.

    Parameters
    ----------
    network : Network

    Examples
    --------
    >>> from olearn.traces.networks import build
    >>> line = build(3, [(0, 1, 2.0), (1, 2, 5.0)], [1, 1, 0], [2, 2], [(0, [0, 1, 2], 1.0), (1, [1, 2], 1.0)])
    >>> oracle = Oracle(line)
    >>> oracle.solve([1.0, 1.0])[0], oracle.solve([1.0, 0.0])[0]
    (12.0, 7.0)
    """

    def __init__(self, network: Any) -> None:
        import highspy

        self.network = network
        self.cells = cells(network)
        count = self.cells.node.size
        # Places of a path behind the same cells are one row: their weights are added.
        of, start, demand = self.cells.of, network.start, self.cells.demand
        weight = np.zeros(len(of))
        weight[:-1] = network.upstream[:-1] - network.upstream[1:]
        row_demand, row_weight, entries = [], [], []
        for d in range(network.demands):
            seen: list[int] = []
            for k in range(start[d], start[d + 1] - 1):
                if of[k] >= 0:
                    seen.append(int(of[k]))
                    row_demand.append(d)
                    row_weight.append(0.0)
                    entries.append(tuple(seen))
                if seen:
                    row_weight[-1] += float(weight[k])
        self._demand, self._weight = np.array(row_demand, dtype=np.int64), np.array(row_weight)
        del demand
        rows, columns = len(entries), count + len(entries)
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("solver", "simplex")
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = columns, rows + network.nodes
        program.col_cost_ = np.zeros(columns)
        program.col_lower_, program.col_upper_ = np.zeros(columns), np.ones(columns)
        program.row_lower_ = np.full(rows + network.nodes, -highspy.kHighsInf)
        program.row_upper_ = np.concatenate([np.zeros(rows), network.capacity.astype(float)])
        program.sense_ = highspy.ObjSense.kMaximize
        matrix = program.a_matrix_
        matrix.format_ = highspy.MatrixFormat.kRowwise
        index, value, begins = [], [], [0]
        for r, seen_ in enumerate(entries):
            index += [count + r, *seen_]
            value += [1.0] + [-1.0] * len(seen_)
            begins.append(len(index))
        for v in range(network.nodes):
            here = np.flatnonzero(self.cells.node == v).tolist()
            index += here
            value += [1.0] * len(here)
            begins.append(len(index))
        matrix.start_, matrix.index_, matrix.value_ = np.array(begins), np.array(index), np.array(value)
        if highs.passModel(program) == highspy.HighsStatus.kError:
            raise SolverError("HiGHS refused the oracle's program")
        self._highs, self._columns = highs, np.arange(count, columns, dtype=np.int32)

    def solve(self, theta: Any) -> tuple[float, np.ndarray]:
        """The value and the fractions (float64, by cell) for weights `theta` of the demands (at least 0)."""
        theta = np.asarray(theta, dtype=np.float64)
        cost = theta[self._demand] * self._weight
        scale = float(cost.max(initial=0.0)) or 1.0
        self._highs.changeColsCost(self._columns.size, self._columns, cost / scale)
        self._highs.run()
        status = self._highs.modelStatusToString(self._highs.getModelStatus())
        if status != "Optimal":
            raise SolverError(f"HiGHS did not solve the oracle's program: {status}")
        found = np.array(self._highs.getSolution().col_value)
        count = self.cells.node.size
        return scale * self._highs.getObjectiveValue(), np.clip(found[:count], 0.0, 1.0)

    def pipage(self, theta: Any, y: np.ndarray) -> np.ndarray:
        """Whole cells (float64 0/1) from fractions, by pipage rounding for those weights."""
        whole = y.copy()
        c, net = self.cells, self.network
        pipage(
            c.node, net.start, net.upstream, c.first, c.place, c.demand, c.of, np.asarray(theta, float), whole
        )
        return whole

r"""INFIDA: mirror ascent on the fractions of models each node holds, rounded to whole models.

Node v keeps fractions y of its models with :math:`\sum_m s_m y_m = b_v` (models that are pinned, that no
request can reach or that are larger than the budget are left out). After every slot, with the supergradient
g that control packets bring,

.. math:: y'_m = y_m \exp(\eta g_m / s_m), \qquad y_m \leftarrow \min(1, c\, y'_m),

c such that the sizes fill the budget: mirror ascent under the entropy :math:`\sum_m s_m y_m \ln y_m`. It starts
from the uniform :math:`y = b_v / \sum s`. Weights are kept as logarithms: none is ever lost.

Every `refresh` slots the whole placement x is drawn from y by DepRound, pairing the models of a node in
the order of the catalogue (models of a task together: that order is worth some points). `residual`
says what becomes of the one fraction that sizes leave:

* ``"fill"`` (default): it is left out, then models not drawn are added by decreasing y while they fit:
  never above the budget; no guarantee carries over.
* ``"drop"``: it is left out: never above the budget; a part of the budget stays empty.
* ``"bernoulli"``: it is kept with its probability: marginals exactly y, so
  :math:`E\,G(x) \ge (1 - 1/e) G(y)`; a node may hold up to one model more than fits.
* ``"coupled"``: :mod:`~olearn.geometry.rounding.coupled` rounding moves the placement by as little as y
  moves; marginals exact, budgets hold on average only.
* ``"none"``: no rounding, the fractions themselves serve: what the theory analyses, and an upper line.

`refresh` ``"dynamic"`` draws at slots 1, 2, 4, 7, 11, ...: the period grows by one at each draw, so T slots
load models about :math:`\sqrt{2T}` times.

Cost: O(options of the requested types + models) a slot, and O(models) a draw. Memory: four numbers a
(node, model).

Regret, against any fixed fractions y* (so against the relaxed optimum), on every sequence of demands:

.. math:: \sum_t G_t(y^*) - G_t(y_t) \le \frac{D}{\eta} + \frac{\eta\,\Theta\,T\,Q^2}{2}, \qquad
   D = \sum_v b_v \ln\frac{|s_v|}{b_v}, \quad \Theta = \sum_v b_v, \quad Q = \frac{R\,L\,\Delta_C}{s_{min}}

(b_v at most the size |s_v| of what the node may hold; R request types that can reach one model; L requests
of a type in a slot, or the model's limit; :math:`\Delta_C` the largest difference of costs). Proof: the
mirror map is :math:`1/\Theta`-strongly convex in :math:`\sum s |y|` (Cauchy-Schwarz), whose dual norm is
:math:`\max |g|/s \le Q`. The published constant has :math:`s_{max} |V| |M|` for :math:`\Theta`; ours is
never larger. The default :math:`\eta = \sqrt{2D / (\Theta T)} / Q` makes it :math:`Q \sqrt{2 D \Theta T}`.
With ``"bernoulli"`` and a fresh draw every slot the expected gain is at least :math:`1 - 1/e` of the
fractions', hence the regret against :math:`(1 - 1/e)` of the optimum is at most :math:`(1-1/e)` of this.
The constant is worst-case: on real instances it exceeds the optimum itself by orders of magnitude (the
default step is then far too small; a good one is found by the *certificate*).

Certificate: whatever happened, the fractions' regret is at most

.. math:: \frac{D}{\eta} + \sum_t \sum_v \frac{b_v}{\eta} \Big( \ln \sum_m q_m e^{z_m} - \sum_m q_m z_m \Big),
   \quad q = s y / b_v,\ z = \eta g / s,

which a run adds up (column ``certificate``): it follows from the exact mirror-ascent inequality with the
Bregman projection on the budget first. :meth:`INFIDA.certificate` adds :math:`D/\eta`.

References
----------
.. [1] T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo, "Toward inference delivery
   networks: distributing machine learning with optimality guarantees", IEEE/ACM ToN 32(1), 2024.

Examples
--------
>>> from olearn.traces.delivery import tree7, poisson_demand
>>> net = tree7()
>>> policy = INFIDA(net, eta=0.05, residual="none")
>>> rows = policy.serve(poisson_demand(net, slots=100, seed=1))
>>> saved = rows[:, 0] / rows[:, 4]  # ms saved a request
>>> bool(saved[-20:].mean() > saved[0])
True
"""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn._rng import new_state
from olearn.bounds import Bound
from olearn.environments.delivery import CERTIFICATE, MESSAGES, serve, spread_load, supergradient
from olearn.errors import ParameterError, check_positive_int, check_real, unknown
from olearn.geometry.entropic import entropic_knapsack, entropic_log
from olearn.geometry.rounding.coupled import coupled
from olearn.geometry.rounding.deprounding import BERNOULLI, DROP, depround
from olearn.policies.delivery._base import DeliveryPolicy, copy_into, count_updates, open_places

RESIDUALS = ("fill", "drop", "bernoulli", "coupled", "none")
FILL, DROPPED, KEPT, COUPLED, NONE = range(len(RESIDUALS))
#: 1 - 1/e, what rounding keeps of a submodular gain.
PSI = 1.0 - math.exp(-1.0)
#: Spread of logarithms within which weights themselves are precise enough.
_NEAR = 600.0


class State(NamedTuple):
    """Fractions by place (node * models + model), the placement drawn from them, and workspaces."""

    y: np.ndarray  # float64 (V M,): fractions, 1 at pinned places, 0 where nothing is decided
    logs: np.ndarray  # float64 (K,): logarithms of the fractions of the K open places
    x: np.ndarray  # float64 (V M,): the placement
    before: np.ndarray  # float64 (V M,)
    g: np.ndarray  # float64 (V M,)
    drawn: np.ndarray  # float64 (K,): the fractions that the placement was drawn from
    start: np.ndarray  # int64 (V+1,): open places of node v are places[start[v] : start[v+1]]
    places: np.ndarray  # int64 (K,)
    sizes: np.ndarray  # float64 (K,)
    size: np.ndarray  # float64 (M,)
    budget: np.ndarray  # float64 (V,)
    most: np.ndarray  # float64 (V,): min(budget, sizes of the open places)
    used: np.ndarray  # float64 (V,)
    work: np.ndarray  # float64 (3, K)
    chosen: np.ndarray  # uint8 (K,)
    clock: np.ndarray  # int64 (2,): slots until the next draw, draws so far
    eta: float
    residual: int
    refresh: int  # slots between draws; 0: one more each time
    rng: np.ndarray  # uint64 (4,)
    empty: np.ndarray  # float64 (0,)


@kernel
def ascend(state):
    """One step of mirror ascent at every node; returns what it adds to the certificate."""
    added = 0.0
    for v in range(state.budget.size):
        a, b = state.start[v], state.start[v + 1]
        budget = state.most[v]
        whole = 0.0
        moved = False
        for k in range(a, b):
            whole += state.sizes[k]
            moved = moved or state.g[state.places[k]] > 0.0
        if not moved or budget <= 0.0 or budget >= whole * (1.0 - 1e-12):
            continue  # nothing to learn, or everything fits
        # the certificate's term in logarithms: a fraction that underflows can carry the largest exponent
        top = -math.inf
        for k in range(a, b):
            z = state.eta * state.g[state.places[k]] / state.sizes[k]
            top = max(top, state.logs[k] + z)
        total = 0.0
        linear = 0.0
        for k in range(a, b):
            p = state.places[k]
            z = state.eta * state.g[p] / state.sizes[k]
            total += state.sizes[k] * math.exp(state.logs[k] + z - top)
            linear += state.sizes[k] * state.y[p] * z
        added += (budget * (top + math.log(total / budget)) - linear) / state.eta
        # the step, in logarithms
        highest = -math.inf
        lowest = math.inf
        for k in range(a, b):
            state.logs[k] += state.eta * state.g[state.places[k]] / state.sizes[k]
            highest = max(highest, state.logs[k])
            lowest = min(lowest, state.logs[k])
        sizes = state.sizes[a:b]
        work = state.work[0, a:b]
        near = highest - lowest < _NEAR
        if near:
            for k in range(a, b):
                state.work[1, k] = math.exp(state.logs[k] - highest)
            theta = entropic_knapsack(state.work[1, a:b], sizes, budget, 1.0, work)
            near = theta > 0.0  # NaN says that rounding left too little: take logarithms
            if near:
                shift = highest + math.log(theta)
                for k in range(a, b):
                    state.logs[k] = min(0.0, state.logs[k] - shift)
                    state.y[state.places[k]] = work[k - a]
        if not near:
            logs = state.logs[a:b]
            entropic_log(logs, sizes, budget, 1.0, work, logs)
            for k in range(a, b):
                state.y[state.places[k]] = math.exp(state.logs[k])
    return added


@kernel
def draw(state):
    """Draw the placement from the fractions, node by node."""
    for v in range(state.budget.size):
        a, b = state.start[v], state.start[v + 1]
        if a == b:
            continue
        chosen = state.chosen[a:b]
        fractions = state.work[0, a:b]
        for k in range(a, b):
            fractions[k - a] = state.y[state.places[k]]
        if state.residual == COUPLED:
            if state.clock[1] == 0:  # nothing to start from yet
                depround(state.rng, fractions, state.sizes[a:b], BERNOULLI, chosen)
            else:
                coupled(state.rng, state.drawn[a:b], fractions, chosen, state.work[1, a:b], state.empty)
            for k in range(a, b):
                state.drawn[k] = state.y[state.places[k]]
        else:
            residual = BERNOULLI if state.residual == KEPT else DROP
            depround(state.rng, fractions, state.sizes[a:b], residual, chosen)
        if state.residual == FILL:
            _fill(state, v, a, b)
        for k in range(a, b):
            state.x[state.places[k]] = state.chosen[k]


@kernel
def _fill(state, v, a, b):
    """Add what was not drawn, largest fraction first, while it fits."""
    left = state.budget[v] * (1.0 + 1e-12)
    for k in range(a, b):
        if state.chosen[k]:
            left -= state.sizes[k]
    for _ in range(b - a):
        best = -1
        largest = 0.0
        for k in range(a, b):
            y = state.y[state.places[k]]
            if not state.chosen[k] and state.sizes[k] <= left and y > largest:
                best = k
                largest = y
        if best < 0:
            break
        state.chosen[best] = 1
        left -= state.sizes[best]


@kernel
def run(state, options, demand, rows):
    clock = state.clock
    for t in range(demand.shape[0]):
        if state.residual == NONE:
            copy_into(state.x, state.y)
        elif clock[0] == 0:
            draw(state)
            clock[1] += 1
            clock[0] = state.refresh if state.refresh > 0 else clock[1]
        row = rows[t]
        spread_load(options, demand[t])
        serve(options, demand[t], state.x, row)
        if state.residual != NONE:
            count_updates(
                state.x, state.before, state.size, state.used, state.budget, state.start, state.places, row
            )
            copy_into(state.before, state.x)
        state.g[:] = 0.0
        row[MESSAGES] = supergradient(options, demand[t], state.y, state.g)
        row[CERTIFICATE] = ascend(state)
        clock[0] -= 1


class INFIDA(DeliveryPolicy):
    __doc__ = __doc__

    name = "infida"
    rule = "y <- min(1, c y exp(eta g / s)) at every node; whole models by DepRound every `refresh` slots"
    reference = "Si Salem, Castellano, Neglia, Pianese and Araldo, IEEE/ACM ToN 2024"
    run = staticmethod(run)

    def __init__(
        self,
        network: Any,
        horizon: int | None = None,
        *,
        eta: float | None = None,
        residual: str | None = "fill",
        refresh: int | str = 1,
        peak: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(network, horizon, peak=peak, seed=seed)
        self._eta = eta
        self.residual = "none" if residual is None else residual
        self.refresh = refresh

    # -- constants of the bound --------------------------------------------------------------------
    def _filled(self) -> tuple[np.ndarray, np.ndarray]:
        """Sizes |s_v| of what each node may hold, and b_v = min(budget, |s_v|)."""
        start, places = open_places(self.network)
        sizes = self.network.size[places % self.network.size.size]
        whole = np.array([math.fsum(sizes[a:b]) for a, b in itertools.pairwise(start)])
        return whole, np.minimum(self.network.budget, whole)

    @property
    def diameter(self) -> float:
        """D: the largest divergence of fractions from the uniform start."""
        whole, most = self._filled()
        inside = most > 0.0
        return float((most[inside] * np.log(whole[inside] / most[inside])).sum())

    @property
    def steepness(self) -> float:
        """Q: the most that g/s can be in a slot. Needs `peak` where models have no limit.

        R L is bounded by what actually meets: the types that reach a model, each with at most `peak` requests.
        """
        o = self.network.options
        reached = np.bincount(o.place, minlength=self.network.places)
        limits = self.network.limit.reshape(-1)
        peak = math.inf if self.peak is None else float(self.peak)
        takes = np.minimum(limits, peak)[self.network.open]
        if takes.size == 0:
            return 0.0
        if not np.isfinite(takes).all():
            raise ParameterError("infida: give eta, or peak (the most requests of one type in a slot)")
        _, places = open_places(self.network)
        smallest = self.network.size[places % self.network.size.size].min()
        return float(reached[self.network.open].max() * takes.max() * self.network.spread() / smallest)

    @property
    def eta(self) -> float:
        """Step size; by default sqrt(2 D / (Theta T)) / Q, which minimises the bound."""
        if self._eta is not None:
            return check_real("eta", self._eta, 0.0, open_low=True)
        if self.horizon is None:
            raise ParameterError("infida: give horizon (number of slots) or eta")
        slots = check_positive_int("horizon", self.horizon)
        theta = float(self._filled()[1].sum())
        denominator = self.steepness * math.sqrt(theta * slots)
        return math.sqrt(2 * self.diameter) / denominator if denominator > 0 and self.diameter > 0 else 1.0

    def parameters(self) -> dict[str, Any]:
        return {"eta": self.eta, "residual": self.residual, "refresh": self.refresh}

    @property
    def randomised(self) -> bool:
        """Whether a placement is drawn."""
        return self.residual != "none"

    @property
    def fractional(self) -> bool:
        """Whether the fractions themselves serve."""
        return self.residual == "none"

    def validate(self) -> None:
        super().validate()
        if self.residual not in RESIDUALS:
            raise unknown("residual", str(self.residual), RESIDUALS)
        if self.refresh != "dynamic":
            check_positive_int("refresh (or 'dynamic')", self.refresh)
        _ = self.eta

    def _init(self) -> State:
        network = self.network
        start, places = open_places(network)
        sizes = network.size[places % network.size.size]
        whole, most = self._filled()
        y = network.placement()
        logs = np.zeros(places.size)
        for v, (a, b) in enumerate(itertools.pairwise(start)):
            if most[v] > 0.0:
                y[places[a:b]] = most[v] / whole[v]
                logs[a:b] = math.log(most[v] / whole[v])
        n, k = network.places, places.size
        return State(
            y=y,
            logs=logs,
            x=network.placement(),
            before=network.placement(),
            g=np.zeros(n),
            drawn=np.zeros(k),
            start=start,
            places=places,
            sizes=sizes,
            size=network.size,
            budget=network.budget,
            most=most,
            used=np.zeros(len(network.nodes)),
            work=np.zeros((3, k)),
            chosen=np.zeros(k, np.uint8),
            clock=np.zeros(2, np.int64),
            eta=self.eta,
            residual=RESIDUALS.index(self.residual),
            refresh=0 if self.refresh == "dynamic" else int(self.refresh),
            rng=new_state(self.seed),
            empty=np.empty(0),
        )

    def fractions(self) -> np.ndarray:
        """The fractions y, float64 of shape (V, M)."""
        return self.state.y.reshape(len(self.network.nodes), -1).copy()

    def certificate(self, rows: np.ndarray) -> np.ndarray:
        """What the fractions' regret can be at most after each slot, float64 (T,).

        `rows` is what :meth:`serve` returned.
        Holds on the run that was made, against every fixed fractions within the budgets.
        """
        return self.diameter / self.eta + np.cumsum(rows[:, CERTIFICATE])

    def bound(self, slots: int | None = None) -> Bound | None:
        t = slots if slots is not None else self.horizon
        if t is None or self.residual not in ("none", "bernoulli"):
            return None
        if self.residual == "bernoulli" and self.refresh != 1:
            return None  # a placement that is kept is not drawn from the fractions of its slot
        eta = self.eta
        factor = 1.0 if self.residual == "none" else PSI
        try:
            steep = self.steepness
        except ParameterError:
            return None
        theta = float(self._filled()[1].sum())
        value = factor * (self.diameter / eta + eta * theta * t * steep**2 / 2)
        if not math.isfinite(value):
            return None
        psi = "" if factor == 1.0 else "(1 - 1/e) "
        return Bound(
            value,
            f"{psi}(D / eta + eta Theta T Q^2 / 2)",
            "relaxed optimum" if factor == 1.0 else "(1 - 1/e) of the relaxed optimum",
            "every sequence" if factor == 1.0 else "in expectation",
            ("at most `peak` requests of a type in a slot",)
            + (() if factor == 1.0 else ("the demands do not depend on the draws (oblivious adversary)",)),
            "Si Salem et al. 2024 with a smaller constant; derived in policies/delivery/infida.py",
        )

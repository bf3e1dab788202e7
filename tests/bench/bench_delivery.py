"""Slots a second of inference delivery, and how long the relaxed optimum takes."""

from __future__ import annotations

import time

from olearn.environments.delivery import Delivery
from olearn.optima.delivery import relaxed
from olearn.policies.delivery import INFIDA, OLAG
from olearn.traces.delivery import poisson_demand, tree7
from olearn.traces.delivery.catalogues import Catalogue, Model
from olearn.traces.delivery.topologies import _TREES, tree


def large() -> Delivery:
    """36 nodes x 20 tasks x 10 models; 100 request types at each of 24 stations (five of each task)."""
    models = Catalogue(
        "ten", tuple(Model(f"m{k}", 20.0 + 25.0 * k, 0.4 + 0.03 * k, 3.0 + 4.0 * k) for k in range(10)), ""
    )
    one = tree(_TREES["isp36"], models, name="isp36")
    return Delivery(
        nodes=one.nodes,
        edges=[(one.nodes[a], one.nodes[b], ms) for (a, b), ms in one.rtt.items()],
        models=one.models,
        task=one.task,
        size=one.size,
        accuracy=one.accuracy,
        delay=one.delay,
        budget=one.budget,
        repositories={"cloud": "all"},
        types=[(task, [one.nodes[n] for n in path]) for task, path in one.types] * 5,
        alpha=one.alpha,
        name="isp36, 100 types a station",
    )


def main(quick: bool = False) -> list[dict]:
    """Slots a second in processor time; the goal for the large network is 600."""
    rows = []
    slots = 30 if quick else 300
    for net in (tree7(), large()):
        demand = poisson_demand(net, slots=slots, rate=60.0, seed=1)
        for label, policy in (
            ("infida, fractions", INFIDA(net, eta=0.05, residual="none")),
            ("infida, drawn every slot", INFIDA(net, eta=0.05)),
            ("infida, drawn every 10", INFIDA(net, eta=0.05, refresh=10)),
            ("olag, every 10", OLAG(net, refresh=10)),
        ):
            policy.serve(demand[:2])
            policy.reset()
            started = time.process_time()
            policy.serve(demand)
            rate = slots / max(time.process_time() - started, 1e-9)
            rows.append({"network": net.name, "what": label, "slots/s": rate, "x 600 slots/s": rate / 600})
    net = tree7()
    demand = poisson_demand(net, slots=slots, seed=1)
    started = time.perf_counter()
    best = relaxed(net, demand)
    took = time.perf_counter() - started
    rows.append({"network": "tree7", "what": f"relaxed optimum, {best.status}", "seconds": took})
    return rows

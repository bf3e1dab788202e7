"""Offloading policies at the corners: chances that are chances, no cost below the cheapest side of each sample.

Tied, constant, alternating and random errors; one confidence, 0 and 1, many; prices 0, 1/2, 1; parameters from
1e-12 to 1e6; every registered policy that plays on the kind of table.
"""

import numpy as np
import pytest

from olearn import registry
from olearn.engine.game import BreachError
from olearn.engine.offloading import replay_offloading
from olearn.errors import OlearnError
from olearn.policies.offloading._arms import ArmsPolicy
from olearn.policies.offloading._base import BinaryPolicy
from olearn.regret import invariants
from olearn.traces.offloading import OffloadTable
from olearn.traces.offloading.exits import synthetic_exits
from olearn.traces.offloading.routing import synthetic_routing
from olearn.traces.offloading.servers import poisson_arrivals
from olearn.traces.offloading.splits import SplitTable
from tests.conftest import JIT_OFF

T = 30 if JIT_OFF else 120
EXTREMES = (1e-12, 0.5, 1.0, 1e6)
CLASSES = registry.classes("offloading")
BINARY = [n for n, c in CLASSES.items() if issubclass(c, BinaryPolicy)]
ARMS = [n for n, c in CLASSES.items() if issubclass(c, ArmsPolicy)]


def tables():
    rng = np.random.default_rng(7)
    for kind, p in (
        ("one confidence", np.full(T, 0.5)),
        ("ends", np.tile([0.0, 1.0], T)[:T]),
        ("many", rng.random(T)),
    ):
        score = np.where(rng.random(T) < 0.5, p, 1.0 - p)
        for errors, wrong in (
            ("always", np.ones(T)),
            ("never", np.zeros(T)),
            ("alternate", np.tile([1.0, 0.0], T)[:T]),
            ("coin", (rng.random(T) < 0.5).astype(float)),
        ):
            scores = np.column_stack([1.0 - score, score])
            context = rng.integers(0, 3, T)
            yield OffloadTable(
                p, 1.0 - wrong, np.ones(T), scores=scores, context=context, name=f"{kind}, {errors}"
            )


def specs(name):
    """The policy with defaults, and each of its numbers at the ends."""
    yield name
    for key, parameter in CLASSES[name].tunable().items():
        if isinstance(parameter.default, (str, bool)) or key in ("gaps", "false_negative", "false_positive"):
            continue
        whole = isinstance(parameter.default, int)  # numbers of steps and bins cost time, nothing else
        for value in () if whole else EXTREMES:
            yield f"{name}({key}={value:g})"
        yield f"{name}({key}=3)"


def numbers(state, label, name="state"):
    """Breaches of NaN anywhere in a state."""
    if isinstance(state, tuple):
        fields = getattr(state, "_fields", range(len(state)))
        return [b for f, part in zip(fields, state, strict=True) for b in numbers(part, label, f"{name}.{f}")]
    values = np.asarray(state)
    skip = name.endswith(".threshold") or values.dtype.kind != "f" or not np.isnan(values).any()
    return [] if skip else [invariants.Breach(f"{name} must be a number", float("nan"), "", label)]


def played(table, spec, **options):
    try:
        return replay_offloading(table, [spec], **options).rows[0]
    except BreachError:
        raise
    except OlearnError:
        return None  # outside the range that the policy allows, and it says so


@pytest.mark.jit_only
@pytest.mark.parametrize("name", BINARY)
def test_every_invariant_of_binary_policies(name):
    broken, runs = [], 0
    for number, table in list(enumerate(tables()))[:: 1 if name == "h2t2" else 2]:
        for spec in list(specs(name))[number % 3 :: 3]:
            for cost in ((0.0, 0.5, 1.0)[number % 4 - 1],):
                row = played(table, spec, cost=cost)
                if row is None:
                    continue
                runs += 1
                label = f"{spec} on {table.name} at {cost}"
                own_class = 1.0 if name == "h2t2" else 0.0  # it may also correct the local answer
                broken += invariants.floor(row["cost"], row["cost_clairvoyant"] * (1.0 - own_class), label)
                broken += invariants.within([row["cost"]], 0.0, 1.0, "mean cost", label)
                broken += invariants.within([row["offload_rate"]], 0.0, 1.0, "offload rate", label)
                if row.get("comparator_regret") is not None:
                    broken += invariants.finite([row["comparator_regret"]], "regret", label)
    assert runs >= 2
    assert not broken, "\n".join(map(str, broken[:20]))


@pytest.mark.jit_only
@pytest.mark.parametrize("name", BINARY)
def test_states_stay_numbers(play, name):
    rng = np.random.default_rng(9)
    p = rng.integers(0, 5, T) / 4
    broken = []
    for key in (None, "eta", "eps", "gamma", "explore", "rate", "alpha", "prior"):
        for value in EXTREMES if key in CLASSES[name].tunable() else (None,) * (key is None):
            given = {} if key is None else {key: value}
            try:
                policy = registry.make("offloading", name, horizon=T, levels=np.unique(p), cost=0.5, **given)
                policy.fit(OffloadTable(p, np.ones(T)), np.zeros(T), np.full(T, 0.5))
                policy.state  # noqa: B018
            except OlearnError:
                continue
            for wrong in (np.zeros(T), np.ones(T), np.tile([1.0, 0.0], T)[:T]):
                run = policy.copy()
                got = play(run, p, wrong, 0.5, score=p)
                label = f"{run!r}"
                broken += invariants.within(got.chance, 0.0, 1.0, "chances", label)
                broken += numbers(run.state, label)
    assert not broken, "\n".join(map(str, broken[:20]))


def arm_tables():
    n = 60 if JIT_OFF else 200
    rng = np.random.default_rng(1)
    yield synthetic_exits(n, exits=4, seed=1)
    yield synthetic_routing(n, features=2, contexts=2, seed=1)
    yield SplitTable([0.0, 5.0, 9.0], np.column_stack([rng.random(n), rng.random(n), np.zeros(n)]),
                     [[1.0], [0.5], [0.0]])  # fmt: skip
    yield poisson_arrivals(n, 20.0, seed=2)


@pytest.mark.jit_only
@pytest.mark.parametrize("name", ARMS)
def test_every_invariant_of_policies_over_arms(name):
    broken, runs = [], 0
    for table in arm_tables():
        if table.kind not in CLASSES[name].kinds:
            continue
        for spec in specs(name):
            row = played(table, spec)
            if row is None:
                continue
            runs += 1
            broken += invariants.finite([row["cost"], row["regret"]], "cost and regret", spec)
            if "self_load" not in spec:
                broken += invariants.floor(row["cost"], row["cost_clairvoyant"], spec)
            if row["accuracy"] is not None:
                broken += invariants.within([row["accuracy"]], 0.0, 1.0, "accuracy", spec)
    assert runs or name in ("mdinference", "uee-ucb"), name
    assert not broken, "\n".join(map(str, broken[:20]))

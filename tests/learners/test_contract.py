"""What every learner of the catalogue keeps: two verbs = one loop, refusals, copies, tiny sizes."""

import inspect
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from olearn.cli import main
from olearn.errors import OlearnError, ParameterError
from olearn.geometry import Simplex
from olearn.learners._base import OnlineLearner
from olearn.learners._wrapper import Wrapper
from olearn.learners.catalogue import LEARNERS, get_learner, learners
from olearn.learners.ftrl import FTRL
from olearn.learners.hedge import Hedge
from olearn.learners.omd import OMD

CLASSES = {name: get_learner(name) for name in LEARNERS}
FULL = [n for n, c in CLASSES.items() if issubclass(c, OnlineLearner) and n != "implicit-ogd"]
EXPERTS = [n for n in FULL if CLASSES[n].feedback == "losses"]


def variants():
    """More states than the examples reach: hints, geometries, schedules, sharing, noise."""
    for name in FULL:
        yield pytest.param(CLASSES[name].example(), id=name)
    yield pytest.param(Hedge(10, eta=2.0, hint="last"), id="hedge-hint")
    yield pytest.param(Hedge(10), id="hedge-anytime")
    for cls in (OMD, FTRL):
        for geometry in ("euclidean", "entropic", "tsallis", "logbarrier"):
            learner = cls(Simplex(10), 50, geometry=geometry, step_size="sqrt", hint="last")
            yield pytest.param(learner, id=f"{cls.name}-{geometry}")
    yield pytest.param(CLASSES["ftpl"](10, 50, noise="gaussian", redraw=False), id="ftpl-once")


def feedback(learner, T, seed=0):
    G = np.random.default_rng(seed).random((T, learner.dimension))
    if learner.feedback == "gradient":
        G = (G - 0.5) / math.sqrt(learner.dimension)
    return G


@pytest.mark.parametrize("learner", list(variants()))
class TestEveryLearner:
    def test_verbs_are_the_loop_bit_for_bit(self, learner):
        learner = learner.copy()
        learner.reset()
        G = feedback(learner, 30)
        looped, stepped = learner.copy(), learner.copy()
        looped.run(G[:10])
        many = looped.run(G[10:])
        one = []
        for g in G:
            x = stepped.predict()
            np.testing.assert_array_equal(x, stepped.predict())
            one.append(stepped.update(g))
            assert one[-1] == pytest.approx(float(x @ g), abs=1e-12)
        np.testing.assert_array_equal(many, one[10:])
        np.testing.assert_array_equal(looped.predict(), stepped.predict())
        assert looped.rounds == stepped.rounds == 30
        looped.reset()
        np.testing.assert_array_equal(looped.iterates(G)[-1], looped_last(learner, G))

    def test_refusal_leaves_the_state_alone(self, learner):
        learner = learner.copy()
        learner.reset()
        G = feedback(learner, 6)
        learner.run(G[:3])
        before = learner.predict()
        for bad in (math.nan, math.inf, -math.inf):
            g = G[3].copy()
            g[1] = bad
            with pytest.raises(ParameterError, match="of round 3 is"):
                learner.update(g)
            H = G[3:].copy()
            H[2, 0] = bad
            with pytest.raises(ParameterError, match="of round 5 is"):
                learner.run(H)
        with pytest.raises(ParameterError, match="must have shape"):
            learner.update(np.zeros(3))
        with pytest.raises(ParameterError, match="must have shape"):
            learner.run(np.zeros((2, 3)))
        np.testing.assert_array_equal(learner.predict(), before)
        assert learner.rounds == 3

    def test_copies_are_independent_and_resets_forget(self, learner):
        learner = learner.copy()
        learner.reset()
        G = feedback(learner, 12)
        learner.run(G[:4])
        twin = learner.copy()
        ours, theirs = learner.run(G[4:]), twin.run(G[4:])
        np.testing.assert_array_equal(ours, theirs)
        learner.reset()
        assert learner.rounds == 0
        np.testing.assert_array_equal(learner.run(G)[4:], ours)

    def test_predict_returns_a_copy(self, learner):
        learner = learner.copy()
        x = learner.predict()
        x[:] = 7.0
        assert learner.predict()[0] != 7.0


def looped_last(learner, G):
    fresh = learner.copy()
    fresh.reset()
    fresh.run(G[:-1])
    return fresh.predict()


@pytest.mark.parametrize("name", EXPERTS)
@pytest.mark.parametrize(("n", "T"), [(1, 1), (1, 5), (2, 1)])
def test_one_expert_and_one_round(name, n, T):
    learner = get_learner(name)(n, T)
    losses = np.linspace(0.0, 1.0, T * n).reshape(T, n)
    own = learner.run(losses)
    assert np.isfinite(own).all()
    assert learner.predict().sum() == pytest.approx(1.0)
    bound = learner.bound(T)
    assert own.sum() - losses.sum(axis=0).min() <= bound.value + 1e-9 or learner.randomised
    if n == 1:
        assert own.sum() == pytest.approx(losses.sum())


@pytest.mark.parametrize("name", LEARNERS)
def test_declarations(name):
    cls = CLASSES[name]
    assert cls.name == name
    assert cls.rule
    assert cls.tuning
    assert cls.reference
    example = cls.example()
    parameters = list(inspect.signature(cls.__init__).parameters)[1:]
    assert all(f"{p}=" in repr(example) for p in parameters), repr(example)
    example.validate()
    assert set(example.parameters()) is not None
    own = getattr(example, "horizon", None)
    bound = example.bound() if own is not None else example.bound(10_000)
    if bound is not None:
        assert bound.value > 0.0
        assert bound.formula
        assert bound.source
        assert bound.guarantee in ("every sequence", "in expectation", "with probability 1-delta")
    if own is None and not isinstance(example, Wrapper) and name not in ("omd",):
        with pytest.raises(OlearnError, match="give horizon"):
            example.bound()


def test_same_seed_same_run():
    for name in ("ftpl", "lazy-leader", "shrinking-dartboard"):
        losses = np.random.default_rng(0).random((200, 4))
        runs = [get_learner(name)(4, 200, seed=s).iterates(losses) for s in (1, 1, 2)]
        np.testing.assert_array_equal(runs[0], runs[1])
        assert not np.array_equal(runs[0], runs[2])


class TestCommand:
    def test_table(self):
        result = CliRunner().invoke(main, ["learners"])
        assert result.exit_code == 0
        for name in learners():
            assert name in result.output

    def test_json(self):
        result = CliRunner().invoke(main, ["learners", "--json"])
        rows = json.loads(result.output)
        assert {row["learner"] for row in rows} == set(learners())

    @pytest.mark.parametrize("name", ["hedge", "ogd", "saol", "long-term-constraint"])
    def test_one(self, name):
        text = CliRunner().invoke(main, ["learners", name])
        assert text.exit_code == 0
        row = json.loads(CliRunner().invoke(main, ["learners", name, "--json"]).output)
        for key in ("rule", "tuning", "reference"):
            assert row[key] in text.output.replace("\n", " ")
        if row["bound"]:
            assert row["bound"] in text.output

    def test_hedges_bound(self):
        row = json.loads(CliRunner().invoke(main, ["learners", "hedge", "--json"]).output)
        assert row["bound"] == "sqrt(T ln N/2)"
        assert row["bound_value"] == pytest.approx(math.sqrt(10_000 * math.log(10) / 2))

    def test_unknown(self):
        result = CliRunner().invoke(main, ["learners", "hegde"])
        assert result.exit_code == 2
        assert "did you mean 'hedge'" in result.output


def test_package_exports_what_it_says():
    import olearn.learners as package

    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    assert set(package.__all__) == set(package._HOMES)
    classes = {target.split(":")[1] for target in LEARNERS.values()}
    assert classes <= set(package.__all__)
    with pytest.raises(AttributeError):
        package.Nothing  # noqa: B018

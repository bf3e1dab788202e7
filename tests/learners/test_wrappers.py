"""Wrappers: equal to what they stand for, composed with different learners, bounds kept."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olearn.errors import OlearnError
from olearn.geometry import Box, EuclideanBall, Simplex
from olearn.learners._wrapper import both_hold
from olearn.learners.adahedge import AdaHedge
from olearn.learners.bandits import Exp3, Exp3IX
from olearn.learners.blocked import Blocked
from olearn.learners.constrained import LongTermConstraint
from olearn.learners.dartboard import ShrinkingDartboard
from olearn.learners.delayed import Delayed
from olearn.learners.doubling import Doubling
from olearn.learners.ftpl import FTPL
from olearn.learners.hedge import Hedge
from olearn.learners.meta import MetaExpert
from olearn.learners.ogd import OGD
from olearn.learners.ons import ONS
from olearn.learners.regret_matching import RegretMatchingPlus
from olearn.learners.sampled import SampledFeedback

INNER = [
    Hedge(3, horizon=40),
    AdaHedge(3),
    RegretMatchingPlus(3),
    OGD(Simplex(3), horizon=40, gradient_bound=2.0),
]


def losses(T, seed=0):
    return np.random.default_rng(seed).random((T, 3))


def regret(own, L):
    return float(own.sum() - L.sum(axis=0).min())


@pytest.mark.parametrize("inner", INNER, ids=lambda i: i.name)
class TestDelayed:
    @pytest.mark.parametrize("delay", [0, 1, 4])
    def test_constant_delay_is_interleaving(self, inner, delay):
        """Copy j plays rounds j, j + delay + 1, ... as if the others did not exist."""
        L = losses(41)
        learner = Delayed(inner, delay)
        own = learner.run(L)
        assert learner.copies == delay + 1
        for j in range(delay + 1):
            alone = inner.copy()
            np.testing.assert_allclose(own[j :: delay + 1], alone.run(L[j :: delay + 1]), atol=1e-13)
        assert inner.rounds == 0

    def test_verbs(self, inner):
        L = losses(20)
        learner, twin = Delayed(inner, 2), Delayed(inner, 2)
        own = []
        for t in range(20):
            own.append(float(L[t] @ learner.predict()))
            if t >= 2:
                learner.update(L[t - 2])
        np.testing.assert_allclose(own, twin.run(L), atol=1e-13)
        with pytest.raises(OlearnError, match="round 3 is not open"):
            learner.update(L[3], 3)

    def test_bound(self, inner):
        for seed in range(3):
            L = losses(120, seed)
            learner = Delayed(inner, 3)
            assert regret(learner.run(L), L) <= learner.bound(120).value


@given(st.lists(st.integers(0, 12), min_size=5, max_size=25))
def test_arbitrary_delays_never_wait_for_nothing(delays):
    """A copy is made only when all others wait; each round's feedback reaches the copy that played it."""
    T = len(delays)
    L = losses(T)
    learner = Delayed(Hedge(3, eta=0.5))
    own = learner.run(L, delays=delays)
    free, copies, expected = [], [], []
    arrives = {}
    for t in range(T):
        if not free:
            copies.append([])
            free.append(len(copies) - 1)
        j = free.pop(0)
        w = np.exp(-0.5 * np.sum([L[s] for s in copies[j]], axis=0)) if copies[j] else np.ones(3)
        expected.append(float(w @ L[t] / w.sum()))
        arrives.setdefault(t + delays[t], []).append((t, j))
        for s, k in arrives.get(t, []):
            copies[k].append(s)
            free.append(k)
    np.testing.assert_allclose(own, expected, atol=1e-12)
    assert learner.copies == len(copies)


def test_direct_delay_is_a_stale_gradient():
    L = losses(30)
    learner = Delayed(Hedge(3, eta=0.5), 4, method="direct")
    own = learner.run(L)
    for t in range(30):
        w = np.exp(-0.5 * L[: max(0, t - 4)].sum(axis=0))
        assert own[t] == pytest.approx(float(w @ L[t] / w.sum()))
    assert learner.bound(30) is None


def test_delayed_bandit():
    learner = Delayed(Exp3(3, horizon=200, seed=1), 3)
    arms, rewards = [], np.array([0.1, 0.5, 0.9])
    for t in range(400):
        arms.append(learner.pull())
        if t >= 3:
            arm = arms[t - 3]
            learner.update((arm, rewards[arm]))
    assert learner.copies == 4
    assert np.mean(np.array(arms[-100:]) == 2) > 0.5


class TestBlocked:
    @given(st.integers(1, 9), st.integers(1, 40))
    def test_equals_the_learner_on_averages(self, block, T):
        L = losses(T)
        learner = Blocked(Hedge(3, eta=0.7), block)
        own = learner.run(L)
        whole = T // block
        inner = Hedge(3, eta=0.7)
        averages = L[: whole * block].reshape(whole, block, 3).mean(axis=1)
        plays = np.vstack([inner.iterates(averages), inner.predict()]) if whole else inner.predict()[None]
        expected = (np.repeat(plays, block, axis=0)[:T] * L).sum(axis=1)
        np.testing.assert_allclose(own, expected, atol=1e-12)
        assert learner.switches <= math.ceil(T / block) - 1

    def test_bound_with_switching_costs(self):
        L = np.tile(np.eye(3), (100, 1))
        block = Blocked.best_block(300, 2.0, math.sqrt(math.log(3) / 2))
        learner = Blocked(Hedge(3, horizon=math.ceil(300 / block)), block, switching_cost=2.0)
        own = learner.run(L)
        assert regret(own, L) + 2.0 * learner.switches <= learner.bound(300).value

    def test_best_block_minimises(self):
        T, c, K = 1000, 3.0, 1.2
        best = Blocked.best_block(T, c, K)
        costs = {B: K * math.sqrt(T * B) + c * T / B for B in range(1, T)}
        assert costs[best] <= 1.01 * min(costs.values())


@pytest.mark.parametrize(
    "inner",
    [Hedge(3, horizon=1), OGD(Simplex(3), horizon=1, gradient_bound=2.0), FTPL(3, horizon=1, seed=4)],
    ids=lambda i: i.name,
)
class TestDoubling:
    def test_epochs(self, inner):
        L = losses(100)
        learner, stepped = Doubling(inner), Doubling(inner)
        own = learner.run(L)
        one = []
        for g in L:
            one.append(float(g @ stepped.predict()))
            stepped.update(g)
        np.testing.assert_allclose(own, one, atol=1e-13)
        assert learner.epoch == 6
        if inner.name != "ftpl":
            for m in range(6):
                alone = inner.copy()
                alone.horizon = 2**m
                np.testing.assert_allclose(
                    own[2**m - 1 : 2 ** (m + 1) - 1], alone.run(L[2**m - 1 : 2 ** (m + 1) - 1])
                )

    def test_bound(self, inner):
        L = losses(500, 3)
        learner = Doubling(inner)
        assert regret(learner.run(L), L) <= learner.bound(500).value
        whole = inner.copy()
        whole.horizon = 511
        assert learner.bound(511).value <= 3.5 * whole.bound().value + 20.0


class TestMeta:
    def test_one_learner_is_itself(self):
        L = losses(50)
        np.testing.assert_allclose(MetaExpert([Hedge(3, eta=0.3)]).run(L), Hedge(3, eta=0.3).run(L), atol=1e-12)

    def test_equals_hedge_over_plays(self):
        L = losses(60)
        bases = [Hedge(3, eta=e) for e in (0.01, 0.3, 3.0)]
        learner = MetaExpert(bases, Hedge(3, eta=0.5))
        own = learner.run(L)
        plays = np.array([b.copy().iterates(L) for b in bases])
        table = np.einsum("btd,td->tb", plays, L)
        np.testing.assert_allclose(own, Hedge(3, eta=0.5).run(table), atol=1e-12)

    def test_bound(self):
        rng = np.random.default_rng(1)
        ball = EuclideanBall(3)
        for _ in range(5):
            G = rng.normal(size=(300, 3)) + rng.normal(size=3)
            G /= np.linalg.norm(G, axis=1, keepdims=True)
            learner = MetaExpert([OGD(ball, eta=e) for e in (0.003, 0.03, 0.3)], loss_bound=1.0)
            value = learner.run(G).sum() + np.linalg.norm(G.sum(axis=0))
            assert value <= learner.bound(300).value

    def test_bounds_of_curved_losses_do_not_carry_over(self):
        """A base hears the gradient at the play, not at its own point: nothing of curvature is left."""
        ball = EuclideanBall(1)
        curved, plain = OGD(ball, curvature=1.0), OGD(ball, 10_000)
        assert MetaExpert([curved, ONS(ball), Doubling(ONS(ball))]).bound(10_000) is None
        both = MetaExpert([curved, plain]).bound(10_000)
        assert both.value > plain.bound(10_000).value > curved.bound(10_000).value

    def test_the_sum_of_two_bounds_is_as_sure_as_the_less_sure(self):
        oblivious = "the losses of a round do not depend on its draw"
        sure, drawn = Hedge(3, 100), FTPL(3, 100)
        assert oblivious in drawn.bound().assumptions
        over_drawn = MetaExpert([drawn], Hedge(1, 100, loss_range=(-1.0, 1.0))).bound(100)
        assert over_drawn.guarantee == "in expectation"
        assert oblivious in over_drawn.assumptions
        by_drawn = MetaExpert([sure, Hedge(3, eta=0.3)], FTPL(2, 100, loss_range=(-1.0, 1.0))).bound(100)
        assert by_drawn.guarantee == "in expectation"
        assert f"meta-learner: {oblivious}" in by_drawn.assumptions
        assert MetaExpert([sure]).bound(100).guarantee == "every sequence"
        likely = sure.bound()._replace(guarantee="with probability 0.95")
        assert both_hold(likely, likely) == "with probability 0.9"
        assert both_hold(likely, drawn.bound()) is None
        assert both_hold(likely._replace(guarantee="with probability 0.4"), likely) == "with probability 0.35"
        assert both_hold(*[likely._replace(guarantee="with probability 0.4")] * 2) is None


class TestLongTermConstraint:
    @given(st.integers(0, 50), st.floats(0.1, 30.0))
    def test_the_queue_certifies_the_violation(self, seed, weight):
        """Whatever the constraints do, their sum is at most the queue; the queue follows its recursion."""
        rng = np.random.default_rng(seed)
        learner = LongTermConstraint(OGD(Box(2, 0.0, 1.0), step_size="adagrad-norm"), 2, weight=weight)
        Q = np.zeros(2)
        for _ in range(15):
            x = learner.predict()
            A, b = rng.normal(size=(2, 2)), rng.normal(size=2)
            learner.update(rng.normal(size=2), A @ x - b, A)
            Q = np.maximum(Q + A @ x - b, 0.0)
            np.testing.assert_allclose(learner.queue, Q, atol=1e-12)
            assert (learner.violation <= learner.queue + 1e-12).all()

    def test_budget(self):
        """Earn 3 x1 + x2 under x1 + x2 <= 0.8 on average: the best is x = (0.8, 0), earning 2.4 a round."""
        rng = np.random.default_rng(0)
        T = 4000
        G = -np.array([3.0, 1.0]) + rng.normal(size=(T, 2)) * 0.3
        learner = LongTermConstraint(OGD(Box(2, 0.0, 1.0), step_size="adagrad-norm"), weight=math.sqrt(T))
        own = learner.run(G, constraint=[[1.0, 1.0]], limit=[0.8])
        assert learner.violation[0] <= 3.5 * math.sqrt(T)  # the queue settles at V times the multiplier, 3
        assert own.sum() <= -(2.4 - 0.1) * T


class TestSampled:
    def test_always_looking_is_the_learner(self):
        L = losses(80)
        learner = SampledFeedback(Hedge(3, eta=0.2), 1.0)
        np.testing.assert_allclose(learner.run(L), Hedge(3, eta=0.2).run(L))

    def test_estimates_and_looks(self):
        """The inner learner is told losses/p in exactly the rounds that were asked for."""
        L = losses(200)
        learner = SampledFeedback(Hedge(3, eta=0.05, loss_range=(0.0, 5.0)), 0.2, seed=3)
        told = np.zeros(3)
        for g in L:
            np.testing.assert_allclose(
                learner.predict(), np.exp(-0.05 * told) / np.exp(-0.05 * told).sum(), atol=1e-12
            )
            if learner.wants_feedback:
                told += g / 0.2
                with pytest.raises(OlearnError, match="were asked for"):
                    learner.update(None)
            learner.update(g if learner.wants_feedback else None)
        # Binomial(200, 0.2): mean 40, sd 5.7; five standard deviations.
        assert 12 <= learner.looks <= 68

    def test_bound(self):
        """The mean over 20 seeds plus three standard errors is below the bound."""
        L = np.tile(np.eye(3), (200, 1))
        values = [regret(SampledFeedback.hedge(3, 600, 0.3, seed=s).run(L), L) for s in range(20)]
        bound = SampledFeedback.hedge(3, 600, 0.3).bound().value
        assert bound == pytest.approx(math.sqrt(2 * 600 * math.log(3) / 0.3))
        assert np.mean(values) + 3 * np.std(values) / math.sqrt(20) <= bound


def test_a_block_cut_short_is_less_curved():
    learner = Blocked(OGD(EuclideanBall(1), curvature=1.0), 4)
    assert learner.bound(8).value == pytest.approx(4.0 * OGD(EuclideanBall(1), curvature=1.0).bound(2).value)
    assert learner.bound(9) is None


def test_bounds_of_several_copies():
    """Each copy's bound fails with its own chance; switches from copy to copy are in no copy's bound."""
    bandit = Exp3IX(3, horizon=100, delta=0.01)
    assert bandit.bound().guarantee == "with probability 0.99"
    assert Delayed(bandit, 3).bound(400).guarantee == "with probability 0.96"
    assert Delayed(bandit, 3).bound(400).value == pytest.approx(4.0 * bandit.bound().value)
    assert Doubling(bandit).bound(7).guarantee == "with probability 0.97"
    assert Delayed(Exp3IX(3, horizon=100, delta=0.5), 1).bound(200) is None
    costly = ShrinkingDartboard(3, 100)
    assert Delayed(costly, 0).bound(100).value == costly.bound(100).value
    assert Delayed(costly, 1).bound(200) is None
    assert Doubling(costly).bound(100) is None
    assert Delayed(ShrinkingDartboard(3, 100, switching_cost=0.0), 1).bound(200) is not None
    assert Delayed(Blocked(Hedge(3, eta=0.1), 2, switching_cost=1.0), 1).bound(200) is None
    free = Blocked(Hedge(3, eta=0.1), 2)
    assert Delayed(free, 1).bound(200).value == pytest.approx(2.0 * free.bound(100).value)


def test_wrappers_nest():
    L = losses(64)
    learner = Delayed(Blocked(Hedge(3, eta=0.3), 2), 1)
    own = learner.run(L)
    for j in range(2):
        np.testing.assert_allclose(own[j::2], Blocked(Hedge(3, eta=0.3), 2).run(L[j::2]), atol=1e-13)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Delayed("hedge"), "predict"),
        (lambda: Delayed(Hedge(2), -1), "delay must be"),
        (lambda: Delayed(Hedge(2), 1, method="magic"), "unknown method"),
        (lambda: Blocked(Hedge(2), 0), "block must be"),
        (lambda: Doubling(SampledFeedback(Hedge(2), 0.5)), "must have a horizon"),
        (lambda: MetaExpert([]), "at least one"),
        (lambda: MetaExpert([Hedge(2), Hedge(3)]), "same number"),
        (lambda: MetaExpert([Hedge(2)], Hedge(2)), "must be over 1 experts"),
        (lambda: SampledFeedback(Hedge(2), 0.0), "rate must be"),
        (lambda: LongTermConstraint(Hedge(2), 0), "constraints must be"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(OlearnError, match=words):
        make().predict()


def test_bad_rounds_are_named():
    for learner in (Blocked(Hedge(2), 3), Delayed(Hedge(2)), MetaExpert([Hedge(2)])):
        learner.run([[0.0, 1.0]])
        with pytest.raises(OlearnError, match="round 2 has a value that is not finite"):
            learner.run([[0.0, 1.0], [math.nan, 0.0]])

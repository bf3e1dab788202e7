"""Regret and its comparators against enumeration; best points with their certificates; growth exponents."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import olearn
from naive import learners as naive
from olearn.errors import OlearnError
from olearn.geometry import Box, CappedSimplex, EuclideanBall, Simplex
from olearn.learners import adversaries, regret
from olearn.learners.bandits import Exp3
from olearn.learners.catalogue import get_learner
from olearn.learners.ftrl import FTRL
from olearn.learners.growth import regret_growth
from olearn.learners.hedge import Hedge
from olearn.learners.losses import Losses
from olearn.learners.ogd import OGD
from olearn.plot import growth as picture

entries = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-2.0, 2.0, width=32))


def tables(T, N):
    shapes = st.tuples(st.integers(1, T), st.integers(1, N))
    return shapes.flatmap(lambda s: arrays(np.float64, s, elements=entries))


class TestExperts:
    @given(tables(6, 3), st.integers(0, 5))
    def test_best_switching(self, losses, switches):
        found = regret.best_switching(losses, switches)
        assert found.loss == pytest.approx(naive.best_switching(losses, switches), abs=1e-12)
        own = losses[np.arange(len(losses)), found.sequence].sum()
        assert own == pytest.approx(found.loss, abs=1e-12)
        assert found.switches <= switches
        assert found.switches == int((np.diff(found.sequence) != 0).sum())

    def test_best_switching_ends_of_the_scale(self):
        losses = np.random.default_rng(0).random((200, 7))
        assert regret.best_switching(losses, 0).loss == pytest.approx(regret.best_expert(losses).loss)
        assert regret.best_switching(losses, 199).loss == pytest.approx(losses.min(axis=1).sum())
        costs = [regret.best_switching(losses, m).loss for m in range(0, 40, 5)]
        assert costs == sorted(costs, reverse=True)

    @given(tables(9, 3), st.integers(0, 1000))
    def test_windows(self, losses, seed):
        own = np.random.default_rng(seed).normal(size=len(losses))
        for length in (None, 1, len(losses)):
            w = regret.interval_regret(own, losses, length)
            assert w.regret == pytest.approx(naive.worst_window(own, losses, length), abs=1e-9)
            rows = slice(w.start, w.stop)
            assert own[rows].sum() - losses[rows, w.expert].sum() == pytest.approx(w.regret, abs=1e-9)

    @given(tables(5, 3), st.integers(0, 1000))
    def test_swap(self, losses, seed):
        plays = np.random.default_rng(seed).dirichlet(np.ones(losses.shape[1]), size=len(losses))
        swap = regret.swap_regret(plays, losses)
        assert swap == pytest.approx(naive.swap_regret(plays, losses), abs=1e-9)
        external = float((plays * losses).sum() - losses.sum(axis=0).min())
        assert swap >= external - 1e-9
        assert regret.internal_regret(plays, losses) <= swap + 1e-9

    @given(tables(8, 3))
    def test_curves(self, losses):
        own = losses.mean(axis=1)
        curve = regret.expert_regret(own, losses)
        for t in range(len(losses)):
            prefix = own[: t + 1].sum() - losses[: t + 1].sum(axis=0).min()
            assert curve[t] == pytest.approx(prefix, abs=1e-9)
        assert regret.dynamic_regret(own, losses) == pytest.approx(own.sum() - losses.min(axis=1).sum())
        path = np.full(losses.shape, 1.0 / losses.shape[1])
        assert regret.dynamic_regret(own, losses, path) == pytest.approx(0.0, abs=1e-9)
        simplex = Simplex(losses.shape[1])
        np.testing.assert_allclose(regret.point_regret(own, losses, simplex), curve, atol=1e-9)


class TestBestPoint:
    @given(tables(5, 4))
    def test_linear(self, G):
        domain = CappedSimplex(G.shape[1], 1)
        found = regret.best_fixed_point(G, domain)
        assert found.loss == pytest.approx(G.sum(axis=0).min(), abs=1e-9)
        assert found.gap == 0.0

    @pytest.mark.parametrize("kind", ["squared", "logistic", "distance", "absolute", "hinge"])
    @pytest.mark.parametrize(
        "domain", [EuclideanBall(3, 0.5), Simplex(3), Box(3, -1.0, 0.2)], ids=lambda d: type(d).__name__
    )
    def test_certificate(self, kind, domain):
        """No point of the set has a loss below loss - gap; smooth losses reach a gap of 1e-6."""
        rng = np.random.default_rng(1)
        A = rng.normal(size=(40, 3))
        b = {"squared": A @ [0.3, 0.4, -0.6], "absolute": rng.normal(size=40)}.get(kind)
        if kind in ("logistic", "hinge"):
            b = np.sign(rng.normal(size=40))
        losses = Losses(kind, A, b)
        found = regret.best_fixed_point(losses, domain, iterations=1500)
        assert domain.contains(found.point, 1e-8)
        assert found.loss == pytest.approx(float(losses.values(found.point).sum()))
        for y in rng.normal(size=(200, 3)):
            assert losses.values(domain.project(y)).sum() >= found.loss - found.gap - 1e-9
        if kind in ("squared", "logistic", "distance"):
            assert found.gap <= 1e-6 * max(1.0, found.loss)

    def test_mistakes(self):
        for call in (
            lambda: regret.best_expert([[math.nan]]),
            lambda: regret.interval_regret([1.0], [[1.0], [0.0]]),
            lambda: regret.interval_regret([1.0], [[1.0]], 2),
            lambda: regret.swap_regret([[1.0]], [[1.0, 0.0]]),
            lambda: regret.best_switching([[1.0]], -1),
            lambda: regret.dynamic_regret([1.0], [[1.0, 0.0]], [[1.0]]),
        ):
            with pytest.raises(OlearnError):
                call()


class TestAdversaries:
    @pytest.mark.parametrize(
        ("adversary", "expected"),
        [
            (adversaries.cyclic(), [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]),
            (adversaries.alternating(), [[0.5, 0, 0.5], [0, 1, 0], [1, 0, 1], [0, 1, 0]]),
            (adversaries.shifting(2), [[0, 1, 1], [0, 1, 1], [1, 0, 1], [1, 0, 1]]),
        ],
    )
    def test_oblivious(self, adversary, expected):
        played = Hedge(3, eta=0.1).play(adversary, 4)
        np.testing.assert_array_equal(played.gradients, expected)

    def test_punish_hits_the_largest_play(self):
        played = Hedge(4, eta=0.5).play(adversaries.punish(), 50)
        hit = played.gradients.argmax(axis=1)
        np.testing.assert_array_equal(hit, played.iterates.argmax(axis=1))
        assert (played.gradients.sum(axis=1) == 1.0).all()

    def test_bernoulli_has_its_means_and_seed(self):
        """Means of 4000 draws within five standard errors."""
        one = Hedge(2, eta=0.1).play(adversaries.bernoulli([0.2, 0.7], seed=1), 4000).gradients
        np.testing.assert_allclose(one.mean(axis=0), [0.2, 0.7], atol=5 * 0.5 / math.sqrt(4000))
        other = Hedge(2, eta=0.9).play(adversaries.bernoulli([0.2, 0.7], seed=1), 4000).gradients
        np.testing.assert_array_equal(one, other)

    def test_orthogonal(self):
        played = OGD(EuclideanBall(4, 2.0), 60).play(adversaries.orthogonal(0.5), 60)
        np.testing.assert_allclose(np.linalg.norm(played.gradients, axis=1), 0.5)
        np.testing.assert_allclose((played.gradients * played.iterates).sum(axis=1), 0.0, atol=1e-9)
        sums = np.cumsum(played.gradients, axis=0)
        np.testing.assert_allclose(np.linalg.norm(sums, axis=1), 0.5 * np.sqrt(np.arange(1, 61)), rtol=1e-6)

    def test_mistakes(self):
        for call in (
            lambda: adversaries.get_adversary("nasty"),
            lambda: adversaries.bernoulli([1.5]),
            lambda: adversaries.cyclic(low=1.0, high=0.0),
            lambda: Hedge(2).play(adversaries.cyclic()),
            lambda: Hedge(2).play(adversaries.cyclic(high=2.0), 5),
            lambda: Hedge(3).play(adversaries.bernoulli([0.5, 0.5]), 5),
            lambda: Hedge(2).play(Losses("linear", [[0.0, 1.0]]), 2),
        ):
            with pytest.raises(OlearnError):
                call()


class TestGrowth:
    HORIZONS = (64, 256, 1024, 4096)

    @pytest.mark.jit_only
    def test_hedge_is_square_root(self):
        growth = olearn.regret_growth(Hedge(2), "random", self.HORIZONS, seeds=30)
        assert growth.low <= 0.5 <= growth.high or abs(growth.exponent - 0.5) < 0.1
        assert (growth.regrets.mean(axis=1) <= growth.bounds).all()
        assert growth.method == "bootstrap"

    @pytest.mark.jit_only
    def test_follow_the_leader_is_linear(self):
        growth = regret_growth(
            FTRL(Box(2, 0.0, 1.0), eta=1e9), adversaries.alternating(low=-1.0), self.HORIZONS
        )
        assert growth.exponent == pytest.approx(1.0, abs=0.05)
        assert growth.method == "least squares"
        assert growth.regrets.shape == (4, 1)

    @pytest.mark.jit_only
    def test_known_power_law(self):
        """A learner that suffers t^0.7 in total against losses of 0."""

        class Fixed:
            randomised, name, dimension, feedback = True, "fixed", 1, "losses"

            def run(self, G):
                t = np.arange(len(G) + 1.0)
                return np.diff(3.0 * t**0.7)

        growth = regret_growth(lambda T, s: Fixed(), lambda T, s: np.zeros((T, 1)), self.HORIZONS, seeds=2)
        assert growth.exponent == pytest.approx(0.7, abs=1e-9)
        assert growth.constant == pytest.approx(3.0, rel=1e-9)
        assert growth.low <= 0.7 + 1e-9
        assert growth.high >= 0.7 - 1e-9

    @pytest.mark.jit_only
    def test_bandits_and_pictures(self, tmp_path):
        def table(T, seed):
            return (np.random.default_rng(seed).random((T, 3)) < [0.3, 0.6, 0.6]).astype(float)

        bandit = regret_growth(Exp3(3, horizon=1), table, (100, 400, 1600), seeds=5)
        assert 0.2 < bandit.exponent < 0.8
        assert np.isfinite(bandit.bounds).all()
        experts = regret_growth(get_learner("adahedge")(3), "cyclic", (100, 400, 1600))
        path = tmp_path / "growth.png"
        picture.draw([bandit, experts], path)
        assert path.stat().st_size > 5_000
        figure = picture.draw(bandit)
        assert "exp3" in figure.axes[0].get_legend().get_texts()[0].get_text()

    def test_short(self):
        growth = regret_growth(Hedge(2), "punish", (4, 8, 16))
        for h, T in enumerate((4, 8, 16)):
            played = Hedge(2, horizon=T).play(adversaries.punish(), T)
            assert growth.regrets[h, 0] == pytest.approx(
                played.losses.sum() - played.gradients.sum(axis=0).min()
            )
            assert growth.bounds[h] == pytest.approx(math.sqrt(T * math.log(2) / 2))

    def test_mistakes(self):
        for call in (
            lambda: regret_growth(Hedge(2), "random", [10, 20]),
            lambda: regret_growth(Hedge(2), "nasty", [10, 20, 30]),
            lambda: regret_growth(Exp3(2, horizon=1), adversaries.punish(), [10, 20, 30]),
            lambda: regret_growth("hedge", "random", [10, 20, 30]),
        ):
            with pytest.raises(OlearnError):
                call()

"""Convex optimisation: equal to the definitions, identities, known answers, bounds under attack."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from naive import learners as naive
from olearn.errors import OlearnError
from olearn.geometry import Box, CappedSimplex, EuclideanBall, Knapsack, Product, Simplex
from olearn.learners import adversaries
from olearn.learners._numeric import project_simplex_warm
from olearn.learners.adagrad import AdaGrad
from olearn.learners.ader import Ader, AderPlusPlus
from olearn.learners.coin_betting import CoinBetting
from olearn.learners.ftrl import FTRL
from olearn.learners.hedge import Hedge
from olearn.learners.implicit import ImplicitOGD
from olearn.learners.losses import Losses
from olearn.learners.ogd import OGD
from olearn.learners.omd import OMD
from olearn.learners.ons import ONS
from olearn.learners.regret import best_fixed_point, interval_regret
from olearn.learners.saol import SAOL
from olearn.learners.vaw import VAW

SETS = [
    Box(3, [-1.0, 0.0, -2.0], [1.0, 0.5, 2.0]),
    EuclideanBall(3, 0.7),
    Simplex(3),
    CappedSimplex(3, 1.5),
    Knapsack([1.0, 2.0, 0.5], 1.6),
    Product([Simplex(2), EuclideanBall(1, 2.0)]),
]


@st.composite
def gradients(draw, dimension=3, longest=20):
    """Gradients of 2-norm at most 1."""
    T = draw(st.integers(1, longest))
    G = draw(arrays(np.float64, (T, dimension), elements=st.floats(-1.0, 1.0, width=32)))
    return G / math.sqrt(dimension)


def regret(losses, G, domain):
    return float(losses.sum() + domain.support(-G.sum(axis=0)))


def ids(domain):
    return type(domain).__name__


@pytest.mark.parametrize("domain", SETS, ids=ids)
class TestEuclideanTwins:
    @given(G=gradients())
    def test_ogd(self, domain, G):
        D = domain.diameter()
        steps = {
            "fixed": lambda t, g: 0.3,
            "sqrt": lambda t, g: D / math.sqrt(t),
            "adagrad-norm": lambda t, g: D / math.sqrt(2.0 * (g**2).sum()) if g.any() else 0.0,
            "strongly-convex": lambda t, g: 1.0 / (0.5 * t),
        }
        start = domain.project(np.zeros(3))
        for name, eta in steps.items():
            learner = OGD(
                domain,
                step_size=name,
                eta=0.3 if name == "fixed" else None,
                curvature=0.5 if name == "strongly-convex" else None,
            )
            expected = naive.ogd(G, domain.project, start, eta)
            np.testing.assert_allclose(learner.iterates(G), expected, atol=1e-10, err_msg=name)

    @given(G=gradients())
    def test_optimistic(self, domain, G):
        """Two sequences: z steps along gradients, x is a step from z along the last one."""
        z, plays = domain.project(np.zeros(3)), []
        for t in range(len(G)):
            plays.append(domain.project(z - 0.4 * G[t - 1]) if t else z)
            z = domain.project(z - 0.4 * G[t])
        learner = OGD(domain, eta=0.4, hint="last")
        np.testing.assert_allclose(learner.iterates(G), plays, atol=1e-10)
        given_hints = OGD(domain, eta=0.4, hint="given")
        hints = np.vstack([np.zeros(3), G[:-1]])
        np.testing.assert_allclose(
            given_hints.run(G, hints=hints), learner.copy().run(G) * 0 + (plays * G).sum(1)
        )

    @given(G=gradients())
    def test_ftrl(self, domain, G):
        start = domain.project(np.zeros(3))
        for name, eta in (("fixed", lambda t, g: 0.3), ("sqrt", lambda t, g: 0.3 / math.sqrt(t + 1.0))):
            expected = naive.ftrl(G, lambda theta: domain.project(start - theta), eta)
            learner = FTRL(domain, step_size=name, eta=0.3)
            np.testing.assert_allclose(learner.iterates(G), expected, atol=1e-10, err_msg=name)
        expected = naive.ftrl(
            G, lambda theta: domain.project(start - theta), lambda t, g: 0.3 / math.sqrt(1.0 + (g**2).sum())
        )
        np.testing.assert_allclose(
            FTRL(domain, step_size="adagrad-norm", eta=0.3).iterates(G), expected, atol=1e-10
        )

    @given(G=gradients())
    def test_proximal(self, domain, G):
        """argmin <sum g, x> + sum sigma_s/2 |x - x_s|^2 is the projection of a weighted mean."""
        D = domain.diameter()
        x, total, weighted, before, plays = domain.project(np.zeros(3)), np.zeros(3), np.zeros(3), 0.0, []
        for t, g in enumerate(G):
            plays.append(x)
            S = (G[: t + 1] ** 2).sum()
            total = total + g
            if S > 0:
                inverse = math.sqrt(2.0 * S) / D
                weighted = weighted + (inverse - before) * x
                before = inverse
                x = domain.project((weighted - total) / inverse)
        learner = FTRL(domain, step_size="adagrad-norm", proximal=True)
        np.testing.assert_allclose(learner.iterates(G), plays, atol=1e-8)


class TestWarmSimplex:
    @given(
        arrays(np.float64, st.integers(1, 12), elements=st.floats(-1e3, 1e3)),
        st.sampled_from([1e-6, 1.0, 7.5]),
        st.floats(-2e3, 2e3) | st.just(np.nan),
    )
    def test_equals_the_exact_projection(self, y, scale, tau):
        """From any start; where it gives up (NaN) the learner calls the exact kernel."""
        out = np.empty_like(y)
        found = project_simplex_warm(y, scale, out, tau)
        if np.abs(y).max() <= 20.0 * scale:
            assert not np.isnan(found)
        if not np.isnan(found):
            np.testing.assert_allclose(out, Simplex(y.size, scale).project(y), atol=1e-12 * max(scale, 1.0))

    def test_gives_up_rather_than_be_wrong(self):
        out = np.empty(3)
        assert np.isnan(project_simplex_warm(np.array([1e300, 1e284, 0.0]), 1.0, out, 0.0)) or out.sum() == 1.0
        learner = OGD(Simplex(3), eta=1.0)
        learner.run([[1e300, 0.0, -1e290], [0.0, 1e200, 0.0]])
        assert Simplex(3).contains(learner.predict())


class TestGeometries:
    @given(G=gradients())
    def test_tsallis_and_log_barrier(self, G):
        for geometry, solve in (("tsallis", naive.tsallis), ("logbarrier", naive.log_barrier)):
            expected = naive.ftrl(G, solve, lambda t, g: 0.8)
            for cls in (OMD, FTRL):
                ours = cls(Simplex(3), geometry=geometry, eta=0.8).iterates(G)
                np.testing.assert_allclose(ours, expected, atol=1e-7, err_msg=geometry)
            slower = naive.ftrl(G, solve, lambda t, g: 0.8 / math.sqrt(t + 1.0))
            ours = FTRL(Simplex(3), geometry=geometry, step_size="sqrt", eta=0.8).iterates(G)
            np.testing.assert_allclose(ours, slower, atol=1e-7)

    @given(G=gradients(), eta=st.floats(0.01, 50.0))
    def test_entropic_mirror_descent_is_ftrl_is_hedge(self, G, eta):
        mirror = OMD(Simplex(3), geometry="entropic", eta=eta).iterates(G)
        leader = FTRL(Simplex(3), geometry="entropic", eta=eta).iterates(G)
        hedge = Hedge(3, eta=eta, loss_range=(-1.0, 1.0)).iterates(G)
        np.testing.assert_allclose(mirror, leader, atol=1e-11)
        np.testing.assert_allclose(mirror, hedge, atol=1e-11)

    @given(G=gradients(dimension=4))
    def test_entropic_on_the_capped_simplex(self, G):
        """Water-filling: x = min(1, c w) with the c that makes the sum k."""
        x, plays = np.full(4, 0.5), []
        for g in G:
            plays.append(x)
            w = x * np.exp(-0.9 * g)
            low, high = 0.0, 1e6
            for _ in range(200):
                c = 0.5 * (low + high)
                low, high = (c, high) if np.minimum(1.0, c * w).sum() < 2.0 else (low, c)
            x = np.minimum(1.0, high * w)
        ours = OMD(CappedSimplex(4, 2), geometry="entropic", eta=0.9).iterates(G)
        np.testing.assert_allclose(ours, plays, atol=1e-9)

    def test_interior_ogd_is_ftrl(self):
        """While no constraint is active, OGD from the centre is FTRL with the L2 regulariser."""
        G = np.random.default_rng(0).normal(size=(50, 4)) * 0.1
        G -= G.mean(axis=1, keepdims=True)
        a = OGD(Simplex(4), eta=0.01).iterates(G)
        assert a.min() > 0.0
        np.testing.assert_allclose(a, FTRL(Simplex(4), eta=0.01).iterates(G), atol=1e-12)

    @pytest.mark.parametrize("geometry", ["entropic", "tsallis", "logbarrier"])
    def test_extreme_steps_stay_on_the_simplex(self, geometry):
        G = np.random.default_rng(1).normal(size=(300, 5)) * 1e3
        for learner in (
            OMD(Simplex(5), geometry=geometry, eta=1.0),
            FTRL(Simplex(5), geometry=geometry, eta=1.0),
        ):
            x = learner.iterates(G)
            assert np.isfinite(x).all()
            assert x.min() >= 0.0
            np.testing.assert_allclose(x.sum(axis=1), 1.0, atol=1e-9)


class TestKnownAnswers:
    def test_ogd_with_constant_gradient(self):
        losses = OGD(Box(1, -1.0, 1.0), eta=0.1).run(np.ones((100, 1)))
        assert losses.sum() + 100.0 == pytest.approx(5.5, abs=1e-12)
        exact = sum(1.0 + max(-1.0, -0.1 * t) for t in range(100))
        assert losses.sum() + 100.0 == pytest.approx(exact, abs=1e-12)

    @pytest.mark.parametrize(("T", "value"), [(10, 9.5), (11, 10.5), (100, 99.5)])
    def test_follow_the_leader_is_linear(self, T, value):
        """FTRL with a vanishing regulariser: regret T - 1/2 on x/2, -x, x, ..."""
        G = np.array([[0.5], *([[-1.0], [1.0]] * T)])[:T]
        box = Box(1, -1.0, 1.0)
        assert regret(FTRL(box, eta=1e9).run(G), G, box) == pytest.approx(value, abs=1e-6)

    @pytest.mark.parametrize(
        ("T", "wealth"), [(1, 1.0), (2, 1.5), (3, 2.5), (10, 180.42578125), (100, 7.143018e28)]
    )
    def test_kt_wealth_on_heads(self, T, wealth):
        learner = CoinBetting(1)
        learner.run(-np.ones((T, 1)))
        assert learner.wealth == pytest.approx(wealth, rel=1e-6)
        exact = T * math.log(2) + math.lgamma(T + 0.5) - 0.5 * math.log(math.pi) - math.lgamma(T + 1.0)
        assert learner.log_wealth == pytest.approx(exact, abs=1e-10)

    def test_kt_mixture_regret(self):
        """KT's log-loss regret on coins: at most ln(T)/2 + ln 2, at worst at least Shtarkov's value."""
        for T, shtarkov in ((5, 1.25573), (10, 1.539062)):
            worst = 0.0
            for heads in range(T + 1):
                coins = np.array([1.0] * heads + [-1.0] * (T - heads))
                learner = CoinBetting(1)
                learner.run(-coins[:, None])
                p = heads / T
                best = sum(n * math.log(q) for n, q in ((heads, p), (T - heads, 1 - p)) if n)
                worst = max(worst, best - (learner.log_wealth - T * math.log(2)))
            assert shtarkov - 1e-6 <= worst <= 0.5 * math.log(T) + math.log(2)

    def test_ball_minimax_value(self):
        """The orthogonal adversary forces radius * sqrt(T) on every learner that starts at the centre."""
        for learner in (OGD(EuclideanBall(5), 400), FTRL(EuclideanBall(5), 400), CoinBetting(EuclideanBall(5))):
            played = learner.play(adversaries.orthogonal(seed=3), 400)
            value = regret(played.losses, played.gradients, EuclideanBall(5))
            assert value == pytest.approx(20.0, abs=1e-6), learner
            assert value <= learner.bound(400).value + 1e-9


class TestOthers:
    @given(G=gradients())
    def test_adagrad(self, G):
        low, high = np.array([-1.0, 0.0, -2.0]), np.array([1.0, 0.5, 2.0])
        box = Box(3, low, high)
        learner = AdaGrad(box)
        expected = naive.adagrad(G, low, high, (high - low) / math.sqrt(2), np.zeros(3))
        np.testing.assert_allclose(learner.iterates(G), expected, atol=1e-12)
        learner.reset()
        value = regret(learner.run(G), G, box)
        assert value <= learner.bound(len(G), squares=(G**2).sum(axis=0)).value + 1e-9

    @given(G=gradients(longest=40))
    def test_coin_betting(self, G):
        plays, wealth = naive.coin_betting(G)
        learner = CoinBetting(3)
        np.testing.assert_allclose(learner.iterates(G), plays, rtol=1e-9, atol=1e-12)
        assert learner.wealth == pytest.approx(wealth, rel=1e-9)
        # Against every multiple of the best direction.
        total = G.sum(axis=0)
        size = float(np.linalg.norm(total))
        for u in (0.0, 0.3, 1.0, 10.0):
            value = float((plays * G).sum()) + u * size
            assert value <= learner.bound(len(G), distance=u).value + 1e-9

    @given(G=gradients(), radius=st.floats(0.05, 2.0))
    def test_ons(self, G, radius):
        ball = EuclideanBall(3, radius)
        learner = ONS(ball, gradient_bound=1.0, exp_concavity=0.8)
        gamma = 0.5 * min(1.0 / (8.0 * radius), 0.8)
        np.testing.assert_allclose(learner.iterates(G), naive.ons(G, radius, gamma), atol=1e-7)

    @given(G=gradients(), y=st.lists(st.floats(-1.0, 1.0), min_size=20, max_size=20))
    def test_vaw(self, G, y):
        targets = np.array(y[: len(G)])
        learner = VAW(3, regularisation=0.5)
        guesses = learner.run(G, targets)
        np.testing.assert_allclose(guesses, naive.vaw(G, targets, 0.5), atol=1e-10)
        stepwise = VAW(3, regularisation=0.5)
        for z, v, guess in zip(G, targets, guesses):
            assert stepwise.predict(z) == guess
            stepwise.update(v)
        own = 0.5 * float(((guesses - targets) ** 2).sum())
        u = np.linalg.solve(0.5 * np.eye(3) + G.T @ G, G.T @ targets)
        best = 0.5 * float(((G @ u - targets) ** 2).sum())
        assert own - best <= learner.bound(len(G), norm=float(np.linalg.norm(u))).value + 1e-9

    @given(
        G=gradients(longest=8), domain=st.sampled_from(SETS[:4]), kind=st.sampled_from(["squared", "absolute"])
    )
    def test_implicit_step_is_the_proximal_point(self, G, domain, kind):
        """No feasible point near the step has a smaller proximal objective (convex, so it is the minimiser)."""
        rng = np.random.default_rng(0)
        learner = ImplicitOGD(domain, loss=kind, eta=0.7)
        for a in G:
            x, b = learner.predict(), 0.3
            learner.update(a, b)
            new = learner.predict()

            def objective(u, x=x, a=a, b=b):
                s = float(a @ u)
                value = 0.5 * (s - b) ** 2 if kind == "squared" else abs(s - b)
                return value + float(((u - x) ** 2).sum()) / 1.4

            assert domain.contains(new, 1e-9)
            for size in (1.0, 0.1, 1e-3):
                other = domain.project(new + size * rng.normal(size=3))
                for share in (1.0, 0.01):
                    assert objective(new) <= objective(new + share * (other - new)) + 1e-9

    @given(G=gradients(longest=30), domain=st.sampled_from(SETS[:4]))
    def test_ader(self, G, domain):
        T = len(G)
        learner = AderPlusPlus(domain, T)
        etas, D = learner.parameters()["etas"], domain.diameter()
        expected = naive.ader(G, domain.project, domain.centre(), etas, math.sqrt(8.0 / (T * D * D)))
        np.testing.assert_allclose(learner.iterates(G), expected, atol=1e-9)
        np.testing.assert_allclose(Ader(domain, T).iterates(G), expected, atol=1e-9)

    @given(G=gradients(longest=40), domain=st.sampled_from(SETS[:4]))
    def test_saol(self, G, domain):
        D = domain.diameter()
        expected = naive.saol(G, domain.project, domain.centre(), D, D)
        np.testing.assert_allclose(SAOL(domain).iterates(G), expected, atol=1e-9)

    def test_ader_evaluates_every_base(self):
        """On a nonlinear loss Ader's bases see their own gradients: twin in plain Python."""
        Z = np.random.default_rng(2).normal(size=(30, 2)) * 0.3
        ball = EuclideanBall(2)
        learner = Ader(ball, 30, gradient_bound=3.0)
        etas, rate = learner.parameters()["etas"], math.sqrt(8.0 / (30 * 36.0))
        played = learner.play(Losses("distance", Z))
        N = etas.size
        i = np.arange(1, N + 1)
        lw, points = np.log(1.0 / (i * (i + 1.0))), np.zeros((N, 2))
        for t, z in enumerate(Z):
            w = np.exp(lw - lw.max())
            x = (w / w.sum()) @ points
            np.testing.assert_allclose(played.iterates[t], x, atol=1e-11)
            lw = lw - rate * 0.5 * ((points - z) ** 2).sum(axis=1)
            points = np.array([ball.project(p - e * (p - z)) for p, e in zip(points, etas)])


class TestBounds:
    @given(G=gradients(longest=60), domain=st.sampled_from(SETS[:5]), hint=st.sampled_from([None, "last"]))
    def test_any_sequence(self, G, domain, hint):
        T = len(G)
        residual = G - np.vstack([np.zeros(3), G[:-1]]) if hint else G
        for cls in (OMD, FTRL):
            for geometry in domain.geometries:
                rows = (
                    (residual**2).sum(axis=1) if geometry == "euclidean" else np.abs(residual).max(axis=1) ** 2
                )
                G_bound = 1.0
                for step in ("fixed", "sqrt", "adagrad-norm"):
                    learner = cls(
                        domain, T, geometry=geometry, step_size=step, hint=hint, gradient_bound=G_bound
                    )
                    try:
                        bound = learner.bound(squares=float(rows.sum()))
                    except OlearnError:
                        continue
                    if bound is None:
                        continue
                    value = regret(learner.run(G), G, domain)
                    assert value <= bound.value + 1e-9, learner
                    assert value <= learner.bound().value + 1e-9, learner

    @pytest.mark.parametrize("size", [0.0, 1.0, 28.0])
    def test_given_hints(self, size):
        """Hints that point the wrong way, as large as they may be: (G + H)^2, and larger ones are refused."""
        T, rng = 400, np.random.default_rng(4)
        G = rng.normal(size=(T, 3))
        for domain in SETS[:5]:
            for cls, geometry in (
                (OGD, "euclidean"),
                *((c, g) for c in (OMD, FTRL) for g in domain.geometries),
            ):
                norm = np.linalg.norm(G, axis=1) if geometry == "euclidean" else np.abs(G).max(axis=1)
                unit = G / norm[:, None]
                more = {} if cls is OGD else {"geometry": geometry}
                for step in ("fixed", "sqrt", "adagrad-norm"):
                    learner = cls(domain, T, step_size=step, hint="given", hint_bound=size, **more)
                    try:
                        bound = learner.bound()
                    except OlearnError:
                        continue
                    if bound is None:
                        continue
                    value = regret(learner.run(unit, -size * unit), unit, domain)
                    assert value <= bound.value + 1e-9, learner
                    assert "hints are bounded by hint_bound" in bound.assumptions
                    with pytest.raises(OlearnError, match=r"hint of round 400 has .* hint_bound="):
                        learner.copy().give_hint(np.full(3, size + 1.0))
        assert OGD(SETS[0], T, hint="given").bound().value == pytest.approx(
            OGD(SETS[0], T, hint="given", hint_bound=1.0).bound().value
        )
        with pytest.raises(OlearnError, match="hint_bound is for hint='given'"):
            OGD(SETS[0], T, hint="last", hint_bound=1.0).bound()

    @given(G=gradients(longest=60), domain=st.sampled_from(SETS[:5]))
    def test_proximal(self, G, domain):
        S = float((G**2).sum())
        for step in ("fixed", "sqrt", "adagrad-norm"):
            learner = FTRL(domain, len(G), step_size=step, proximal=True)
            value = regret(learner.run(G), G, domain)
            assert value <= learner.bound(squares=S).value + 1e-9, step

    @pytest.mark.parametrize("domain", SETS[:5], ids=ids)
    def test_adaptive_adversaries(self, domain):
        T = 300
        for adversary in (adversaries.punish(low=-0.5, high=0.5), adversaries.alternating(low=-0.5, high=0.5)):
            for learner in (
                OGD(domain, T),
                OGD(domain),
                OGD(domain, step_size="adagrad-norm"),
                FTRL(domain, step_size="adagrad-norm"),
                FTRL(domain, step_size="adagrad-norm", proximal=True),
            ):
                played = learner.play(adversary, T)
                value = regret(played.losses, played.gradients, domain)
                assert value <= learner.bound(T).value, (learner, adversary)

    def test_strongly_convex(self):
        """f_t(x) = |x - z_t|^2/2 on the unit ball, z in the ball: alpha = 1, G = 2."""
        rng = np.random.default_rng(1)
        Z = rng.normal(size=(500, 3))
        Z /= np.maximum(1.0, np.linalg.norm(Z, axis=1, keepdims=True))
        ball, losses = EuclideanBall(3), Losses("distance", Z)
        best = best_fixed_point(losses, ball)
        for learner in (
            OGD(ball, 500, curvature=1.0, gradient_bound=2.0),
            FTRL(ball, 500, curvature=1.0, gradient_bound=2.0, proximal=True),
        ):
            value = learner.play(losses).losses.sum() - best.loss
            assert value <= learner.bound().value
            assert learner.bound().value == pytest.approx(2.0 * (1.0 + math.log(500)))

    def test_exp_concave(self):
        rng = np.random.default_rng(2)
        Z = rng.normal(size=(400, 3))
        Z /= np.linalg.norm(Z, axis=1, keepdims=True)
        y = np.clip(Z @ np.array([0.5, -0.5, 0.2]) + 0.1 * rng.normal(size=400), -1, 1)
        ball, losses = EuclideanBall(3), Losses("squared", Z, y)
        best = best_fixed_point(losses, ball)
        learner = ONS(ball, 400, gradient_bound=2.0, exp_concavity=0.25)  # 1/(2 * largest residual)^2
        value = learner.play(losses).losses.sum() - best.loss
        assert value <= learner.bound().value
        for T in (4, 400, 10**6):  # at most the textbook's for beta <= 1/(G D)
            assert learner.bound(T).value <= 2.0 * (4.0 + 4.0) * 3 * math.log(T)
        explicit = OGD(ball, 400, gradient_bound=2.0).play(losses).losses.sum() - best.loss
        assert value < explicit  # logarithmic against square-root growth

    @pytest.mark.parametrize("kind", ["squared", "absolute", "logistic", "hinge"])
    def test_convex_losses(self, kind):
        rng = np.random.default_rng(3)
        Z = rng.normal(size=(300, 3))
        Z /= np.linalg.norm(Z, axis=1, keepdims=True)
        y = (
            np.sign(Z @ np.ones(3) + 0.3 * rng.normal(size=300))
            if kind in ("logistic", "hinge")
            else 0.5 * Z[:, 0]
        )
        ball, losses = EuclideanBall(3), Losses(kind, Z, y)
        best = best_fixed_point(losses, ball, iterations=3000)
        G = 1.5 if kind == "squared" else 1.0
        learners = (
            OGD(ball, 300, gradient_bound=G),
            CoinBetting(ball, gradient_bound=G),
            AderPlusPlus(ball, 300, gradient_bound=G),
            ImplicitOGD(ball, 300, loss=kind, gradient_bound=G),
        )
        for learner in learners:
            played = learner.play(losses)
            np.testing.assert_allclose(played.losses, losses.values(played.iterates), atol=1e-12)
            assert played.losses.sum() - best.loss <= learner.bound(300).value + best.gap

    def test_dynamic_regret(self):
        """Against the piecewise constant path that the gradients favour."""
        rng = np.random.default_rng(4)
        T, ball = 600, EuclideanBall(2)
        for pieces in (1, 3, 12):
            targets = np.repeat(rng.normal(size=(pieces, 2)), T // pieces, axis=0)
            G = -targets / np.linalg.norm(targets, axis=1, keepdims=True)
            path = -G
            P = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
            for learner in (OGD(ball, eta=0.1), AderPlusPlus(ball, T), Ader(ball, T)):
                value = float(learner.run(G).sum() - (path * G).sum())
                bound = learner.dynamic_bound(P, T) if isinstance(learner, OGD) else learner.bound(path=P)
                assert value <= bound.value

    def test_strongly_adaptive(self):
        rng = np.random.default_rng(5)
        simplex = Simplex(3)
        losses = np.repeat(np.eye(3)[rng.integers(0, 3, 8)], 64, axis=0)
        learner = SAOL(simplex, gradient_bound=1.0)
        own = learner.run(losses)
        for length in (16, 64, 256):
            worst = interval_regret(own, losses, length).regret
            assert worst <= learner.bound(512, interval=length).value
        # Follow-the-leader type learners pay for every round of the past when the best point changes.
        turned = np.repeat(np.array([[0.0, 1.0], [1.0, 0.0]]), 512, axis=0)
        adaptive = interval_regret(SAOL(Simplex(2)).run(turned), turned).regret
        assert adaptive < 0.5 * interval_regret(FTRL(Simplex(2), 1024).run(turned), turned).regret

    @given(G=gradients(longest=60), domain=st.sampled_from(SETS[:5]))
    def test_coin_betting_on_sets(self, G, domain):
        learner = CoinBetting(domain)
        plays = learner.iterates(G)
        expected, doubtful = naive.coin_betting_on_a_set(G, domain.project, domain.centre())
        if not doubtful:
            np.testing.assert_allclose(plays, expected, atol=1e-8)
        for x in plays:
            assert domain.contains(x, 1e-8)
        start = domain.centre()
        u = domain.argmax(-G.sum(axis=0))
        value = float((plays * G).sum() - u @ G.sum(axis=0))
        assert value <= learner.bound(len(G), distance=float(np.linalg.norm(u - start))).value + 1e-9

    @pytest.mark.jit_only
    def test_perfect_hints_give_constant_regret(self):
        rng = np.random.default_rng(6)
        G = rng.normal(size=(5000, 4))
        G /= np.linalg.norm(G, axis=1, keepdims=True)
        ball = EuclideanBall(4)
        for cls in (OGD, FTRL):
            learner = cls(ball, eta=1.0, hint="given")
            value = regret(learner.run(G, hints=G), G, ball)
            assert value <= learner.bound(5000, squares=0.0).value + 1e-9
            assert learner.bound(5000, squares=0.0).value <= 2.0
            stepwise = cls(ball, eta=1.0, hint="given")
            for g in G[:20]:
                stepwise.give_hint(g)
                stepwise.update(g)
            other = cls(ball, eta=1.0, hint="given")
            other.run(G[:20], hints=G[:20])
            np.testing.assert_array_equal(stepwise.predict(), other.predict())


@pytest.mark.parametrize(
    "domain", [Simplex(1), CappedSimplex(3, 3), Box(1, 0.0, 1.0), EuclideanBall(1)], ids=ids
)
@pytest.mark.parametrize("T", [1, 3])
def test_single_points_and_single_rounds(domain, T):
    G = np.full((T, domain.dim), 0.5)
    learners = [
        OGD(domain, T),
        OGD(domain, hint="last"),
        FTRL(domain, T),
        FTRL(domain, step_size="adagrad-norm"),
        FTRL(domain, step_size="adagrad-norm", proximal=True),
        AderPlusPlus(domain, T),
        SAOL(domain),
        CoinBetting(domain),
    ]
    for geometry in domain.geometries:
        learners.append(OMD(domain, T, geometry=geometry))
    for learner in learners:
        plays = learner.iterates(G)
        assert all(domain.contains(x) for x in plays), learner
        value = float((plays * G).sum() + domain.support(-G.sum(axis=0)))
        bound = learner.bound(T)
        assert bound is None or value <= bound.value + 1e-9, learner
    implicit = ImplicitOGD(domain, T)
    implicit.update(G[0], 0.3)
    assert domain.contains(implicit.predict())


class TestMistakes:
    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: OGD("simplex", 5), "domain must be a set"),
            (lambda: OMD(EuclideanBall(2), 5, geometry="entropic"), "not defined"),
            (lambda: OMD(Simplex(2), 5, geometry="hyperbolic"), "unknown geometry"),
            (lambda: OGD(Simplex(2), step_size="fixed"), "give horizon"),
            (lambda: OGD(Simplex(2), step_size="strongly-convex"), "needs curvature"),
            (lambda: OGD(Simplex(2), 5, start=[2.0, 0.0]), "start must lie"),
            (lambda: OGD(Simplex(2), 5, hint="next"), "unknown hint"),
            (lambda: FTRL(Simplex(2), 5, geometry="entropic", proximal=True), "proximal needs"),
            (lambda: AdaGrad(Simplex(2)), "must be a Box"),
            (lambda: ONS(Simplex(2)), "must be a EuclideanBall"),
            (lambda: AderPlusPlus(Simplex(2)), "give horizon"),
        ],
    )
    def test_parameters(self, make, words):
        with pytest.raises(OlearnError, match=words):
            make().predict()

    def test_feedback(self):
        learner = OGD(Simplex(2), 10)
        learner.update([1.0, 0.0])
        with pytest.raises(OlearnError, match=r"gradient of round 2 is inf \(coordinate 0\)"):
            learner.run([[0.0, 0.0], [math.inf, 0.0]])
        with pytest.raises(OlearnError, match="must have shape"):
            learner.update([1.0])
        with pytest.raises(OlearnError, match="hints are taken only with"):
            learner.give_hint([1.0, 0.0])
        with pytest.raises(OlearnError, match="2-norm 5"):
            CoinBetting(2).update([3.0, 4.0])
        vaw = VAW(1)
        with pytest.raises(OlearnError, match="before update"):
            vaw.update(1.0)
        vaw.predict([1.0])
        with pytest.raises(OlearnError, match="between two predictions"):
            vaw.predict([1.0])
        with pytest.raises(OlearnError, match="do not say what the loss is"):
            ImplicitOGD(Simplex(2), 5).run([[1.0, 0.0]])
        with pytest.raises(OlearnError, match="must be -1 or 1"):
            Losses("hinge", [[1.0]], [0.5])

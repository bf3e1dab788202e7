"""Experts: equal to their definitions, known answers, bounds under attack, and the exact minimax value."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from naive import learners as naive
from olearn.errors import ParameterError
from olearn.learners import adversaries
from olearn.learners._numeric import exp_neg, exp_small
from olearn.learners._potential import log_evidence
from olearn.learners.adahedge import AdaHedge
from olearn.learners.catalogue import get_learner
from olearn.learners.dartboard import ShrinkingDartboard
from olearn.learners.fixed_share import FixedShare
from olearn.learners.ftpl import FTPL
from olearn.learners.hedge import Hedge
from olearn.learners.kt_experts import KTExperts
from olearn.learners.lazy_leader import LazyLeader
from olearn.learners.prod import MLProd, Prod
from olearn.learners.regret import best_expert, best_switching
from olearn.learners.regret_matching import RegretMatching, RegretMatchingPlus
from olearn.learners.squint import Squint

DETERMINISTIC = ("hedge", "adahedge", "squint", "prod", "ml-prod", "rm", "rm+", "kt-experts")


@st.composite
def games(draw, most=4, longest=24):
    """Losses in [0, 1], with many ties and zeros."""
    shape = draw(st.integers(1, longest)), draw(st.integers(2, most))
    values = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0.0, 1.0, width=32))
    return draw(arrays(np.float64, shape, elements=values))


def made(name, n, horizon):
    return get_learner(name)(n, horizon)


def all_hedges(n, T):
    yield Hedge(n, horizon=T)
    yield Hedge(n)
    yield Hedge(n, eta=0.03)
    yield Hedge(n, best_loss=0.2 * T)
    yield Hedge(n, eta=0.4, hint="last")


class TestTwins:
    @given(games())
    def test_hedge(self, losses):
        T, N = losses.shape
        fixed = math.sqrt(8 * math.log(N) / T)
        np.testing.assert_allclose(Hedge(N, T).iterates(losses), naive.hedge(losses, fixed), atol=1e-13)
        anytime = naive.hedge(losses, lambda t: math.sqrt(8 * math.log(N) / t))
        np.testing.assert_allclose(Hedge(N).iterates(losses), anytime, atol=1e-13)
        small = naive.hedge(losses, math.log1p(math.sqrt(2 * math.log(N) / 3.0)))
        np.testing.assert_allclose(Hedge(N, best_loss=3.0).iterates(losses), small, atol=1e-13)
        multiplicative = Hedge(N, eta=0.07)
        assert multiplicative.state.fast
        np.testing.assert_allclose(multiplicative.iterates(losses), naive.hedge(losses, 0.07), atol=1e-13)
        hinted = naive.hedge(losses, 0.8, hint=True)
        np.testing.assert_allclose(Hedge(N, eta=0.8, hint="last").iterates(losses), hinted, atol=1e-13)
        prior = np.arange(1.0, N + 1)
        with_prior = naive.hedge(losses, 0.5, prior=prior)
        np.testing.assert_allclose(Hedge(N, eta=0.5, prior=prior).iterates(losses), with_prior, atol=1e-13)

    @given(games())
    def test_adahedge(self, losses):
        ours = AdaHedge(losses.shape[1]).iterates(losses)
        np.testing.assert_allclose(ours, naive.adahedge(losses), atol=1e-9)

    @given(games(), st.floats(0.001, 0.9), st.floats(0.01, 3.0))
    def test_fixed_share(self, losses, alpha, eta):
        ours = FixedShare(losses.shape[1], alpha=alpha, eta=eta).iterates(losses)
        np.testing.assert_allclose(ours, naive.fixed_share(losses, eta, alpha), atol=1e-12)

    @given(games())
    def test_regret_matching(self, losses):
        N = losses.shape[1]
        for cls, plus in ((RegretMatching, False), (RegretMatchingPlus, True)):
            np.testing.assert_allclose(cls(N).iterates(losses) @ np.ones(N), np.ones(len(losses)), atol=1e-12)
            # A regret that rounding makes 1e-17 or 0 decides the play, so compare on losses without ties.
            rough = losses + 1e-3 * np.sin(np.arange(losses.size)).reshape(losses.shape)
            rough = np.clip(rough, 0.0, 1.0)
            ours, theirs = cls(N).iterates(rough), naive.regret_matching(rough, plus)
            if np.abs(ours - theirs).max() > 1e-9:  # then a regret must have been a rounding error
                R = np.cumsum((theirs * rough).sum(1)[:, None] - rough, axis=0)
                assert np.abs(R).min() < 1e-12

    @given(games(longest=10))
    def test_squint(self, losses):
        np.testing.assert_allclose(Squint(losses.shape[1]).iterates(losses), naive.squint(losses), atol=1e-9)

    @given(games())
    def test_prods(self, losses):
        N = losses.shape[1]
        np.testing.assert_allclose(Prod(N, eta=0.5).iterates(losses), naive.prod(losses, 0.5), atol=1e-12)
        np.testing.assert_allclose(MLProd(N).iterates(losses), naive.ml_prod(losses), atol=1e-10)

    @given(games())
    def test_kt_experts(self, losses):
        N = losses.shape[1]
        rough = np.clip(losses + 1e-3 * np.sin(np.arange(losses.size)).reshape(losses.shape), 0.0, 1.0)
        ours, theirs = KTExperts(N).iterates(rough), naive.kt_experts(rough, np.full(N, 1.0 / N))
        np.testing.assert_allclose(ours, theirs, atol=1e-9)

    @pytest.mark.jit_only
    def test_the_multiplicative_form_does_not_drift(self):
        """After 30 refreshes and in between, the weights are those of the sums."""
        rng = np.random.default_rng(5)
        losses = rng.random((30_500, 7)) * np.linspace(0.9, 1.0, 7)
        learner = Hedge(7, eta=0.02)
        learner.run(losses)
        np.testing.assert_allclose(learner.predict(), naive.softmin(0.02 * losses.sum(axis=0)), rtol=1e-9)

    @pytest.mark.jit_only
    def test_the_rearranged_loop_is_the_step_bit_for_bit(self):
        """Across a refresh, continued in the middle, and where every iterate is recorded."""
        losses = np.random.default_rng(8).random((1500, 11))
        whole, parts, stepped = (Hedge(11, eta=0.04) for _ in range(3))
        assert whole.state.fast
        own = whole.run(losses)
        np.testing.assert_array_equal(np.concatenate([parts.run(losses[:700]), parts.run(losses[700:])]), own)
        np.testing.assert_array_equal([stepped.update(g) for g in losses], own)
        np.testing.assert_array_equal(stepped.predict(), whole.predict())
        recorded = Hedge(11, eta=0.04).iterates(losses)
        np.testing.assert_allclose((recorded * losses).sum(axis=1), own, atol=1e-14)

    def test_scaled_ranges_play_the_same(self):
        losses = np.random.default_rng(0).random((40, 3))
        for name in DETERMINISTIC:
            plain = made(name, 3, 40).iterates(losses)
            scaled = get_learner(name)(3, 40, loss_range=(-2.0, 4.0)).iterates(6.0 * losses - 2.0)
            np.testing.assert_allclose(scaled, plain, atol=1e-9, err_msg=name)


class TestNumeric:
    def test_exponentials(self):
        x = -np.concatenate([np.linspace(0, 700, 400), [0.0, 1e-300, 709.9, 740.0, 1e9]])
        ours = np.array([exp_neg(v) for v in x])
        np.testing.assert_allclose(ours[:-2], np.exp(x[:-2]), rtol=5e-16)
        assert ours[-1] == ours[-2] < 1e-320
        y = np.linspace(-0.05, 0.05, 200)
        np.testing.assert_allclose([exp_small(v) for v in y], np.exp(y), rtol=4e-15)

    @given(st.floats(-2000.0, 2000.0), st.floats(0.0, 1000.0))
    def test_squints_integral(self, R, V):
        """Against adaptive quadrature of the integrand divided by its largest value."""
        from scipy import integrate

        peak = min(max(R / (2.0 * V), 0.0), 0.5) if V > 0 else (0.5 if R > 0 else 0.0)
        top = peak * R - peak * peak * V
        width = 5.0 / max(abs(R), math.sqrt(V), 1.0)
        points = sorted({min(max(peak + k * width, 1e-12), 0.5 - 1e-12) for k in (-4, -1, 1, 4)})
        value = integrate.quad(
            lambda e: math.exp(e * R - e * e * V - top),
            0.0,
            0.5,
            points=points,
            limit=400,
            epsabs=0,
            epsrel=1e-11,
        )[0]
        assert log_evidence(R, V) == pytest.approx(top + math.log(value), abs=1e-7, rel=1e-9)


class TestKnownAnswers:
    @pytest.mark.parametrize(
        ("T", "regret"), [(1, 0.5), (10, 3.914829245), (100, 7.183078246), (1000, 7.183555313)]
    )
    def test_hedge_on_zero_one(self, T, regret):
        losses = np.tile([0.0, 1.0], (T, 1))
        assert Hedge(2, eta=0.1).run(losses).sum() == pytest.approx(regret, abs=1e-8)
        exact = sum(1.0 / (1.0 + math.exp(0.1 * t)) for t in range(T))
        assert Hedge(2, eta=0.1).run(losses).sum() == pytest.approx(exact, abs=1e-11)

    def test_hedge_limit(self):
        total = Hedge(2, eta=0.1).run(np.tile([0.0, 1.0], (3000, 1))).sum()
        assert total == pytest.approx(math.log(2) / 0.1 + 0.25 + 0.1 / 48, abs=1e-6)

    def test_fixed_share_without_sharing_is_hedge(self):
        losses = np.random.default_rng(1).random((200, 5))
        ours = FixedShare(5, alpha=0.0, eta=0.3).iterates(losses)
        np.testing.assert_array_equal(ours, Hedge(5, eta=0.3).iterates(losses))

    def test_bound_table(self):
        """Section 6.2 of the reference."""
        for K, T, value in ((2, 1_000, 18.62), (10, 10_000, 107.30), (10, 1_000_000, 1072.98)):
            assert Hedge(K, T).bound().value == pytest.approx(value, abs=0.005)

    @pytest.mark.parametrize("N", [2, 3, 4])
    def test_minimax_values(self, N):
        """The naive dynamic program gives the values of the reference (section 6.1)."""
        known = {
            2: [1 / 2, 1 / 2, 3 / 4, 3 / 4, 15 / 16, 15 / 16, 35 / 32],
            3: [2 / 3, 5 / 6, 1, 9 / 8],
            4: [3 / 4, 1, 23 / 20],
        }[N]
        values = [naive.minimax_regret(N, T + 1) for T in range(len(known))]
        np.testing.assert_allclose(values, known, atol=1e-8)
        if N == 2:
            for T, value in enumerate(values, start=1):
                assert value == pytest.approx(T * math.comb(T - 1, (T - 1) // 2) / 2**T)


MINIMAX = {(2, 1): 0.5, (2, 2): 0.5, (2, 3): 0.75, (2, 4): 0.75, (2, 5): 15 / 16, (2, 6): 15 / 16}
MINIMAX |= {(3, 1): 2 / 3, (3, 2): 5 / 6, (3, 3): 1.0, (4, 1): 0.75, (4, 2): 1.0}


@pytest.mark.jit_only
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_worst_case_lies_between_the_minimax_value_and_the_bound(name):
    """Every binary loss sequence is played."""
    for (N, T), value in MINIMAX.items():
        worst = -math.inf
        learner = made(name, N, T)
        for losses in naive.binary_games(N, T):
            learner.reset()
            worst = max(worst, learner.run(losses).sum() - losses.sum(axis=0).min())
        assert worst >= value - 1e-12, (N, T, worst)
        assert worst <= learner.bound(T).value + 1e-9, (N, T, worst)


def test_worst_case_of_hedge_without_the_compiler():
    for N, T in ((2, 3), (3, 2)):
        learner = Hedge(N, T)
        worst = -math.inf
        for losses in naive.binary_games(N, T):
            learner.reset()
            worst = max(worst, learner.run(losses).sum() - losses.sum(axis=0).min())
        assert MINIMAX[N, T] - 1e-12 <= worst <= learner.bound().value + 1e-12


class TestBounds:
    @given(games(most=5, longest=40))
    def test_any_sequence(self, losses):
        T, N = losses.shape
        best = best_expert(losses).loss
        for name in DETERMINISTIC:
            learner = made(name, N, T)
            assert learner.run(losses).sum() - best <= learner.bound(T).value + 1e-9, name
        for learner in all_hedges(N, T):
            if learner.best_loss is None or best <= learner.best_loss:
                assert learner.run(losses).sum() - best <= learner.bound(T).value + 1e-9, learner

    @given(games(most=4, longest=30))
    def test_data_dependent_bounds(self, losses):
        T, N = losses.shape
        best = best_expert(losses)
        spread = float(((losses.max(axis=1) - losses.min(axis=1)) ** 2).sum())
        ada = AdaHedge(N, T)
        assert ada.run(losses).sum() - best.loss <= ada.bound(squared_spreads=spread).value + 1e-9
        change = np.diff(losses, axis=0, prepend=np.zeros((1, N)))
        hinted = Hedge(N, T, eta=0.7, hint="last")
        variation = float((np.abs(change).max(axis=1) ** 2).sum())
        assert hinted.run(losses).sum() - best.loss <= hinted.bound(variation=variation).value + 1e-9
        half = float((((change.max(axis=1) - change.min(axis=1)) / 2.0) ** 2).sum())
        assert half <= variation + 1e-9
        for low in (0.0, -3.0, 9.0):  # the same game wherever the range lies
            moved = Hedge(N, T, eta=0.7, hint="last", loss_range=(low, low + 1.0))
            value = moved.run(losses + low).sum() - best.loss - low * T
            assert value <= moved.bound(variation=half).value + 1e-9
            assert value <= moved.bound().value + 1e-9
            assert moved.bound().value == pytest.approx(Hedge(N, T, eta=0.7, hint="last").bound().value)
        for learner in (Squint(N, T), MLProd(N, T)):
            plays = learner.iterates(losses)
            own = (plays * losses).sum(axis=1)
            for k in range(N):
                V = float(((own - losses[:, k]) ** 2).sum())
                assert own.sum() - losses[:, k].sum() <= learner.bound(variance=V).value + 1e-9
        prod = Prod(N, T)
        squares = float((losses[:, best.expert] ** 2).sum())
        assert prod.run(losses).sum() - best.loss <= prod.bound(squares=squares).value + 1e-9

    @given(games(most=3, longest=16), st.integers(0, 3))
    def test_fixed_share(self, losses, switches):
        T, N = losses.shape
        m = min(switches, T - 1)
        learner = FixedShare(N, T, switches=m)
        regret = learner.run(losses).sum() - best_switching(losses, m).loss
        assert regret <= learner.bound().value + 1e-9
        other = FixedShare(N, T, switches=m, alpha=0.1, eta=0.5)
        assert other.run(losses).sum() - best_switching(losses, m).loss <= other.bound().value + 1e-9

    @pytest.mark.parametrize("name", DETERMINISTIC)
    @pytest.mark.parametrize("adversary", ["random", "cyclic", "alternating", "shifting", "punish"])
    def test_adversaries(self, name, adversary):
        parameters = {"block": 50} if adversary == "shifting" else {}
        for N, T in ((2, 300), (10, 1000)):
            learner = made(name, N, T)
            played = learner.play(adversaries.get_adversary(adversary, **parameters), T)
            regret = played.losses.sum() - best_expert(played.gradients).loss
            assert regret <= learner.bound(T).value, (N, regret)
            np.testing.assert_allclose(
                (played.iterates * played.gradients).sum(axis=1), played.losses, atol=1e-12
            )

    def test_kt_mixture(self):
        """The bound holds for mixtures u, not only for single experts."""
        rng = np.random.default_rng(3)
        for _ in range(20):
            losses = (rng.random((400, 4)) < rng.random(4)).astype(float)
            u = rng.dirichlet(np.ones(4))
            learner = KTExperts(4, 400, prior=[1.0, 2.0, 3.0, 4.0])
            regret = learner.run(losses).sum() - float((losses @ u).sum())
            assert regret <= learner.bound(mixture=u).value

    @pytest.mark.parametrize("N", [2, 10, 100])
    @pytest.mark.parametrize("T", [1, 2, 10, 1000, 10**5, 10**8])
    def test_kt_bound_is_what_the_wealth_gives(self, N, T):
        """The regret R at which the wealth F_T(R) of the bets on T coins of sum R reaches N, at any horizon."""

        def log_wealth(total):
            sides = math.lgamma((T + total + 1.0) / 2.0) + math.lgamma((T - total + 1.0) / 2.0)
            return T * math.log(2.0) + sides - math.log(math.pi) - math.lgamma(T + 1.0)

        low, high = 0.0, float(T)
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if log_wealth(middle) < math.log(N) else (low, middle)
        assert low <= KTExperts(N).bound(T).value <= 1.5 * low + 2.0


def mean_regret(make, losses, runs):
    """Mean regret over seeds, and its standard error."""
    best = best_expert(losses).loss
    values = np.array([make(seed).run(losses).sum() - best for seed in range(runs)])
    return values.mean(), values.std(ddof=1) / math.sqrt(runs)


class TestPerturbed:
    @pytest.mark.jit_only
    def test_gumbel_is_hedge_in_law(self):
        """Chi-square on 20,000 draws after the same losses; false alarm: 1 in 10,000 (fixed seed)."""
        from scipy import stats

        losses = np.array([[0.0, 0.5, 1.0], [1.0, 0.2, 0.4], [0.1, 0.9, 0.3]])
        eta, runs = 0.9, 20_000
        law = naive.hedge_law(losses, eta)
        learner = FTPL(3, scale=1.0 / eta, seed=7)
        # Rounds of zero losses draw afresh from the law after `losses`.
        rest = np.zeros((runs, 3))
        learner.run(losses)
        counts = learner.iterates(rest).sum(axis=0)
        assert stats.chisquare(counts, law * runs).pvalue > 1e-4

    @pytest.mark.jit_only
    @pytest.mark.parametrize("noise", ["gumbel", "gaussian", "exponential"])
    @pytest.mark.parametrize("redraw", [True, False])
    def test_expected_regret(self, noise, redraw):
        """The mean over 60 seeds is below the bound by more than four standard errors."""
        rng = np.random.default_rng(0)
        T = 400
        cycles = np.tile(np.eye(4), (T // 4, 1))
        for losses in (cycles, (rng.random((T, 4)) < 0.5).astype(float)):
            mean, error = mean_regret(lambda s: FTPL(4, T, noise=noise, redraw=redraw, seed=s), losses, 60)
            assert mean + 4 * error <= FTPL(4, T, noise=noise).bound().value

    @pytest.mark.parametrize("noise", ["gumbel", "gaussian", "exponential"])
    def test_adaptive_adversary(self, noise):
        """Fresh noise: the bound on the expectation holds against an adversary that sees the play.

        One run of 2000 rounds; by Hoeffding-Azuma the excess over the expectation exceeds 4 sqrt(T/2)
        with chance below 2e-14.
        """
        T = 2000 if noise != "gaussian" else 500
        learner = FTPL(3, T, noise=noise, seed=1)
        played = learner.play(adversaries.bernoulli([0.4, 0.5, 0.5], seed=2), T)
        regret = played.losses.sum() - best_expert(played.gradients).loss
        assert regret <= learner.bound().value + 4 * math.sqrt(T / 2)

    @pytest.mark.jit_only
    def test_lazy_leader_has_the_law_of_fresh_uniform_noise_and_few_switches(self):
        losses = np.random.default_rng(4).random((60, 3))
        eps, runs = 0.5, 4000
        plays = np.zeros((60, 3))
        switches = 0
        for seed in range(runs):
            learner = LazyLeader(3, eps=eps, seed=seed)
            plays += learner.iterates(losses)
            switches += learner.switches
        rng = np.random.default_rng(5)
        sums = np.vstack([np.zeros(3), np.cumsum(losses, axis=0)])[:-1]
        noise = rng.random((runs, 3)) / eps
        for t in range(0, 60, 10):
            law = np.bincount(np.argmin(sums[t] + noise, axis=1), minlength=3) / runs
            # Two estimates from 4000 draws: 5 standard errors each, false alarm below 1e-5.
            np.testing.assert_allclose(plays[t] / runs, law, atol=5 * math.sqrt(0.5 / runs))
        assert switches / runs <= eps * losses.sum() + 1e-9

    @pytest.mark.jit_only
    @pytest.mark.parametrize("low", [-7.0, 0.0, 9.0])
    def test_lazy_leader_counts_no_switches_for_what_all_have_in_common(self, low):
        losses = np.random.default_rng(8).random((300, 4))
        eps, runs, switches, base = 0.1, 300, 0, 0
        for seed in range(runs):
            learner = LazyLeader(4, eps=eps, seed=seed, loss_range=(low, low + 1.0))
            learner.run(low + losses)
            switches += learner.switches
            same = LazyLeader(4, eps=eps, seed=seed)
            same.run(losses)
            base += same.switches
        assert switches / runs <= eps * losses.sum()
        assert switches == pytest.approx(base, abs=0.01 * base + 3)  # roundings at grid points

    @pytest.mark.jit_only
    def test_shrinking_dartboard(self):
        """Marginals of Hedge; regret plus switches within the bound; 4000 seeds, 5 standard errors."""
        losses = np.random.default_rng(6).random((40, 3))
        runs, eta = 4000, 0.4
        plays, switches = np.zeros((40, 3)), 0
        for seed in range(runs):
            learner = ShrinkingDartboard(3, eta=eta, seed=seed)
            plays += learner.iterates(losses)
            switches += learner.switches
        law = naive.hedge(losses, eta)
        np.testing.assert_allclose(plays / runs, law, atol=5 * math.sqrt(0.25 / runs))
        assert switches / runs <= eta * (law * losses).sum() * 1.05

    def test_dartboard_keeps_with_the_right_chance(self):
        """After loss 1 the chance to draw again is 1 - e^-eta; 3000 seeds, 5 standard errors."""
        eta, runs, changed = 0.7, 3000, 0
        for seed in range(runs):
            learner = ShrinkingDartboard(50, eta=eta, seed=seed)
            losses = np.zeros(50)
            losses[learner.action] = 1.0
            learner.update(losses)
            changed += learner.switches
        chance = (1.0 - math.exp(-eta)) * 49.0 / (49.0 + math.exp(-eta))
        assert changed / runs == pytest.approx(chance, abs=5 * math.sqrt(0.25 / runs))

    def test_dartboard_bound_includes_switches(self):
        T = 1500
        losses = np.tile(np.eye(3), (T // 3, 1))
        costs = []
        for seed in range(10):
            learner = ShrinkingDartboard(3, T, switching_cost=1.0, seed=seed)
            costs.append(learner.run(losses).sum() + learner.switches - T / 3)
        assert np.mean(costs) <= learner.bound().value

    def test_lazy_leader_bound(self):
        T = 900
        losses = np.tile(np.eye(3), (T // 3, 1))
        values = [LazyLeader(3, T, mass=1.0, seed=s).run(losses).sum() - T / 3 for s in range(10)]
        assert np.mean(values) <= LazyLeader(3, T, mass=1.0).bound().value


class TestSafety:
    @pytest.mark.jit_only
    @pytest.mark.parametrize(
        "name", [*DETERMINISTIC, "fixed-share", "ftpl", "lazy-leader", "shrinking-dartboard"]
    )
    def test_a_million_rounds_of_constant_losses(self, name):
        """Weights stay finite, sum to 1, prefer the better expert; the losses turn, the learner follows."""
        losses = np.tile([0.0, 1.0, 1.0], (500_000, 1))
        learner = get_learner(name)(3, 1_000_000)
        first = learner.run(losses)
        x = learner.predict()
        assert np.isfinite(first).all()
        assert x.sum() == pytest.approx(1.0, abs=1e-12)
        assert x.min() >= 0.0
        assert first[-1] < 0.01
        turned = learner.run(losses[:, ::-1].copy())
        assert np.isfinite(turned).all()
        total = first.sum() + turned.sum()
        # The best fixed expert loses 500,000 either way.
        if name != "fixed-share":
            assert total <= 500_000 + learner.bound().value
        else:
            assert total < 1_000

    def test_tiny_prior(self):
        """An expert with prior 1e-300 wins once the others have lost enough."""
        losses = np.tile([0.0, 1.0], (40, 1))
        for eta in (20.0, 0.05):
            learner = Hedge(2, eta=eta, prior=[1e-300, 1.0])
            x = learner.iterates(losses)
            log_odds = math.log(1e-300) + eta * np.arange(40)
            odds = np.exp(np.clip(log_odds, -700, 700))
            np.testing.assert_allclose(x[:, 0], odds / (1.0 + odds), rtol=1e-9, atol=1e-249)
        for learner in (Squint(2, prior=[1e-300, 1.0]), KTExperts(2, prior=[1e-300, 1.0])):
            assert np.isfinite(learner.iterates(np.tile([0.0, 1.0], (60, 1)))).all()

    @pytest.mark.jit_only
    def test_tiny_prior_in_the_multiplicative_form(self):
        losses = np.tile([0.0, 1.0], (20_000, 1))
        learner = Hedge(2, eta=0.05, prior=[1e-300, 1.0])
        assert learner.state.fast
        learner.run(losses)
        assert learner.predict()[0] == pytest.approx(1.0)

    def test_range_is_enforced(self):
        learner = Hedge(2, horizon=10)
        learner.update([0.0, 1.0])
        before = learner.predict()
        with pytest.raises(ParameterError, match=r"loss of round 1 is nan \(expert 1\)"):
            learner.update([0.0, math.nan])
        with pytest.raises(ParameterError, match=r"loss of round 3 is 1\.5"):
            learner.run([[0.0, 1.0], [0.0, 0.0], [1.5, 0.0]])
        np.testing.assert_array_equal(learner.predict(), before)
        assert learner.rounds == 1

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: Hedge(0), "n must be"),
            (lambda: Hedge(2, rate="horizon"), "give horizon"),
            (lambda: Hedge(2, rate="fast"), "unknown rate"),
            (lambda: Hedge(2, eta=-1.0), "eta must be"),
            (lambda: Hedge(2, prior=[0.0, 1.0]), "prior must be"),
            (lambda: Hedge(2, loss_range=(1.0, 1.0)), "loss_range"),
            (lambda: FixedShare(2, 3, switches=-1), "switches must be"),
            (lambda: Prod(2, eta=0.7), "eta must be"),
            (lambda: FTPL(2, 5, noise="cauchy"), "unknown noise"),
            (lambda: FTPL(2), "give horizon"),
        ],
    )
    def test_bad_parameters(self, make, words):
        with pytest.raises(Exception, match=words) as caught:
            make().predict()
        assert type(caught.value).__module__ == "olearn.errors"

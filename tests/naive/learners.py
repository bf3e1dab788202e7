"""Online learners and regret, as their definitions say."""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import integrate, optimize

# -- experts: each function returns the plays, one row a round ---------------------------------------------


def softmin(values):
    w = np.exp(-(values - values.min()))
    return w / w.sum()


def hedge(losses, rate, prior=None, hint=False):
    """`rate` is a number or a function of the round (from 1)."""
    T, N = losses.shape
    log_prior = np.zeros(N) if prior is None else np.log(prior)
    plays = np.empty((T, N))
    for t in range(T):
        eta = rate(t + 1) if callable(rate) else rate
        seen = losses[:t].sum(axis=0) + (losses[t - 1] if hint and t else 0.0)
        plays[t] = softmin(eta * seen - log_prior)
    return plays


def adahedge(losses):
    T, N = losses.shape
    plays, gap, total = np.empty((T, N)), 0.0, np.zeros(N)
    for t in range(T):
        loss = losses[t]
        if gap == 0.0:
            leaders = total == total.min()
            w = leaders / leaders.sum()
            mix = (total + loss)[leaders].min() - total.min()
        else:
            eta = math.log(N) / gap
            w = softmin(eta * total)
            mix = -math.log((w * np.exp(-eta * (loss - loss.min()))).sum()) / eta + loss.min()
        plays[t] = w
        gap += max(0.0, w @ loss - mix)
        total = total + loss
    return plays


def fixed_share(losses, eta, alpha):
    T, N = losses.shape
    w, plays = np.full(N, 1.0 / N), np.empty((T, N))
    for t in range(T):
        plays[t] = w
        v = w * np.exp(-eta * losses[t])
        w = (1.0 - alpha) * v / v.sum() + alpha / N
    return plays


def regret_matching(losses, plus):
    T, N = losses.shape
    R, plays = np.zeros(N), np.empty((T, N))
    for t in range(T):
        positive = np.maximum(R, 0.0)
        x = positive / positive.sum() if positive.sum() > 0 else np.full(N, 1.0 / N)
        plays[t] = x
        R = R + x @ losses[t] - losses[t]
        if plus:
            R = np.maximum(R, 0.0)
    return plays


def squint(losses):
    T, N = losses.shape
    R, V, plays = np.zeros(N), np.zeros(N), np.empty((T, N))
    for t in range(T):
        w = np.array(
            [integrate.quad(lambda e, r=r, v=v: math.exp(e * r - e * e * v), 0.0, 0.5)[0] for r, v in zip(R, V)]
        )
        plays[t] = w / w.sum()
        r = plays[t] @ losses[t] - losses[t]
        R, V = R + r, V + r * r
    return plays


def prod(losses, eta):
    T, N = losses.shape
    w, plays = np.ones(N), np.empty((T, N))
    for t in range(T):
        plays[t] = w / w.sum()
        w = w * (1.0 - eta * losses[t])
    return plays


def ml_prod(losses):
    T, N = losses.shape
    w, V, plays = np.ones(N), np.zeros(N), np.empty((T, N))
    for t in range(T):
        eta = np.minimum(0.5, np.sqrt(math.log(N) / (1.0 + V)))
        plays[t] = eta * w / (eta * w).sum()
        r = plays[t] @ losses[t] - losses[t]
        V = V + r * r
        after = np.minimum(0.5, np.sqrt(math.log(N) / (1.0 + V)))
        w = (w * (1.0 + eta * r)) ** (after / eta)
    return plays


def kt_experts(losses, prior):
    T, N = losses.shape
    S, W, plays = np.zeros(N), np.ones(N), np.empty((T, N))
    for t in range(T):
        w = S / (t + 1.0) * W
        bets = prior * np.maximum(w, 0.0)
        plays[t] = bets / bets.sum() if bets.sum() > 0 else prior
        r = plays[t] @ losses[t] - losses[t]
        r = np.where(w > 0, r, np.maximum(r, 0.0))
        W = W + r * w
        S = S + r
    return plays


def hedge_law(losses, eta):
    """Probabilities of the play after all losses."""
    return softmin(eta * losses.sum(axis=0))


# -- convex optimisation --------------------------------------------------------------------------------------


def minimise(function, domain_constraints, start, bounds=None):
    """A constrained minimiser by SLSQP, to about 1e-9."""
    found = optimize.minimize(
        function,
        start,
        method="SLSQP",
        bounds=bounds,
        constraints=domain_constraints,
        options={"ftol": 1e-15, "maxiter": 500},
    )
    return found.x


def ogd(gradients, project, start, eta):
    x, plays = np.array(start, float), []
    for t, g in enumerate(gradients):
        plays.append(x)
        x = project(x - eta(t + 1, gradients[: t + 1]) * g)
    return np.array(plays)


def ftrl(gradients, solve, eta):
    """`solve(theta)` is argmin <theta, x> + psi(x)."""
    total, plays = np.zeros_like(gradients[0]), []
    for t, g in enumerate(gradients):
        plays.append(solve(eta(t, gradients[:t]) * total))
        total = total + g
    return np.array(plays)


def tsallis(theta):
    """argmin <theta, x> - 4 sum sqrt(x) on the simplex, by bisection on the multiplier."""

    def value(nu):
        return (4.0 / (theta - nu) ** 2).sum() - 1.0

    nu = optimize.brentq(
        value, theta.min() - 2.0 * math.sqrt(theta.size) - 1.0, theta.min() - 2.0 + 1e-13, xtol=1e-15
    )
    x = 4.0 / (theta - nu) ** 2
    return x / x.sum()


def log_barrier(theta):
    """argmin <theta, x> - sum ln x on the simplex."""

    def value(nu):
        return (1.0 / (theta - nu)).sum() - 1.0

    nu = optimize.brentq(value, theta.min() - theta.size - 1.0, theta.min() - 1.0 + 1e-13, xtol=1e-15)
    x = 1.0 / (theta - nu)
    return x / x.sum()


def adagrad(gradients, low, high, rates, start):
    x, squares, plays = np.array(start, float), np.zeros(len(start)), []
    for g in gradients:
        plays.append(x)
        squares = squares + g * g
        x = np.array(
            [
                min(max(x[i] - rates[i] * g[i] / math.sqrt(squares[i]), low[i]), high[i])
                if squares[i]
                else x[i]
                for i in range(x.size)
            ]
        )
    return np.array(plays)


def coin_betting(gradients):
    wealth, total, plays = 1.0, np.zeros(gradients.shape[1]), []
    for t, g in enumerate(gradients):
        w = total / (t + 1.0) * wealth
        plays.append(w)
        wealth -= g @ w
        total = total - g
    return np.array(plays), wealth


def coin_betting_on_a_set(gradients, project, start):
    """The bettor is told g without its part along w - x where that part would push w further out.

    Returns the plays, and whether rounding may have decided a round: a move about as large as one that is none.
    """
    wealth, total, plays, doubtful = 1.0, np.zeros(gradients.shape[1]), [], False
    for t, g in enumerate(gradients):
        bet = total / (t + 1.0) * wealth
        w = start + bet
        x = project(w)
        plays.append(x)
        away = w - x
        size = np.linalg.norm(away)
        told = np.array(g)
        least = 1e-10 * (1.0 + np.linalg.norm(w))
        doubtful |= least / 100 < size < least * 100
        if size > least and g @ away < 0:
            v = away / size
            told = g - (g @ v) * v
        wealth -= told @ bet
        total = total - told
    return np.array(plays), doubtful


def ons(gradients, radius, gamma):
    d = gradients.shape[1]
    D = 2.0 * radius
    A, x, plays = np.eye(d) / (gamma * D) ** 2, np.zeros(d), []
    for g in gradients:
        plays.append(x)
        A = A + np.outer(g, g)
        y = x - np.linalg.solve(A, g) / gamma
        if y @ y > radius**2:

            def norm(lam, y=y, A=A):
                return np.linalg.norm(np.linalg.solve(A + lam * np.eye(d), A @ y)) - radius

            lam = optimize.brentq(norm, 0.0, 1e12, xtol=1e-14, rtol=1e-14, maxiter=500)
            y = np.linalg.solve(A + lam * np.eye(d), A @ y)
        x = y
    return np.array(plays)


def vaw(features, targets, lam):
    d, guesses = features.shape[1], []
    for t, z in enumerate(features):
        A = lam * np.eye(d) + features[: t + 1].T @ features[: t + 1]
        b = features[:t].T @ targets[:t]
        guesses.append(z @ np.linalg.solve(A, b))
    return np.array(guesses)


def ader(gradients, project, start, etas, rate):
    """Ader++ on linear losses."""
    N = len(etas)
    points, total, plays = np.tile(start, (N, 1)), np.zeros(N), []
    i = np.arange(1, N + 1)
    prior = 1.0 / (i * (i + 1.0))
    for g in gradients:
        w = prior * np.exp(-rate * (total - total.min()))
        w /= w.sum()
        x = w @ points
        plays.append(x)
        total = total + points @ g
        points = np.array([project(p - e * g) for p, e in zip(points, etas)])
    return np.array(plays)


def saol(gradients, project, start, width, size):
    """One dictionary of intervals (first round, length) -> [weight, point]."""
    alive, plays = {}, []
    for t, g in enumerate(gradients, start=1):
        alive = {(a, n): v for (a, n), v in alive.items() if t < a + n}
        n = 1
        while n <= t:
            if t % n == 0:
                alive[(t, n)] = [min(0.5, 1.0 / math.sqrt(n)), np.array(start, float)]
            n *= 2
        total = sum(w for w, _ in alive.values())
        x = sum(w * p for w, p in alive.values()) / total
        plays.append(x)
        for (a, n), (w, p) in list(alive.items()):
            r = (x @ g - p @ g) / width
            rate = min(0.5, 1.0 / math.sqrt(n))
            alive[(a, n)] = [w * (1.0 + rate * r), project(p - size / math.sqrt(n) * g)]
    return np.array(plays)


# -- games and regret ------------------------------------------------------------------------------------


def binary_games(N, T):
    """All loss matrices with entries 0 and 1."""
    rows = [np.array(r, float) for r in itertools.product((0.0, 1.0), repeat=N)]
    for choice in itertools.product(rows, repeat=T):
        yield np.array(choice)


def minimax_regret(N, T):
    """Value of the experts game with losses in [0, 1], by backward induction and a linear program a state.

    State: cumulative losses relative to the least; V(s, n) is the min over p of the max over l of
    <p, l> + V(s + l, n - 1).
    """
    rows = list(itertools.product((0, 1), repeat=N))
    known = {}

    def value(state, left):
        least = min(state)
        key = (tuple(sorted(v - least for v in state)), left)
        if left == 0:
            return -float(least)
        if key not in known:
            shape = key[0]
            A = [[*map(float, row), -1.0] for row in rows]
            b = [-value(tuple(s + v for s, v in zip(shape, row)), left - 1) for row in rows]
            found = optimize.linprog(
                [0.0] * N + [1.0],
                A_ub=A,
                b_ub=b,
                A_eq=[[1.0] * N + [0.0]],
                b_eq=[1.0],
                bounds=[(0, 1)] * N + [(None, None)],
                method="highs",
            )
            known[key] = found.fun
        return known[key] - least

    return value((0,) * N, T)


def best_switching(losses, switches):
    """By trying every sequence."""
    T, N = losses.shape
    best = math.inf
    for sequence in itertools.product(range(N), repeat=T):
        if sum(a != b for a, b in itertools.pairwise(sequence)) <= switches:
            best = min(best, sum(losses[t, i] for t, i in enumerate(sequence)))
    return best


def worst_window(suffered, losses, length=None):
    T, N = losses.shape
    return max(
        sum(suffered[a:b]) - losses[a:b, i].sum()
        for a in range(T)
        for b in range(a + 1, T + 1)
        for i in range(N)
        if length is None or b - a == length
    )


def swap_regret(plays, losses):
    T, N = losses.shape
    best = -math.inf
    for f in itertools.product(range(N), repeat=N):
        gain = sum(plays[t, i] * (losses[t, i] - losses[t, f[i]]) for t in range(T) for i in range(N))
        best = max(best, gain)
    return best

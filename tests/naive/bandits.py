"""Bandit policies from their definitions: everything is computed anew from the whole history.

A history is a list of (arm, reward, chance of the draw). ``indices`` functions return one number for
each arm, ``chances`` functions the distribution of the coming draw. Nothing here is fast.
"""

import functools
import itertools
import math

import numpy as np


class Stream:
    """xoshiro256++ in Python integers, with the variates that olearn documents."""

    MASK = (1 << 64) - 1

    def __init__(self, seed):
        root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        self.s = [int(v) for v in root.generate_state(4, np.uint64)]

    def bits(self):
        s, mask = self.s, self.MASK
        total = (s[0] + s[3]) & mask
        result = ((((total << 23) | (total >> 41)) & mask) + s[0]) & mask
        t = (s[1] << 17) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = ((s[3] << 45) | (s[3] >> 19)) & mask
        return result

    def uniform(self):
        return (self.bits() >> 11) / 2**53

    def normal(self):
        while True:
            x, y = 2 * self.uniform() - 1, 2 * self.uniform() - 1
            r = x * x + y * y
            if 0 < r < 1:
                return x * math.sqrt(-2 * math.log(r) / r)

    def gamma(self, shape):
        boost = 1.0
        if shape < 1:
            boost = (1 - self.uniform()) ** (1 / shape)
            shape += 1
        d = shape - 1 / 3
        c = 1 / math.sqrt(9 * d)
        while True:
            x = self.normal()
            v = (1 + c * x) ** 3
            if v > 0 and math.log(1 - self.uniform()) < x * x / 2 + d - d * v + d * math.log(v):
                return d * v * boost

    def beta(self, a, b):
        x = self.gamma(a)
        return x / (x + self.gamma(b))

    def choose(self, chances):
        """Inverse transform; the distance of the draw to the nearest edge comes second."""
        u = self.uniform() * sum(chances)
        edges = np.cumsum(chances)
        arm = int(np.searchsorted(edges, u, side="right"))
        return arm, float(np.abs(edges - u).min())


def sums(history, arms):
    """Pulls and reward totals of each arm."""
    n, s = [0] * arms, [0.0] * arms
    for arm, reward, _ in history:
        n[arm] += 1
        s[arm] += reward
    return n, s


def _optimistic(history, arms, width):
    """mean + width(t, n) with unplayed arms first."""
    n, s = sums(history, arms)
    t = len(history)
    return [math.inf if n[i] == 0 else s[i] / n[i] + width(t, n[i]) for i in range(arms)]


def ucb(history, arms, alpha):
    return _optimistic(history, arms, lambda t, n: math.sqrt(alpha * math.log(t) / (2 * n)))


def ucb_delta(history, arms, delta):
    return _optimistic(history, arms, lambda t, n: math.sqrt(2 * math.log(1 / delta) / n))


def ao_ucb(history, arms):
    return _optimistic(history, arms, lambda t, n: math.sqrt(2 * math.log(1 + t * math.log(t) ** 2) / n))


def moss(history, arms, horizon, scale):
    return _optimistic(
        history, arms, lambda t, n: math.sqrt(scale * max(0.0, math.log(horizon / (arms * n))) / n)
    )


def kl(p, q):
    total = 0.0
    for a, b in ((p, q), (1 - p, 1 - q)):
        if a > 0:
            total += math.inf if b <= 0 else a * math.log(a / b)
    return total


def kl_upper(mean, budget):
    """Bisection on [mean, 1]."""
    low, high = mean, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        if kl(mean, middle) > budget:
            high = middle
        else:
            low = middle
    return low


def kl_ucb(history, arms, c):
    n, s = sums(history, arms)
    t = len(history)
    f = math.log(t) if t else 0.0
    if c and t:
        f = max(0.0, f + c * math.log(max(f, 1e-300)))
    return [math.inf if n[i] == 0 else kl_upper(min(1.0, s[i] / n[i]), f / n[i]) for i in range(arms)]


def bayes_ucb(history, arms):
    from scipy.stats import beta

    n, s = sums(history, arms)
    chance = 1 / (len(history) + 1)
    return [float(beta.isf(chance, 1 + s[i], 1 + n[i] - s[i])) for i in range(arms)]


def d_ucb(history, arms, gamma, xi, scale):
    n, s = [0.0] * arms, [0.0] * arms
    for age, (arm, reward, _) in enumerate(reversed(history)):
        n[arm] += gamma**age
        s[arm] += gamma**age * reward
    if 0.0 in n:
        return [math.inf if v == 0 else 0.0 for v in n]
    log = max(0.0, math.log(sum(n)))
    return [s[i] / n[i] + 2 * scale * math.sqrt(xi * log / n[i]) for i in range(arms)]


def sw_ucb(history, arms, window, xi, scale):
    n, s = sums(history[-window:], arms)
    if 0 in n:
        return [math.inf if v == 0 else 0.0 for v in n]
    log = math.log(min(len(history), window))
    return [s[i] / n[i] + scale * math.sqrt(xi * log / n[i]) for i in range(arms)]


def thompson(history, arms, stream, a=1.0, b=1.0):
    """Posterior draws; rewards must be 0 or 1."""
    n, s = sums(history, arms)
    return [stream.beta(a + s[i], b + n[i] - s[i]) for i in range(arms)]


def thompson_gaussian(history, arms, stream, std):
    n, s = sums(history, arms)
    if 0 in n:
        return [math.inf if v == 0 else 0.0 for v in n]
    return [s[i] / n[i] + std * stream.normal() / math.sqrt(n[i]) for i in range(arms)]


def _softmax(values):
    top = max(values)
    w = [math.exp(v - top) for v in values]
    return [v / sum(w) for v in w]


def exp3(history, arms, eta, gamma=0.0):
    """eta is a number, or a function of the round (from 1)."""
    rate = eta(len(history) + 1) if callable(eta) else eta
    loss = [0.0] * arms
    for arm, reward, chance in history:
        loss[arm] += (1 - reward) / (chance + gamma)
    return _softmax([-rate * v for v in loss])


def exp3_auer(history, arms, gamma):
    gain = [0.0] * arms
    for arm, reward, chance in history:
        gain[arm] += reward / chance
    return [(1 - gamma) * p + gamma / arms for p in _softmax([gamma * g / arms for g in gain])]


def exp3_p(history, arms, gamma, eta, beta):
    gain = [0.0] * arms
    p = [1 / arms] * arms
    for arm, reward, _ in history:
        for i in range(arms):
            gain[i] += ((reward if i == arm else 0.0) + beta) / p[i]
        p = [(1 - gamma) * q + gamma / arms for q in _softmax([eta * g for g in gain])]
    return p


def exp3_s(history, arms, gamma, alpha):
    w = [1.0] * arms
    for arm, reward, chance in history:
        before = sum(w)
        w = [
            v * math.exp(gamma * (reward / chance if i == arm else 0.0) / arms) + math.e * alpha / arms * before
            for i, v in enumerate(w)
        ]
    return [(1 - gamma) * v / sum(w) + gamma / arms for v in w]


@functools.cache
def tsallis_weights(loss, eta):
    """Bisection on the multiplier; `loss` is a tuple."""
    low, high = min(loss) - 2 * math.sqrt(len(loss)) / eta, min(loss) - 2 / eta
    for _ in range(70):
        x = (low + high) / 2
        if sum(4 / (eta * (v - x)) ** 2 for v in loss) > 1:
            high = x
        else:
            low = x
    p = [4 / (eta * (v - low)) ** 2 for v in loss]
    return [v / sum(p) for v in p]


def tsallis_inf(history, arms, reduced):
    loss = [0.0] * arms
    p = [1 / arms] * arms
    for t, (arm, reward, chance) in enumerate(history, start=1):
        eta = (4 if reduced else 2) / math.sqrt(t)
        for i in range(arms):
            base = 0.5 if reduced and p[i] >= eta**2 else 0.0
            loss[i] += ((1 - reward - base) / chance if i == arm else 0.0) + base
        p = tsallis_weights(tuple(loss), (4 if reduced else 2) / math.sqrt(t + 1))
    return p


# -- sets of m arms: a history is a list of (set, rewards, chances of its arms) ----------------------
def set_sums(history, arms):
    n, s = [0] * arms, [0.0] * arms
    for chosen, rewards, _ in history:
        for arm, reward in zip(chosen, rewards, strict=True):
            n[arm] += 1
            s[arm] += reward
    return n, s


def cucb(history, arms):
    n, s = set_sums(history, arms)
    log = math.log(max(2, len(history)))
    return [math.inf if n[i] == 0 else s[i] / n[i] + math.sqrt(3 * log / (2 * n[i])) for i in range(arms)]


def escb(history, arms, m):
    """The index of every set."""
    n, s = set_sums(history, arms)
    log = math.log(len(history))
    f = max(0.0, log + (4 * m * math.log(log) if log > 0 else 0.0))
    return {
        chosen: sum(s[i] / n[i] for i in chosen) + math.sqrt(f / 2 * sum(1 / n[i] for i in chosen))
        for chosen in itertools.combinations(range(arms), m)
    }


def exp3_m(history, arms, m, gamma):
    w, p, capped = [1.0] * arms, [m / arms] * arms, [False] * arms
    for chosen, rewards, chances in history:
        for arm, reward, chance in zip(chosen, rewards, chances, strict=True):
            if not capped[arm]:
                w[arm] *= math.exp(m * gamma * reward / (arms * chance))
        if m == arms or gamma == 1:
            p = [m / arms] * arms
            continue
        share = (1 / m - gamma / arms) / (1 - gamma)
        cap = math.inf
        if max(w) > share * sum(w):
            low, high = 0.0, max(w)
            for _ in range(200):
                cap = (low + high) / 2
                if cap > share * sum(min(v, cap) for v in w):
                    high = cap
                else:
                    low = cap
        capped = [v >= cap for v in w]
        total = sum(min(v, cap) for v in w)
        p = [m * ((1 - gamma) * min(v, cap) / total + gamma / arms) for v in w]
    return p


def osmd(history, arms, m, eta, tsallis):
    x = [m / arms] * arms
    for chosen, rewards, chances in history:
        loss = [0.0] * arms
        for arm, reward, chance in zip(chosen, rewards, chances, strict=True):
            loss[arm] = (1 - reward) / chance
        if tsallis:
            dual = [v**-0.5 + eta * g for v, g in zip(x, loss, strict=True)]

            def point(c, dual=dual):
                return [1.0 if d + c <= 1 else (d + c) ** -2 for d in dual]

            low, high = 1 - max(dual), max(0.0, math.sqrt(arms / m) - min(dual))
        else:
            dual = [math.log(v) - eta * g for v, g in zip(x, loss, strict=True)]

            def point(c, dual=dual):
                return [math.exp(min(0.0, d - c)) for d in dual]

            low, high = min(dual), max(dual) + math.log(arms)
        for _ in range(200):
            c = (low + high) / 2
            if sum(point(c)) > m:
                low = c
            else:
                high = c
        x = point((low + high) / 2)
    return x


def hybrid(history, arms, m, gamma):
    """Nested bisection on the last round's problem; the estimates need the whole history."""
    loss = [0.0] * arms
    for chosen, rewards, chances in history:
        for i in range(arms):
            loss[i] -= 1
        for arm, reward, chance in zip(chosen, rewards, chances, strict=True):
            loss[arm] += (-reward + 1) / chance
    if m == arms:
        return [1.0] * arms
    eta = 1 / math.sqrt(len(history) + 1)

    def one(a):
        low, high = 0.0, 1.0
        for _ in range(60):
            x = (low + high) / 2
            if 1 / (2 * math.sqrt(x)) + gamma * (math.log(max(1 - x, 1e-300)) + 1) > a:
                low = x
            else:
                high = x
        return x

    low, high = min(loss) - 1e3 * arms, max(loss) + 1e3 * arms
    for _ in range(70):
        lam = (low + high) / 2
        if sum(one(eta * (v - lam)) for v in loss) < m:
            low = lam
        else:
            high = lam
    return [one(eta * (v - lam)) for v in loss]


class FPL:
    """The perturbed leader with geometric resampling, step by step on its own stream."""

    def __init__(self, arms, m, eta, most, seed):
        self.loss, self.m, self.eta, self.most = [0.0] * arms, m, eta, most
        self.stream = Stream(seed)

    def leader(self):
        score = [self.eta * v + math.log(1 - self.stream.uniform()) for v in self.loss]
        return sorted(sorted(range(len(score)), key=score.__getitem__)[: self.m])

    def update(self, chosen, rewards):
        waiting = dict.fromkeys(chosen, self.most)
        left = set(chosen)
        for redraw in range(1, self.most):
            if not left:
                break
            for arm in left & set(self.leader()):
                waiting[arm] = redraw
                left.discard(arm)
        for arm, reward in zip(chosen, rewards, strict=True):
            self.loss[arm] += (1 - reward) * waiting[arm]


# -- linear models: a history is a list of (contexts, arm, reward) -----------------------------------
def ridge(history, d, regularisation, arm=None):
    """V and V^-1 b of all plays, or of one arm's."""
    v, b = np.eye(d) * regularisation, np.zeros(d)
    for contexts, played, reward in history:
        if arm is None or played == arm:
            x = contexts[played] if len(contexts) > 1 else contexts[0]
            v += np.outer(x, x)
            b += reward * x
    return v, np.linalg.solve(v, b)


def linucb(history, contexts, arms, disjoint, regularisation, alpha, norm, delta, noise):
    index = []
    for arm in range(arms):
        x = contexts[arm] if len(contexts) > 1 else contexts[0]
        v, theta = ridge(history, len(x), regularisation, arm if disjoint else None)
        radius = alpha
        if alpha is None:
            log_det = np.linalg.slogdet(v)[1] - len(x) * math.log(regularisation)
            radius = math.sqrt(regularisation) * norm + noise * math.sqrt(2 * math.log(1 / delta) + log_det)
        index.append(float(theta @ x) + radius * math.sqrt(float(x @ np.linalg.solve(v, x))))
    return index


def lints(history, contexts, arms, disjoint, regularisation, v, stream):
    """Values of the arms under posterior draws L^-T z, L the Cholesky factor of V."""
    d = len(contexts[0])
    samples = []
    for arm in range(arms if disjoint else 1):
        gram, theta = ridge(history, d, regularisation, arm if disjoint else None)
        z = np.array([stream.normal() for _ in range(d)])
        samples.append(theta + v * np.linalg.solve(np.linalg.cholesky(gram).T, z))
    return [
        float(samples[arm if disjoint else 0] @ (contexts[arm] if len(contexts) > 1 else contexts[0]))
        for arm in range(arms)
    ]


def exp4(history, arms, experts, advice, eta, gamma):
    """history: (advice, arm, reward, chance); the distribution over arms under the coming advice."""
    loss = [0.0] * experts
    for matrix, arm, reward, chance in history:
        for n in range(experts):
            loss[n] += matrix[n][arm] * (1 - reward) / (chance + gamma)
    q = _softmax([-eta * v for v in loss])
    return [sum(q[n] * advice[n][i] for n in range(experts)) for i in range(arms)]


class FKM:
    """Gradient descent without a gradient; `project` is the Euclidean projection on the whole set."""

    def __init__(self, project, centre, radius, points, eta, delta, seed):
        self.project, self.centre, self.points, self.eta, self.delta = project, centre, points, eta, delta
        self.shrink, self.x, self.stream = 1 - delta / radius, np.array(centre), Stream(seed)

    def pull(self):
        z = np.array([self.stream.normal() for _ in self.x])
        self.u = z / np.linalg.norm(z)
        both = np.array([self.x + self.delta * self.u, self.x - self.delta * self.u])
        return both[: self.points]

    def update(self, values):
        d = self.x.size
        if self.points == 1:
            g = d / self.delta * values[0] * self.u
        else:
            g = d / (2 * self.delta) * (values[0] - values[1]) * self.u
        target = self.x - self.eta * g
        self.x = self.centre + self.shrink * (
            self.project(self.centre + (target - self.centre) / self.shrink) - self.centre
        )


def primal_dual_bwk(history, arms, resources, horizon, budget, epsilon, confidence):
    """history: (arm, reward, costs). The score of each arm; unplayed arms first."""
    n, r = [0] * arms, [0.0] * arms
    c, logv = np.zeros((arms, resources)), np.zeros(resources + 1)

    def low(arm):
        if n[arm] == 0:
            return np.zeros(resources)
        mean = c[arm] / n[arm]
        return np.maximum(0, mean - np.sqrt(confidence * mean / n[arm]) - confidence / n[arm])

    for arm, reward, costs in history:
        logv += math.log(1 + epsilon) * np.append(low(arm), budget / horizon)
        n[arm] += 1
        r[arm] += reward
        c[arm] += costs
    if 0 in n:
        return [math.inf if v == 0 else 0.0 for v in n]
    y = np.exp(logv) / np.exp(logv).sum()
    score = []
    for arm in range(arms):
        mean = r[arm] / n[arm]
        high = min(1.0, mean + math.sqrt(confidence * mean / n[arm]) + confidence / n[arm])
        score.append(high / float(y @ np.append(low(arm), budget / horizon)))
    return score


class LagrangeBwK:
    """Exp3.P's chances are recomputed from its history; Hedge's prices from the rows seen."""

    def __init__(self, arms, resources, horizon, budget, pace, exp3p):
        self.arms, self.d, self.rho = arms, resources, pace * horizon / budget
        self.eta, self.exp3p, self.history, self.rows = (
            math.sqrt(8 * math.log(resources + 1) / horizon),
            exp3p,
            [],
            [],
        )

    def chances(self):
        return exp3_p(self.history, self.arms, **self.exp3p)

    def prices(self):
        total = np.sum(self.rows, axis=0) if self.rows else np.zeros(self.d + 1)
        return _softmax(list(-self.eta * total))

    def update(self, arm, reward, costs, resource):
        row = np.append(reward + 1 - self.rho * np.asarray(costs), reward)
        low = min(0.0, 1 - self.rho)  # time's entry is the reward, which may be 0
        scaled = (row - low) / (2 - low)
        self.history.append((arm, float(np.clip(scaled[resource], 0, 1)), self.chances()[arm]))
        self.rows.append(scaled)

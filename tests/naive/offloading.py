"""Offloading policies, as their definitions say: no tree, no kernel, all experts written out."""

from __future__ import annotations

import itertools
import math


def hil(confidences, costs, estimates, eta):
    """Shares of weight above each confidence: a density on [0, 1], cut where a confidence is first met.

    `estimates[t]` is what accepting sample t is charged; offloading is charged `costs[t]`.
    """
    intervals = [[0.0, 1.0, 1.0]]  # from, to, height
    shares = []
    for p, cost, wrong in zip(confidences, costs, estimates):
        cut = []
        for a, b, h in intervals:
            cut += [[a, p, h], [p, b, h]] if a < p < b else [[a, b, h]]
        intervals = cut
        total = math.fsum((b - a) * h for a, b, h in intervals)
        shares.append(math.fsum((b - a) * h for a, b, h in intervals if a >= p) / total)
        for interval in intervals:
            interval[2] *= math.exp(-eta * (cost if interval[0] >= p else wrong))
    return shares


def weighted_thresholds(offloads, start, costs, estimates, eta):
    """Shares for a list of thresholds: ``offloads[k][t]`` says whether threshold k offloads sample t."""
    losses = [0.0] * len(start)
    shares = []
    for t, (cost, wrong) in enumerate(zip(costs, estimates)):
        low = min(losses)
        weights = [w * math.exp(-eta * (x - low)) for w, x in zip(start, losses)]
        shares.append(math.fsum(w for w, o in zip(weights, offloads) if o[t]) / math.fsum(weights))
        for k, o in enumerate(offloads):
            losses[k] += cost if o[t] else wrong
    return shares


def growing(confidences, costs, estimates, eta):
    """Shares of Hedge-HI: a list of intervals; the one that a new confidence cuts is there twice then."""
    groups = [[-1.0, 2.0, 1.0]]  # thresholds theta with from < theta <= to, weight
    shares = []
    for p, cost, wrong in zip(confidences, costs, estimates):
        cut = []
        for a, b, w in groups:
            cut += [[a, p, w], [p, b, w]] if a < p < b else [[a, b, w]]
        groups = cut
        total = math.fsum(w for _, _, w in groups)
        shares.append(math.fsum(w for a, _, w in groups if a >= p) / total)
        for group in groups:
            group[2] *= math.exp(-eta * (cost if group[0] >= p else wrong))
    return shares


def restarting(confidences, costs, wrongs, explored, arrived, eta, eps, learning, horizon):
    """Chances of Hedge-HI-Restart: :func:`growing`, then one weight for each threshold among those known."""
    groups, chances = [[-1.0, 2.0, 1.0]], []
    known, weights = None, []
    for t, p in enumerate(confidences):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            if known is not None and s < learning:
                continue  # a late answer from before the restart
            estimate = wrongs[s] / eps if explored[s] else 0.0
            at = confidences[s]
            if known is None:
                for group in groups:
                    group[2] *= math.exp(-eta * (costs[s] if group[0] >= at else estimate))
            else:
                rank = sum(k <= at for k in known)
                weights = [
                    w * math.exp(-eta * (costs[s] if k >= rank else estimate)) for k, w in enumerate(weights)
                ]
        if t == learning:
            known = sorted(set(confidences[:learning]))
            weights = [1.0] * (len(known) + 1)
            c = math.log(len(weights))
            eta = (2.0 * c**2 / horizon**2) ** (1.0 / 3.0)
            eps = min(1.0, math.sqrt(eta / 2.0))
        if known is None:
            cut = []
            for a, b, w in groups:
                cut += [[a, p, w], [p, b, w]] if a < p < b else [[a, b, w]]
            groups = cut
            share = math.fsum(w for a, _, w in groups if a >= p) / math.fsum(w for _, _, w in groups)
        else:
            share = math.fsum(weights[sum(k <= p for k in known) :]) / math.fsum(weights)
        chances.append(eps + (1.0 - eps) * share)
    return chances


def online_cascade(confidences, contexts, costs, losses, deferred, arrived, rate, explore, number):
    """Modelled chances of an error, and chances of deferring, when the samples `deferred` were."""
    w = [[0.0, -4.0] for _ in range(number)]
    squares = [[0.0, 0.0] for _ in range(number)]

    def inputs(p):
        odds = math.inf if p == 1.0 else -math.inf if p == 0.0 else math.log(p) - math.log(1.0 - p)
        return [1.0, max(-12.0, min(12.0, odds)) / 4.0]

    def modelled(p, c):
        return 1.0 / (1.0 + math.exp(-sum(a * b for a, b in zip(w[c], inputs(p)))))

    errors, chances = [], []
    for t, (p, c, cost) in enumerate(zip(confidences, contexts, costs)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            if deferred[s]:
                k, x = contexts[s], inputs(confidences[s])
                slope = modelled(confidences[s], k) - losses[s]
                for j in range(2):
                    squares[k][j] += (slope * x[j]) ** 2
                    if slope * x[j] != 0.0:
                        w[k][j] -= rate * slope * x[j] / math.sqrt(squares[k][j])
        errors.append(modelled(p, c))
        chances.append(1.0 if errors[-1] > cost else min(1.0, explore / math.sqrt(t + 1.0)))
    return errors, chances


def exp4(bins, contexts, costs, estimates, thresholds, number, eta):
    """Shares of EXP4 with every vector of thresholds, one a context, as an expert."""
    experts = list(itertools.product(range(thresholds), repeat=number))
    losses = dict.fromkeys(experts, 0.0)
    shares = []
    for b, c, cost, wrong in zip(bins, contexts, costs, estimates):
        weights = {e: math.exp(-eta * x) for e, x in losses.items()}
        shares.append(sum(w for e, w in weights.items() if e[c] > b) / sum(weights.values()))
        for e in experts:
            losses[e] += cost if e[c] > b else wrong
    return shares


def h2t2(scores, costs, zero_losses, one_losses, steps, eta):
    """Chances of (offload, 0, 1) from the weights of all pairs lo <= hi."""
    pairs = [(lo, hi) for lo in range(steps + 1) for hi in range(lo, steps + 1)]
    losses = dict.fromkeys(pairs, 0.0)

    def side(pair, step):
        return 1 if step < pair[0] else 2 if step >= pair[1] else 0

    found = []
    for s, cost, zero, one in zip(scores, costs, zero_losses, one_losses):
        step = min(int(s * steps), steps - 1)
        least = min(losses.values())
        weights = {p: math.exp(-eta * (x - least)) for p, x in losses.items()}
        total = sum(weights.values())
        found.append([sum(w for p, w in weights.items() if side(p, step) == k) / total for k in range(3)])
        for p in pairs:
            losses[p] += (cost, zero, one)[side(p, step)]
    return found


def hi_lcb(bins, costs, wrongs, alpha, number, monotone):
    """Decisions of HI-LCB (or -lite): True is offload."""
    outcomes = [[] for _ in range(number)]
    decisions = []
    for t, (b, cost, wrong) in enumerate(zip(bins, costs, wrongs), start=1):

        def bound(k, t=t):
            if not outcomes[k]:
                return -math.inf
            mean = sum(outcomes[k]) / len(outcomes[k])
            return mean - math.sqrt(alpha * math.log(t) / len(outcomes[k]))

        low = max(bound(k) for k in range(b + 1)) if monotone else bound(b)
        decisions.append(1.0 - low >= cost)
        if decisions[-1]:
            outcomes[b].append(1.0 - wrong)
    return decisions


def isotonic(right, count):
    """Weighted isotonic means by the max-min formula."""
    n = len(right)

    def mean(a, b):
        return sum(right[a : b + 1]) / sum(count[a : b + 1])

    return [max(min(mean(a, b) for b in range(i, n)) for a in range(i + 1)) for i in range(n)]


def bucket_value(gains, weights, token, size, discount, prices):
    """Discounted value from a full bucket, 300 rounds, of offloading iff the gain exceeds the price."""
    value = [0.0] * size
    for _ in range(300):
        new = []
        for s in range(size):
            held = min(size - 1, s + 1)
            total = 0.0
            for g, w in zip(gains, weights):
                if held >= token and g > prices[held]:
                    total += w * (g + discount * value[held - token])
                else:
                    total += w * discount * value[held]
            new.append(total)
        value = new
    return value[-1]


def budget(kind, wants, uses, rate, scale, step):
    """Decisions under a budget of a policy that offloads where its price is below `wants`; and the use."""
    queue = price = spent = 0.0
    tokens = scale
    decisions = []
    for want, use in zip(wants, uses):
        blocked = False
        if kind == "queue":
            blocked, extra = queue >= scale, queue / scale * use
        elif kind == "bucket":
            tokens = min(scale, tokens + rate)
            blocked, extra = tokens < use, price * use
        else:
            blocked, extra = spent + use > scale, price * use
        offload = not blocked and extra < want
        used = use if offload else 0.0
        spent += used
        if kind == "queue":
            queue = max(0.0, queue + used - rate)
        elif kind == "bucket":
            tokens -= used
            price = max(0.0, price + step * ((use if blocked else used) - rate))
        else:
            price = max(0.0, price + step * (used - rate))
        decisions.append(offload)
    return decisions, spent


def calibrated(bins, costs, wrongs, centres, prior):
    """Decisions of the calibrated threshold with bins and no exploration."""
    right = [c * prior for c in centres]
    count = [prior] * len(centres)
    decisions = []
    for b, cost, wrong in zip(bins, costs, wrongs):
        decisions.append(1.0 - right[b] / count[b] > cost)
        if decisions[-1]:
            right[b] += 1.0 - wrong
            count[b] += 1.0
    return decisions

"""Slow, obvious twins of the policies that choose among arms: lists, full inverses, one event at a time."""

import heapq
import math

import numpy as np


def pick(scores, wanted):
    """The best index; `wanted` itself if it is as good up to rounding (sums run in another order)."""
    top = max(scores)
    if wanted is not None and scores[wanted] >= top - 1e-9 * max(1.0, abs(top)):
        return wanted
    return scores.index(top)


class Purse:
    """A budget as its recursion says, in a few numbers; without a kind it never binds."""

    def __init__(self, kind=None, rate=0.0, scale=0.0, step=0.0):
        self.kind, self.rate, self.scale, self.step = kind, rate, scale, step
        self.queue, self.tokens, self.spent, self.price, self.blocked = 0.0, scale, 0.0, 0.0, 0

    def open(self):
        """A round begins; the price of a unit."""
        if self.kind == "bucket":
            self.tokens = min(self.scale, self.tokens + self.rate)
        return self.queue / self.scale if self.kind == "queue" else self.price

    def forbids(self, use):
        return (
            (self.kind == "queue" and self.queue >= self.scale)
            or (self.kind == "bucket" and use > self.tokens)
            or (self.kind == "knapsack" and self.spent + use > self.scale)
        )

    def pay(self, chosen, wished, used, wanted):
        if self.kind is None:
            return
        self.blocked += chosen != wished
        self.spent += used
        self.tokens -= used
        self.queue = max(0.0, self.queue + used - self.rate)
        booked = (used if chosen == wished else wanted) if self.kind == "bucket" else used
        self.price = max(0.0, self.price + self.step * (booked - self.rate))


def ucb(rewards, issued, clock, c, wanted, purse=None, most=None, uses=None):
    """The next arm, and the one without limits: `rewards`, `uses` hold a list of answers for each arm."""
    arms = range(len(rewards))
    purse = purse or Purse()
    price = purse.open()

    def expected(i):
        return sum(uses[i]) / len(uses[i]) if uses[i] else most[i]

    def score(i):
        r = rewards[i]
        toll = price * expected(i) if purse.kind else 0.0
        return sum(r) / len(r) - toll + c * math.sqrt(math.log(clock + 1) / len(r))

    def best(allowed, follow):
        empty = [i for i in allowed if not rewards[i]]
        if empty:
            return min(empty, key=lambda i: (issued[i], i))
        return allowed[pick([score(i) for i in allowed], allowed.index(follow) if follow in allowed else None)]

    if purse.kind is None:
        return best(list(arms), wanted), None
    free = most.index(min(most))
    if most[free] > purse.rate:
        free = min(arms, key=lambda i: (expected(i), i))
    allowed = [i for i in arms if i == free or not purse.forbids(most[i])]
    return best(allowed, wanted), best(list(arms), wanted)


def exit_reward(row, exit, cost, offload, threshold, final):
    last = len(row) - 1
    if row[exit] >= threshold or exit == last:
        return row[exit] - cost[exit]
    return final - offload - cost[exit]


def exit_ucb(confidence, arrived, cost, offload, threshold, c, side, follow, purse=None, most=None, use=None):
    """SplitEE (side "chosen"), SplitEE-S (side "stand-in" or "seen"): the exits chosen."""
    exits = len(cost)
    rewards, issued, choice = [[] for _ in range(exits)], [0] * exits, []
    uses = [[] for _ in range(exits)]
    for t in range(len(confidence)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            row, chosen = confidence[s], choice[s]
            offloaded = chosen < exits - 1 and row[chosen] < threshold
            for j in range(chosen + 1) if side != "chosen" else [chosen]:
                known = offloaded or chosen == exits - 1 or side == "seen"
                rewards[j].append(
                    exit_reward(row, j, cost, offload, threshold, row[-1] if known else row[chosen])
                )
                uses[j].append(0.0 if use is None else use[s][j])
        choice.append(limited(rewards, issued, t, c, follow[t], purse, most, uses, use))
    return choice


def limited(rewards, issued, t, c, follow, purse, most, uses, use):
    """A UCB's next arm, booked in the purse."""
    chosen, wished = ucb(rewards, issued, t, c, follow, purse, most, uses)
    if purse is not None:
        seen = uses[wished]
        purse.pay(chosen, wished, use[t][chosen], sum(seen) / len(seen) if seen else most[wished])
    issued[chosen] += 1
    return chosen


def ucbee(branch, final, arrived, thresholds, overhead, c, follow, purse=None, most=None, use=None):
    arms = len(thresholds)
    rewards, issued, choice = [[] for _ in range(arms)], [0] * arms, []
    uses = [[] for _ in range(arms)]
    for t in range(len(branch)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            on = branch[s] < thresholds[choice[s]]
            rewards[choice[s]].append(max(final[s] - branch[s], 0.0) - overhead if on else 0.0)
            uses[choice[s]].append(0.0 if use is None else use[s][choice[s]])
        choice.append(limited(rewards, issued, t, c, follow[t], purse, most, uses, use))
    return choice


def uee_ucb(prediction, arrived, cost, alpha, purse=None, use=None):
    exits = len(cost)
    purse, use = purse or Purse(), use or [0.0] * exits
    rows, choice = [], []  # rows: the answers seen of each sample, up to the exit chosen
    for t in range(len(prediction)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            rows.append(list(prediction[s][: choice[s] + 1]))

        price = purse.open()
        priced = [a + price * b for a, b in zip(cost, use, strict=True)]

        def accepted(i, deepest, now=t, priced=priced):
            for j in range(i + 1, deepest + 1):
                both = [r for r in rows if len(r) > j]
                if not both:
                    return False
                share = sum(r[i] != r[j] for r in both) / len(both)
                if priced[j] - priced[i] < share + math.sqrt(alpha * math.log(now + 1) / len(both)):
                    return False
            return True

        deepest = max(i for i in range(exits) if i == 0 or not purse.forbids(use[i]))
        chosen, wished = (next((i for i in range(d) if accepted(i, d)), d) for d in (deepest, exits - 1))
        purse.pay(chosen, wished, use[chosen], use[wished])
        choice.append(chosen)
    return choice


def ans(front, features, remote, weight, arrived, alpha, ridge, period, follow, purse=None, use=None):
    points, d = features.shape
    purse, use = purse or Purse(), use or [0.0] * points
    free = use.index(min(use))
    A, b, choice = ridge * np.eye(d), np.zeros(d), []
    for t in range(len(remote)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            if choice[s] < points - 1:
                x = features[choice[s]]
                A += np.outer(x, x)
                b += remote[s][choice[s]] * x
        inverse = np.linalg.inv(A)
        theta = inverse @ b
        price = front[-1] * purse.open()
        scores = [
            price * use[p]
            + front[p]
            + theta @ features[p]
            - alpha * math.sqrt((1 - weight[t]) * (features[p] @ inverse @ features[p]))
            for p in range(points)
        ]
        if period and (t + 1) % period == 0:
            scores[-1] = math.inf
        gains = [-float(v) for v in scores]
        wished = pick(gains, follow[t])
        for p in range(points):
            if p != free and purse.forbids(use[p]):
                gains[p] = -math.inf
        chosen = free if max(gains) == -math.inf else pick(gains, follow[t])
        purse.pay(chosen, wished, use[chosen], use[wished])
        choice.append(chosen)
    return choice


def linucb(x, reward, price, arrived, width, trade, ridge, discount, follow, purse=None, use=None):
    n, arms = reward.shape
    purse, use = purse or Purse(), np.zeros((n, arms)) if use is None else use
    d = x.shape[1]
    A = [ridge * np.eye(d) for _ in range(arms)]
    b = [np.zeros(d) for _ in range(arms)]
    choice = []
    for t in range(n):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            k = choice[s]
            A[k] = discount * A[k] + np.outer(x[s], x[s]) + (1 - discount) * ridge * np.eye(d)
            b[k] = discount * b[k] + reward[s, k] * x[s]
        scores, toll = [], purse.open()
        for k in range(arms):
            inverse = np.linalg.inv(A[k])
            bonus = width * math.sqrt(max(x[t] @ inverse @ x[t], 0.0))
            scores.append(x[t] @ inverse @ b[k] + bonus - trade * price[t, k] - toll * use[t, k])
        wished, free = pick(scores, follow[t]), int(use[t].argmin())
        open_ = [s if k == free or not purse.forbids(use[t, k]) else -math.inf for k, s in enumerate(scores)]
        chosen = pick(open_, follow[t])
        purse.pay(chosen, wished, use[t, chosen], use[t, wished])
        choice.append(chosen)
    return choice


def mdinference(accuracy, mean, deviation, deadline, gamma, transfer):
    choice = []
    for n in transfer:
        fits = [k for k in range(len(mean)) if mean[k] + gamma * deviation[k] < deadline - n]
        if fits:
            choice.append(max(fits, key=lambda k: (accuracy[k], -k)))
        else:
            choice.append(min(range(len(mean)), key=lambda k: (mean[k], k)))
    return choice


def queue_delays(time, work, owner, network):
    """Delay of each request of ours at each server with the background alone in the queues."""
    found = []
    for k in range(work.shape[1]):
        free, column = -math.inf, []
        for t in range(len(time)):
            if owner[t] == k:
                free = max(free, time[t]) + work[t, k]
            elif owner[t] == -1:
                column.append(network[k] + max(free - time[t], 0.0) + work[t, k])
        found.append(column)
    return np.array(found).T


def server_choice(time, work, owner, network, deadline, self_load, learner, purse=None, use=None):
    """Drive any bandit with ``pull``, ``update`` and ``propensity`` through the queues, one event at a time."""
    purse, use = purse or Purse(), use or [0.0] * work.shape[1]
    free_of_charge = use.index(min(use))
    free = [-math.inf] * work.shape[1]
    under_way, choice, loss = [], [], []
    for t in range(len(time)):
        while under_way and under_way[0][0] <= time[t]:
            _, _, arm, chance, value = heapq.heappop(under_way)
            learner.update(arm, 1.0 - value, propensity=chance)
        if owner[t] >= 0:
            free[owner[t]] = max(free[owner[t]], time[t]) + work[t, owner[t]]
            continue
        drawn = arm = learner.pull()
        chance = learner.propensity
        toll = min(purse.open(), 1.0) * use[drawn]
        shut = [k != free_of_charge and purse.forbids(use[k]) for k in range(work.shape[1])]
        if shut[drawn]:
            arm = free_of_charge
        purse.pay(arm, drawn, use[arm], use[drawn])
        learner._pending = None  # the next request comes before this one's answer
        done = max(free[arm], time[t]) + work[t, arm]
        if self_load:
            free[arm] = done
        delay = done - time[t] + network[arm]
        value = min(delay / deadline, 1.0)
        told = 0.5 * (value + toll) if purse.kind else value
        if not any(shut):
            heapq.heappush(under_way, (time[t] + delay, len(choice), arm, chance, told))
        choice.append(arm)
        loss.append(value)
    return choice, loss

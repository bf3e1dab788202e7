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


def ucb(rewards, issued, clock, c, wanted):
    """The next arm: `rewards` holds a list of answers for each arm."""
    empty = [i for i, seen in enumerate(rewards) if not seen]
    if empty:
        return min(empty, key=lambda i: (issued[i], i))
    return pick([sum(r) / len(r) + c * math.sqrt(math.log(clock + 1) / len(r)) for r in rewards], wanted)


def exit_reward(row, exit, cost, offload, threshold, final):
    last = len(row) - 1
    if row[exit] >= threshold or exit == last:
        return row[exit] - cost[exit]
    return final - offload - cost[exit]


def exit_ucb(confidence, arrived, cost, offload, threshold, c, side, follow):
    """SplitEE (side "chosen"), SplitEE-S (side "stand-in" or "seen"): the exits chosen."""
    exits = len(cost)
    rewards, issued, choice = [[] for _ in range(exits)], [0] * exits, []
    for t in range(len(confidence)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            row, chosen = confidence[s], choice[s]
            offloaded = chosen < exits - 1 and row[chosen] < threshold
            for j in range(chosen + 1) if side != "chosen" else [chosen]:
                known = offloaded or chosen == exits - 1 or side == "seen"
                rewards[j].append(
                    exit_reward(row, j, cost, offload, threshold, row[-1] if known else row[chosen])
                )
        choice.append(ucb(rewards, issued, t, c, follow[t]))
        issued[choice[-1]] += 1
    return choice


def ucbee(branch, final, arrived, thresholds, overhead, c, follow):
    arms = len(thresholds)
    rewards, issued, choice = [[] for _ in range(arms)], [0] * arms, []
    for t in range(len(branch)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            on = branch[s] < thresholds[choice[s]]
            rewards[choice[s]].append(max(final[s] - branch[s], 0.0) - overhead if on else 0.0)
        choice.append(ucb(rewards, issued, t, c, follow[t]))
        issued[choice[-1]] += 1
    return choice


def uee_ucb(prediction, arrived, cost, alpha):
    exits = len(cost)
    rows, choice = [], []  # rows: the answers seen of each sample, up to the exit chosen
    for t in range(len(prediction)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            rows.append(list(prediction[s][: choice[s] + 1]))

        def accepted(i, now=t):
            for j in range(i + 1, exits):
                both = [r for r in rows if len(r) > j]
                if not both:
                    return False
                share = sum(r[i] != r[j] for r in both) / len(both)
                if cost[j] - cost[i] < share + math.sqrt(alpha * math.log(now + 1) / len(both)):
                    return False
            return True

        choice.append(next((i for i in range(exits - 1) if accepted(i)), exits - 1))
    return choice


def ans(front, features, remote, weight, arrived, alpha, ridge, period, follow):
    points, d = features.shape
    A, b, choice = ridge * np.eye(d), np.zeros(d), []
    for t in range(len(remote)):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            if choice[s] < points - 1:
                x = features[choice[s]]
                A += np.outer(x, x)
                b += remote[s][choice[s]] * x
        inverse = np.linalg.inv(A)
        theta = inverse @ b
        scores = [
            front[p]
            + theta @ features[p]
            - alpha * math.sqrt((1 - weight[t]) * (features[p] @ inverse @ features[p]))
            for p in range(points)
        ]
        if period and (t + 1) % period == 0:
            scores[-1] = math.inf
        choice.append(pick([-float(v) for v in scores], follow[t]))
    return choice


def linucb(x, reward, price, arrived, width, trade, ridge, discount, follow):
    n, arms = reward.shape
    d = x.shape[1]
    A = [ridge * np.eye(d) for _ in range(arms)]
    b = [np.zeros(d) for _ in range(arms)]
    choice = []
    for t in range(n):
        for s in range(arrived[t - 1] if t else 0, arrived[t]):
            k = choice[s]
            A[k] = discount * A[k] + np.outer(x[s], x[s])
            b[k] = discount * b[k] + reward[s, k] * x[s]
        scores = []
        for k in range(arms):
            inverse = np.linalg.inv(A[k])
            bonus = width * math.sqrt(max(x[t] @ inverse @ x[t], 0.0))
            scores.append(x[t] @ inverse @ b[k] + bonus - trade * price[t, k])
        choice.append(pick(scores, follow[t]))
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


def server_choice(time, work, owner, network, deadline, self_load, learner):
    """Drive any bandit with ``pull``, ``update`` and ``propensity`` through the queues, one event at a time."""
    free = [-math.inf] * work.shape[1]
    under_way, choice, loss = [], [], []
    for t in range(len(time)):
        while under_way and under_way[0][0] <= time[t]:
            _, _, arm, chance, value = heapq.heappop(under_way)
            learner.update(arm, 1.0 - value, propensity=chance)
        if owner[t] >= 0:
            free[owner[t]] = max(free[owner[t]], time[t]) + work[t, owner[t]]
            continue
        arm = learner.pull()
        chance = learner.propensity
        learner._pending = None  # the next request comes before this one's answer
        done = max(free[arm], time[t]) + work[t, arm]
        if self_load:
            free[arm] = done
        delay = done - time[t] + network[arm]
        value = min(delay / deadline, 1.0)
        heapq.heappush(under_way, (time[t] + delay, len(choice), arm, chance, value))
        choice.append(arm)
        loss.append(value)
    return choice, loss

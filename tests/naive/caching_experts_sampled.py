"""Sampled shadows in sets and loops: one request at a time, everything counted anew at each decision."""

from __future__ import annotations


class SlowSampled:
    """``make(k, capacity, n, life)`` gives member k; `sample` are the items that shadows see, in order."""

    def __init__(self, capacity, n, sample, make, members, rate, gamma, beta, period):
        self.capacity, self.n, self.make, self.rate = capacity, n, make, rate
        self.gamma, self.beta, self.period = gamma, beta, period
        self.number = {item: j for j, item in enumerate(sample)}
        self.sample = list(sample)
        small = max(1, round(capacity / rate))
        self.shadows = [make(k, small, max(small, len(sample)), 0) for k in range(members)]
        self.real = make(0, capacity, n, 0)
        self.lead = self.changes = self.served = 0
        self.deficit = [0.0] * members

    def request(self, item):
        hit = bool(self.real.request(item))
        if item in self.number:
            missed = [not shadow.request(self.number[item]) for shadow in self.shadows]
            if any(missed) and not all(missed):
                self.deficit = [d + self.rate * m for d, m in zip(self.deficit, missed, strict=True)]
        self.served += 1
        if self.served % self.period == 0:
            self.decide()
        return hit

    def decide(self):
        held = {int(i) for i in self.real.contents()}
        mine = self.deficit[self.lead]
        ahead = []
        for k, shadow in enumerate(self.shadows):
            if k != self.lead:
                apart = self.rate * len({self.sample[int(j)] for j in shadow.contents()} - held)
                self.deficit[k] = min(self.deficit[k], mine + self.beta * apart)
                if mine - self.deficit[k] > self.gamma * apart and self.deficit[k] < mine:
                    ahead.append((self.deficit[k], k))
        if ahead:
            self.lead = min(ahead)[1]
            self.changes += 1
            self.real = self.make(self.lead, self.capacity, self.n, self.changes)
            for item in sorted(held):
                self.real.request(item)

"""The lazy follower in sets and loops: one request at a time, differences counted anew."""

from __future__ import annotations


class SlowExperts:
    """The fast phase of `experts` over members that answer ``request(item, evicted=list)``."""

    def __init__(self, capacity, members, gamma, beta, price="difference"):
        self.capacity, self.members, self.gamma, self.beta, self.price = capacity, members, gamma, beta, price
        self.real = set()
        self.order = []  # candidates to leave, last first
        self.lead = 0
        self.losses = [0] * len(members)
        self.deficit = [0.0] * len(members)
        self.lost = 0
        self.changes = 0
        self.seen = set()
        self.places = []  # the real cache as an array, as its scans see it

    def shadow(self, k):
        return {int(i) for i in self.members[k].contents()}

    def apart(self, k):
        return len(self.shadow(k) - self.real)

    def scan(self):
        self.order = [i for i in self.places if i not in self.shadow(self.lead)]

    def request(self, item):
        missed = []
        for k, member in enumerate(self.members):
            before = self.shadow(k)
            missed.append(not member.request(item))
            gone = before - self.shadow(k)
            if k == self.lead:
                self.gone = gone
        for i in self.gone:
            if i in self.real:
                self.order.append(i)
        if item not in self.seen:  # lost for everybody, whatever a member started with
            self.seen.add(item)
            missed = [True] * len(missed)
        self.losses = [a + b for a, b in zip(self.losses, missed)]
        hit = item in self.real
        self.lost += not hit
        if any(missed) and not all(missed):
            self.deficit = [a + b for a, b in zip(self.deficit, missed)]
            mine = self.deficit[self.lead]
            best, least = self.lead, mine
            for k in range(len(self.members)):
                if k != self.lead and self.beta >= 0:
                    self.deficit[k] = min(self.deficit[k], mine + self.beta * self.apart(k))
                price = self.capacity if self.price == "capacity" else self.apart(k)
                if self.deficit[k] < least and mine - self.deficit[k] > self.gamma * price:
                    best, least = k, self.deficit[k]
            if best != self.lead:
                self.lead = best
                self.changes += 1
                self.scan()
        if not hit and item in self.shadow(self.lead):
            while len(self.real) + 1 > self.capacity:
                if not self.order:
                    self.scan()
                victim = self.order.pop()
                if victim in self.real and victim not in self.shadow(self.lead) and victim != item:
                    self.real.remove(victim)
                    at = self.places.index(victim)
                    self.places[at] = self.places[-1]
                    self.places.pop()
            self.real.add(item)
            self.places.append(item)
        return hit

"""Prefix caches and expert caches in slow, obvious Python, and their optima by exhaustive search."""

from __future__ import annotations

import itertools


def chains_of(starts, blocks):
    return [list(blocks[a:b]) for a, b in itertools.pairwise(starts)]


class SlowPrefix:
    """A set of blocks; `key(block)` says who leaves first among leaves that are not in use."""

    def __init__(self, capacity, parents, bypass=False):
        self.capacity, self.parents, self.bypass = capacity, parents, bypass
        self.held = set()
        self.now = 0
        self.last = {}
        self.count = {}

    def before(self, chain):
        """Update what keys are made of."""

    def key(self, block):
        raise NotImplementedError

    def leaves(self, chain):
        inner = {self.parents[b] for b in self.held}
        return [b for b in self.held if b not in inner and b not in chain]

    def request(self, chain):
        hits = 0
        for block in chain:
            if block not in self.held:
                break
            hits += 1
        self.before(chain)
        for block in chain[: self.capacity]:
            if block in self.held:
                continue
            if len(self.held) == self.capacity:
                leaves = self.leaves(chain)
                if not leaves:
                    break
                victim = min(leaves, key=lambda b: (*self.key(b), -b))
                if self.bypass and not self.key(victim)[0] < self.key(block)[0]:
                    break
                self.held.remove(victim)
                self.evicted(victim)
            self.held.add(block)
        self.now += 1
        return hits

    def evicted(self, block):
        """Told who left."""


class SlowLRU(SlowPrefix):
    def before(self, chain):
        for block in chain:
            self.last[block] = self.now

    def key(self, block):
        return (self.last[block], 0)


class SlowLFU(SlowPrefix):
    def before(self, chain):
        for block in chain:
            self.count[block] = self.count.get(block, 0) + 1
            self.last[block] = self.now

    def key(self, block):
        return (self.count[block], self.last[block])


class SlowCostAware(SlowPrefix):
    level = 0.0

    def __init__(self, capacity, parents, attention):
        super().__init__(capacity, parents)
        self.attention = attention
        self.keys = {}

    def before(self, chain):
        for k, block in enumerate(chain):
            self.count[block] = self.count.get(block, 0) + 1
            self.last[block] = self.now
            self.keys[block] = self.level + self.count[block] * (1 + k / self.attention)

    def key(self, block):
        return (self.keys[block], self.last[block])

    def evicted(self, block):
        self.level = self.keys[block]


class SlowFTPL(SlowPrefix):
    def __init__(self, capacity, parents, noise):
        super().__init__(capacity, parents, bypass=True)
        self.scores = list(noise)

    def before(self, chain):
        for block in chain:
            self.scores[block] += 1

    def key(self, block):
        return (self.scores[block], 0)


class SlowClairvoyant(SlowPrefix):
    def __init__(self, capacity, parents, chains):
        super().__init__(capacity, parents, bypass=True)
        self.chains = chains

    def key(self, block):
        later = [r for r in range(self.now + 1, len(self.chains)) if block in self.chains[r]]
        return (-(later[0] if later else 10**9), 0)


def fifo(capacity, chains):
    queue, hits = [], []
    for chain in chains:
        n = 0
        for block in chain:
            if block not in queue:
                break
            n += 1
        hits.append(n)
        for block in chain:
            if block not in queue:
                if len(queue) == capacity:
                    queue.pop(0)
                queue.append(block)
    return hits


def best_batched(batches, capacity, forced, worth):
    """The most that any cache earns, over all sets kept between batches (tiny inputs)."""
    states = {frozenset(): 0.0}
    position = 0
    for batch in batches:
        values = worth[position : position + len(batch)]
        position += len(batch)
        following = {}
        for held, earned in states.items():
            earned += sum(v for item, v in zip(batch, values) if item in held)
            pool = sorted(held | set(batch))
            if forced:  # while the batch is served it takes its places; what else is kept was held before
                others = sorted(held - set(batch))
                kept = [
                    set(o) | set(batch)
                    for k in range(min(len(others), capacity - len(batch)) + 1)
                    for o in itertools.combinations(others, k)
                ]
            else:
                kept = [set(o) for k in range(capacity + 1) for o in itertools.combinations(pool, k)]
            for one in kept:
                name = frozenset(one)
                following[name] = max(following.get(name, -1.0), earned)
        states = following
    return max(states.values())


class SlowMoE:
    """Sets by group; `key(item)` says who leaves first among those not in the batch."""

    def __init__(self, capacity, groups):
        self.capacity, self.groups = capacity, groups
        self.held = set()
        self.now = 0
        self.first = {}
        self.second = {}

    def before(self, batch, found):
        """Update keys."""

    def after(self, batch):
        """Once the batch is served."""

    def victim(self, g, batch):
        pool = [i for i in self.held if self.groups[i] == g and i not in batch]
        return min(pool, key=lambda i: (self.first.get(i, 0), self.second.get(i, 0), -i))

    def request(self, batch):
        found = [i in self.held for i in batch]
        self.before(batch, found)
        for item, hit in zip(batch, found):
            if hit:
                continue
            g = self.groups[item]
            if sum(self.groups[i] == g for i in self.held) == self.capacity:
                self.held.remove(self.victim(g, batch))
            self.held.add(item)
        self.after(batch)
        self.now += 1
        return found


class SlowMoELRU(SlowMoE):
    """A list; of a batch the missing ones go behind those held, later places behind earlier ones."""

    def __init__(self, capacity, groups):
        super().__init__(capacity, groups)
        self.order = []

    def before(self, batch, found):
        hit = [i for i, f in zip(batch, found) if f]
        self.order = hit + [i for i in self.order if i not in hit]

    def victim(self, g, batch):
        return next(
            i for i in reversed(self.order) if self.groups[i] == g and i in self.held and i not in batch
        )

    def after(self, batch):
        new = [i for i in batch if i not in self.order or i not in self.served]
        self.order = new + [i for i in self.order if i not in new]

    def request(self, batch):
        self.served = set(self.held)
        self.order = [i for i in self.order if i in self.held]
        return super().request(batch)


class SlowMoEFIFO(SlowMoE):
    def before(self, batch, found):
        for item, hit in zip(batch, found):
            if not hit:
                self.first[item] = self.now


class SlowMoELFU(SlowMoE):
    def before(self, batch, found):
        for item in batch:
            self.first[item] = self.first.get(item, 0) + 1
            self.second[item] = self.now


class SlowMoEHeat(SlowMoE):
    """Keys are sums of powers, written out."""

    def __init__(self, capacity, groups, half_life):
        super().__init__(capacity, groups)
        self.half_life = half_life
        self.uses = {}

    def before(self, batch, found):
        for item in batch:
            self.uses.setdefault(item, []).append(self.now)

    def victim(self, g, batch):
        pool = [i for i in self.held if self.groups[i] == g and i not in batch]
        return min(pool, key=lambda i: (sum(2.0 ** (t / self.half_life) for t in self.uses[i]), -i))


class SlowMoEFTPL(SlowMoE):
    def __init__(self, capacity, groups, noise):
        super().__init__(capacity, groups)
        self.first = dict(enumerate(noise))

    def before(self, batch, found):
        for item in batch:
            self.first[item] += 1


class SlowLeastStale(SlowMoE):
    def __init__(self, capacity, groups, layers):
        super().__init__(capacity, groups)
        self.layers = layers
        self.last = {}

    def before(self, batch, found):
        for item in batch:
            self.last[item] = self.now
        self.layer = self.layers[batch[0]]

    def victim(self, g, batch):
        number = max(self.layers) + 1
        pool = [i for i in self.held if self.groups[i] == g and i not in batch]
        return min(pool, key=lambda i: (-(((self.layers[i] - self.layer - 1) % number) + 1), self.last[i], -i))

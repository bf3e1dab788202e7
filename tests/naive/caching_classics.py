"""The classic replacement policies as their papers say: ordered dicts, sorting, no care for speed.

Every class serves ``request(item, size)`` and keeps what the last request did in ``admitted`` and ``out``.
Queues are ordered dicts from item to size, oldest first.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict


def oldest(queue):
    return next(iter(queue))


def load(queue):
    return sum(queue.values())


class Twin:
    """A cache that makes room and then inserts; sizes of 1 unless told otherwise."""

    def __init__(self, capacity, **parameters):
        self.capacity = capacity
        self.used = 0
        self.time = 0
        self.start(**parameters)

    def start(self):
        self.held = OrderedDict()

    def request(self, item, size=1):
        self.admitted, self.out = False, []
        self.time += 1
        if self.hit(item):
            return True
        if size <= self.capacity and self.accepts(size):
            self.recall(item, size)
            while self.used + size > self.capacity:
                self.evict(size)
            self.insert(item, size)
        return False

    def accepts(self, size):
        return True

    def recall(self, item, size):
        """Look the item up in the ghost lists."""

    def come(self, size):
        self.admitted = True
        self.used += size

    def leave(self, item, size):
        self.out.append(item)
        self.used -= size


class Clock(Twin):
    """FIFO with reinsertion."""

    def start(self):
        self.queue, self.bit = OrderedDict(), {}

    def hit(self, item):
        if item in self.queue:
            self.bit[item] = True
        return item in self.queue

    def evict(self, size):
        while self.bit[oldest(self.queue)]:
            item = oldest(self.queue)
            self.bit[item] = False
            self.queue.move_to_end(item)
        self.leave(*self.queue.popitem(last=False))

    def insert(self, item, size):
        self.queue[item], self.bit[item] = size, False
        self.come(size)


class Sieve(Twin):
    """A list, oldest first, and the hand as the item that it points to (None: start at the oldest)."""

    def start(self):
        self.queue, self.size, self.mark, self.hand = [], {}, {}, None

    def hit(self, item):
        if item in self.mark:
            self.mark[item] = True
        return item in self.mark

    def evict(self, size):
        at = 0 if self.hand is None else self.queue.index(self.hand)
        while self.mark[self.queue[at]]:
            self.mark[self.queue[at]] = False
            at = (at + 1) % len(self.queue)
        victim = self.queue[at]
        self.hand = self.queue[at + 1] if at + 1 < len(self.queue) else None
        self.queue.remove(victim)
        del self.mark[victim]
        self.leave(victim, self.size.pop(victim))

    def insert(self, item, size):
        self.queue.append(item)
        self.size[item], self.mark[item] = size, False
        self.come(size)


class LFUInCache(Twin):
    """The smallest (count, time of the last request) leaves."""

    def start(self):
        self.size, self.count, self.last = {}, {}, {}

    def key(self, item):
        return self.count[item], self.last[item]

    def touch(self, item):
        self.count[item] += 1
        self.last[item] = self.time

    def hit(self, item):
        if item in self.size:
            self.touch(item)
        return item in self.size

    def evict(self, size):
        victim = min(self.size, key=self.key)
        self.leave(victim, self.size.pop(victim))

    def insert(self, item, size):
        self.size[item], self.count[item] = size, 0
        self.touch(item)
        self.come(size)


class TwoQ(Twin):
    """A1in, A1out, Am."""

    def start(self, kin=0.25, kout=0.5):
        self.a1in, self.a1out, self.am = OrderedDict(), OrderedDict(), OrderedDict()
        self.kin, self.kout = int(kin * self.capacity), int(kout * self.capacity)

    def accepts(self, size):
        return size == 1 == self.sizes or size <= self.kin

    sizes = 0  # set to 1 where every size is 1: then nothing is too large for a queue

    def hit(self, item):
        if item in self.am:
            self.am.move_to_end(item)
        return item in self.am or item in self.a1in

    def recall(self, item, size):
        self.known = self.a1out.pop(item, None) is not None

    def evict(self, size):
        if load(self.a1in) > self.kin or not self.am:
            item, s = self.a1in.popitem(last=False)
            self.leave(item, s)
            if s <= self.kout:
                while load(self.a1out) + s > self.kout:
                    self.a1out.popitem(last=False)
                self.a1out[item] = s
        else:
            self.leave(*self.am.popitem(last=False))

    def insert(self, item, size):
        if self.known:
            while self.am and load(self.am) + size > self.capacity - self.kin:
                self.leave(*self.am.popitem(last=False))
            self.am[item] = size
        else:
            self.a1in[item] = size
        self.come(size)


class SLRU(Twin):
    """Segments, lowest first."""

    sizes = 0

    def start(self, segments=4):
        self.segments = [OrderedDict() for _ in range(segments)]
        self.limit = max(1, self.capacity // segments)

    def accepts(self, size):
        return size == 1 == self.sizes or size <= self.limit

    def hit(self, item):
        for k, segment in enumerate(self.segments):
            if item in segment:
                size = segment.pop(item)
                above = min(k + 1, len(self.segments) - 1)
                if above > k:
                    self.make_room(above, size)
                self.segments[above][item] = size
                return True
        return False

    def make_room(self, k, size):
        """Push items of segment k down until `size` fits."""
        while self.segments[k] and load(self.segments[k]) + size > self.limit:
            item, s = self.segments[k].popitem(last=False)
            if k == 0:
                self.leave(item, s)
            else:
                self.make_room(k - 1, s)
                self.segments[k - 1][item] = s

    def evict(self, size):
        lowest = next(s for s in self.segments if s)
        self.leave(*lowest.popitem(last=False))

    def insert(self, item, size):
        room = [s for s in self.segments if load(s) + size <= self.limit]
        (room or self.segments)[0][item] = size
        self.come(size)


class ARC(Twin):
    """T1, T2, B1, B2 and the target p."""

    def start(self):
        self.t1, self.t2, self.b1, self.b2 = (OrderedDict() for _ in range(4))
        self.p = 0.0

    def hit(self, item):
        if item in self.t1:
            self.t2[item] = self.t1.pop(item)
        elif item in self.t2:
            self.t2.move_to_end(item)
        else:
            return False
        return True

    def recall(self, item, size):
        self.source = "b1" if item in self.b1 else "b2" if item in self.b2 else None
        if self.source == "b1":
            self.p = min(self.p + max(load(self.b2) / load(self.b1), 1.0), self.capacity)
            del self.b1[item]
        elif self.source == "b2":
            self.p = max(self.p - max(load(self.b1) / load(self.b2), 1.0), 0.0)
            del self.b2[item]

    def evict(self, size):
        if self.source is not None:
            self.replace()
        elif load(self.t1) + load(self.b1) + size > self.capacity:
            if self.b1:
                self.b1.popitem(last=False)
                self.replace()
            else:
                self.leave(*self.t1.popitem(last=False))
        else:
            if sum(map(load, (self.t1, self.t2, self.b1, self.b2))) >= 2 * self.capacity and self.b2:
                self.b2.popitem(last=False)
            self.replace()

    def replace(self):
        length = load(self.t1)
        if (self.t1 and (length > self.p or (self.source == "b2" and length == self.p))) or not self.t2:
            item, s = self.t1.popitem(last=False)
            self.b1[item] = s
        else:
            item, s = self.t2.popitem(last=False)
            self.b2[item] = s
        self.leave(item, s)

    def insert(self, item, size):
        (self.t2 if self.source else self.t1)[item] = size
        self.come(size)


class S3FIFO(Twin):
    """Small, main and ghost queue."""

    sizes = 0

    def start(self, small=0.1, ghost=0.9, threshold=2):
        self.small, self.main, self.ghost = OrderedDict(), OrderedDict(), OrderedDict()
        self.count = {}
        self.first, self.last = max(1, int(small * self.capacity)), int(ghost * self.capacity)
        self.threshold, self.warm = threshold, True

    def accepts(self, size):
        return size == 1 == self.sizes or size < self.first

    def hit(self, item):
        if item in self.count:
            self.count[item] = min(self.count[item] + 1, 3)
        return item in self.count

    def recall(self, item, size):
        self.known = self.ghost.pop(item, None) is not None

    def evict(self, size):
        self.warm = False
        if load(self.main) <= self.capacity - self.first:
            while self.small:
                item, s = self.small.popitem(last=False)
                if self.count[item] < self.threshold:
                    del self.count[item]
                    self.leave(item, s)
                    if s <= self.last:
                        while load(self.ghost) + s > self.last:
                            self.ghost.popitem(last=False)
                        self.ghost[item] = s
                    return
                self.main[item], self.count[item] = s, 0
        while self.count[oldest(self.main)] > 0:
            item = oldest(self.main)
            self.count[item] -= 1
            self.main.move_to_end(item)
        item, s = self.main.popitem(last=False)
        del self.count[item]
        self.leave(item, s)

    def insert(self, item, size):
        if self.known or (self.warm and load(self.small) >= self.first):
            self.main[item] = size
        else:
            self.small[item] = size
        self.count[item] = 0
        self.come(size)


class LIRS(Twin):
    """Stack and queue; an item in the stack that is neither LIR nor in the queue is a remembered one."""

    sizes = 0

    def start(self, hir=0.01, stack=2.0):
        self.stack, self.queue, self.lir = OrderedDict(), OrderedDict(), {}
        self.cold = max(1, int(hir * self.capacity))
        self.hot, self.most = self.capacity - self.cold, int(stack * self.capacity)

    def accepts(self, size):
        return size == 1 == self.sizes or size <= self.cold

    def top(self, item, size):
        self.stack.pop(item, None)
        self.stack[item] = size

    def prune(self):
        while self.stack and oldest(self.stack) not in self.lir:
            self.stack.popitem(last=False)

    def demote(self):
        self.prune()
        item, size = self.stack.popitem(last=False)
        del self.lir[item]
        self.queue[item] = size
        self.prune()

    def trim(self):
        for item in list(self.stack):
            if load(self.stack) <= self.most:
                break
            if item not in self.lir and item not in self.queue:
                del self.stack[item]

    def hit(self, item):
        if item in self.lir:
            self.top(item, self.lir[item])
            self.prune()
        elif item in self.queue:
            size = self.queue.pop(item)
            if item in self.stack:
                self.lir[item] = size
                self.top(item, size)
                while load(self.lir) > self.hot:
                    self.demote()
            else:
                self.queue[item] = size
                self.top(item, size)
                self.trim()
        else:
            return False
        return True

    def recall(self, item, size):
        # Out of the stack while others leave, since its old size no longer counts.
        self.known = self.stack.pop(item, None) is not None

    def evict(self, size):
        if not self.queue:
            self.demote()
            self.known = False
        self.leave(*self.queue.popitem(last=False))

    def insert(self, item, size):
        self.top(item, size)
        if self.known or load(self.lir) + size <= self.hot:
            self.lir[item] = size
            while load(self.lir) > self.hot:
                self.demote()
        else:
            self.queue[item] = size
            self.prune()
        self.trim()
        self.come(size)


class WTinyLFU(Twin):
    """Window, probation and protected; counts are halved one by one."""

    sizes = 0

    def start(self, window=0.01, protected=0.8):
        self.window, self.probation, self.protected = OrderedDict(), OrderedDict(), OrderedDict()
        self.first = max(1, int(window * self.capacity))
        self.main = self.capacity - self.first
        self.most = int(protected * self.main)
        self.count, self.counted, self.peak, self.items = Counter(), 0, 0, 0

    def request(self, item, size=1):
        self.admitted, self.out = False, []
        self.tally(item)
        for queue in (self.window, self.protected):
            if item in queue:
                queue.move_to_end(item)
                return True
        if item in self.probation:
            self.protected[item] = self.probation.pop(item)
            while load(self.protected) > self.most:
                back, s = self.protected.popitem(last=False)
                self.probation[back] = s
            return True
        if size > self.capacity:
            return False
        if size > self.first:
            if self.wins(item, size):
                self.probation[item] = size
                self.come(size)
        else:
            while load(self.window) + size > self.first:
                candidate, s = self.window.popitem(last=False)
                if self.wins(candidate, s):
                    self.probation[candidate] = s
                else:
                    self.leave(candidate, s)
            self.window[item] = size
            self.come(size)
        self.peak = max(self.peak, len(self.window) + len(self.probation) + len(self.protected))
        return False

    def tally(self, item):
        self.count[item] = min(self.count[item] + 1, 15)
        self.counted += 1
        if self.counted >= 10 * (self.capacity if self.sizes == 1 else max(self.peak, 1)):
            self.counted //= 2
            self.count = Counter({k: n // 2 for k, n in self.count.items()})

    def wins(self, candidate, size):
        if size > self.main:
            return False
        order = [*self.probation.items(), *self.protected.items()]
        victims, free = [], self.main - load(self.probation) - load(self.protected)
        while free < size:
            victims.append(order[len(victims)])
            free += victims[-1][1]
        if victims and self.count[candidate] <= sum(self.count[v] for v, _ in victims):
            return False
        for victim, s in victims:
            self.probation.pop(victim, None)
            self.protected.pop(victim, None)
            self.leave(victim, s)
        return True


class LFUDA(LFUInCache):
    """The smallest (F + L, time of the last request) leaves."""

    def start(self):
        super().start()
        self.age, self.value = 0, {}

    def key(self, item):
        return self.value[item], self.last[item]

    def touch(self, item):
        super().touch(item)
        self.value[item] = self.count[item] + self.age

    def evict(self, size):
        victim = min(self.size, key=self.key)
        self.age = self.value[victim]
        self.leave(victim, self.size.pop(victim))


class GDSF(Twin):
    """Insert, then let the smallest (L + F/s, time of the last request) leave until all fit."""

    def start(self):
        self.size, self.count, self.key, self.floor = {}, {}, {}, 0.0

    def touch(self, item):
        self.count[item] += 1
        self.key[item] = (self.floor + self.count[item] * 1e6 / self.size[item], self.time)

    def request(self, item, size=1):
        self.admitted, self.out = False, []
        self.time += 1
        if item in self.size:
            self.touch(item)
            return True
        if size <= self.capacity:
            self.size[item], self.count[item] = size, 0
            self.touch(item)
            self.come(size)
            while self.used > self.capacity:
                victim = min(self.size, key=lambda i: self.key[i])
                self.floor = self.key[victim][0]
                self.leave(victim, self.size.pop(victim))
                if victim == item:
                    self.admitted = False
                    self.out.remove(item)
        return False


class LRUK(Twin):
    """All request times of all items."""

    def start(self, k=2):
        self.k, self.size, self.times = k, {}, {}

    def request(self, item, size=1):
        self.times.setdefault(item, []).append(self.time + 1)
        return super().request(item, size)

    def hit(self, item):
        return item in self.size

    def evict(self, size):
        def key(i):
            times = self.times[i]
            return (times[-self.k], 0) if len(times) >= self.k else (0, times[-1])

        victim = min(self.size, key=key)
        self.leave(victim, self.size.pop(victim))

    def insert(self, item, size):
        self.size[item] = size
        self.come(size)


class CAR(Twin):
    """Clocks T1 and T2, ghosts B1 and B2, the target p."""

    def start(self):
        self.t1, self.t2, self.b1, self.b2 = (OrderedDict() for _ in range(4))
        self.bit, self.p = {}, 0.0

    def hit(self, item):
        if item in self.t1 or item in self.t2:
            self.bit[item] = True
            return True
        return False

    def evict(self, size):
        gone = False
        while not gone:
            first = not self.t2 or load(self.t1) >= max(1, self.p)
            item, s = (self.t1 if first else self.t2).popitem(last=False)
            if self.bit[item]:
                self.bit[item] = False
                self.t2[item] = s
            else:
                (self.b1 if first else self.b2)[item] = s
                self.leave(item, s)
                gone = True

    def insert(self, item, size):
        if item in self.b1:
            self.p = min(self.p + max(1, load(self.b2) / load(self.b1)), self.capacity)
            del self.b1[item]
            self.t2[item] = size
        elif item in self.b2:
            self.p = max(self.p - max(1, load(self.b1) / load(self.b2)), 0)
            del self.b2[item]
            self.t2[item] = size
        else:
            while self.b1 and load(self.t1) + load(self.b1) + size > self.capacity:
                self.b1.popitem(last=False)
            lists = (self.t1, self.t2, self.b1, self.b2)
            while self.b2 and sum(map(load, lists)) + size > 2 * self.capacity:
                self.b2.popitem(last=False)
            self.t1[item] = size
        self.bit[item] = False
        self.come(size)


class LeCaR(Twin):
    """Two histories with the times of eviction; the expert is drawn by ``uniform()``."""

    def start(self, uniform, rate=0.45, discount=0.005):
        self.uniform, self.rate, self.d = uniform, rate, discount ** (1 / self.capacity)
        self.queue, self.count, self.last = OrderedDict(), {}, {}
        self.lru, self.lfu, self.gone, self.weights = OrderedDict(), OrderedDict(), {}, [0.5, 0.5]

    def hit(self, item):
        if item in self.queue:
            self.queue.move_to_end(item)
            self.count[item] += 1
            self.last[item] = self.time
        return item in self.queue

    def recall(self, item, size):
        self.count[item] = 0
        if item not in self.lru and item not in self.lfu:
            return
        k, history = (1, self.lru) if item in self.lru else (0, self.lfu)
        self.weights[k] *= math.exp(self.rate * self.d ** (self.time - self.gone[item]))
        self.weights = [w / sum(self.weights) for w in self.weights]
        del history[item]

    def evict(self, size):
        if self.uniform() < self.weights[0]:
            victim, history = oldest(self.queue), self.lru
        else:
            victim, history = min(self.queue, key=lambda i: (self.count[i], self.last[i])), self.lfu
        s = self.queue.pop(victim)
        while history and load(history) + s > self.capacity:
            history.popitem(last=False)
        history[victim] = s
        self.gone[victim] = self.time
        self.leave(victim, s)

    def insert(self, item, size):
        self.queue[item] = size
        self.count[item] += 1
        self.last[item] = self.time
        self.come(size)


class Hyperbolic(Twin):
    """The smallest requests / (age x size) of a sample leaves; ``below(n)`` draws an index of `slots`."""

    def start(self, below, sample=64):
        self.below, self.sample, self.slots = below, sample, []
        self.size, self.count, self.born = {}, {}, {}

    def hit(self, item):
        if item in self.size:
            self.count[item] += 1
        return item in self.size

    def worth(self, item):
        return self.count[item] / ((self.time - self.born[item]) * self.size[item])

    def evict(self, size):
        drawn = [self.below(len(self.slots)) for _ in range(self.sample)]
        at = min(drawn, key=lambda k: self.worth(self.slots[k]))
        victim = self.slots[at]
        last = self.slots.pop()
        if victim != last:
            self.slots[at] = last
        self.leave(victim, self.size.pop(victim))

    def insert(self, item, size):
        self.slots.append(item)
        self.size[item], self.count[item], self.born[item] = size, 1, self.time
        self.come(size)


class LHD(Hyperbolic):
    """The least measured hit density per byte of a sample leaves; ages in requests (small caches)."""

    def start(self, below, sample=32, period=4096, decay=0.9):
        super().start(below, sample)
        self.period, self.decay, self.due = period, decay, period
        self.last, self.ages, self.hits, self.evictions, self.rates = {}, {}, {}, {}, None

    def kind(self, item):
        both = sum(self.ages[item])
        if both == 0:
            return 15
        found = 0
        while found < 14 and both * 2**found < 2048:
            found += 1
        return found

    def place(self, item):
        return self.kind(item), min(self.time - self.last[item], 4095)

    def hit(self, item):
        if self.time >= self.due:
            self.due += self.period
            self.rates = {}
            for c in range(16):
                for a in range(4096):
                    later = [
                        (b, self.hits.get((c, b), 0.0), self.evictions.get((c, b), 0.0))
                        for b in self.seen(c, a)
                    ]
                    if sum(h + v for _, h, v in later) <= 1e-5:
                        break
                    time = sum((b - a + 1) * (h + v) for b, h, v in later)
                    self.rates[c, a] = sum(h for _, h, _ in later) / time
            self.hits = {k: v * self.decay for k, v in self.hits.items()}
            self.evictions = {k: v * self.decay for k, v in self.evictions.items()}
        if item in self.size:
            place = self.place(item)
            self.hits[place] = self.hits.get(place, 0.0) + 1.0
            self.ages[item] = (place[1], self.ages[item][0])
            self.last[item] = self.time
        return item in self.size

    def seen(self, c, a):
        return sorted({b for k, b in [*self.hits, *self.evictions] if k == c and b >= a})

    def worth(self, item):
        c, a = self.place(item)
        rate = (c + 1.0) / (a + 1.0) if self.rates is None else self.rates.get((c, a), 0.0)
        return rate / max(self.size[item], 1)

    def evict(self, size):
        drawn = [self.below(len(self.slots)) for _ in range(self.sample)]
        at = min(drawn, key=lambda k: self.worth(self.slots[k]))
        victim = self.slots[at]
        place = self.place(victim)
        self.evictions[place] = self.evictions.get(place, 0.0) + 1.0
        last = self.slots.pop()
        if victim != last:
            self.slots[at] = last
        self.leave(victim, self.size.pop(victim))

    def insert(self, item, size):
        super().insert(item, size)
        self.last[item], self.ages[item] = self.time, (0, 4096)


class BlindOracleLRU:
    """Two shadows as plain lists, and a cache that evicts what the leader lacks."""

    def __init__(self, capacity, due=None, factor=2.0):
        self.c, self.due_given, self.factor = capacity, due, factor
        self.time, self.lead, self.held, self.stack = 0, 0, set(), []
        self.due, self.last, self.shadows, self.misses = {}, {}, [[], []], [0, 0]

    def request(self, item):
        if self.due_given is not None:
            due = self.due_given[self.time] if self.time < len(self.due_given) else 2**62
        else:
            due = 2 * self.time - self.last[item] if item in self.last else 2**62
        self.due[item], self.last[item] = due, self.time
        self.time += 1
        gone = [None, None]
        for k, shadow in enumerate(self.shadows):
            if item not in shadow:
                self.misses[k] += 1
                if len(shadow) == self.c:
                    gone[k] = max(shadow, key=lambda i: (self.due[i], i)) if k == 0 else shadow[0]
                    shadow.remove(gone[k])
            else:
                shadow.remove(item)
            shadow.append(item)
        if gone[self.lead] in self.held:
            if len(self.stack) == 2 * self.c:
                self.scan()
            else:
                self.stack.append(gone[self.lead])
        if self.misses[self.lead] > self.factor * self.misses[1 - self.lead] + self.c:
            self.lead = 1 - self.lead
            self.scan()
        if item in self.held:
            return True
        if len(self.held) == self.c:
            self.held.remove(self.candidate())
        self.held.add(item)
        return False

    def scan(self):
        self.stack = [i for i in sorted(self.held) if i not in self.shadows[self.lead]]

    def candidate(self):
        for _ in range(2):
            while self.stack:
                item = self.stack.pop()
                if item in self.held and item not in self.shadows[self.lead]:
                    return item
            self.scan()
        raise AssertionError("the leader holds the requested item, so the cache holds one that it does not")

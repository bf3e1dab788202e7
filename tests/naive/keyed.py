"""A keyed LRU with sizes, times and causes, by an ordered dict."""

from __future__ import annotations

from collections import OrderedDict


class KeyedLRU:
    """Every call that can let a key go returns what `on_evict` must have been told, in order."""

    def __init__(self, capacity, timer):
        self.capacity, self.timer = capacity, timer
        self.held = OrderedDict()  # key -> (size, deadline or None), the last is the most recent

    def _used(self):
        return sum(size for size, _ in self.held.values())

    def _late(self, key):
        deadline = self.held[key][1] if key in self.held else None
        if deadline is not None and self.timer() >= deadline:
            del self.held[key]
            return [(key, "expired")]
        return []

    def request(self, key, size=1, ttl=None):
        told = self._late(key)
        if key in self.held:
            self.held.move_to_end(key)
            return True, told
        if size <= self.capacity:
            while self._used() + size > self.capacity:
                told.append((self.held.popitem(last=False)[0], "size"))
            self.held[key] = (size, None if ttl is None else self.timer() + ttl)
        return False, told

    def remove(self, key, cause="removed"):
        told = self._late(key)
        if key in self.held:
            del self.held[key]
            told.append((key, cause))
        return told

    def expire(self):
        return [event for key in list(self.held) for event in self._late(key)]

    def contents(self):
        now = self.timer()
        return {k for k, (_, deadline) in self.held.items() if deadline is None or now < deadline}

    def evict(self):
        return [(self.held.popitem(last=False)[0], "size")] if self.held else []

    def resize(self, capacity):
        self.capacity = capacity
        told = []
        while self._used() > capacity:
            told += self.evict()
        return told

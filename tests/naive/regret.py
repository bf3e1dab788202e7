"""Regrets as their definitions say, by looking at every window and every set."""

from __future__ import annotations

from collections import Counter


def top(items, capacity):
    """Sum of the `capacity` largest counts."""
    return sum(n for _, n in Counter(items).most_common(capacity))


def worst_window(items, rewards, capacity, length):
    """Largest regret over the windows of one length, and the first window that has it."""
    values = [
        top(items[s : s + length], capacity) - sum(rewards[s : s + length])
        for s in range(len(items) - length + 1)
    ]
    return max(values), values.index(max(values))

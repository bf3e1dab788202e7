"""Compiled loops over keys and dense item ids. Imported only when one of them is needed."""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel

_GOLDEN, _32, _LOW = np.uint64(0x9E3779B97F4A7C15), np.uint64(32), np.uint64(0xFFFFFFFF)
_FNV, _BYTES = np.uint64(0x100000001B3), np.uint64(0xCBF29CE484222325)


@kernel
def intern_keys(keys, table, fresh, count, items):
    """Give each key its id, new keys the next free one; returns how many keys are new.

    `table` (uint32, three cells a slot, a power of two of slots) holds the halves of a key and its id
    plus 1, or 0 in a free slot; collisions go to the next slot. `fresh` takes the new keys, whose ids
    start at `count`.
    """
    last = table.size // 3 - 1
    new = 0
    for t in range(keys.size):
        key = keys[t]
        low, high = np.uint32(key & _LOW), np.uint32(key >> _32)
        hashed = key * _GOLDEN
        slot = np.int64((hashed ^ (hashed >> _32)) & np.uint64(last))
        while table[3 * slot + 2] != 0 and (table[3 * slot] != low or table[3 * slot + 1] != high):
            slot = (slot + 1) & last
        label = np.int64(table[3 * slot + 2])
        if label == 0:
            fresh[new] = key
            new += 1
            label = count + new
            table[3 * slot] = low
            table[3 * slot + 1] = high
            table[3 * slot + 2] = np.uint32(label)
        items[t] = label - 1
    return new


@kernel
def place_keys(keys, table, count):
    """Put distinct keys, whose ids start at `count`, into a table without them."""
    last = table.size // 3 - 1
    for t in range(keys.size):
        key = keys[t]
        hashed = key * _GOLDEN
        slot = np.int64((hashed ^ (hashed >> _32)) & np.uint64(last))
        while table[3 * slot + 2] != 0:
            slot = (slot + 1) & last
        table[3 * slot] = np.uint32(key & _LOW)
        table[3 * slot + 1] = np.uint32(key >> _32)
        table[3 * slot + 2] = np.uint32(count + t + 1)


@kernel
def hash_texts(data, ends, hashes):
    """A 64-bit hash (FNV-1a) of each text; text t is ``data[ends[t]:ends[t + 1]]``."""
    for t in range(hashes.size):
        value = _BYTES
        for k in range(ends[t], ends[t + 1]):
            value = (value ^ np.uint64(data[k])) * _FNV
        hashes[t] = value


@kernel
def intern_texts(data, ends, hashes, table, known, known_ends, count, items):
    """As :func:`intern_keys` for texts; returns how many there are then.

    The table holds the halves of a text's hash; equal hashes are settled by the bytes. `known` takes the
    bytes of the distinct texts, `known_ends` (from 0) where each one ends: both must have room.
    """
    last = table.size // 3 - 1
    for t in range(items.size):
        key = hashes[t]
        low, high = np.uint32(key & _LOW), np.uint32(key >> _32)
        size = ends[t + 1] - ends[t]
        hashed = key * _GOLDEN
        slot = np.int64((hashed ^ (hashed >> _32)) & np.uint64(last))
        searching = True
        while searching and table[3 * slot + 2] != 0:
            if table[3 * slot] == low and table[3 * slot + 1] == high:
                i = np.int64(table[3 * slot + 2]) - 1
                start = known_ends[i]
                if known_ends[i + 1] - start == size:
                    k = 0
                    while k < size and known[start + k] == data[ends[t] + k]:
                        k += 1
                    searching = k < size
            if searching:
                slot = (slot + 1) & last
        label = np.int64(table[3 * slot + 2])
        if label == 0:
            start = known_ends[count]
            for k in range(size):
                known[start + k] = data[ends[t] + k]
            known_ends[count + 1] = start + size
            count += 1
            label = count
            table[3 * slot] = low
            table[3 * slot + 1] = high
            table[3 * slot + 2] = np.uint32(label)
        items[t] = label - 1
    return count


@kernel
def relabel(items, new, order):
    """Rename `items` in place to 0, 1, ... by first appearance; returns how many there are.

    `new` holds -1 for every old id; old ids are written into `order` in the order of the new ones.
    """
    count = 0
    for t in range(items.size):
        i = items[t]
        label = new[i]
        if label < 0:
            label = count
            new[i] = label
            order[label] = i
            count += 1
        items[t] = label
    return count


@kernel
def next_use_before(items, start, last, nexts):
    """Next uses of a block that starts at `start`: `last` holds each item's next request behind it."""
    for back in range(items.size):
        t = items.size - 1 - back
        nexts[t] = last[items[t]]
        last[items[t]] = start + t


@kernel
def last_sizes(items, sizes, reads, known):
    """Where a read has size 0, put the item's size known from before (0 where none is)."""
    for t in range(items.size):
        if sizes[t] > 0:
            known[items[t]] = sizes[t]
        elif reads[t]:
            sizes[t] = known[items[t]]


@kernel
def next_sizes(items, sizes, reads, known):
    """As :func:`last_sizes`, from the end."""
    for back in range(items.size):
        t = items.size - 1 - back
        if sizes[t] > 0:
            known[items[t]] = sizes[t]
        elif reads[t]:
            sizes[t] = known[items[t]]

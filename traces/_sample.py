"""Which items a sample keeps: those whose key has a small hash, the same in every file and format."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from olearn.errors import check_int, check_real

_WHOLE = re.compile(r"(0|-?[1-9]\d*)$", re.ASCII)
_ONE, _TWO = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def keeper(share: float, seed: int = 0) -> Callable[[Any], np.ndarray]:
    """A function from keys (an integer array, or any objects) to a mask of those that are kept.

    Whole numbers are hashed by SplitMix64, also where they are given as texts, other texts by BLAKE2b.

    Examples
    --------
    >>> int(keeper(0.25)(np.arange(10_000)).sum())
    2561
    """
    share = check_real("share", share, 0.0, 1.0, open_low=True)
    seed = check_int("sample_seed", seed, minimum=0)
    limit = min(int(share * 2.0**64), 2**64 - 1)
    salt = np.uint64(int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "little"))

    def kept(keys: Any) -> np.ndarray:
        if share == 1.0:
            return np.ones(len(keys), dtype=bool)
        array = np.asarray(keys)
        if array.dtype.kind not in "iu":
            array = np.array([_number(key) for key in array.tolist()], dtype=np.uint64)
        return np.asarray(_mixed(array.astype(np.uint64) ^ salt) < np.uint64(limit))

    return kept


def _mixed(values: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64."""
    values = (values ^ (values >> np.uint64(30))) * _ONE
    values = (values ^ (values >> np.uint64(27))) * _TWO
    return np.asarray(values ^ (values >> np.uint64(31)))


def _number(key: Any) -> int:
    text = key if isinstance(key, str) else repr(key)
    if isinstance(key, int) or (_WHOLE.match(text) and -(2**63) <= int(text) < 2**64):
        return int(key) % 2**64
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )

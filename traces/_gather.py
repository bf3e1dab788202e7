"""From the blocks of a reader to a trace: check, sample, give ids, keep, one block at a time.

Every reader of this package yields blocks; what a file may cost in memory is counted here, once for
all of them. Ids come from pyarrow's hash table at the end of a short trace and from a compiled table
on the way of a long one (24 to 40 bytes an item).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from olearn.errors import TraceError
from olearn.traces import _intern
from olearn.traces._files import Source, ValueAtError
from olearn.traces._intern import MAX_REQUESTS, Interner, TextInterner
from olearn.traces._limits import check_memory
from olearn.traces._sample import keeper
from olearn.traces._trace import Trace, check_costs, check_sizes, check_times, check_ttl
from olearn.traces.operations import Rule, group_mask, no_request

_CHECKS: dict[str, Callable[[Any, int], np.ndarray]] = {
    "sizes": check_sizes,
    "times": check_times,
    "costs": check_costs,
    "ttl": check_ttl,
}
_INSTEAD = "; or take a sample (--sample 1%), or keep it on disk (--on-disk, or convert --to store)"
_CANONICAL = re.compile(r"(0|-?[1-9]\d*)$", re.ASCII)


class Block(NamedTuple):
    """Some rows of a file; every column has one value a row or is None."""

    keys: Any  # int64 or uint64 ndarray, or a pyarrow array of strings
    sizes: Any = None
    times: Any = None
    costs: Any = None
    operations: Any = None  # uint8, codes of olearn.traces.operations
    ttl: Any = None
    repeats: Any = None  # how many equal rows each one stands for
    volumes: Any = None  # pyarrow strings; gone once ranges are split (readers/_blocks.py)


class Plan(NamedTuple):
    """What is to be done once all blocks are there; a reader leaves it at ``source.plan``."""

    sort: bool = False  # by time
    join_blanks: bool = False  # ids such as "14719 88" are numbers with a blank inside
    repair_sizes: bool = False  # a read of size 0 takes the size known before, or the next one


class Column:
    """A column that comes in pieces and becomes one array without being there twice.

    `room` is how many values are expected: they are then written where they stay.
    """

    def __init__(self, room: int = 0) -> None:
        self._room = room
        self._whole: np.ndarray | None = None
        self._pieces: list[np.ndarray] = []
        self._size = 0

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        held = 0 if self._whole is None else self._whole.itemsize * self._size
        return held + sum(piece.nbytes for piece in self._pieces)

    def add(self, piece: np.ndarray) -> None:
        """The next values."""
        if not self._size and self._room:
            self._whole = np.empty(self._room, dtype=piece.dtype)
        whole = self._whole
        if whole is None or self._pieces or piece.dtype != whole.dtype or self._size + piece.size > whole.size:
            self._pieces.append(piece)
        else:
            whole[self._size : self._size + piece.size] = piece
            self._size += piece.size
            return
        if whole is None:
            self._size += piece.size

    def array(self) -> np.ndarray:
        """All values."""
        pieces, self._pieces = self._pieces, []
        if self._whole is not None:
            first = self._whole[: self._size]
            if not pieces:
                return first if 2 * first.size > self._whole.size else first.copy()
            pieces.insert(0, first)
            self._whole = None
        if len(pieces) == 1:
            return pieces[0]
        kind = np.result_type(*{p.dtype for p in pieces})
        whole = np.empty(sum(p.size for p in pieces), dtype=kind)
        start = 0
        for k, piece in enumerate(pieces):
            whole[start : start + piece.size] = piece
            start += piece.size
            pieces[k] = piece[:0]
        return whole


class Keys:
    """The keys of requests on their way to ids: kept as they are while few, interned once they are many."""

    def __init__(self, room: int = 0) -> None:
        self._waiting: list[Any] = []
        self._count = 0
        self._room = room
        self._interner: Interner | TextInterner | None = None
        self._items = Column(room)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        waiting = sum(keys.nbytes for keys in self._waiting)
        return waiting + self._items.nbytes + (0 if self._interner is None else self._interner.nbytes)

    def add(self, keys: Any) -> None:
        """The next keys: integers, always of one type, or pyarrow strings."""
        self._count += len(keys)
        if self._interner is None:
            self._waiting.append(keys)
            if max(self._count, self._room) >= _intern.MANY and (
                "numba" in sys.modules or self._count >= 4 * _intern.MANY
            ):
                self.intern_now()
        else:
            self._items.add(self._interner.add(keys))

    def intern_now(self) -> Interner | TextInterner:
        """From here on, give ids at once."""
        if self._interner is None:
            text = self._waiting and not isinstance(self._waiting[0], np.ndarray)
            kind = np.int64 if not self._waiting or text else self._waiting[0].dtype
            self._interner = TextInterner() if text else Interner(kind)
            waiting, self._waiting = self._waiting[::-1], []
            while waiting:
                self._items.add(self._interner.add(waiting.pop()))
        return self._interner

    def take(self) -> np.ndarray:
        """The ids given since the last call, after :meth:`intern_now`."""
        items, self._items = self._items.array(), Column()
        return items

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The ids of all requests and the key of each."""
        if self._interner is not None:
            self._interner.close()
            return self._items.array(), self._interner.keys()
        waiting, self._waiting = self._waiting, []
        if isinstance(waiting[0], np.ndarray):
            return _intern.intern(np.concatenate(waiting) if len(waiting) > 1 else waiting[0])
        import pyarrow as pa

        return _intern.intern(pa.chunked_array(waiting))


def prepared(
    source: Source, blocks: Iterable[Block | None], rule: Rule | None, share: float | None, seed: int
) -> Iterator[Block | None]:
    """Blocks checked, repeated, under the operation rule and sampled; None says: begin anew.

    Raises
    ------
    TraceError
        A value that is not allowed, with its place in the file.
    """
    kept = None if share is None else keeper(share, seed)
    done = 0
    for block in blocks:
        if block is None:
            done = 0
            if rule is not None:
                rule.left.clear()
                rule.taken = 0
            yield None
            continue
        rows = len(block.keys)
        checked: dict[str, Any] = {}
        try:
            for name, check in _CHECKS.items():
                values = getattr(block, name)
                if values is not None and rows:
                    checked[name] = check(values, rows)
            repeats = None if block.repeats is None or not rows else _repeats(block.repeats, rows)
        except ValueAtError as error:
            raise source.error(f"{source.where(done + error.position)}: {error.what}") from None
        done += rows
        block = block._replace(**checked, repeats=None)
        if repeats is not None:
            block = _repeated(source, block, repeats)
        if rule is not None and block.operations is not None and not source.plan.repair_sizes:
            block = _picked(block, rule.kept(block.operations))
            if not rule.full:
                block = block._replace(operations=None)
        if kept is not None:
            block = _picked(block, _kept_rows(block.keys, kept))
        if len(block.keys):
            yield block


def gather(
    source: Source, blocks: Iterable[Block | None], *, rule: Rule | None = None,
    share: float | None = None, seed: int = 0,
) -> Trace:  # fmt: skip
    """The trace that the blocks make, in memory."""
    keys = Keys()
    columns: dict[str, Column] = {}
    room = 0
    for block in prepared(source, blocks, rule, share, seed):
        if block is None:
            keys, columns = Keys(), {}
            continue
        if not keys._count:
            room = source.expected if share is None else 0
            width = 4 + sum(np.asarray(c[:1]).itemsize for c in block[1:6] if c is not None)
            check_memory(room * width, f"{source}: takes", _INSTEAD)
            keys = Keys(room)
        keys.add(block.keys)
        for name in ("sizes", "times", "costs", "operations", "ttl"):
            values = getattr(block, name)
            if values is not None:
                columns.setdefault(name, Column(room)).add(values)
        held = keys.nbytes + sum(column.nbytes for column in columns.values())
        check_memory(held, f"{source}: takes", _INSTEAD)
    if not keys._count:
        raise source.error(_empty(rule, share))
    items, names = keys.finish()
    del keys
    if names.dtype == object:
        items, names = clean_keys(source, items, names, source.plan.join_blanks)
    arrays = {name: column.array() for name, column in columns.items()}
    return finished(source, items, names, arrays, rule, share)


def _empty(rule: Rule | None, share: float | None) -> str:
    if share is not None:
        return "no item of the file is in the sample"
    return no_request(rule) if rule is not None and rule.left else "holds no request"


def finished(
    source: Source,
    items: np.ndarray,
    keys: np.ndarray,
    arrays: dict[str, Any],
    rule: Rule | None,
    share: float | None,
) -> Trace:
    """A trace of what was gathered, after the source's plan."""
    plan = source.plan
    if plan.repair_sizes and "sizes" in arrays:
        _repair_sizes(source, items, keys.size, arrays)
    if plan.sort and "times" in arrays:
        items, keys, arrays = _by_time(source, items, keys, arrays)
    trace = Trace(items, keys, **arrays)
    if rule is not None and trace.operations is not None and plan.repair_sizes:
        mask = rule.kept(trace.operations)
        if not mask.any():
            raise source.error(_empty(rule, share))
        trace = trace if mask.all() else trace._part(mask)
        if not rule.full:
            trace.operations = None
    return trace


def picked(trace: Trace, operations: str | None, error: Callable[[str], TraceError]) -> Trace:
    """A trace that was saved with its operations, under another rule; as it is without one."""
    if operations is None or trace.operations is None:
        return trace
    rule = Rule(operations)
    mask = rule.kept(trace.operations)
    if not mask.any():
        raise error(no_request(rule))
    made = trace if mask.all() and rule.full else trace._part(mask)
    if not rule.full:
        made.operations = None
    # what was said when everything was kept is no longer so
    kept = [note for note in trace.notes if not note.startswith("operations: ")]
    made.notes = (*kept, rule.told())
    made.origin = {**trace.origin, "operations": rule.text}
    return made


def _repeats(values: Any, rows: int) -> np.ndarray:
    try:
        return check_sizes(values, rows).astype(np.int64)
    except ValueAtError as error:
        raise ValueAtError(error.what.replace("sizes", "counts of operations", 1), error.position) from None


def _repeated(source: Source, block: Block, counts: np.ndarray) -> Block:
    total = float(counts.sum(dtype=np.float64))
    if total == counts.size:
        return block
    if not counts.all():
        source.note("some rows count 0 operations and are left out")
    if total > MAX_REQUESTS:
        raise source.error(f"its counts make {total:.3g} requests; a trace has at most {MAX_REQUESTS}")
    check_memory(int(total) * 16, f"{source}: its counts make {total:,.0f} requests, which take")
    return _picked(block, np.repeat(np.arange(counts.size), counts))


def _picked(block: Block, rows: np.ndarray) -> Block:
    """The rows of a mask or of positions."""
    if rows.dtype == bool and rows.all():
        return block
    keys = block.keys
    if isinstance(keys, np.ndarray):
        keys = keys[rows]
    else:
        import pyarrow as pa

        keys = keys.filter(pa.array(rows)) if rows.dtype == bool else keys.take(pa.array(rows))
    return Block(keys, *(None if c is None else c[rows] for c in block[1:]))


def _kept_rows(keys: Any, kept: Callable[[Any], np.ndarray]) -> np.ndarray:
    if isinstance(keys, np.ndarray):
        return kept(keys)
    encoded = keys.dictionary_encode()
    return np.asarray(kept(encoded.dictionary.to_pylist())[encoded.indices.to_numpy()])


def clean_keys(
    source: Source, items: np.ndarray, keys: np.ndarray, join_blanks: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Texts as numbers if all of them are numbers as a number is written: 7, not 007 or 0x7.

    With `join_blanks`, up to half of them may have blanks inside, which go if all are numbers then.
    """
    texts = keys.tolist()
    if not all(type(text) is str for text in texts):
        return items, keys
    joined = ["".join(text.split()) for text in texts] if join_blanks else texts
    blanks = np.array([a != b for a, b in zip(texts, joined)]) if join_blanks else np.zeros(len(texts), bool)
    numbers = all(map(_CANONICAL.match, joined))
    if not numbers or 2 * np.count_nonzero(blanks) > len(texts):
        return items, keys
    values = list(map(int, joined))
    low, high = min(values), max(values)
    if low < -(2**63) or high >= 2**64 or (low < 0 and high >= 2**63):
        return items, keys
    numeric = _intern.narrowest_keys(np.array(values, dtype=np.uint64 if high >= 2**63 else np.int64))
    if not blanks.any():
        return items, numeric
    merged, distinct = _intern.intern(numeric)
    requests = int(np.count_nonzero(blanks[items]))
    same = len(texts) - distinct.size
    source.note(
        f"{requests:,} ids have blanks inside, which were removed"
        + (f"; {same:,} of them are then the same as another" if same else "")
    )
    return merged[items], distinct


def _repair_sizes(source: Source, items: np.ndarray, count: int, arrays: dict[str, np.ndarray]) -> None:
    """Give a read of size 0 its item's last known size or, before one is known, the next one."""
    from olearn.traces._kernels import last_sizes, next_sizes

    sizes = arrays["sizes"].astype(np.int64)
    if "operations" in arrays:
        reads = group_mask("get")[arrays["operations"]]
    else:
        reads = np.ones(sizes.size, dtype=bool)
    zero = int(np.count_nonzero((sizes == 0) & reads))
    if not zero:
        return
    last_sizes(items, sizes, reads, np.zeros(count, dtype=np.int64))
    next_sizes(items, sizes, reads, np.zeros(count, dtype=np.int64))
    left = int(np.count_nonzero((sizes == 0) & reads))
    source.note(
        f"{zero:,} reads have size 0 (a miss): {zero - left:,} take the size known before or the next one"
        + (f", {left:,} have none and stay 0" if left else "")
    )
    arrays["sizes"] = sizes


def _by_time(
    source: Source, items: np.ndarray, keys: np.ndarray, arrays: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    from olearn.traces._kernels import relabel

    times = arrays["times"]
    back = int(np.count_nonzero(times[1:] < times[:-1]))
    if not back:
        return items, keys, arrays
    order = np.argsort(times, kind="stable")
    moved = int(np.count_nonzero(order != np.arange(order.size)))
    source.note(f"{moved:,} of {order.size:,} rows were re-ordered by time")
    items = np.ascontiguousarray(items[order], dtype=np.int32)
    names = np.empty(keys.size, dtype=np.int32)
    count = relabel(items, np.full(keys.size, -1, dtype=np.int32), names)
    return items, keys[names[:count]], {name: array[order] for name, array in arrays.items()}


def describe_sizes(trace: Trace) -> str | None:
    """A sentence where an item's size changes from request to request."""
    if trace.sizes is None:
        return None
    first = trace.sizes[trace.first_requests]
    requests = 0
    odd = np.zeros(trace.catalog_size, dtype=bool)
    for _, items, sizes in trace.blocks():
        changed = first[items] != sizes
        requests += int(np.count_nonzero(changed))
        odd[items[changed]] = True
    if not requests:
        return None
    return (
        f"items that change their size: {int(odd.sum()):,} (at {requests:,} requests); "
        "where one size an item is needed, the first is kept"
    )


def describe_times(trace: Trace) -> str | None:
    """A sentence where times go back."""
    if trace.times is None:
        return None
    back = int(np.count_nonzero(trace.times[1:] < trace.times[:-1]))
    if not back:
        return None
    return f"times go back at {back:,} requests; the order of the file is kept (--sort orders by time)"


__all__ = ["Block", "Column", "Keys", "Plan", "TraceError", "clean_keys", "finished", "gather", "prepared"]

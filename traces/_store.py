"""A trace on disk: a folder of columns that are mapped into memory, not read.

``items.i4`` (int32 ids), and where the source has them ``sizes``, ``times``, ``costs``, ``operations``
and ``ttl``, little-endian and nothing else in them; ``keys.i8``, or ``key_bytes.u1`` and ``key_ends.i8``
for texts (UTF-8); ``trace.json`` last, with the layout, the counts and the digest: a folder without it
is an unfinished store and is not read. Writing takes one pass over the source; memory is that of the
catalogue (24 to 40 bytes an item) and of one block. The digest is made
from the columns when they are complete, and not again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from olearn.errors import NotSupportedError, OlearnError, TraceError
from olearn.traces._files import shown
from olearn.traces._gather import Block, Keys, clean_keys, describe_sizes, describe_times
from olearn.traces._intern import TextInterner, texts_of
from olearn.traces._trace import Trace, absorb_keys

VERSION = 1
META = "trace.json"
_KIND = "olearn trace store"
#: Columns, in the order of a trace, and the types each may have, narrowest first.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "items": ("<i4",),
    "sizes": ("<i4", "<i8"),
    "times": ("<i4", "<i8", "<f8"),
    "costs": ("<f8",),
    "operations": ("|u1",),
    "ttl": ("<i4", "<i8", "<f8"),
}


def is_store(path: str | Path) -> bool:
    """Whether `path` is the folder of a store."""
    return Path(path).is_dir() and (Path(path) / META).is_file()


class StoredTrace(Trace):
    """A trace whose columns lie in the files of a store; everything that a :class:`Trace` has works.

    The arrays are mapped copy-on-write: what is written into them goes nowhere. Text keys are decoded when
    they are asked for.
    """

    _folder: Path
    _count: int
    _digest: str

    @cached_property
    def keys(self) -> np.ndarray:  # type: ignore[override]
        """The original key of each item."""
        if (self._folder / "keys.i8").exists() or (self._folder / "keys.u8").exists():
            name = "keys.i8" if (self._folder / "keys.i8").exists() else "keys.u8"
            return _mapped(self._folder / name, "<" + name[-2:], self._count)
        ends = np.fromfile(self._folder / "key_ends.i8", "<i8")
        data = np.fromfile(self._folder / "key_bytes.u1", "|u1")
        if ends.size != self._count + 1 or ends[0] != 0 or ends[-1] != data.size or (np.diff(ends) < 0).any():
            raise TraceError(f"{shown(self._folder)}: the keys of the store are damaged")
        return texts_of(data, ends)

    @property
    def catalog_size(self) -> int:
        """Number of distinct items, N."""
        return self._count

    def rows(self, column: str, start: int, stop: int) -> np.ndarray:
        """As :meth:`Trace.rows`, read from the file: pages that are mapped would count as the process's own."""
        array: np.ndarray = getattr(self, column)
        path = self._folder / f"{column}.{array.dtype.kind}{array.dtype.itemsize}"
        found = np.fromfile(
            path, array.dtype.newbyteorder("<"), stop - start, offset=start * array.dtype.itemsize
        )
        if found.size != stop - start:
            raise TraceError(f"{shown(path)}: was cut while it was read")
        return found.astype(array.dtype, copy=False)

    def __reduce__(self) -> Any:
        """A copy in another process maps the same files; one in temporary files goes there whole."""
        if self.origin.get("store") == "temporary":
            columns = {name: np.array(getattr(self, name)) for name in self.columns()[1:]}
            return _plain, (np.array(self.items), np.array(self.keys), columns, self._about())
        return _again, (self._folder.absolute(), self._about())

    def _about(self) -> dict[str, Any]:
        return {"name": self.name, "source": self.source, "notes": self.notes, "origin": self.origin}

    def _keep(self, folder: tempfile.TemporaryDirectory[str]) -> StoredTrace:
        """Remove the folder when the trace goes."""
        self._temporary = folder
        return self

    @cached_property
    def digest(self) -> str:
        """The digest that was made when the store was written."""
        return self._digest


def _again(folder: Path, about: dict[str, Any]) -> StoredTrace:
    trace = open_store(folder)
    trace.__dict__.update(about)
    return trace


def _plain(items: np.ndarray, keys: np.ndarray, columns: dict[str, Any], about: dict[str, Any]) -> Trace:
    trace = Trace(items, keys, **columns)
    trace.__dict__.update(about)
    return trace


def open_store(path: str | Path) -> StoredTrace:
    """The trace in the folder of a store.

    Raises
    ------
    TraceError
        Not a store, of a later version, or a file of it is missing or has another length.
    """
    folder = Path(path)
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        if meta["kind"] != _KIND:
            raise ValueError(f"kind {meta['kind']!r}")
        version, length, count = int(meta["version"]), int(meta["requests"]), int(meta["items"])
        columns = dict(meta["columns"])
        digest, name = str(meta["digest"]), str(meta["name"])
        if length < 1 or not 1 <= count <= length:
            raise ValueError(f"{length} requests, {count} items")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TraceError(f"{shown(folder)}: {META} of the store can't be read ({str(error)[:80]})") from None
    if version > VERSION:
        raise TraceError(f"{shown(folder)}: a store of version {version}; this olearn reads up to {VERSION}")
    trace = StoredTrace.__new__(StoredTrace)
    trace._folder, trace._count, trace._digest = folder, count, digest
    trace.items = _mapped(folder / "items.i4", "<i4", length)
    _check_ids(trace, count)
    for column, kinds in list(_COLUMNS.items())[1:]:
        kind = columns.get(column)
        if kind is not None and kind not in kinds:
            raise TraceError(f"{shown(folder)}: {META} says {kind!r} for {column}, allowed: {', '.join(kinds)}")
        array = None if kind is None else _mapped(folder / f"{column}.{kind[1:]}", kind, length)
        setattr(trace, column, array)
    trace.name = name
    trace.source = shown(folder)
    trace.notes = tuple(map(str, meta.get("notes", ())))
    trace.origin = dict(meta.get("origin", {}), store=shown(folder))
    return trace


def _mapped(path: Path, kind: str, length: int) -> np.ndarray:
    dtype = np.dtype(kind)
    try:
        size = path.stat().st_size
        if size != length * dtype.itemsize:
            raise TraceError(f"{shown(path)}: has {size} bytes where the store says {length * dtype.itemsize}")
        # copy-on-write: kernels are compiled for writeable arrays
        return np.asarray(np.memmap(path, dtype.newbyteorder("="), mode="c", shape=(length,)))
    except OSError as error:
        raise TraceError(
            f"{shown(path)}: a part of the store can't be read ({error.strerror or error})"
        ) from None


def _check_ids(trace: StoredTrace, count: int) -> None:
    """Kernels index arrays by these ids: one out of range must not reach them."""
    for start in range(0, trace.items.size, 1 << 22):
        part = trace.rows("items", start, min(start + (1 << 22), trace.items.size))
        if part.min() < 0 or part.max() >= count:
            raise TraceError(
                f"{shown(trace._folder)}: the store is damaged, an id is not between 0 and {count - 1}"
            )


class StoreWriter:
    """Fills the folder of a store block by block; nothing is there under its name until :meth:`close`.

    Parameters
    ----------
    folder : path-like
        It must not exist, or be an empty folder or another store if `force`.
    """

    def __init__(self, folder: str | Path, force: bool = False) -> None:
        self.folder = Path(folder)
        empty = self.folder.is_dir() and not any(self.folder.iterdir())
        if self.folder.exists() and not empty and not (is_store(self.folder) and force):
            advice = "; --force replaces it" if is_store(self.folder) else ", and is not a store"
            raise OlearnError(f"{shown(self.folder)} exists{advice}")
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._new = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=f".{self.folder.name}."))
        except OSError as error:
            raise OlearnError(f"can't write {shown(self.folder)}: {error.strerror}") from None
        self.rewind()

    def rewind(self) -> None:
        """Forget what was written so far."""
        self.length = 0
        self._lives = False  # whether any row gives a time to live
        self._files: dict[str, tuple[Any, str]] = {}
        for file in self._new.iterdir():
            file.unlink()

    def add(self, items: np.ndarray, columns: dict[str, np.ndarray | None]) -> None:
        """The next requests: their ids and the columns beside them, the same ones in every block."""
        given = {"items": items, **{name: values for name, values in columns.items() if values is not None}}
        if self.length and set(given) != set(self._files):
            raise NotSupportedError("the blocks of this file have different columns; read it without a store")
        for name, values in given.items():
            self._append(name, values, _COLUMNS[name])
        ttl = given.get("ttl")
        self._lives = self._lives or (ttl is not None and bool(ttl.any()))
        self.length += items.size

    def _append(self, name: str, values: np.ndarray, kinds: tuple[str, ...]) -> None:
        """Write a column as wide as its values need so far."""
        wanted = next(kind for kind in kinds if np.can_cast(values.dtype, np.dtype(kind)))
        if name not in self._files:
            self._files[name] = (open(self._new / f"{name}.part", "wb"), wanted)  # noqa: SIM115 - closed in close
        file, kind = self._files[name]
        if kinds.index(wanted) > kinds.index(kind):  # widen what is there: once or twice a file at most
            file.close()
            _widen(self._new / f"{name}.part", kind, wanted)
            file, kind = open(self._new / f"{name}.part", "ab"), wanted  # noqa: SIM115
            self._files[name] = (file, kind)
        file.write(np.ascontiguousarray(values, dtype=kind).data)

    def close(self, keys: Any, about: dict[str, Any]) -> None:
        """Write the keys (an array, or a TextInterner) and the description, and put the folder in place."""
        if not self.length:
            raise TraceError("a trace needs at least one request, got none")
        kinds = {}
        for name, (file, kind) in self._files.items():
            file.close()
            if name == "ttl" and not self._lives:
                (self._new / "ttl.part").unlink()
                continue
            kinds[name] = kind
            (self._new / f"{name}.part").rename(self._new / f"{name}.{kind[1:]}")
        count = _write_keys(self._new, keys)
        meta = {
            "kind": _KIND,
            "version": VERSION,
            "requests": self.length,
            "items": count,
            "columns": {name: kinds[name] for name in _COLUMNS if name in kinds and name != "items"},
            "digest": "",
            **about,
        }
        self._describe(meta)
        made = open_store(self._new)
        more = [*meta["notes"], *filter(None, (describe_sizes(made), describe_times(made)))]
        meta |= {"digest": _digest(made), "notes": list(dict.fromkeys(more))}
        meta["origin"] = {**meta["origin"], "notes": meta["notes"]}
        self._describe(meta)
        umask = os.umask(0)
        os.umask(umask)
        self._new.chmod(0o777 & ~umask)
        if self.folder.exists():  # an empty folder, or the store that is replaced
            old = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=f".{self.folder.name}."))
            self.folder.rename(old / "old")
            self._new.rename(self.folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            self._new.rename(self.folder)

    def _describe(self, meta: dict[str, Any]) -> None:
        (self._new / META).write_text(json.dumps(meta, indent=1), encoding="utf-8")

    def abandon(self) -> None:
        """Remove what was written."""
        for file, _ in self._files.values():
            file.close()
        shutil.rmtree(self._new, ignore_errors=True)


def _digest(trace: StoredTrace) -> str:
    """The digest of a trace, its columns read block by block."""
    state = hashlib.blake2b(digest_size=16)
    for name in trace.columns():
        array = getattr(trace, name)
        head = name.encode() + array.dtype.str[1:].encode() + str(array.size).encode() + b":"
        state.update(head)
        for start in range(0, array.size, 1 << 20):
            state.update(trace.rows(name, start, min(start + (1 << 20), array.size)).data)
        if name == "items":
            absorb_keys(state, trace.keys)
    return state.hexdigest()


def _write_keys(folder: Path, keys: Any) -> int:
    """The files of the keys; how many there are."""
    if isinstance(keys, TextInterner):
        data, ends = keys.buffers()
        data.tofile(folder / "key_bytes.u1")
        ends.astype("<i8").tofile(folder / "key_ends.i8")
        return keys.count
    if keys.dtype == object:
        if any(type(key) is not str for key in keys):
            raise NotSupportedError("only traces with integer or string keys can be stored, got other objects")
        texts = [key.encode("utf-8", "surrogatepass") for key in keys]
        (folder / "key_bytes.u1").write_bytes(b"".join(texts))
        np.cumsum([0, *map(len, texts)], dtype=np.int64).astype("<i8").tofile(folder / "key_ends.i8")
    else:
        kind = "u8" if keys.dtype == np.uint64 else "i8"
        keys.astype(f"<{kind}").tofile(folder / f"keys.{kind}")
    return int(keys.size)


def _widen(path: Path, narrow: str, wide: str) -> None:
    old = np.memmap(path, narrow, mode="r")
    with open(path.with_suffix(".wide"), "wb") as file:
        for start in range(0, old.size, 1 << 20):
            file.write(old[start : start + (1 << 20)].astype(wide).data)
    del old
    path.with_suffix(".wide").rename(path)


def store_blocks(blocks: Iterable[Block | None], writer: StoreWriter, source: Any) -> Any:
    """Write prepared blocks; the keys to close the store with."""
    keys = Keys()
    for block in blocks:
        if block is None:
            keys = Keys()
            writer.rewind()
            continue
        keys.add(block.keys)
        keys.intern_now()
        items = keys.take()
        writer.add(items, {name: getattr(block, name) for name in list(_COLUMNS)[1:]})
    if not writer.length:
        return None
    interner = keys.intern_now()
    interner.close()
    if not isinstance(interner, TextInterner):
        return interner.keys()
    # Texts that are all numbers are numbers, as when the same file is read into memory.
    names = interner.keys()
    _, cleaned = clean_keys(source, np.arange(names.size, dtype=np.int32), names, source.plan.join_blanks)
    if cleaned.size != names.size:
        raise _InMemory
    return interner if cleaned is names else cleaned


def write_store(trace: Trace, folder: str | Path, force: bool = False) -> None:
    """Write a trace that is in memory."""
    writer = StoreWriter(folder, force)
    try:
        for start, items, _ in trace.blocks():
            part = slice(start, start + items.size)
            columns = {name: getattr(trace, name) for name in trace.columns()[1:]}
            writer.add(items, {name: c[part] for name, c in columns.items()})
        about = {"name": trace.name, "notes": list(trace.notes), "origin": trace.origin}
        writer.close(trace.keys, json.loads(json.dumps(about, default=str)))
    except BaseException:
        writer.abandon()
        raise


def load_on_disk(path: str | Path, format: str | None = None, **options: Any) -> StoredTrace:
    """Read a file into a store in the folder for temporary files, which goes when the trace does."""
    folder = tempfile.TemporaryDirectory(prefix="olearn-", ignore_cleanup_errors=True)
    trace = convert_to_store(path, Path(folder.name) / "store", format, **options)._keep(folder)
    trace.source = shown(path)
    trace.origin["store"] = "temporary"
    return trace


def convert_to_store(
    path: str | Path,
    folder: str | Path,
    format: str | None = None,
    *,
    sample: float | None = None,
    sample_seed: int = 0,
    force: bool = False,
    **options: Any,
) -> StoredTrace:
    """Read a file block by block into a store: as :func:`olearn.traces.load`, in bounded memory.

    A file that has to be ordered by time, or whose sizes have to be repaired, and a format that is not read
    in blocks, go through memory.
    """
    from olearn.traces import readers
    from olearn.traces._gather import prepared

    writer = StoreWriter(folder, force)
    try:
        with readers.opened(path, readers._known(format), options) as (source, reader):
            if not reader.streams:
                raise _InMemory
            with readers.sentences(source, reader.name):
                blocks, rule = reader.begin(source, options)
                keys = store_blocks(
                    _planned(source, prepared(source, blocks, rule, sample, sample_seed)), writer, source
                )
                if keys is None:
                    raise source.error("holds no request that is kept")
                if rule is not None:
                    reader.say(source, rule)
                source.check_unchanged()
            empty = Trace(np.zeros(1, np.int32), np.zeros(1, np.int64))
            told = readers.finish(empty, source, reader)
            about = {"name": told.name, "notes": list(told.notes), "origin": told.origin}
            writer.close(keys, json.loads(json.dumps(about, default=str)))
    except _InMemory:
        writer.abandon()
        trace = readers.load(path, format, sample=sample, sample_seed=sample_seed, **options)
        write_store(trace, folder, force)
    except OSError as error:
        writer.abandon()
        raise OlearnError(f"can't write {shown(folder)}: {error.strerror or error}") from None
    except BaseException:
        writer.abandon()
        raise
    return open_store(folder)


class _InMemory(OlearnError):
    """Not an error of the file: the plan of the file needs all of it at once."""


def _planned(source: Any, blocks: Iterable[Block | None]) -> Iterable[Block | None]:
    for block in blocks:
        if source.plan.sort or source.plan.repair_sizes:
            raise _InMemory
        yield block


__all__ = ["StoreWriter", "StoredTrace", "convert_to_store", "is_store", "open_store", "write_store"]

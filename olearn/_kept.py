"""Compiled kernels on disk: one file a function and signature, which proves its own content.

numba keeps compiled code as pickles and trusts them: a file that is cut or has one wrong bit ends the process
with an UnpicklingError, an LLVM error, or nothing but "Aborted!". And two processes that save at once can
leave an index that names the other's file. Here a file is named by a hash of what it was compiled for
(function, signature, processor, versions) and starts with a hash of its bytes, so

* a damaged file is seen before anything is unpickled: it is as good as absent, the kernel compiles
  again, and that is said once, on standard error;
* there is no index, so writers can't disturb each other; each write is one move into place;
* a full disk costs the next process a compilation, nothing else.

Unpickling runs what is in the file, so folders are only used if no other user can write to them
(:func:`private`).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

_MARK = b"olearn kernel 1\n"
_DIGEST = 32
_said = False


def private(folder: Path) -> bool:
    """Whether only this user (and root) can put files into `folder`; true where there is no uid."""
    if not hasattr(os, "getuid"):
        return True
    try:
        told = os.stat(folder)
    except OSError:
        return False
    return told.st_uid in (0, os.getuid()) and not told.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def fallback() -> Path | None:
    """A private folder below the temporary directory, or None: then nothing is kept.

    Its name can be foreseen, so it counts only if it is a real folder of this user that nobody else can enter.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"olearn-kernels-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        told = os.lstat(folder)
    except OSError:
        return None
    if hasattr(os, "getuid"):
        mine = stat.S_ISDIR(told.st_mode) and told.st_uid == os.getuid() and not told.st_mode & 0o077
        if not mine:
            return None
    return folder


class Kept(caching.IndexDataCacheFile):
    """In the place of numba's pair of index and data file."""

    def _path(self, key: Any) -> Path:
        signature, *rest = key
        told = repr((numba.__version__, sys.version, _named(signature), rest)).encode()
        base = self._index_name.rpartition(".")[0]
        return Path(self._cache_path) / f"{base}.{hashlib.blake2b(told, digest_size=8).hexdigest()}.olk"

    def flush(self) -> None:
        """Nothing: what is out of date lies in another folder."""

    def load(self, key: Any) -> Any:
        """What was saved for `key`, or None."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        start = len(_MARK) + _DIGEST
        body = data[start:]
        if data[:start] != _MARK + hashlib.blake2b(body, digest_size=_DIGEST).digest():
            _say(path)
            return None
        try:
            return pickle.loads(body)
        except Exception:  # written by an olearn whose modules are not here any more
            return None

    def save(self, key: Any, data: Any) -> None:
        """Keep what was compiled for `key`; a disk that is full, or not ours, is no error."""
        body = self._dump(data)
        try:
            with self._open_for_write(str(self._path(key))) as file:
                file.write(_MARK + hashlib.blake2b(body, digest_size=_DIGEST).digest() + body)
        except OSError:
            pass


def _named(kind: Any) -> str:
    """A type by a name that no other type has: two states with the same fields' types are told apart."""
    if isinstance(kind, (tuple, list)):
        return f"({', '.join(map(_named, kind))})"
    made = getattr(kind, "instance_class", None)
    if made is not None:
        inside = ", ".join(map(_named, kind.types))
        return f"{made.__module__}.{made.__qualname__}{made._fields}({inside})"
    inner = getattr(kind, "types", None)
    return f"{type(kind).__name__}({', '.join(map(_named, inner))})" if inner else repr(kind)


def keep(dispatcher: Any) -> Any:
    """Make a cached dispatcher keep its code in files that prove their content."""
    file = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if isinstance(file, caching.IndexDataCacheFile):
        file.__class__ = Kept
    return dispatcher


def _say(path: Path) -> None:
    global _said
    if not _said:
        _said = True
        sys.stderr.write(f"olearn: compiled code in {path.parent} is damaged, it is compiled again\n")

"""The only place that decides how kernels are compiled and where the compiled code is kept.

Four decisions, each measured (see docs/architecture.md):

* ``_nrt=False``: kernels run without numba's reference counts. On a state that is a NamedTuple of
  arrays this is 7 times faster, and it forbids allocation inside a step, a guarantee worth having.
  The option is numba's own but undocumented, so it is tried once and plain ``njit`` is the fallback.
  A kernel that has to allocate says ``@kernel(allocates=True)``.
* Files of compiled code prove their content (:mod:`olearn._kept`).
* The disk cache of a module's kernels sits in a folder named by a fingerprint of that module's
  source and of every olearn source it imports, directly or not. numba itself looks only at the file
  of the outer function: edit a step in one file and a cached loop in another would go on returning
  the old numbers, silently.
* ``error_model="numpy"``: a division by zero gives inf or nan, as in NumPy, instead of a branch.

Nothing compiles at import; a kernel compiles, or is loaded from the cache, at its first call.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, overload

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, config, event, types
from numba.extending import intrinsic
from numba.np import arrayobj

from olearn import _kept

F = TypeVar("F", bound=Callable[..., Any])

PACKAGE = Path(__file__).resolve().parent
#: The top-level folders of the package, wherever an installation puts policies/ and traces/.
_ROOTS = tuple({p for s in (PACKAGE, PACKAGE / "policies", PACKAGE / "traces") for p in (s, s.resolve())})
#: Compiled code of this many versions of a module is kept; older folders are removed.
KEPT_VERSIONS = 3
#: How many requests ahead a loop asks for what it will need of an item.
AHEAD = 16
_folder_lock = threading.RLock()

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(olearn[\w.]*)[ \t]+import[ \t]+([^#\n(]+|\([^)]*\))|import[ \t]+(olearn[\w.]*))",
    re.M,
)


def jit_enabled() -> bool:
    """Whether kernels are compiled (false under ``NUMBA_DISABLE_JIT=1``)."""
    return not config.DISABLE_JIT


@functools.cache
def _source(module: str) -> bytes | None:
    """The source of an olearn module, found by its place in the package; None if there is none."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if module != "olearn" and path.is_file():
            return path.read_bytes()
    return None


def _imports(source: bytes) -> Iterator[str]:
    """The olearn modules that a source names in its import statements."""
    for package, names, module in _IMPORT.findall(source.decode()):
        yield package or module
        if "olearn" in (package, module):  # the face of the package: what it offers to policies of others
            yield "olearn.policies.caching._base"
        for name in names.strip("() \n").replace("\n", " ").split(","):
            if name.strip():
                yield f"{package}.{name.split()[0]}"


def fingerprint(path: str | Path) -> str:
    """Hash of a source file and of every olearn source it imports, directly or not."""
    start = Path(path).read_bytes()
    digest = hashlib.blake2b(start, digest_size=8)
    found: dict[str, bytes] = {}
    queue = list(_imports(start))
    while queue:
        module = queue.pop()
        source = None if module in found else _source(module)
        if source is not None:
            found[module] = source
            queue.extend(_imports(source))
    for module in sorted(found):
        digest.update(module.encode() + b"\0" + found[module] + b"\0")
    return digest.hexdigest()


def cache_root() -> Path:
    """Folder of all of olearn's caches: ``OLEARN_CACHE_DIR``, else the user's cache folder."""
    chosen = os.environ.get("OLEARN_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "olearn"


@functools.cache
def cache_dir(path: str) -> Path | None:
    """Folder of the compiled kernels of the source file `path`.

    A private temporary one if that can't be made or others could write to it; None if that fails too.
    """
    name = f"{Path(path).parent.name}.{Path(path).stem}"
    folder = cache_root() / "kernels" / f"{name}-{fingerprint(path)}"
    try:
        fresh = not folder.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(folder)  # the age that _remove_old goes by
        if not os.access(folder, os.W_OK) or not _kept.private(folder):
            raise PermissionError(folder)
    except OSError:
        below = _kept.fallback()
        return None if below is None else below / folder.name
    if fresh:
        _remove_old(folder, name)
    return folder


def _remove_old(current: Path, name: str) -> None:
    """Keep a module's newest folders of compiled code; another process may be removing them too."""
    try:
        folders = sorted(current.parent.glob(f"{name}-*"), key=lambda p: p.stat().st_mtime, reverse=True)
    except OSError:
        return
    for old in folders[KEPT_VERSIONS:]:
        if old != current:
            shutil.rmtree(old, ignore_errors=True)


@functools.cache
def _nrt_option() -> dict[str, bool]:
    """``{"_nrt": False}`` where this numba takes it, else nothing."""
    try:
        numba.njit(**{"_nrt": False})(lambda x: x)
    except Exception:  # numba raises different errors for an unknown option in different versions
        return {}
    return {"_nrt": False}


@overload
def kernel(function: F) -> F: ...
@overload
def kernel(*, allocates: bool = ..., inline: bool = ..., brief: bool = ...) -> Callable[[F], F]: ...
def kernel(function: Any = None, *, allocates: bool = False, inline: bool = False, brief: bool = False) -> Any:
    """Compile `function` with numba at its first call; the decorator of every kernel in olearn.

    Parameters
    ----------
    function : callable
        The function. Compiled code is kept on disk for functions at the level of a module with a source
        file; one written in a notebook or at a prompt compiles anew in each session.
    allocates : bool
        Whether the kernel makes arrays. Without it, numba's reference counts are off and an
        allocation in the kernel is a compile error.
    inline : bool
        Ask LLVM to inline the kernel into its callers.
    brief : bool
        The kernel takes well under a microsecond, so it keeps the interpreter lock (every other kernel
        releases it): letting go and taking it back would cost as much as the kernel.

    Notes
    -----
    Never write ``while True`` in a kernel: numba miscompiles it when the exit branch assigns a
    variable that the tail assigns too. ``tests/test_house_rules.py`` refuses it.
    """
    if function is None:
        return functools.partial(kernel, allocates=allocates, inline=inline, brief=brief)
    file = function.__code__.co_filename
    folder = cache_dir(file) if jit_enabled() and os.path.isfile(file) else None
    kept = folder is not None
    options: dict[str, Any] = {"nogil": not brief, "error_model": "numpy", "cache": kept}
    if not allocates:
        options |= _nrt_option()
    if inline:
        options["forceinline"] = True
    if not jit_enabled():
        return _without_jit(function)
    if not kept:
        return numba.njit(**options)(function)
    # Read while the decorator runs; other packages keep their own folder. Threads import modules side by side,
    # and numba reads the setting twice: without the lock, code went to the working directory.
    with _folder_lock:
        before = config.CACHE_DIR
        config.CACHE_DIR = str(folder)
        try:
            return _kept.keep(numba.njit(**options)(function))
        finally:
            config.CACHE_DIR = before


def _without_jit(function: F) -> F:
    """The plain function with NumPy's overflow warnings off: kernels wrap around on purpose."""

    @functools.wraps(function)
    def plain(*args: Any) -> Any:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return function(*args)

    plain.py_func = function  # type: ignore[attr-defined]
    return plain  # type: ignore[return-value]


def generated(source: str, name: str, beside: Any, names: dict[str, Any], **options: bool) -> Any:
    """The kernel `name` out of source text, as if it stood in the file of the kernel `beside`.

    So its compiled code is kept in that file's folder and goes out of date with it. `names` are the
    globals of the source. The text must be the same in every process for the same file.
    """
    twin = getattr(beside, "py_func", beside)
    space = {**names, "__name__": twin.__module__}
    exec(compile(source, twin.__code__.co_filename, "exec"), space)
    return kernel(**options)(space[name])


@intrinsic
def view(typing: Any, address: Any, shape: Any, dtype: Any) -> Any:
    """``view(address, shape, dtype)``: the C-ordered array at `address`. In kernels only; nobody checks it.

    (numba's ``carray`` does not compile without reference counts.)
    """
    array = types.Array(dtype.dtype, len(shape), "C")

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        result = arrayobj.make_array(array)(context, builder)
        item = context.get_abi_sizeof(context.get_data_type(array.dtype))
        lengths = cgutils.unpack_tuple(builder, values[1], array.ndim)
        strides = [context.get_constant(types.intp, item)]
        for length in reversed(lengths[1:]):
            strides.insert(0, builder.mul(strides[0], length))
        arrayobj.populate_array(
            result,
            data=builder.inttoptr(values[0], result.data.type),
            shape=lengths,
            strides=strides,
            itemsize=context.get_constant(types.intp, item),
            meminfo=None,
        )
        return result._getvalue()

    return array(address, shape, dtype), build


@intrinsic
def _prefetch(typing: Any, array: Any, index: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = signature.args[0]
        made = arrayobj.make_array(kind)(context, builder, values[0])
        place = cgutils.get_item_pointer(context, builder, kind, made, [values[1]], wraparound=False)
        place = builder.bitcast(place, ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        takes = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [place.type], takes)
        builder.call(ask, [place, word(0), word(3), word(1)])  # to read, soon and again, data
        return context.get_dummy_value()

    return types.void(array, types.intp), build


def _no_prefetch(array: Any, index: Any) -> None:
    """Without the compiler there is nothing to ask."""


#: ``prefetch(array, index)``, in kernels: ask for the cache line of ``array[index]``, which may lie outside of
#: the array. Changes nothing but the time that a read of it takes a little later.
prefetch: Any = _prefetch if jit_enabled() else _no_prefetch


class _FirstCompile(event.Listener):
    """Calls a function once, when the first kernel of olearn is compiled (not loaded from the cache)."""

    def __init__(self, say: Callable[[], None]) -> None:
        self.say: Callable[[], None] | None = say

    def on_start(self, event: Any) -> None:
        if self.say is not None and event.data and "dispatcher" in event.data:
            code = getattr(event.data["dispatcher"], "__code__", None)
            if code is not None and str(code.co_filename).startswith(tuple(map(str, _ROOTS))):
                say, self.say = self.say, None
                say()

    def on_end(self, event: Any) -> None:
        pass


class announce_compile:
    """Context in which the first compilation calls `say` once; a warm cache calls nothing."""

    def __init__(self, say: Callable[[], None]) -> None:
        self._listener = _FirstCompile(say)

    def __enter__(self) -> None:
        event.register("numba:compile", self._listener)

    def __exit__(self, *exc: object) -> None:
        event.unregister("numba:compile", self._listener)

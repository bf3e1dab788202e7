"""The compilation layer: cache folders follow the sources, the fallback works, kernels run as Python."""

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from olearn import _jit, _kept, _rng

ROOT = Path(__file__).resolve().parent.parent


def test_fingerprint_follows_imports(tmp_path, monkeypatch):
    package = tmp_path / "olearn"
    package.mkdir()
    (package / "low.py").write_text("X = 1\n")
    (package / "middle.py").write_text("from olearn import low\n")
    (package / "other.py").write_text("Y = 1\n")
    top = package / "top.py"
    top.write_text("from olearn.middle import (\n    thing,\n)\n")
    monkeypatch.setattr(_jit, "PACKAGE", package)
    before = _jit.fingerprint(top)
    (package / "other.py").write_text("Y = 2\n")
    assert _jit.fingerprint(top) == before
    _jit._source.cache_clear()
    (package / "low.py").write_text("X = 2\n")
    assert _jit.fingerprint(top) != before
    _jit._source.cache_clear()


@pytest.mark.jit_only
def test_an_edited_step_is_never_served_from_the_cache(tmp_path):
    """The failure that the fingerprint is for: a loop in one file, the step it calls in another."""
    copy = tmp_path / "olearn"
    copy.mkdir()
    for name in ("__init__.py", "_jit.py", "_kept.py", "_version.py", "errors.py"):
        (copy / name).write_text((ROOT / "olearn" / name).read_text())
    (copy / "steps.py").write_text("from olearn._jit import kernel\n@kernel\ndef step(x):\n    return x + 1\n")
    loop = """
        from olearn._jit import kernel
        from olearn.steps import step

        @kernel
        def loop(n):
            s = 0
            for i in range(n):
                s = step(s)
            return s
    """
    (copy / "loops.py").write_text(textwrap.dedent(loop))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OLEARN_CACHE_DIR": str(tmp_path / "cache")}

    def run():
        code = "import olearn.loops as m; print(m.__file__, m.loop(10))"
        out = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        file, value = out.stdout.split()
        assert file.startswith(str(tmp_path))
        return int(value)

    assert run() == 10
    assert run() == 10
    (copy / "steps.py").write_text("from olearn._jit import kernel\n@kernel\ndef step(x):\n    return x + 2\n")
    assert run() == 20


@pytest.fixture
def small(tmp_path):
    """A package of one kernel, and what runs it in a fresh process."""
    copy = tmp_path / "olearn"
    copy.mkdir()
    for name in ("__init__.py", "_jit.py", "_kept.py", "_version.py", "errors.py"):
        (copy / name).write_text((ROOT / "olearn" / name).read_text())
    source = """
        from olearn._jit import kernel

        @kernel
        def total(n):
            s = 0
            for i in range(n):
                s += i
            return s
    """
    (copy / "sums.py").write_text(textwrap.dedent(source))
    cache = tmp_path / "cache"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OLEARN_CACHE_DIR": str(cache)}
    code = "import olearn.sums as m; print(m.total(10))"

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start, cache


def finished(process):
    out, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    return int(out), told


@pytest.mark.jit_only
def test_damaged_compiled_code_is_compiled_again(small):
    """Bits flipped anywhere, a file cut, emptied, or full of something else: right numbers, and it is said."""
    start, cache = small
    assert finished(start()) == (45, "")
    assert finished(start()) == (45, "")  # from the cache
    (file,) = cache.rglob("*.olk")
    sound = file.read_bytes()
    rng = np.random.default_rng(1)
    damages = [b"", sound[:10], sound[: len(sound) // 2], sound[:-1], b"nonsense" * 100]
    for at in [0, 20, 50, *rng.integers(0, len(sound), 3)]:
        flipped = bytearray(sound)
        flipped[at] ^= 1 << int(rng.integers(8))
        damages.append(bytes(flipped))
    for damage in damages:
        file.write_bytes(damage)
        value, told = finished(start())
        assert value == 45
        assert told.count("is damaged, it is compiled again") == 1
        assert file.read_bytes()[:48] == sound[:48] or len(file.read_bytes()) > 100
    assert finished(start()) == (45, "")


@pytest.mark.jit_only
def test_states_that_look_alike_are_told_apart(small):
    """Two NamedTuples whose fields have the same types in the same order, and one kernel that both call."""
    _, cache = small
    folder = cache.parent / "olearn"
    (folder / "low.py").write_text(
        "from olearn._jit import kernel\n\n@kernel\ndef ask(state):\n    return state.a - state.b\n"
    )
    for name, fields in (("one", "a: int\n    b: int"), ("two", "b: int\n    a: int")):
        (folder / f"{name}.py").write_text(
            "from typing import NamedTuple\n\nfrom olearn.low import ask\n\n"
            f"class State(NamedTuple):\n    {fields}\n"
        )
    code = "import olearn.one as m, olearn.two as n; print(m.ask(m.State(5, 2)), n.ask(n.State(5, 2)))"
    environment = {**os.environ, "PYTHONPATH": str(cache.parent), "OLEARN_CACHE_DIR": str(cache)}
    for _ in range(2):
        out = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=cache.parent, capture_output=True, text=True
        )
        assert out.stdout.split() == ["3", "-3"], out.stderr


@pytest.mark.jit_only
def test_processes_that_compile_at_once_do_not_disturb_each_other(small):
    start, cache = small
    together = [start() for _ in range(4)]
    assert [finished(p) for p in together] == [(45, "")] * 4
    assert len(list(cache.rglob("*.olk"))) == 1
    assert not list(cache.rglob("*.tmp.*"))


def test_unwritable_cache_folder_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OLEARN_CACHE_DIR", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(_kept.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    folder = _jit.cache_dir.__wrapped__(str(ROOT / "olearn" / "_rng.py"))
    assert folder.parent.parent == tmp_path / "tmp"
    assert folder.parent.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files here")
def test_folders_that_others_can_write_to_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(_kept.tempfile, "gettempdir", lambda: str(tmp_path))
    planted = tmp_path / f"olearn-kernels-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    assert _kept.fallback() is None  # somebody else can put files there
    planted.chmod(0o700)
    assert _kept.fallback() == planted
    planted.rmdir()
    planted.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    assert _kept.fallback() is None
    monkeypatch.setattr(_kept.os, "getuid", lambda: os.stat(tmp_path).st_uid + 1)
    assert not _kept.private(tmp_path) or os.stat(tmp_path).st_uid == 0
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.undo()
    assert not _kept.private(open_to_all)
    monkeypatch.setenv("OLEARN_CACHE_DIR", str(open_to_all))
    chosen = _jit.cache_dir.__wrapped__(str(ROOT / "olearn" / "_rng.py"))
    assert chosen is None or chosen.stat().st_mode & 0o022 == 0


def test_nothing_is_kept_where_there_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(_jit, "cache_dir", lambda file: None)

    def double(x):
        return 2 * x

    assert _jit.kernel(double)(4) == 8


def test_old_versions_are_removed(tmp_path):
    for k in range(6):
        folder = tmp_path / f"a.b-{k}"
        folder.mkdir()
        os.utime(folder, (k, k))
    _jit._remove_old(tmp_path / "a.b-5", "a.b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.b-3", "a.b-4", "a.b-5"]


def test_the_generator_is_the_same_compiled_and_as_python():
    """Known answers, so that the compiled and the JIT-off run of this test pin each other."""
    state = _rng.new_state(12345)
    drawn = [float(_rng.uniform(state)) for _ in range(3)] + [float(_rng.normal(state)) for _ in range(2)]
    assert drawn[:3] == [0.7590111054234673, 0.7677990541952295, 0.25130366661302805]
    assert drawn[3:] == pytest.approx([0.047896547949235056, 2.2676018413123424], rel=1e-14)
    assert float(_rng.hash_uniform(_rng.new_key(7), 41)) == 0.17953820343921917


def test_seeds_give_streams_that_differ():
    states = {tuple(_rng.new_state(s)) for s in range(50)} | {tuple(_rng.new_state(0, k)) for k in range(50)}
    assert len(states) == 100


@pytest.mark.jit_only
def test_uniforms_are_uniform():
    """Chi-square on 100 bins for the generator and the hash; p < 1e-6 has that chance under the null."""
    from scipy import stats

    state, key = _rng.new_state(1), _rng.new_key(1)
    for draws in (
        np.array([_rng.uniform(state) for _ in range(100_000)]),
        np.array([_rng.hash_uniform(key, i) for i in range(100_000)]),
    ):
        counts = np.bincount((draws * 100).astype(int), minlength=100)
        assert stats.chisquare(counts).pvalue > 1e-6
    normals = np.array([_rng.normal(state) for _ in range(20_000)])
    assert stats.kstest(normals, "norm").pvalue > 1e-6
    betas = np.array([_rng.beta(state, 0.5, 3.0) for _ in range(20_000)])
    assert stats.kstest(betas, "beta", args=(0.5, 3.0)).pvalue > 1e-6


@pytest.mark.jit_only
def test_threads_that_import_kernels_side_by_side_keep_each_its_folder():
    """numba reads a global setting twice while it decorates; code went to the working directory."""
    files = [
        str(ROOT / "olearn" / "geometry" / f"{name}.py") for name in ("box", "ball", "simplex", "barriers")
    ]
    wrong = []

    def decorate(file):
        for _ in range(200):
            space = {}
            exec(compile("def f(x):\n    return x\n", file, "exec"), space)
            kept = Path(_jit.kernel(space["f"])._cache._cache_path)
            if _jit.cache_dir(file) not in kept.parents:
                wrong.append((file, kept))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=decorate, args=(file,)) for file in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []

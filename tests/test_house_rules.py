"""Rules that keep the code honest, checked on the sources themselves."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    p for d in ("olearn", "policies", "traces") for p in (ROOT / d).rglob("*.py") if not p.is_symlink()
)
KERNEL = re.compile(r"^kernel\b|\bkernel$")


def _decorated(function: ast.AST) -> bool:
    return any("kernel" in ast.unparse(d) for d in getattr(function, "decorator_list", []))


def _functions(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_endless_loop_in_a_kernel(path):
    """Numba miscompiles ``while True`` when the exit branch assigns what the tail assigns too."""
    for function in _functions(path):
        if _decorated(function):
            for node in ast.walk(function):
                if isinstance(node, ast.While) and isinstance(node.test, ast.Constant):
                    pytest.fail(f"{path.name}: kernel {function.name} has `while {ast.unparse(node.test)}`")


def test_the_endless_loop_check_sees_one(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("@kernel\ndef f(n):\n    while True:\n        break\n")
    with pytest.raises(pytest.fail.Exception, match="while True"):
        test_no_endless_loop_in_a_kernel(file)


def test_numba_options_live_in_one_place():
    for path in SOURCES:
        if path.name not in ("_jit.py", "_kept.py"):
            text = path.read_text()
            assert not re.search(r"^\s*(from|import) numba\.|\bnjit\b|\bjitclass\b|\bprange\b", text, re.M), (
                path
            )


def test_only_the_command_line_prints():
    allowed = {"olearn/_progress.py"}
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if name.startswith("olearn/cli/") or name in allowed:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                pytest.fail(f"{name}:{node.lineno} prints")


def _modules_after(statement):
    code = f"import sys; {statement}; print(' '.join(sorted(m for m in sys.modules if '.' not in m)))"
    return set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


def test_import_is_light():
    loaded = _modules_after("import olearn")
    assert not loaded & {"numba", "cvxpy", "matplotlib", "pyarrow", "scipy", "numpy", "click", "rich"}


def test_a_replay_needs_no_solver_and_no_pictures():
    loaded = _modules_after("import olearn; olearn.replay([1, 2, 1, 3], 'lru', 2)")
    assert not loaded & {"cvxpy", "matplotlib"}


def test_nothing_private_is_committed():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if names.returncode:
        pytest.skip("not a git checkout")
    # Put together so that this file does not contain what it looks for.
    words = ["/" + "work/", "farm" + "-", "/" + "tmp/lead", "/" + "tmp/coord", "/" + "opt/"]
    for name in names.stdout.split():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".cfg", ".toml", ".ipynb", ".cff"} and path.is_file():
            text = path.read_text(errors="replace")
            assert not [w for w in words if w in text], name


def test_nothing_compiled_or_made_by_a_run_is_committed():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if names.returncode:
        pytest.skip("not a git checkout")
    files = names.stdout.splitlines()
    made = {".nbc", ".nbi", ".nb", ".pyc", ".so", ".o", ".log"}
    assert not [f for f in files if Path(f).suffix in made]
    folders = {f.split("/")[0] for f in files if "/" in f}
    assert folders == {".ci", "docs", "notebooks", "olearn", "policies", "tests", "traces"}

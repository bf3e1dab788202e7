"""What type checkers and editors see: every policy by its own class, also where it loads at first use."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _stubs():
    path = ROOT / "docs" / "stubs.py"
    if not path.is_file():
        pytest.skip("no checkout: docs/stubs.py is not here")
    spec = importlib.util.spec_from_file_location("stubs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stubs_name_every_policy():
    stubs = _stubs()
    families = stubs.families()
    assert {"olearn.policies.caching", "olearn.policies.offloading"} <= set(families)
    for family in families:
        path, text = stubs.stub(family)
        assert path.is_file(), f"{family} has no stub: make stubs"
        assert path.read_text() == text, f"{path.name} of {family} is out of date: make stubs"


SNIPPET = """
import olearn
from olearn.policies.caching import LRU, OGB, BeladyBypass
from olearn.policies.offloading import HILF

reveal_type(OGB(10, 100, horizon=1000, eta=0.1))
reveal_type(LRU(10, 100).capabilities)
reveal_type(BeladyBypass)
reveal_type(HILF)
reveal_type(olearn.Keyed("lru", 10).request("a"))

class Mine(olearn.CachingPolicy):
    pass

@olearn.kernel
def step(state: object, item: int, log: object) -> bool:
    return True

reveal_type(Mine(1, 2).request(1, evicted=[]))
LRU(10, 100, colour=3)
OGB(10).nonsense
from olearn.policies.caching import LRUU
"""


def test_mypy_sees_the_classes(tmp_path):
    pytest.importorskip("mypy")
    file = tmp_path / "snippet.py"
    file.write_text(SNIPPET)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "setup.cfg"), str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = run.stdout.replace("builtins.", "")
    for revealed in (
        '"olearn.policies.caching.ogb.OGB"',
        '"frozenset[str]"',
        '"def (capacity: int, catalog_size: int',
        "olearn.policies.offloading.hil_f.HILF",
        '"bool | float"',
        'Unexpected keyword argument "colour"',
        '"OGB" has no attribute "nonsense"',
        'has no attribute "LRUU"',
    ):
        assert revealed in said, said + run.stderr

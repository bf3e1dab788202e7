"""Shared fixtures: where the real traces lie, hypothesis profiles, the switch for JIT-off runs."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

JIT_OFF = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
ROOT = Path(__file__).resolve().parent.parent

# The first example pays for compilation, so no deadline; few examples where kernels run as Python.
settings.register_profile("compiled", deadline=None, max_examples=60, derandomize=True)
settings.register_profile(
    "python", deadline=None, max_examples=8, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.load_profile("python" if JIT_OFF else "compiled")

# Hypothesis also draws constants out of whatever modules happen to be imported: the examples of a test would
# depend on the tests that ran before it in the process. Without them a seed is a seed. (No public switch yet.)
if hasattr(providers, "_get_local_constants"):
    _no_constants = providers.Constants()
    providers._get_local_constants = lambda: _no_constants


def pytest_collection_modifyitems(items):
    if JIT_OFF:
        skip = pytest.mark.skip(reason="too long without the compiler")
        for item in items:
            if "jit_only" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def shared():
    """Folder with the shared real traces and golden counts; skips where it is not there."""
    folder = Path(os.environ.get("OLEARN_SHARED", ROOT.parent / "shared"))
    if not (folder / "traces").is_dir():
        pytest.skip("the shared real traces are not here (set OLEARN_SHARED to their folder)")
    return folder

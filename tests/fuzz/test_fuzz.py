"""A few thousand damaged files of every format: one sentence or a trace, nothing else."""

import pytest

from .harness import CORPUS, fault

#: Cases of each format in the everyday run; ``python -m tests.fuzz`` goes on from 1000.
CASES = 200


@pytest.mark.parametrize("name", CORPUS)
def test_damaged_files(name, tmp_path, monkeypatch):
    monkeypatch.setenv("OLEARN_MEMORY", "256mb")
    faults = {n: wrong for n in range(CASES) if (wrong := fault(tmp_path, name, n))}
    assert not faults, f"python -m tests.fuzz --show {name} N > file writes the bytes of case N"

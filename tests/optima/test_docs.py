"""The worked examples of docs/comparators.md are what the code computes."""

import doctest
from pathlib import Path


def test_comparators_page():
    page = Path(__file__).resolve().parents[2] / "docs/comparators.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 40
    assert failed == 0

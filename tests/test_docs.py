"""Every example in a docstring, in the README and in docs/ runs; figures in the README are current."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

import olearn

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```python\n(.*?)^```", re.S | re.M)


def _modules():
    for info in pkgutil.walk_packages(olearn.__path__, "olearn."):
        if info.name != "olearn.__main__":
            yield info.name


@pytest.mark.jit_only
@pytest.mark.parametrize("name", ["olearn", *_modules()])
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


@pytest.mark.jit_only
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_examples_of_the_pages(page, tmp_path, monkeypatch):
    """Blocks with prompts are doctests; others run in order in one namespace."""
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    for number, code in enumerate(FENCE.findall(page.read_text())):
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, scope, f"{page.name}[{number}]", str(page), 0)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
            runner.run(test, clear_globs=False)
            scope.update(test.globs)
            assert runner.failures == 0
        else:
            exec(compile(code, f"{page.name}[{number}]", "exec"), scope)


def test_links_of_the_pages_exist():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.jit_only
def test_the_table_of_the_readme_is_what_the_demo_prints():
    """All columns but the last, the speed."""
    spec = importlib.util.spec_from_file_location("readme", ROOT / "docs" / "readme.py")
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    shown = re.search(r"<!-- table[^>]*-->\n```text\n(.*?)\n```", (ROOT / "README.md").read_text(), re.S)
    expected = str(readme.demo()).splitlines()
    cut = [line.split()[:-1] for line in expected]
    assert [line.split()[:-1] for line in shown.group(1).splitlines()] == cut


def test_the_table_of_caching_policies_is_what_the_policies_say():
    spec = importlib.util.spec_from_file_location("caching_policies", ROOT / "docs" / "caching_policies.py")
    caching_policies = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(caching_policies)
    written = caching_policies.PAGE.read_text(encoding="utf-8")
    assert caching_policies.table() in written, "run python docs/caching_policies.py"

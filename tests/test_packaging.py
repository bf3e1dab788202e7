"""The package list of setup.cfg matches the tree, with and without the symbolic links."""

import configparser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _listed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return set(config["options"]["packages"].split())


def _present():
    found = set()
    for name, folder in (("olearn", "olearn"), ("olearn.policies", "policies"), ("olearn.traces", "traces")):
        base = ROOT / folder
        for init in base.rglob("__init__.py"):
            parts = init.parent.relative_to(base).parts
            inside_link = folder == "olearn" and parts[:1] in (("policies",), ("traces",))
            if not inside_link:
                found.add(".".join([name, *parts]))
    return found


def test_every_package_is_listed_and_exists():
    assert _listed() == _present()


def test_the_links_point_where_the_mapping_does():
    for name in ("policies", "traces"):
        link = ROOT / "olearn" / name
        if link.is_symlink():
            assert link.resolve() == (ROOT / name).resolve()


def test_import_from_the_root_is_refused():
    import subprocess
    import sys

    for name in ("policies", "traces"):
        run = subprocess.run([sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True)
        assert run.returncode == 1
        assert f"this folder is the package olearn.{name}" in run.stderr

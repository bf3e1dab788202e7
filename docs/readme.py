"""Write the table and the picture of the README: ``python docs/readme.py`` (``make readme``).

With ``--bench`` also the table of speeds, which takes a few minutes and needs the package index.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def demo():
    """What ``olearn demo`` computes."""
    import olearn
    from olearn.cli.demo import POLICIES

    return olearn.replay(olearn.load_trace("twitter"), list(POLICIES), "1%", 5)


def put(text: str, name: str, block: str) -> str:
    """`text` with `block` between the markers of `name`."""
    pattern = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)", re.S)
    assert pattern.search(text), f"no marker {name}"
    return pattern.sub(lambda m: m.group(1) + block + m.group(2), text)


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text()
    result = demo()
    text = put(text, "table", f"```text\n{result}\n```\n")
    result.plot(ROOT / "docs" / "images" / "replay.png")
    if "--bench" in sys.argv:
        sys.path.insert(0, str(ROOT / "tests" / "bench"))
        import bench_caching

        from olearn._table import text_table

        text = put(text, "bench", f"```text\n{text_table(bench_caching.main())}\n```\n")
    readme.write_text(text)


if __name__ == "__main__":
    main()

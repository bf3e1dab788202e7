"""Write the table of docs/caching-policies.md from the policies themselves: ``python
docs/caching_policies.py``.

What stands between the two marks is made of each policy's class (name, rule, reference), of the bound that it
declares for a small example, and of the sentences on cost and memory in its docstring.
"""

from __future__ import annotations

import re
from pathlib import Path

from olearn import registry
from olearn.errors import OlearnError

PAGE = Path(__file__).parent / "caching-policies.md"
START, END = "<!-- table: python docs/caching_policies.py -->\n", "<!-- end of table -->\n"


def table() -> str:
    """The table as Markdown, fractional and no-regret policies first."""
    rows = []
    for name, cls in registry.classes("caching").items():
        text = cls.__doc__ or ""
        cost, memory = _paragraph(text, "Cost: "), _paragraph(text, "Memory: ")
        bound = _bound(cls)
        group = "offline" if cls.offline else "no-regret" if bound != "none" else "classic"
        rows.append(
            (("no-regret", "classic", "offline").index(group), name, group, cls.rule, bound, cost, memory, cls)
        )
    lines = ["| name | kind | rule | regret bound | cost | memory | reference |", "| --- " * 7 + "|"]
    for _, name, group, rule, bound, cost, memory, cls in sorted(rows, key=lambda r: r[:2]):
        cells = (f"`{name}`", group, rule, bound, cost or "-", memory or "-", cls.reference)
        lines.append("| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def _paragraph(text: str, word: str) -> str:
    """What follows `word`, up to the end of the paragraph or to the word Memory."""
    found = re.search(rf"{word}(.*?)(?=\n\n| ?\n?Memory: |\Z)", text, re.DOTALL)
    return re.sub(r"\s+", " ", found.group(1)).strip() if found else ""


def _bound(cls: type) -> str:
    try:
        policy = cls(4, 32, 1000) if not cls.offline else None
        bound = policy.bound(1000) if policy is not None else None
    except OlearnError:
        bound = None
    if bound is None:
        return "none"
    return f"{bound.formula} ({bound.guarantee})"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    PAGE.write_text(before + START + "\n" + table() + "\n" + END + rest.split(END)[1], encoding="utf-8")

"""Wikimedia's CDN traces of 2019 (upload and text): tab-separated, with a header.

Columns ``relative_unix`` (seconds), ``hashed_path_query`` or ``hashed_host_path_query``,
``image_type`` (upload only, not read), ``response_size`` (bytes) and ``time_firstbyte`` (not read).
"""

from __future__ import annotations

from olearn.traces.readers._tabular import Tabular

_ITEMS = ("hashed_path_query", "hashed_host_path_query")


class WikiCdn(Tabular):
    """Requests to Wikimedia's caches."""

    name = "wiki-cdn"
    extensions = (".tsv",)
    description = (
        "text with a header: relative_unix, hashed_path_query, [image_type,] response_size, time_firstbyte"
    )
    example = "1\t833946053\tjpeg\t18715\t1.4066e-05"
    delimiter = "\t"
    fields = (3, 8)
    has_operations = False

    def header(self, names: list[str]) -> dict[str, int] | None:
        item = next((name for name in _ITEMS if name in names), None)
        if item is None or "response_size" not in names:
            return None
        found = {"item": names.index(item), "size": names.index("response_size")}
        return found | ({"time": names.index("relative_unix")} if "relative_unix" in names else {})

    def fits(self, row: list[str]) -> bool:
        return True

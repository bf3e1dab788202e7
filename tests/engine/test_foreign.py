"""Objects of other people as policies, and what a result offers to notebooks."""

from collections import OrderedDict

import pytest

import olearn
from olearn.errors import OlearnError


class Mine:
    """LRU by hand."""

    def __init__(self, capacity):
        self.capacity, self.held = capacity, OrderedDict()

    def __len__(self):
        return len(self.held)

    def request(self, item):
        if item in self.held:
            self.held.move_to_end(item)
            return True
        if len(self.held) >= self.capacity:
            self.held.popitem(last=False)
        self.held[item] = True
        return False


class GetPut(Mine):
    request = None

    def get(self, item):
        if item in self.held:
            self.held.move_to_end(item)
            return True
        return None

    def put(self, item, value):
        if len(self.held) >= self.capacity:
            self.held.popitem(last=False)
        self.held[item] = value


def test_objects_are_policies():
    trace = olearn.load_trace("twitter")[:5000]
    mine = Mine(50)
    result = olearn.replay(trace, {"mine": mine, "theirs": GetPut(50), "lru": "lru"}, 50)
    rows = {r["policy"]: r for r in result.rows}
    assert rows["mine"]["reward"] == rows["theirs"]["reward"] == rows["lru"]["reward"]
    assert rows["mine"]["fetched"] == rows["lru"]["fetched"]
    assert rows["mine"]["peak_occupancy"] == 50
    assert len(mine) == 0  # a copy was asked
    assert result["mine"].rows[0]["reward"] == rows["mine"]["reward"]
    assert [r["policy"] for r in result["mine"].rows if not r["offline"]] == ["mine"]
    with pytest.raises(OlearnError, match="did you mean"):
        result["mines"]


def test_an_object_that_holds_too_much_is_a_breach():
    with pytest.raises(OlearnError, match="occupancy"):
        olearn.replay(olearn.load_trace("twitter")[:2000], {"mine": Mine(60)}, 50)


def test_other_objects_are_refused():
    with pytest.raises(OlearnError, match="request"):
        olearn.replay([1, 2, 1], {"mine": 3}, 1)
    with pytest.raises(OlearnError, match="bytes"):
        olearn.replay(olearn.load_trace("twitter")[:100], {"mine": Mine(5)}, "1kb")


def test_notebooks_get_a_table():
    result = olearn.replay([1, 2, 1, 3] * 9, ["lru", "fifo"], 2)
    shown = result._repr_html_()
    assert shown.count("<tr>") == 1 + len(result.summary())
    assert "<td>lru</td>" in shown
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert isinstance(result.to_frame(), pandas.DataFrame)

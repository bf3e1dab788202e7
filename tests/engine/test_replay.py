"""Replay: the table, the curves, the comparators, seeds, interruption, resuming."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive.caching as naive
import olearn
from olearn.engine import machine as engine
from olearn.engine.caching import OFFLINE
from olearn.errors import OlearnError, ParameterError, TraceError, UnknownNameError
from olearn.traces import Trace


@pytest.fixture(scope="module")
def trace():
    rng = np.random.default_rng(1)
    keys = rng.zipf(1.4, 3000) % 97
    return Trace.from_keys(keys, sizes=(keys % 7) + 1)


@pytest.fixture(scope="module")
def result(trace):
    policies = ["lru", "fifo", "lfu", "random", "ftpl", "ogb", "ogd", "omd"]
    return olearn.replay(trace, policies, capacity=[5, "20%"], seeds=3, checkpoints=37)


def test_rows_are_policies_times_capacities_times_seeds(result):
    expected = 2 * (5 + 3 * 3 + 3)  # five deterministic, three randomised with three seeds, three offline
    assert len(result.rows) == expected
    assert result.complete
    assert {r["capacity"] for r in result.rows} == {5, 19}
    for row in result.rows:
        assert row["requests"] == 3000
        assert row["fetched_other"] == 0
        assert row["hit_ratio"] == pytest.approx(row["reward"] / 3000)
        assert row["regret"] == pytest.approx(row["static_optimum"] - row["reward"])
        assert row["reward"] <= row["belady_bypass"] + row["prefilled"]


def test_rewards_equal_the_policies_run_alone(result, trace):
    from olearn import registry

    for row in result.rows:
        if row["offline"]:
            continue
        seed = row["seed"] or 0
        cache = registry.make(
            "caching", row["policy"], capacity=row["capacity"], catalog_size=97, horizon=3000, seed=seed
        )
        rewards = cache.request_many(trace.items).astype(float)
        assert row["reward"] == pytest.approx(rewards.sum(), rel=1e-12)
        assert row["byte_hit_ratio"] == pytest.approx(rewards @ trace.sizes / trace.sizes.sum(), rel=1e-12)


def test_a_stream_does_not_depend_on_its_neighbours(trace, result):
    alone = olearn.replay(trace, "ogb", capacity=5, seeds=[2], checkpoints=37, offline=False)
    beside = next(r for r in result.runs if r.row["policy"] == "ogb" and r.row["seed"] == 2)
    assert np.array_equal(alone.runs[0].reward, beside.reward)


def test_curves_are_cumulative_rewards_at_the_checkpoints(trace, result):
    from olearn.policies.caching import LRU

    hits = np.cumsum(LRU(5, 97).request_many(trace.items))
    points = result.checkpoints
    assert points[-1] == 3000
    assert np.array_equal(result.curve("lru", 5, "reward")[0], hits[points - 1])
    assert np.allclose(result.curve("lru", 5, "hit_ratio")[0], hits[points - 1] / points)
    windows = result.curve("lru", 5, "window_hit_ratio")[0] * np.diff(points, prepend=0)
    assert np.allclose(np.cumsum(windows), hits[points - 1])


def test_regret_curves_against_brute_force(trace, result):
    items = trace.items.tolist()
    earned = result.curve("lru", 5, "reward")[0]
    for k in (0, 5, 20, 36):
        t = int(result.checkpoints[k])
        best = naive.best_static(items[:t], 5)
        assert result.curve("lru", 5, "regret_prefix")[0][k] == best - earned[k]
    final = np.argsort(-np.bincount(trace.items), kind="stable")[:5]
    for k in (0, 17, 36):
        t = int(result.checkpoints[k])
        held = np.isin(trace.items[:t], final).sum()
        assert result.curve("lru", 5, "regret")[0][k] == held - earned[k]


@settings(max_examples=15)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.data())
def test_comparators_on_tiny_traces(keys, data):
    trace = Trace.from_keys(keys)
    capacity = data.draw(st.integers(1, trace.catalog_size))
    result = olearn.replay(trace, "lru", capacity=capacity, checkpoints=7)
    row = result.rows[0]
    items = trace.items.tolist()
    assert row["static_optimum"] == naive.best_static(items, capacity)
    charged = sorted((items.count(i) - 1 for i in set(items)), reverse=True)[:capacity]
    assert row["static_fetch_charged"] == sum(charged)
    for rows in (result.optima_rows(),):
        assert all(r["gap"] == 0 for r in rows)


def test_the_published_optimum_of_the_optimistic_caching_trace(shared):
    items = np.load(shared / "traces" / "optimistic_caching" / "ml_trace_10k_mini.npy").astype(np.int64)[
        :10_000
    ]
    extra = 10_379 - np.unique(items).size
    result = olearn.replay(Trace.from_keys(items), "lru", capacity=150)
    assert extra >= 0
    assert result.rows[0]["static_optimum"] == 2635


def test_bands_come_from_replicates(result):
    band = result.band("ogb", 5, "hit_ratio")
    curves = result.curve("ogb", 5, "hit_ratio")
    assert curves.shape == (3, 37)
    assert np.allclose(band.mean, curves.mean(axis=0))
    assert (band.low <= band.mean).all()
    assert (band.mean <= band.high).all()


def test_verdicts_hold(result):
    words = {r["policy"]: r["verdict"] for r in result.summary()}
    assert words["ogd"] == words["omd"] == "holds"
    assert words["lru"] == "none declared"
    assert words["static"] == "offline"
    assert len(result.verdicts()) == 8


def test_json_round_trip(result, tmp_path):
    file = result.save(tmp_path / "deep" / "result.json")
    again = olearn.Result.load(file)
    assert str(again) == str(result)
    assert json.loads(file.read_text())["rows"][0]["policy"] == "lru"
    assert not [p for p in file.parent.iterdir() if p != file]
    for bad in ("", "{}", "[1"):
        (tmp_path / "bad.json").write_text(bad)
        with pytest.raises(OlearnError, match="is not a result"):
            olearn.Result.load(tmp_path / "bad.json")
    with pytest.raises(OlearnError, match="no result at"):
        olearn.Result.load(tmp_path / "none.json")


def test_ctrl_c_keeps_what_there_is(trace, monkeypatch):
    monkeypatch.setattr(engine, "CHUNK", 500)
    monkeypatch.setattr(engine, "FIRST_PIECE", 500)
    count = engine.Pulse.advance

    def press(self, amount):
        count(self, amount)
        if self.done > 3000 + 3000 + 1200:  # the optima, the first run, a part of the second
            self.stop()

    monkeypatch.setattr(engine.Pulse, "advance", press)
    result = olearn.replay(trace, ["lru", "ogd", "omd"], capacity=5, checkpoints=30)
    assert not result.complete
    assert [r["policy"] for r in result.rows] == ["lru", "ogd", *OFFLINE]
    assert result.rows[0]["complete"]
    partial = result.rows[1]
    assert not partial["complete"]
    assert 0 < partial["requests"] < 3000
    n = partial["requests"]
    assert partial["static_optimum"] == naive.best_static(trace.items[:n].tolist(), 5)
    monkeypatch.undo()
    full = olearn.replay(trace, "ogd", capacity=5, checkpoints=30)
    assert np.allclose(full.runs[0].reward[: result.runs[1].reward.size], result.runs[1].reward)
    assert "ogd" in str(result)


def test_chunks_do_not_change_anything(trace, result, monkeypatch):
    monkeypatch.setattr(engine, "CHUNK", 7)
    again = olearn.replay(trace, ["lru", "ogd"], capacity=5, checkpoints=37, offline=False)
    assert np.array_equal(again.runs[0].reward, result.curve("lru", 5, "reward")[0])
    assert np.allclose(again.runs[1].reward, result.curve("ogd", 5, "reward")[0], atol=1e-9)


def parts(folder):
    return sorted(folder.rglob("part-*.parquet"))


def test_finished_runs_are_taken_from_the_store(trace, tmp_path):
    first = olearn.replay(trace, ["lru", "ogb"], capacity=5, seeds=2, store=tmp_path)
    assert first.manifest["restored_runs"] == 0
    second = olearn.replay(trace, ["lru", "ogb", "fifo"], capacity=5, seeds=3, store=tmp_path)
    assert second.manifest["restored_runs"] == 3
    third = olearn.replay(trace, ["ogb(eta=0.5)"], capacity=5, seeds=1, store=tmp_path)
    assert third.manifest["restored_runs"] == 0
    fresh = olearn.replay(trace, ["lru", "ogb", "fifo"], capacity=5, seeds=3)
    for kept, new in zip(second.runs, fresh.runs, strict=True):
        np.testing.assert_array_equal(kept.reward, new.reward)
        for clock in ("seconds", "requests_per_second"):
            kept.row.pop(clock), new.row.pop(clock)
        assert kept.row == new.row
        assert kept.bound == new.bound
    assert second.optima_rows() == [
        {**row, "seconds": other["seconds"]}
        for row, other in zip(fresh.optima_rows(), second.optima_rows(), strict=True)
    ]
    other = olearn.replay(trace[:2000], ["lru"], capacity=5, store=tmp_path)
    assert other.manifest["restored_runs"] == 0


def test_damaged_runs_in_the_store_are_run_again(trace, tmp_path):
    """Any byte that changes makes a file as good as absent: nothing of it is shown."""
    fresh = olearn.replay(trace, "ogb", capacity=5, store=tmp_path)
    (file,) = parts(tmp_path)
    sound = file.read_bytes()
    rng = np.random.default_rng(5)
    changed = [sound[:k] + bytes([sound[k] ^ 1 << int(rng.integers(8))]) + sound[k + 1 :]
               for k in rng.integers(0, len(sound), 40)]  # fmt: skip
    for damaged in (b"", b"half a fi", sound[:-1], sound + b"x", *changed):
        file.write_bytes(damaged)
        again = engine.Table(*_table(trace, tmp_path))
        assert again.restore() == [0, 1]
    file.write_bytes(sound)
    again = olearn.replay(trace, "ogb", capacity=5, store=tmp_path)
    assert again.manifest["restored_runs"] == 1
    np.testing.assert_array_equal(again.runs[0].reward, fresh.runs[0].reward)


def _table(trace, store):
    from olearn.engine.caching import CachingGame
    from olearn.engine.choices import choices, spaced
    from olearn.engine.game import Ask

    game = CachingGame(trace, [5], len(trace), trace.catalog_size, True)
    return game, game.cells(Ask(choices("ogb"), [0])), spaced(len(trace), 200), store


def test_a_store_is_keyed_by_the_engines_own_sources(trace, tmp_path, monkeypatch):
    olearn.replay(trace, "lru", capacity=5, store=tmp_path)
    real = engine._code
    monkeypatch.setattr(engine, "_code", lambda path: real(path) + ("x" if path == engine.__file__ else ""))
    assert olearn.replay(trace, "lru", capacity=5, store=tmp_path).manifest["restored_runs"] == 0


def test_the_store_is_a_dataset(trace, tmp_path):
    import pyarrow.dataset as ds

    result = olearn.replay(trace, ["lru", "ogb"], capacity=[5, 9], seeds=2, store=tmp_path)
    (tmp_path / f"trace={trace.digest[:12]}" / ".writing-half").write_text("by another process")
    rows = ds.dataset(tmp_path, partitioning="hive").to_table().to_pylist()
    told = {(r["policy"], r["capacity"], r["seed"]): (r["reward"], r["regret"]) for r in rows}
    assert told == {(r["policy"], r["capacity"], r["seed"]): (r["reward"], r["regret"]) for r in result.rows}


@pytest.mark.parametrize("jobs", [2, 5])
def test_the_same_bits_for_any_number_of_threads(trace, result, jobs):
    policies = ["lru", "fifo", "lfu", "random", "ftpl", "ogb", "ogd", "omd"]
    again = olearn.replay(trace, policies, capacity=[5, "20%"], seeds=3, checkpoints=37, jobs=jobs)
    assert [r.row["policy"] for r in again.runs] == [r.row["policy"] for r in result.runs]
    for one, other in zip(again.runs, result.runs, strict=True):
        assert one.reward.tobytes() == other.reward.tobytes()
        assert one.row["regret"] == other.row["regret"]


def test_a_run_that_breaks_an_invariant_is_an_error_and_no_row(trace):
    from olearn.policies.caching import LRU

    class Leaky(LRU):
        name = "leaky"

        def __init__(self, capacity, catalog_size, horizon=None, *, seed=0):
            super().__init__(min(2 * capacity, catalog_size), catalog_size, horizon, seed=seed)
            self.real = capacity

        def validate(self):
            super().validate()
            if self._state is None:
                self._state = self._init()
                self.capacity = self.real

    with pytest.raises(OlearnError, match=r"leaky .*breaks an invariant: occupancy must lie in \[0, 5\]"):
        olearn.replay(trace, ["lru", Leaky], capacity=5)


def test_the_facts_of_a_bound_come_from_the_replay(trace):
    from olearn.policies.caching import OGD

    def large(capacity, catalog_size, horizon, seed):
        return OGD(10, catalog_size, horizon)

    def used(capacity, catalog_size, horizon, seed):
        policy = OGD(capacity, catalog_size, horizon)
        policy.request_many(trace.items[::-1].copy())
        return policy

    result = olearn.replay(trace, {"large": large, "used": used, "own": OGD}, capacity=5)
    words = {row["policy"]: row["verdict"] for row in result.summary()}
    assert words["large"] == words["used"] == "not applicable"
    assert words["own"] == "holds"
    said = "\n".join(result.verdicts())
    assert "capacity 5, computed for 10" in said
    assert "served before" in said
    with pytest.raises(ParameterError, match="was made for 5 items, the trace has 97"):
        olearn.replay(trace, lambda **_: OGD(5, 5, 100), capacity=5)


def test_a_catalogue_larger_than_the_trace(trace):
    result = olearn.replay(trace, ["lru", "ogd"], capacity="5%", catalog=1000)
    assert {r["capacity"] for r in result.rows} == {50}
    assert result.runs[1].bound.value == pytest.approx(np.sqrt(50 * 0.95 * 3000))
    with pytest.raises(ParameterError, match="catalog must be a whole number of at least 97"):
        olearn.replay(trace, "lru", catalog=96)


@pytest.mark.parametrize(
    ("capacity", "said"),
    [
        (0, "at least 1 item"),
        (-3, "at least 1 item"),
        ("5 %%", "is not understood"),
        ("1xb", "is not understood"),
        ("", "is not understood"),
        (98, "at most the catalogue of 97 items"),
        ("101%", "at most the catalogue"),
        ("0.1%", "0 of 97 items"),
        (2.5, "whole number"),
        (float("nan"), "whole number"),
        ([], "at least one capacity"),
        ([None], "is not understood"),
        (True, "is not understood"),
    ],
)
def test_bad_capacities(trace, capacity, said):
    with pytest.raises(ParameterError, match=said):
        olearn.replay(trace, "lru", capacity=capacity)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("lruu", "did you mean 'lru'"),
        ("ogb(etta=1)", "did you mean 'eta'"),
        ("ogb(eta=-1)", "eta must be a finite number"),
        ("ogb(eta=abc)", "eta must be a finite number"),
        ("ogb(", "name\\(parameter=value"),
        (3, "a policy is a name"),
        (["lru", "lru"], "given twice"),
        ([], "at least one policy"),
    ],
)
def test_bad_policies(trace, policy, said):
    with pytest.raises(OlearnError, match=said):
        olearn.replay(trace, policy, capacity=5)


def test_bad_seeds_and_curves(trace, result):
    for seeds in (0, [-1], [], None, 1.5, "3", [1, 1]):
        with pytest.raises(ParameterError, match="seed"):
            olearn.replay(trace, "lru", capacity=5, seeds=seeds)
    with pytest.raises(UnknownNameError, match="did you mean 'regret'"):
        result.curve("lru", 5, "regrett")
    with pytest.raises(ParameterError, match="say which capacity"):
        result.curve("lru")
    with pytest.raises(UnknownNameError, match="known"):
        result.curve("nope", 5)
    with pytest.raises(ParameterError, match="no capacity 7"):
        result.curve("lru", 7)
    with pytest.raises(ParameterError, match="no capacity 7"):
        result.plot(capacity=7)


def test_seeds_may_be_a_numpy_number(trace):
    given = olearn.replay(trace, "ogb", 5, np.int64(2), offline=False)
    assert [r["seed"] for r in given.rows] == [0, 1]


def test_a_path_or_a_name_is_loaded_not_read_as_letters(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("a\nb\na\n")
    for name in (path, str(path)):
        assert olearn.replay(name, "lru", 1).rows[0]["requests"] == 3
    with pytest.raises(OlearnError, match="nothing-here"):
        olearn.replay("nothing-here", "lru", 1)


def _without(*keys):
    def change(data):
        for key in keys[:-1]:
            data = data[key]
        del data[keys[-1]]

    return change


@pytest.mark.parametrize(
    "damage",
    [
        _without("manifest"),
        _without("manifest", "trace"),
        _without("rows", 0, "policy"),
        _without("curves", "checkpoints", 0),
        _without("curves", "static_prefix", "5", 0),
        lambda data: data.update(optima=[]),
        lambda data: data.update(manifest=None),
        lambda data: data["rows"][0].update(capacity=99),
    ],
)
def test_a_damaged_result_is_refused_when_it_is_loaded(result, tmp_path, damage):
    path = result.save(tmp_path / "r.json")
    data = json.loads(path.read_text())
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(TraceError, match="is not a result"):
        olearn.Result.load(path)
    with pytest.raises(TraceError, match="can't be read"):
        olearn.Result.load(tmp_path)


@pytest.mark.filterwarnings("error")
def test_a_picture_of_offline_rows_and_of_one_checkpoint(tmp_path):
    olearn.replay([1, 2, 1, 3] * 9, "static", 1).plot(tmp_path / "a.png")
    upper, lower = olearn.replay([1, 2, 1, 3] * 9, "ogd", 1, checkpoints=1).plot(tmp_path / "a.png").axes
    for axes in (upper, lower):
        drawn = [line for line in axes.lines if len(line.get_xdata()) == 1 and line.get_linewidth() > 1.0]
        assert drawn
        assert all(line.get_marker() in ("o", "x") for line in drawn)
    with pytest.raises(ParameterError, match="the ending must be one of"):
        olearn.replay([1, 2], "lru", 1).plot(tmp_path / "a.xyz")


def test_the_whole_cache_and_one_item():
    full = olearn.replay([1, 2, 3, 1], ["lru", "lfu", "ftpl", "ogb", "ogd", "omd", "fifo"], capacity="100%")
    assert all(r["reward"] == 4 for r in full.rows if r["policy"] in ("ftpl", "ogb", "ogd", "omd"))
    single = olearn.replay([7], ["lru", "ftpl", "ogb", "ogd", "omd"], capacity=1)
    assert single.rows[0]["requests"] == 1


def test_a_bound_whose_assumptions_are_not_met_does_not_apply(trace):
    from olearn.policies.caching import OGD

    class Short(OGD):
        """Its bound is good for 1,000 requests."""

        name = "short"

        def assumes(self):
            return {**super().assumes(), "requests": 1000}

    result = olearn.replay(trace, [Short, "ogd"], capacity=5)
    words = {row["policy"]: row["verdict"] for row in result.summary()}
    assert words["short"] == "not applicable"
    assert words["ogd"] == "holds"
    assert "3,000 requests, tuned for 1,000" in result.verdicts()[0]

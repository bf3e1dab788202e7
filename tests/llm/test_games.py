"""The games of language-model caches on the machine, and their commands."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from naive import llm as naive
from olearn.cli import main
from olearn.engine.moe import replay_moe
from olearn.engine.prefix import replay_prefix
from olearn.engine.result import load
from olearn.errors import OlearnError
from olearn.policies.prefix import LRU
from olearn.traces.llm import BatchTrace, ChainTrace
from olearn.traces.llm.routing import routing_stream

RNG = np.random.default_rng(2)
WORDS = [RNG.permutation(7)[: RNG.integers(0, 6)].tolist() for _ in range(400)]
LENGTHS = [max(0, 16 * len(w) - int(RNG.integers(0, 16))) for w in WORDS]
CHAINS = ChainTrace.from_ids(WORDS, 16, LENGTHS)
STREAM = routing_stream(tokens=150, layers=3, experts=8, top=2, seed=4)


def test_prefix_rows_are_what_the_policy_does_alone():
    result = replay_prefix(CHAINS, ["lru", "clairvoyant"], capacity=[20, 60], warm_up="25%")
    for row in result.rows:
        assert row["measured"] == 300
        assert row["tokens"] == CHAINS.requested()[100:].sum()
        assert row["hit_tokens"] <= row["optimum"] <= row["upper_bound"]
        assert row["optimum"] <= row["unlimited"]
    hits = LRU(20, CHAINS.parents).request_many(CHAINS.starts, CHAINS.blocks)
    first = result.rows[0]
    assert first["hit_tokens"] == CHAINS.saved(hits)[100:].sum()
    assert first["block_hit_ratio"] == pytest.approx(hits[100:].sum() / np.diff(CHAINS.starts)[100:].sum())


def test_a_caching_policy_by_block_is_its_slow_twin():
    """LRU of single blocks, ends of chains first: a list, and the leading blocks that were in it on arrival."""
    result = replay_prefix(CHAINS, {"blocks": _caching_lru}, capacity=15)
    order: list[int] = []
    saved = 0
    for r, chain in enumerate(naive.chains_of(CHAINS.starts.tolist(), CHAINS.blocks.tolist())):
        lead = 0
        while lead < len(chain) and chain[lead] in order:
            lead += 1
        saved += int(CHAINS.tokens[CHAINS.starts[r] : CHAINS.starts[r] + lead].sum())
        for block in reversed(chain):
            if block in order:
                order.remove(block)
            elif len(order) == 15:
                order.pop()
            order.insert(0, block)
    assert result.rows[0]["hit_tokens"] == saved


def _caching_lru(**common):
    from olearn.policies.caching import LRU as Blocks

    return Blocks(**common)


def test_jobs_change_nothing_and_files_come_back(tmp_path):
    times = ("seconds", "blocks_per_second", "requests_per_second")
    keep = lambda result: [{k: v for k, v in r.items() if k not in times} for r in result.rows]  # noqa: E731
    one = replay_prefix(CHAINS, ["lru", "ftpl(eta=2)"], capacity=[10, 30], seeds=3, jobs=1)
    assert keep(one) == keep(replay_prefix(CHAINS, ["lru", "ftpl(eta=2)"], capacity=[10, 30], seeds=3, jobs=4))
    again = load(one.save(tmp_path / "prefix.json"))
    assert np.array_equal(again.curve("ftpl(eta=2)", 10), one.curve("ftpl(eta=2)", 10))
    two = replay_moe(STREAM, ["lru", "ftpl(eta=2)", "prefetch"], capacity=[3, 4], seeds=2, jobs=1)
    assert keep(two) == keep(
        replay_moe(STREAM, ["lru", "ftpl(eta=2)", "prefetch"], capacity=[3, 4], seeds=2, jobs=3)
    )
    assert keep(load(two.save(tmp_path / "moe.json"))) == json.loads(json.dumps(keep(two)))
    for result in (one, two):
        result.plot(tmp_path / "p.png")
        assert (tmp_path / "p.png").stat().st_size > 10_000


@pytest.mark.parametrize("shared", [False, True])
def test_moe_rows_optima_and_diagnosis(shared):
    result = replay_moe(STREAM, ["lru", "lfu", "prefetch(predictor=oracle)"], capacity=6, shared=shared)
    row = {r["policy"].split("(")[0]: r for r in result.rows}
    assert (
        row["lru"]["reward"]
        <= row["lru"]["optimum"]
        == row["lru"]["upper_bound"]
        <= row["lru"]["optimum_bypass"]
    )
    assert row["lru"]["compulsory"] == np.unique(STREAM.items).size
    counts = np.bincount(STREAM.items, minlength=24)
    best = np.sort(counts)[-6:].sum() if shared else sum(np.sort(c)[-6:].sum() for c in counts.reshape(3, 8))
    assert row["lru"]["static_optimum"] == best
    told = result.diagnosis("lru")
    assert told.word in ("policy failure", "working-set failure")
    assert "avoidable" in told.text


def run(*words):
    return CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)


def test_commands(tmp_path, shared, monkeypatch):
    monkeypatch.chdir(tmp_path)
    got = run(
        "prefix",
        shared / "cases" / "qwen.jsonl",
        "--block-tokens",
        128,
        "-p",
        "lru",
        "-c",
        100,
        "--json",
        "--no-plot",
    )
    assert got.exit_code == 0
    row = json.loads(got.stdout)["rows"][0]
    assert row["hit_tokens"] == 512
    got = run("moe", shared / "cases" / "moe.jsonl", "-p", "lru", "-c", 4, "--shared", "--json", "--no-plot")
    assert json.loads(got.stdout)["rows"][0]["reward"] == 4
    assert (
        run(
            "trace", "build", "moe", "-o", "r.jsonl", "--tokens", 50, "--layers", 2, "--experts", 8, "--top", 2
        ).exit_code
        == 0
    )
    stream = BatchTrace.load("r.jsonl")
    assert (len(stream), stream.layer_names.size) == (100, 2)
    got = run("moe", "r.jsonl", "-c", 4, "-c", 8, "--out", "out")
    assert got.exit_code == 0
    assert "diagnosis" in got.output
    assert (tmp_path / "out" / "olearn-moe.png").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["prefix", "q.jsonl", "-c", "0"], "capacity must be at least 1 block"),
        (["prefix", "q.jsonl", "-c", "40gb"], "give model (--model)"),
        (["prefix", "q.jsonl", "-c", "40gb", "--model", "llama"], "unknown model 'llama' (did you mean"),
        (["prefix", "q.jsonl", "--warm-up", "200%"], "warm_up must be a number of requests below 2"),
        (["prefix", "q.jsonl", "-p", "lruu"], "unknown policy 'lruu' (did you mean 'lru'?)"),
        (["prefix", "q.jsonl", "-p", "ogd"], "does not report who comes and goes"),
        (["prefix", "absent.jsonl"], "no trace file 'absent.jsonl'"),
        (["moe", "m.jsonl", "-c", "1"], "batch 1 needs 2 experts at once, the cache has 1 slots"),
        (["moe", "m.jsonl", "-c", "99"], "capacity must be between 1 and the 4 experts there are, got '99'"),
        (["moe", "q.jsonl"], "line 1: no layer"),
        (
            ["moe", "m.jsonl", "-c", "2", "-p", "heat(half_life=0)"],
            "half_life must be a finite number in (0, inf)",
        ),
    ],
)
def test_mistakes_get_one_sentence_and_code_2(words, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.jsonl").write_text(
        '{"hash_ids": [1, 2], "input_length": 32, "block_size": 16}\n{"hash_ids": [1], "input_length": 16}\n'
    )
    (tmp_path / "m.jsonl").write_text(
        '{"layer_idx": 0, "selected_ids": [1, 3]}\n{"layer_idx": 0, "selected_ids": [0, 3]}\n'
    )
    got = run(*words, "--no-plot")
    assert got.exit_code == 2, got.output
    assert sentence in got.output
    assert "Traceback" not in got.output


def test_an_interrupted_run_has_no_diagnosis():
    result = replay_moe(STREAM, ["lru"], capacity=4)
    result.runs[0].row["upper_bound"] = None
    with pytest.raises(OlearnError, match="interrupted before its optimum was known"):
        result.diagnosis("lru")

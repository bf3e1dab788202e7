"""``olearn trace``: what it prints and writes, and one sentence with exit code 2 for bad input."""

import gzip
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from conftest import JIT_OFF

from olearn.cli import main
from olearn.traces import bundled, load, synthetic


def run(*arguments, data=None):
    return CliRunner().invoke(main, [str(a) for a in arguments], input=data)


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.csv"
    path.write_text("time,item,size\n0,a,5\n1,b,7\n4,a,5\n6,c,1\n7,a,5\n")
    return path


def test_info_prints_everything(small):
    result = run("trace", "info", small)
    assert result.exit_code == 0, result.output
    for label, value in (
        ("trace", f"small ({small})"),
        ("requests", "5"),
        ("items", "3"),
        ("one-hit wonders", "2 (66.7% of items)"),
        ("footprint", "13 bytes (sizes at first request)"),
        ("requested bytes", "23"),
        ("reuse distance (items)", "p10 1"),
        ("inter-arrival (requests)", "p10 2"),
        ("inter-arrival (time)", "p10 3"),
        ("working set", "1 items in 1 requests (1 to 1)"),
        ("digest", load(small).digest),
    ):
        assert f"{label:<28}{value}" in result.output
    assert "skew" in result.output


def test_info_json_is_one_object_and_nothing_else(small, tmp_path):
    result = run("trace", "info", small, "--json", "--window", 2, "--plot", tmp_path / "deep/er/a.png")
    answer = json.loads(result.stdout)
    assert (answer["requests"], answer["items"], answer["one_hit_wonders"]) == (5, 3, 2)
    assert answer["working_set"] == [2, 2, 1]
    assert answer["digest"] == load(small).digest
    assert (tmp_path / "deep/er/a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_pictures(ending, small, tmp_path):
    result = run("trace", "info", small, "--plot", tmp_path / f"a.{ending}")
    assert result.exit_code == 0, result.output
    assert os.path.getsize(tmp_path / f"a.{ending}") > 3_000
    assert sorted(os.listdir(tmp_path)) == sorted([f"a.{ending}", "small.csv"])


def test_the_picture_shows_the_numbers():
    import numpy as np

    from olearn.plot.trace import draw_trace
    from olearn.traces import describe

    trace = synthetic.zipf(4_050, 80, 1.0, seed=1)
    stats = describe(trace, 100)
    popularity, working_set = draw_trace(trace, stats).axes
    ranks, counts = popularity.lines[0].get_data()
    assert np.array_equal(counts, np.sort(trace.counts())[::-1][ranks - 1])
    assert (ranks[0], ranks[-1]) == (1, trace.catalog_size)
    _, law = popularity.lines[1].get_data()
    slope = np.polyfit(np.log(ranks), np.log(law), 1)[0]
    assert slope == pytest.approx(-stats.skew)
    steps = working_set.patches[0].get_data()
    assert np.array_equal(steps.values, stats.working_set[:40])  # the 41st window is not full
    assert np.array_equal(steps.edges, np.arange(41) * 100)


def test_pictures_of_tiny_traces(tmp_path):
    for number, keys in enumerate(["5\n", "5\n5\n5\n", "5\n6\n"]):
        path = tmp_path / f"{number}.txt"
        path.write_text(keys)
        result = run("trace", "info", path, "--plot", tmp_path / "x.png")
        assert result.exit_code == 0, result.output


def test_the_bundled_trace_by_its_name():
    result = run("trace", "info", "twitter", "--first", 1000)
    assert "1,000" in result.output
    assert bundled()[:1000].digest in result.output


def test_standard_input_and_output(small):
    data = gzip.compress(small.read_bytes())
    assert f"{'requests':<28}5" in run("trace", "info", "-", data=data).output
    result = run("trace", "convert", "-", "-", "--to", "txt", data=data)
    assert result.stdout == "a\nb\na\nc\na\n"
    numbers = run("trace", "convert", "-", "-", "--to", "csv", data=b"5\n6\n5\n").stdout_bytes
    assert numbers == b"item\n5\n6\n5\n"
    assert f"{'requests':<28}3" in run("trace", "info", "-", data=numbers).output


def test_a_sample(tmp_path):
    run("trace", "convert", "twitter", tmp_path / "x.npz", "--sample", "5%", "--sample-seed", 3)
    assert load(tmp_path / "x.npz").digest == bundled().sample(0.05, seed=3).digest


def test_options_of_csv(tmp_path):
    path = tmp_path / "odd.txt"
    path.write_text("9:x:5\n1:y:6\n4:x:5\n")
    read = ("--format", "csv", "--columns", "item=2,time=1", "--delimiter", ":", "--no-header", "--sort")
    result = run("trace", "convert", path, "-", "--to", "csv", *read)
    assert result.stdout == "time,item\n1,y\n4,x\n9,x\n"


@pytest.mark.parametrize("name", ["x.npz", "x.csv", "x.oracleGeneral", "x.oracleGeneral.bin", "X.CSV"])
def test_convert_and_back(name, tmp_path):
    source = tmp_path / "source.npz"
    trace = bundled()[:2000]
    trace.save(source)
    result = run("trace", "convert", source, tmp_path / name)
    assert result.exit_code == 0, result.output
    assert "2,000 requests" in result.output
    assert load(tmp_path / name).digest == trace.digest
    answer = json.loads(run("trace", "convert", source, tmp_path / name, "--force", "--json").stdout)
    assert (answer["requests"], answer["digest"]) == (2000, trace.digest)


@pytest.mark.parametrize("to", ["npz", "csv", "txt", "ORACLEGENERAL"])
def test_convert_to_a_named_format(to, small, tmp_path):
    assert run("trace", "convert", small, tmp_path / "out", "--to", to).exit_code == 0
    assert load(tmp_path / "out").items.tolist() == [0, 1, 0, 2, 0]


def test_the_bundled_file_is_made_by_the_documented_command(shared, tmp_path):
    made = tmp_path / "twitter_cluster52_250k.npz"
    assert run("trace", "convert", shared / "traces/twitter_cluster52_250k.csv.xz", made).exit_code == 0
    assert load(made).digest == bundled().digest


def test_oracle_general_has_the_next_request_as_a_1_based_ordinal(small, tmp_path):
    import numpy as np

    run("trace", "convert", small, tmp_path / "x.oracleGeneral")
    record = np.dtype([("t", "<u4"), ("id", "<u8"), ("sz", "<u4"), ("nx", "<i8")])
    rows = np.fromfile(tmp_path / "x.oracleGeneral", record)
    assert rows["nx"].tolist() == [3, -1, 5, -1, -1]
    assert rows["id"].tolist() == [0, 1, 0, 2, 0]  # text keys become dense ids
    assert rows["sz"].tolist() == [5, 7, 5, 1, 5]
    assert rows["t"].tolist() == [0, 1, 4, 6, 7]


@pytest.mark.parametrize("name", [*synthetic.GENERATORS, "shifting-zipf"])
def test_generate_equals_the_library(name, tmp_path):
    path = tmp_path / "x.npz"
    result = run("trace", "generate", name, "--requests", 300, "--items", 20, "--seed", 5, "-o", path)
    assert result.exit_code == 0, result.output
    assert load(path).digest == synthetic.GENERATORS[name.replace("-", "_")](300, 20, seed=5).digest


def test_generate_takes_every_parameter(tmp_path):
    path = tmp_path / "x.npz"
    law = ("--alpha", 1.1, "--period", 50, "--change", "rotate", "--shift", 3, "--sizes", "pareto")
    run("trace", "generate", "shifting_zipf", "--requests", 300, "--items", 20, *law, "-o", path)
    expected = synthetic.shifting_zipf(300, 20, 1.1, period=50, change="rotate", shift=3, sizes="pareto")
    assert load(path).digest == expected.digest


def test_generate_a_mixture(small, tmp_path):
    path = tmp_path / "x.npz"
    parts = ("--part", "zipf(items=30, alpha=1.0)", "--part", "cyclic(items=7)")
    result = run("trace", "generate", "mixture", "--requests", 200, *parts, "--weights", "0.6,0.4", "-o", path)
    assert result.exit_code == 0, result.output
    expected = [synthetic.zipf(200, 30, 1.0, seed=1), synthetic.cyclic(200, 7, seed=2)]
    assert load(path).digest == synthetic.mixture(expected, [0.6, 0.4], 200, 0).digest
    assert (
        run("trace", "generate", "mixture", "--requests", 3, "--part", small, "-o", path, "--force").exit_code
        == 0
    )


def test_formats_lists_every_reader():
    from olearn.traces import formats

    assert all(f"\n{name} " in "\n" + run("trace", "formats").output for name in formats())
    rows = json.loads(run("trace", "formats", "--json").stdout)["formats"]
    assert [r["format"] for r in rows if r["written"]] == ["csv", "npz", "oracleGeneral", "txt"]


def test_help_of_every_command():
    for words in (["trace"], ["trace", "info"], ["trace", "generate"], ["trace", "generate", "shot_noise"]):
        assert run(*words, "--help").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("info missing.csv", "no trace file 'missing.csv'"),
        ("info twiter", "no trace file or bundled trace 'twiter' (did you mean 'twitter'?)"),
        ("info good.csv -f csv --query", "format 'csv' has no option 'query'"),
        ("info .", "is a folder, not a trace file"),
        ("info empty", "empty: is empty (0 bytes)"),
        ("info words", "fits no known trace format; give format= one of: accesslog"),
        ("info words -f csvv", "unknown trace format 'csvv' (did you mean 'csv'?)"),
        ("info cut.oracleGeneral", "truncated: the record at byte 24 has 6 of its 24 bytes"),
        ("info cut.csv.gz", "truncated: the gz stream stops after"),
        ("info bad.csv", "bad.csv: line 3: size must be a number, got 'x'"),
        ("info negative.csv", "negative.csv: line 2: sizes must be at least 0, got -4"),
        ("info nan.csv", "nan.csv: line 2: size"),
        (
            "info bad.csv -f oracleGeneral",
            "byte 0 has 16 of its 24 bytes (read as oracleGeneral; it looks like csv)",
        ),
        ("info good.csv --columns item=9", "item column must be between 1 and 2, got 9"),
        ("info good.csv --columns itm=1", "unknown column role 'itm' (did you mean 'item'?)"),
        ("info good.csv --columns item", "columns are written item=3,time=1"),
        ("info good.csv --delimiter ab", "delimiter must be one ASCII character"),
        ("info good.csv --query", "(read as accesslog; it looks like csv)"),
        ("info good.csv --plot a.gif", "a picture is .png, .pdf or .svg, got 'a.gif'"),
        ("info good.csv --plot good.csv/a.png", "can't write good.csv/a.png"),
        ("info good.csv --sample 0%", "a share is above 0 and at most 1, e.g. 0.1 or 10%, got '0%'"),
        ("info good.csv --sample ten", "a share is above 0"),
        ("info good.csv --sample 0.000001", "no item of the file is in the sample"),
        ("info good.csv --window 0", "Invalid value for '--window'"),
        ("info good.csv --first -1", "Invalid value for '--first'"),
        ("convert good.csv there.npz", "there.npz exists; --force replaces it"),
        ("convert good.csv out.foo", "the ending '.foo' belongs to no format to write"),
        ("convert good.csv out --to lirs", "unknown format to write 'lirs'"),
        ("convert good.csv out --to oraclegenral", "did you mean 'oracleGeneral'?"),
        ("convert good.csv -", "standard output needs --to"),
        ("convert good.csv folder.csv", "folder.csv is a folder"),
        ("convert good.csv there.npz/x.csv", "can't write there.npz/x.csv"),
        ("convert bad.csv there.npz --force", "line 3: size must be a number"),
        ("convert huge.csv out.oracleGeneral", "oracleGeneral holds 32-bit sizes"),
        ("generate zipff", "no command 'zipff' (did you mean 'zipf'?)"),
        (
            "generate zipf --requests 0 --items 5 -o out.npz",
            "requests must be a whole number of at least 1",
        ),
        ("generate zipf --requests 5 --items 5 --alpha nan -o out.npz", "alpha must be a finite number"),
        ("generate zipf --requests 5 --items 5 --alpha x -o out.npz", "Invalid value for '--alpha'"),
        ("generate zipf --requests 5 --items 5 --sizes parto -o out.npz", "did you mean 'pareto'?"),
        ("generate zipf --requests 5 --items 5 -o there.npz", "there.npz exists"),
        ("generate alternating --requests 5 --items 5 -o out.npz", "items must be even"),
        (
            "generate mixture --requests 5 --part zipf( -o out.npz",
            "a part looks like zipf(items=1000, ",
        ),
        ("generate mixture --requests 5 --part zipf(5) -o out.npz", "a part looks like"),
        ("generate mixture --requests 5 --part zpf(items=5) -o out.npz", "did you mean 'zipf'?"),
        ("generate mixture --requests 5 --part zipf(itms=5) -o out.npz", "did you mean 'items'?"),
        ("generate mixture --requests 5 --part zipf(alpha=1) -o out.npz", "needs items"),
        (
            "generate mixture --requests 5 --part zipf(items=5) --weights a -o out.npz",
            "weights must be num",
        ),
        ("generate mixture --requests 5 --part good.csv -o out.npz", "2 requests and the mixture takes 5"),
        ("inf good.csv", "no command 'inf' (did you mean 'info'?)"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, sentence, tmp_path, monkeypatch):
    files = {
        "empty": b"",
        "words": b"just some words\nof a letter, say\n",
        "cut.oracleGeneral": b"\0" * 16 + b"\xff" * 8 + b"\1" * 6,
        "cut.csv.gz": gzip.compress(os.urandom(9000).hex().encode())[:2000],
        "bad.csv": b"id,size\na,1\nb,x\n",
        "negative.csv": b"id,size\na,-4\n",
        "nan.csv": b"id,size\na,NaN\n",
        "good.csv": b"id,size\na,1\nb,2\n",
        "huge.csv": b"id,size\na,1\nb,99999999999\n",
        "there.npz": b"precious",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.csv").mkdir()
    monkeypatch.chdir(tmp_path)
    words = arguments.split()
    result = run("trace", *words)
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    said = result.stderr.strip().splitlines()
    assert sentence in said[-1]
    assert len(said) == 1 or said[0].startswith("Usage:")
    assert result.stdout == ""
    assert sorted(os.listdir(tmp_path)) == sorted([*files, "folder.csv"])  # nothing partial is left
    assert (tmp_path / "there.npz").read_bytes() == b"precious"


def test_a_real_process(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("id,size\na,1\nb,-3\n")
    command = [sys.executable, "-c", "from olearn.cli import main; main()", "trace", "info", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"olearn: {path}: line 3: sizes must be at least 0, got -3\n"


@pytest.mark.skipif(JIT_OFF, reason="the same as compiled")
def test_a_closed_pipe_is_no_error(tmp_path):
    script = "from olearn.cli import main; main()"
    command = f"{sys.executable} -c '{script}' trace convert twitter - --to txt | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert done.stdout == "13053225291711363978\n"
    assert done.stderr == ""

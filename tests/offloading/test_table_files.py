"""Tables as people have them: published files as they are, blanks around names, damage, and what is said."""

import io
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

from olearn.cli import main
from olearn.errors import OlearnError, TraceError
from olearn.traces.offloading import read_table

RESPONSES = (
    b"prompt,mixtral-8x7b-instruct-v0.1,gpt-4-1106-preview,mixtral-8x7b-instruct-v0.1_response,"
    b"gpt-4-1106-preview_response\n"
    b'"How many\neggs, in all?",True,True," 16 - 3 = 13\n#### 18","18, he said ""in all"""\n'
    b'A robe,False,True,x,""\n'
)
DOMAIN = b'prompt,weak-7b,gpt-4\n"Find x.\nA. 0\nB. 4",True,False\nWhy?,False,True\n'


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def test_routellms_responses_are_read_as_they_are(tmp_path):
    table = read_table(put(tmp_path, "gsm8k_responses.csv", RESPONSES))
    assert (table.kind, table.models) == ("routing", ("mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"))
    assert table["correct"].tolist() == [[1, 1], [0, 1]]
    assert table.origin["columns"] == ["mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"]
    assert table.origin["not_read"][0] == "prompt"


def test_a_folder_of_domains_is_one_table(tmp_path):
    for name in ("mmlu_anatomy.csv", "mmlu_abstract_algebra.csv", "mmlu_virology.csv"):
        put(tmp_path, name, DOMAIN)
    put(tmp_path, "README.md", b"no table")
    table = read_table(tmp_path)
    assert (len(table), table.context_names) == (6, ("abstract_algebra", "anatomy", "virology"))
    assert table["context"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table.accuracy().tolist() == [0.5, 0.5]
    put(tmp_path, "mmlu_zoology.csv", b"prompt,other,gpt-4\nx,True,True\n")
    with pytest.raises(TraceError, match=r"zoology.csv: has the columns prompt, other, gpt-4, but mmlu_abs"):
        read_table(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TraceError, match=r"empty: the folder holds no .csv file"):
        read_table(tmp_path / "empty")


def test_blanks_around_column_names_do_not_make_another_kind_of_table(tmp_path):
    path = put(tmp_path, "t.csv", b"confidence, local_correct, remote_correct\n0.5, 1, 1\n0.7, 0, 1\n")
    table = read_table(path)
    assert (table.kind, table["local_correct"].tolist()) == ("binary", [1, 0])
    with pytest.raises(TraceError, match=r"t.csv: has two columns 'confidence'"):
        read_table(put(tmp_path, "t.csv", b"confidence, confidence\n0.5,1\n"))


@pytest.mark.parametrize(
    ("name", "data", "kind", "columns"),
    [
        ("b.csv", b"confidence,local_correct\n.5,1\n.75,0\n", "binary", "confidence, local_correct"),
        ("r.csv", b"a_correct,b_correct,row\n1,1,0\n0,1,1\n", "routing", "a_correct, b_correct; not read: row"),
        ("e.csv", b"conf_1,conf_2,correct_1,correct_2\n.5,.9,0,1\n.2,.7,1,1\n", "exits", "conf_1, conf_2"),
    ],
)
def test_the_command_says_which_kind_of_table_it_read_from_which_columns(name, data, kind, columns, tmp_path):
    path = put(tmp_path, name, data)
    words = ["offload", str(path), "--no-plot", *(["-b", "0.1"] if kind != "routing" else [])]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert f"read as {kind} table, from {columns}" in done.stdout


def bomb():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, confidence=np.zeros(30_000_000), local_correct=np.zeros(2))
    return buffer.getvalue()


def flipped():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, confidence=np.linspace(0, 1, 999), local_correct=np.arange(999) % 2)
    data = bytearray(buffer.getvalue())
    data[zipfile.ZipFile(buffer).infolist()[0].header_offset + 200] ^= 4
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("t.csv", b"TIMESTAMP,ContextTokens,GeneratedTokens\n", "has a header and no row below it"),
        ("t.csv", b"", "can't be read as csv"),
        ("t.csv", b'confidence,local_correct\n.5,1\n"', "t.csv"),
        ("t.csv", b"confidence,local_correct\n.5,caf\xe9\n", "t.csv"),
        ("t.csv", b"confidence,local_correct,x\n.5,1,2\n", "t.csv: unknown column 'x'"),
        ("t.npz", flipped(), "can't be read as npz"),
        ("t.npz", bomb(), "of memory, more than the limit of 128.0 MiB"),
        ("t.npz", b"PK\x03\x04", "can't be read as npz"),
        ("t.parquet", b"PAR1", "can't be read as parquet"),
    ],
)
def test_damaged_tables_are_one_sentence_with_the_file(name, data, sentence, tmp_path, monkeypatch):
    monkeypatch.setenv("OLEARN_MEMORY", "128mb")
    path = put(tmp_path, name, data)
    with pytest.raises(OlearnError) as caught:
        read_table(path)
    assert sentence in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)

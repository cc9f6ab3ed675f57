"""Each shape of file is told once: it is read where that takes no guessing, else it is one problem with its remedy."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import socket
import time
from pathlib import Path

import pyarrow
import pytest

from hf_recipes.data.findings import DataError, Findings
from hf_recipes.recipe.model import Data
from hf_recipes.steps.files import read_files
from hf_recipes.steps.prepare.dataset import open_split

ROWS = [{"q": "Où, [there]?", "a": ["x", {"{": '"'}]}, {"q": "two\nlines", "a": []}, {"q": "c", "a": None}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
TABLE = [{"q": "Où", "a": "1,5"}, {"q": "b", "a": "2"}]


def rows_of(path: Path, encoding: str | None = None) -> list[dict[str, object]]:
    findings = Findings()
    found = [row for _, row in read_files(path, findings, encoding=encoding)]
    findings.stop()
    return found


def problem(path: Path, encoding: str | None = None) -> str:
    """The only one there is, without the folder."""
    with pytest.raises(DataError) as error:
        rows_of(path, encoding)
    assert error.value.total == 1, "hundreds of problems are one"
    return error.value.summary.replace(f"{path.parent}/", "")


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", ["train.jsonl", "train.json", "train.ndjson"])
@pytest.mark.parametrize(
    "content",
    [
        LINES,
        LINES.replace("\n", "\n \n\n"),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        json.dumps(ROWS, indent="\t", ensure_ascii=False).replace("\n", "\r\n"),
        "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n\n",
        "".join(json.dumps(row, indent=1) + "\n" for row in ROWS),
        "".join(json.dumps(row, indent=1) for row in ROWS),
        " ".join(map(json.dumps, ROWS)),
        "\ufeff" + LINES,
    ],
)
def test_json_of_every_shape_gives_the_same_rows(tmp_path, name, content):
    assert rows_of(written(tmp_path, name, content)) == ROWS


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "table",
    [
        {"q": ["Où", "b"], "a": ["1,5", "2"]},
        {"q": {"0": "Où", "1": "b"}, "a": {"0": "1,5", "1": "2"}},
        {"0": {"q": "Où", "a": "1,5"}, "1": {"q": "b", "a": "2"}},
        {"columns": ["q", "a"], "index": [0, 1], "data": [["Où", "1,5"], ["b", "2"]]},
        {"schema": {"fields": []}, "data": TABLE},
    ],
)
def test_json_that_holds_columns_is_read_by_columns(tmp_path, table, indent):
    assert rows_of(written(tmp_path, "train.json", json.dumps(table, indent=indent))) == TABLE


def test_one_row_of_lists_is_no_table(tmp_path):
    conversation = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    assert rows_of(written(tmp_path, "train.json", json.dumps(conversation, indent=1))) == [conversation]


def test_a_row_of_a_list_is_told_by_its_line(tmp_path):
    content = '[\n {"a": 1},\n {"a": 2,\n  "b" 3},\n {"a": 4}\n]'
    assert (
        problem(written(tmp_path, "train.json", content))
        == "train.json:4:7: not JSON: Expecting ':' delimiter"
    )
    path = written(tmp_path, "train.jsonl", json.dumps(ROWS, indent=1))
    assert [line for line, _ in read_files(path, Findings())] == [2, 11, 15]


def test_a_long_list_is_read_row_by_row(tmp_path):
    rows = [{"text": "x" * 500 + "[{", "n": number} for number in range(5000)]
    path = written(tmp_path, "train.json", json.dumps(rows, indent=1))
    began = time.monotonic()
    assert rows_of(path) == rows
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", '{"a": 1},\n' * 40, "a.jsonl:1:1: a comma stands after the object; take the commas"),
        ("a.jsonl", '{"a": 1}, {"a": 2}', "a.jsonl:1:1: a comma stands after the object; take the commas"),
        ("a.json", '[{"a": 1},\n{"a": 2},\n]', "a.json:3:1: a comma stands before the ] that closes the list; take it out"),
        ("a.json", '[{"a": 1}\n{"a": 2}]', "a.json:2:1: a comma is missing between two objects"),
        ("a.json", '[{"a": 1},\n{"a": ', "a.json:2:1: the file ends before what begins on line 2 is closed: it is cut off; fetch"),
        ("a.json", '[{"a": 1}]\n[{"a": 1}]', "a.json:1:1: a list of values where a row is due"),
        ("a.jsonl", '["a", 1]\n' * 40, 'a.jsonl:1:1: a list of values where a row is due: nothing names its columns; write each row as an object, {"column"'),
        ("a.json", '["a",\n"b",\n"c"]', "a.json:1:1: a list of values where rows are due"),
        ("a.jsonl", "{'a': True}\n" * 40, "a.jsonl:1:1: a Python dict, not JSON: its texts stand in single quotes, or it holds True, False or None; write each row with json.dumps"),
        ("a.jsonl", "q,a\n" * 40, "a.jsonl:1:1: not JSON: the file begins with 'q,a'; every line holds one {…}"),
        ("a.jsonl", '"text"\n' * 40, "a.jsonl:1:1: not a JSON object; every line holds one {…}"),
        ("a.jsonl", '{"q": ["a", "b"], "a": ["c", "d"]}', "a.jsonl: one object whose values are lists of 2: columns, not rows; write one {…} a line; a file that ends in .json is read by columns"),
        ("a.json", '{"version": "1", "data": [{"a": 1}, {"a": 2}]}', "a.json: one object that holds 2 rows under 'data'; keep that list alone"),
        ("a.json", '{"x": {"q": "a", "a": "b"}, "y": {"q": "a", "a": "b"}}', "a.json: one object of objects"),
        ("a.jsonl", '{"a": 1, "b": 2, "a": 3}\n', "a.jsonl:1:1: the key 'a' stands twice, and only the last would be used"),
        ("a.json", '[{"b": {"a": 1, "a": 3}}]\n', "a.json:1:1: the key 'a' stands twice"),
        ("a.csv", '<!DOCTYPE html>\n<html>\n' + "<p>\n" * 40, "a.csv: the file is an HTML page, such as one for logging in or for an error; download the file itself"),
        ("a.jsonl", "\n <HTML><body>", "a.jsonl: the file is an HTML page"),
        ("a.csv", b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "a.csv: the file is an Excel workbook or another Office file; save the sheet as CSV UTF-8"),
        ("a.jsonl", b"PK\x03\x04\x14\0\x06\0train.jsonl", "a.jsonl: the file is a zip archive; unpack it"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "a.csv: the file is an Excel or Office file; save the sheet as CSV UTF-8"),
        ("a.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a.jsonl: the file is a Git LFS pointer, not the data; fetch the data: git lfs pull"),
        ("a.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a.parquet: the file is a Git LFS pointer, not the data"),
        ("a.csv", b"PAR1\x15\x04", "a.csv: the file is a Parquet file; name it .parquet"),
        ("a.jsonl", b"\x80\x04\x95\x10", "a.jsonl: the file is a pickle, which is never loaded"),
        ("a.jsonl.gz", gzip.compress(LINES.encode() * 50)[:-20], "a.jsonl.gz: the packed file is cut off or damaged"),
        ("a.csv", "q,a,\nb,c,d\n", "a.csv:1:1: column 3 holds a value on line 2, and the header has no name for it; name it there, or empty it"),
        ("a.csv", 'a,b\n1,"x\\"y"\n', "a.csv:2:1: not CSV: ',' expected after '\"'; inside \"…\" a quote is written twice"),
        ("a.csv", "q,a\nOù,2\n".encode("cp1252"), "a.csv:2:1: not UTF-8: byte 0xf9 at position 2 of the line; save the file as UTF-8, or write data.encoding: windows-1252"),
        ("a.csv", "q,a\nOu,2\n".encode("utf-16-le"), "a.csv:1:1: holds a NUL byte; save the file as UTF-8, or write data.encoding: utf-16-le"),
        ("a.parquet.gz", gzip.compress(b"PAR1"), "a.parquet.gz: a packed parquet file is not read; unpack it"),
        ("a.txt", "text", "a.txt: a .txt file is not read; use .jsonl, .json, .csv, .tsv or .parquet"),
        ("a.csv", "\n\n,,\n", "a.csv: there are no rows in the file"),
        ("a.csv", "q,a\n" + "well, yes,no\n" * 40, 'a.csv:1:1: the header has 2 columns, and every row 3; name every column in the header, and put "…" around values that hold a comma'),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_problem_with_its_remedy(tmp_path, name, content, said):
    found = problem(written(tmp_path, name, content))
    assert found.startswith(said) and "\n" not in found


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.csv", "q;a\nOù;1,5\nb;2\n"),
        ("train.csv", "q\ta\nOù\t1,5\nb\t2\n"),
        ("train.csv", "sep=;\r\nq;a\r\nOù;1,5\r\nb;2\r\n"),
        ("train.tsv", "q\ta\nOù\t1,5\nb\t2\n"),
        ("train.csv", 'q,a,,\nOù,"1,5",,\nb,2,,\n,,,\n'),
        ("train.csv", 'q,a\nOù,"1,5"\n\n,\n" ",\nb,2,,\n'),
        ("train.csv", '\ufeffq,,a\nOù,,"1,5"\nb,,2\n'),
        ("train.csv", 'q|a\nOù|1,5\nb|2\n'),
    ],
)  # fmt: skip
def test_tables_of_every_shape_give_the_same_rows(tmp_path, name, content):
    assert rows_of(written(tmp_path, name, content)) == TABLE


def test_a_row_of_a_table_stands_where_it_begins(tmp_path):
    """An editor goes there; where it ends, the next row is near."""
    table = written(tmp_path, "train.csv", 'q,a\n"two\nlines","and\nthree\nmore"\n\nb,2\n"c\nd",3\n')
    assert [line for line, _ in read_files(table, Findings())] == [2, 7, 8]


def test_the_index_of_pandas_stays_a_column(tmp_path):
    path = written(tmp_path, "train.csv", ",q\n0,a\n1,b\n")
    assert rows_of(path) == [{"": "0", "q": "a"}, {"": "1", "q": "b"}]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding):
    table = 'q,a\r\nOù,"1,5"\r\nb,2\r\n'
    assert rows_of(written(tmp_path, "train.csv", table.encode(encoding))) == TABLE
    assert rows_of(written(tmp_path, "train.jsonl", LINES.encode(encoding)), "windows-1252") == ROWS


@pytest.mark.parametrize("encoding", ["windows-1252", "latin-1", "utf-16-le", "utf-16-be", "mac-roman"])
def test_a_declared_encoding_is_read(tmp_path, encoding):
    assert rows_of(written(tmp_path, "train.csv", 'q,a\nOù,"1,5"\nb,2\n'.encode(encoding)), encoding) == TABLE
    assert rows_of(written(tmp_path, "train.json", json.dumps(ROWS, indent=1, ensure_ascii=False).encode(encoding)), encoding) == ROWS  # fmt: skip


def test_utf_8_that_is_declared_as_something_else_is_not_read_with_wrong_letters(tmp_path):
    path = written(tmp_path, "train.csv", 'q,a\nOù,"1,5"\n')
    assert problem(path, "windows-1252") == (
        "train.csv:2:1: UTF-8, not windows-1252, which data.encoding names; leave data.encoding out"
    )


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_packed_files_are_splits_as_others_are(tmp_path, packed, form):
    content = LINES.encode() if form == "jsonl" else "q;a\nOù;1,5\nb;2\n".encode()
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": _zstd}[packed]
    path = written(tmp_path, f"train.{form}.{packed}", pack(content))
    expected = ROWS if form == "jsonl" else TABLE
    assert rows_of(path) == expected
    split = open_split(Data(str(tmp_path), True, "train"), "train")
    assert [row for _, (_, row) in split.rows(Findings())] == expected


def _zstd(content: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as out:
        out.write(content)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("kind", ["fifo", "socket", "loop", "nowhere", "folder"])
def test_what_is_no_file_is_told_for_what_it_is(tmp_path, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    path = Path("train.jsonl")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("train.jsonl" if kind == "loop" else "gone.jsonl")
    said = {"fifo": "a named pipe", "socket": "a socket", "folder": "a folder"}.get(
        kind, "a symbolic link that leads to no file"
    )
    with pytest.raises(DataError, match=f"is {said}.*, not a file"):
        rows_of(path)
    if kind != "folder":
        for data in (tmp_path, tmp_path / path):
            with pytest.raises(DataError, match=f"is {said}.*, not a file"):
                list(open_split(Data(str(data), True, "train"), "train").rows(Findings()))


def test_what_save_to_disk_wrote_is_read_with_its_classes(tmp_path):
    import datasets

    features = datasets.Features(
        {"t": datasets.Value("string"), "l": datasets.ClassLabel(names=["no", "yes"])}
    )
    whole = datasets.Dataset.from_dict({"t": ["a", "b", "c"], "l": [0, 1, 1]}, features=features)
    whole.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": whole, "test": whole.select([1])}).save_to_disk(str(tmp_path / "many"))
    named = [{"t": "a", "l": "no"}, {"t": "b", "l": "yes"}, {"t": "c", "l": "yes"}]
    for folder, split, rows in (
        ("one", "train", named),
        ("many", "train", named),
        ("many", "test", named[1:2]),
    ):
        found = open_split(Data(str(tmp_path / folder), True, "train"), split)
        assert [row for _, (_, row) in found.named_rows(Findings())] == rows
    for folder, said in (("one", "holds the train split only"), ("many", "holds test, train")):
        with pytest.raises(
            DataError, match=f"no split 'dev': the folder was written by save_to_disk and {said}"
        ):
            open_split(Data(str(tmp_path / folder), True, "train"), "dev")


def test_a_number_that_is_not_finite_is_no_missing_cell(tmp_path):
    """A table's 1e999 was written as nothing, and filled in by the trainer."""
    from hf_recipes.steps.prepare.inspect import inspect

    written(tmp_path, "train.csv", "x,target\n1,a\n1e999,b\n2,a\n")
    found = {
        "task": "tabular",
        "base_model": "xgboost",
        "params": {"task": "classification", "target_columns": ["target"]},
        "data": {"path": str(tmp_path), "local": True, "train_split": "train"},
    }
    [problem] = inspect(found)["problems"]
    assert problem["line"] == 3 and "found one that is not finite" in problem["message"]


def test_two_files_of_one_split_are_told(tmp_path):
    written(tmp_path, "train.jsonl", LINES)
    written(tmp_path, "train.csv.gz", gzip.compress(b"q,a\nb,c\n"))
    with pytest.raises(
        DataError,
        match=r"split 'train': train\.csv\.gz and train\.jsonl are both there; keep one of them there",
    ):
        open_split(Data(str(tmp_path), True, "train"), "train")


def test_numbers_with_a_decimal_comma_are_told_once_a_column(tmp_path):
    """AutoTrain makes a category of each."""
    from hf_recipes.steps.prepare.check_rows import inspect_rows
    from hf_recipes.steps.prepare.inspect import inspect

    table = "weight;note;count;target\n" + "".join(f"{n},5;{n},5 kg;{n};{'ab'[n % 2]}\n" for n in range(9))
    written(tmp_path, "train.csv", table)
    found = {
        "task": "tabular",
        "base_model": "xgboost",
        "params": {"task": "classification", "target_columns": ["target"]},
        "data": {"path": str(tmp_path), "local": True, "train_split": "train"},
    }
    for warnings in (inspect_rows(found)["found"]["warnings"], inspect(found)["warnings"]):
        [told] = [one for one in warnings if one["code"] == "decimal-comma"]
        assert "column 'weight': numbers with a comma, such as 0,5, are read as words" in told["message"]


@pytest.mark.parametrize("first", ["oops", "{'a': 1}", '{"a": 1', '{"a": 1},', '["a"]'])
def test_a_broken_first_row_is_a_broken_row(tmp_path, first):
    """The others are there to be used, with data.skip_broken."""
    findings = Findings()
    path = written(tmp_path, "train.jsonl", first + '\n{"a": 2}\n{"a": 3}\n')
    assert [row for _, row in read_files(path, findings)] == [{"a": 2}, {"a": 3}]
    assert [one.line for one in findings.kept] == [1]

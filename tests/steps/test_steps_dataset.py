"""Reading a split: every form of it, and one clear problem for each way in which it can be broken."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from hf_recipes.data.findings import DataError, Findings
from hf_recipes.recipe.model import Data
from hf_recipes.steps.files import read_files
from hf_recipes.steps.prepare.dataset import open_split

ROWS = [{"q": "Où ?", "a": 1}, {"q": "two\nlines, and a comma", "a": 2}]


def data(path: Path | str, **more) -> Data:
    return Data(str(path), Path(path).exists(), "train", **more)


def rows_of(path: Path | str, split: str = "train") -> list[dict[str, object]]:
    findings = Findings()
    found = [row for _, (_, row) in open_split(data(path), split).rows(findings)]
    findings.stop()
    return found


def written(folder: Path, form: str) -> Path:
    path = folder / f"train.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n\n" for row in ROWS))
    elif form == "json":
        path.write_text(json.dumps(ROWS, indent=1))
    elif form == "csv":
        path.write_text('q,a\n"Où ?",1\n"two\nlines, and a comma",2\n', encoding="utf-8-sig")
    else:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "parquet"])
def test_a_file_and_a_folder_of_each_form_read_the_same(tmp_path, form):
    path = written(tmp_path, form)
    expected = [{**row, "a": str(row["a"])} for row in ROWS] if form == "csv" else ROWS
    assert rows_of(path) == rows_of(tmp_path) == expected


def test_shards_and_the_layout_of_a_downloaded_data_set(tmp_path):
    (tmp_path / "data").mkdir()
    written(tmp_path, "parquet").rename(tmp_path / "data" / "train-00000-of-00001.parquet")
    assert rows_of(tmp_path) == ROWS


def sharded(folder: Path, split: str, form: str, count: int) -> list[Path]:
    """Shard n holds one row whose q is n."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{split}-{number:05}-of-{count:05}.{form}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"q,a\n{number},x\n" if form == "csv" else json.dumps({"q": f"{number}"}) + "\n")
    return paths


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("inner", [".", "data"])
def test_shards_of_text_are_one_split(tmp_path, form, inner):
    sharded(tmp_path / inner, "train", form, 12)
    sharded(tmp_path / inner, "train-small", form, 2)
    assert [row["q"] for row in rows_of(tmp_path)] == [f"{number}" for number in range(12)]
    assert len(rows_of(tmp_path, "train-small")) == 2


def test_what_is_wrong_in_a_shard_is_told_by_its_file_and_line(tmp_path):
    sharded(tmp_path, "train", "jsonl", 3)[1].write_text('{"q": "1"}\n{"q"\n')
    with pytest.raises(DataError, match=r"train-00001-of-00003\.jsonl:2:5: not JSON"):
        rows_of(tmp_path)


def test_shards_that_are_not_whole_are_not_read(tmp_path):
    paths = sharded(tmp_path, "train", "jsonl", 3)
    paths[2].write_text("")
    assert len(rows_of(tmp_path)) == 2, "a shard may be empty"
    with pytest.raises(DataError, match=r"no split 'test': the folder holds train$"):
        rows_of(tmp_path, "test")
    paths[1].unlink()
    with pytest.raises(DataError, match=r"shard 1 of 3 is missing beside train-00000-of-00003\.jsonl"):
        rows_of(tmp_path)
    sharded(tmp_path, "train", "jsonl", 2)
    with pytest.raises(DataError, match="are not shards of one set"):
        rows_of(tmp_path)


def test_a_shard_of_csv_without_the_header_is_told(tmp_path):
    sharded(tmp_path, "train", "csv", 2)[1].write_text("5,y\n6,z\n")
    with pytest.raises(DataError, match=r"train-00001-of-00002\.csv:1:1: the header"):
        rows_of(tmp_path)


def test_the_ending_may_be_in_capitals(tmp_path):
    written(tmp_path, "csv").rename(tmp_path / "train.CSV")
    assert len(rows_of(tmp_path)) == 2


def test_a_data_set_with_declared_files_is_read_by_datasets(tmp_path):
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: small\n  data_files:\n  - split: fit\n    path: odd/name.jsonl\n---\n"
    )
    (tmp_path / "odd").mkdir()
    written(tmp_path, "jsonl").rename(tmp_path / "odd" / "name.jsonl")
    assert rows_of(tmp_path, "small:fit") == ROWS
    with pytest.raises(DataError, match="split 'small:no'"):
        open_split(data(tmp_path), "small:no")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train.jsonl", b"", "train.jsonl: the file is empty"),
        ("train.jsonl", b"\n \n", "train.jsonl: there are no rows in the file"),
        ("train.jsonl", b'{"a": 1}\n{"a": \n', "train.jsonl:2:7: not JSON: Expecting value"),
        ("train.jsonl", b'{"a": "\\ud800"}\n', "train.jsonl:1:1: not text: half of a surrogate pair"),
        (
            "train.jsonl",
            b'{"a":' + b"[" * 200_000 + b"\n",
            "train.jsonl:1:1: not JSON that can be read: nested too",
        ),
        (
            "train.jsonl",
            '{"a": "é"}\n'.encode("latin-1"),
            "train.jsonl:1:1: not UTF-8: byte 0xe9 at position 8",
        ),
        ("train.csv", b"a,b\n1,2\n1,2,3\n", "train.csv:3:1: 3 columns where the header has 2; put"),
        (
            "train.csv",
            b'a,b\n1,"2\n3,4\n5,6\n',
            'train.csv:2:1: not CSV: a quote (") in this row is never closed',
        ),
        (
            "train.csv",
            b'a,b\n1,"2\n3,"4"\n',
            "train.csv:3:1: not CSV: ',' expected after '\"', in the row that begins on line 2",
        ),
        ("train.csv", b"a,b\r1,2\r", "train.csv:1:1: the lines end as on old Macs (CR)"),
        ("train.csv", b"a,a\n1,2\n", "train.csv:1:1: the header names 'a' twice"),
        ("train.csv", b"a,b\n", "train.csv: there are no rows in the file"),
        ("train.json", b'[{"a": 1},\n {"a"}]', "train.json:2:6: not JSON: Expecting ':'"),
        ("train.parquet", b"PAR1 not at all", "train.parquet: not Parquet that can be read"),
    ],
)
def test_a_broken_file_is_one_clear_problem(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        rows_of(tmp_path)
    assert error.value.summary.startswith(f"{tmp_path}/{said}")
    assert "\n" not in error.value.summary


def test_a_broken_row_far_into_a_file_is_found_by_its_line(tmp_path):
    lines = [json.dumps({"text": "x" * 1000})] * 20_000
    lines[7000] = '{"text": "cut off'
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError) as error:
        rows_of(tmp_path)
    assert f"{tmp_path}/train.jsonl:7001:10: not JSON: Unterminated string" in error.value.summary


def test_reading_keeps_one_row_in_memory(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text((json.dumps({"text": "x" * 1000}) + "\n") * 20_000)
    tracemalloc.start()
    count = sum(1 for _ in read_files(path, Findings()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 1_000_000


def test_what_is_missing_is_named_with_what_is_there(tmp_path):
    written(tmp_path, "jsonl")
    (tmp_path / "packed.jsonl.rar").write_bytes(b"")
    for path, split, said in [
        (tmp_path, "test", "no split 'test': the folder holds train"),
        (tmp_path / "train.jsonl", "test", "one file holds the train split only"),
        (tmp_path / "nothing.jsonl", "train", "there is no such file"),
        (
            tmp_path,
            "packed",
            r"no split 'packed': packed.jsonl.rar is not read; use .jsonl, .json, .csv, .tsv",
        ),
    ]:
        with pytest.raises(DataError, match=said):
            findings = Findings()
            list(open_split(Data(str(path), True, "train"), split).rows(findings))


def test_a_hub_data_set_without_the_hub_is_one_sentence():
    with pytest.raises(DataError) as error:
        open_split(Data("nobody-here/no-such-data", False, "train"), "train")
    assert error.value.summary == (
        "nobody-here/no-such-data: there is no such file or folder here; the Hub cannot be reached and the data set is not in the cache"
    )


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_row_without_any_value_is_no_row(tmp_path, form):
    """As a blank line of a sheet is none; a text that is empty is somebody's mistake."""
    rows = [ROWS[0], {"q": None, "a": None}, {"q": "", "a": None}, ROWS[1], {"q": None, "a": float("nan")}]
    if form == "jsonl":
        (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{}\n")
    else:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "train.parquet")
    assert rows_of(tmp_path) == [ROWS[0], {"q": "", "a": None}, ROWS[1]]

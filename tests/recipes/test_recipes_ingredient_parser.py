"""What the README of the quickstart recipe says about its data holds."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOM = Path(__file__).parents[2] / "recipes/ingredient-parser"


@pytest.fixture(scope="module")
def make_data() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_data", ROOM / "make_data.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(split: str) -> list[dict[str, str]]:
    return [
        json.loads(line) for line in (ROOM / f"data/{split}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def names(kinds: dict[str, str]) -> Iterator[str]:
    """Every name as it may stand in a line: singular, and plural where it is counted."""
    for listed in kinds.values():
        for one in listed.split(", "):
            singular, _, ending = one.partition("|")
            yield singular
            if ending:
                yield singular + ending


def spellings(units: dict[str, tuple[str, str]], which: int) -> set[str]:
    return {one for pair in units.values() for one in re.split(r"[|,]", pair[which].replace(" ", "")) if one}


def test_the_script_writes_the_committed_bytes(make_data: ModuleType, tmp_path: Path) -> None:
    make_data.write(tmp_path)
    for split in ("train", "test"):
        assert (tmp_path / f"{split}.jsonl").read_bytes() == (ROOM / f"data/{split}.jsonl").read_bytes()


def test_there_are_enough_rows_and_none_twice() -> None:
    lines = {split: [row["line"] for row in rows(split)] for split in ("train", "test")}
    assert len(lines["test"]) >= 300
    for one in lines.values():
        assert len(set(one)) == len(one)
    assert not set(lines["train"]) & set(lines["test"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_reference_is_json_that_the_line_bears_out(split: str, make_data: ModuleType) -> None:
    for row in rows(split):
        expected = json.loads(row["json"])
        assert list(expected) == ["qty", "unit", "name"]
        assert all(isinstance(value, str) for value in expected.values())
        assert json.dumps(expected, ensure_ascii=False) == row["json"]
        assert expected["name"] in row["line"]
        assert expected["unit"] in {"", *make_data.UNITS}
        assert re.fullmatch(r"|\d+(\.5)?|(\d+ )?\d/\d|\d+-\d+", expected["qty"])


def test_no_test_ingredient_shares_its_last_word_with_training(make_data: ModuleType) -> None:
    def heads(kinds: dict[str, str]) -> set[str]:
        return {name.split()[-1].removesuffix("s") for name in names(kinds)}

    assert not heads(make_data.TRAIN_NAMES) & heads(make_data.TEST_NAMES)
    used = {json.loads(row["json"])["name"] for row in rows("test")}
    assert used <= set(names(make_data.TEST_NAMES))
    # The words that training puts before names make no test ingredient by accident.
    assert not {name.split()[0] for name in names(make_data.TEST_NAMES)} & set(
        make_data.VARIETIES.split(", ")
    )
    trained = {json.loads(row["json"])["name"].split()[-1].removesuffix("s") for row in rows("train")}
    assert not trained & heads(make_data.TEST_NAMES)


def test_new_spellings_are_new_and_stand_in_a_third_of_the_test_lines(make_data: ModuleType) -> None:
    new = spellings(make_data.UNITS, 1)
    assert not new & spellings(make_data.UNITS, 0)
    # A spelling that is a name's own word too ("pound cake") is no unit there, and none of the new ones is.
    assert not new & {word for row in rows("train") for word in re.split(r"[\s(),:]+", row["line"])}
    with_new = [one for one in make_data.splits()["test"] if one["spelling"] in new]
    assert all(one["spelling"] in one["line"] for one in with_new)
    assert len(with_new) >= len(rows("test")) * 0.3


def test_new_phrasings_are_new_and_stand_in_two_fifths_of_the_test_lines(make_data: ModuleType) -> None:
    new = {phrasing for frame in make_data.NEW_PHRASINGS.values() for phrasing in frame}
    made = make_data.splits()
    assert not new & {one["phrasing"] for one in made["train"]}
    assert sum(one["phrasing"] in new for one in made["test"]) >= len(made["test"]) * 0.4


def test_the_examples_of_the_page_are_in_no_split() -> None:
    recipe = (ROOM / "recipe.yml").read_text(encoding="utf-8")
    examples = re.findall(r'^    - "(.+)"$', recipe, flags=re.MULTILINE)
    assert len(examples) >= 4
    assert not set(examples) & {row["line"] for split in ("train", "test") for row in rows(split)}

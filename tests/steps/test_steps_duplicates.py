"""Rows that stand twice, found without holding them: against what an exact comparison of every pair says."""

from __future__ import annotations

import random
import subprocess
import sys

from hf_recipes.steps.prepare.duplicates import PIECE, SeenRows, normalised_text, signatures


def exact(first: str, second: str) -> float:
    """Jaccard of the pieces."""
    one, two = ({text[at : at + PIECE] for at in range(len(text) - PIECE + 1)} for text in (first, second))
    return len(one & two) / len(one | two)


def sentences(count: int, words: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    known = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 9))) for _ in range(3000)]
    return [" ".join(draw.choices(known, k=words)) for _ in range(count)]


def spoilt(text: str, changes: int, draw: random.Random) -> str:
    words = text.split()
    for place in draw.sample(range(len(words)), changes):
        words[place] = "".join(draw.choices("xyz", k=6))
    return " ".join(words)


def index_of(rows: list[tuple[str, str, bool]]) -> SeenRows:
    index = SeenRows(texts=True)
    for line, (question, answer, test) in enumerate(rows, start=1):
        index.add(
            "test.jsonl" if test else "train.jsonl",
            line,
            test=test,
            question=question,
            whole=[question, answer],
            text=question,
        )
    return index


def test_the_estimate_is_that_of_the_pieces_in_common():
    draw = random.Random(1)
    texts = sentences(200, 30)
    others = [spoilt(text, draw.randint(1, 25), draw) for text in texts]
    one, two = signatures(texts), signatures(others)
    estimates = (one == two).mean(axis=1)
    off = [
        estimate - exact(*pair)
        for estimate, pair in zip(estimates, zip(texts, others, strict=True), strict=True)
    ]
    assert abs(sum(off) / len(off)) < 0.01  # no bias
    assert max(map(abs, off)) < 0.17  # four standard deviations of 128 slots
    assert (
        signatures(["abcdefgh", *texts])[1:] == one
    ).all()  # nothing of a neighbour is taken for one's own


def test_near_duplicates_are_those_that_comparing_every_pair_finds():
    draw = random.Random(2)
    texts = sentences(400, 30)
    near = [spoilt(text, 1, draw) for text in texts[:60]]  # about 0.9 alike
    far = [spoilt(text, 9, draw) for text in texts[100:160]]  # about 0.45
    rows = [(text, "answer", False) for text in [*texts, *near, *far]]
    assert min(map(exact, texts[:60], near)) > 0.8 and max(map(exact, texts[100:160], far)) < 0.65
    found = index_of(rows).result().near
    assert 58 <= found.total <= 60
    first = found.first[0]
    assert first.other.line == first.row.line - 400 and 0.8 <= first.alike < 1


def test_case_and_signs_make_no_difference_and_numbers_do():
    assert normalised_text("How do I top-up?  ") == normalised_text("how do i TOP UP")
    assert normalised_text("ＡＢＣ 12") == "abc 12"
    assert normalised_text("…") == "...  " and len(normalised_text("a")) == PIECE
    rows = [("How do I top-up my card?", "x", False), ("how do i top up my card", "x", False)]
    assert [(one.row.line, one.other.line, one.alike) for one in index_of(rows).result().near.first] == [
        (2, 1, 1.0)
    ]


def test_every_kind_of_double_is_told_apart():
    base, other = sentences(2, 30, seed=3)
    near = spoilt(base, 1, random.Random(4))
    rows = [
        (base, "a", False),
        (other, "a", False),
        (base, "a", False),  # 3: the same
        (base, "b", False),  # 4: another answer
        (near, "a", False),  # 5: nearly the same question
        (other, "anything", True),  # 6: in train
        (spoilt(other, 1, random.Random(5)), "a", True),  # 7: nearly in train
        (sentences(1, 30, seed=9)[0], "a", True),  # 8: nowhere else
        (sentences(1, 30, seed=9)[0], "a", True),  # 9: as 8
    ]
    found = index_of(rows).result()

    def lines(one):
        assert one.total == len(one.first)
        return [(double.row.line, double.other.line) for double in one.first]

    assert lines(found.repeated) == [(3, 1)]
    assert lines(found.otherwise) == [(4, 1)]
    assert lines(found.near) == [(5, 4)] or lines(found.near) == [(5, 1)]
    assert lines(found.leaked) == [(6, 2)]
    assert lines(found.leaked_near) == [(7, 2)]
    assert lines(found.repeated_test) == [(9, 8)]
    assert (
        found.leaked.first[0].row.file == "test.jsonl" and found.leaked.first[0].other.file == "train.jsonl"
    )


def test_nothing_to_compare():
    assert index_of([]).result().rows == 0
    assert index_of([("one", "a", False)]).result().near.total == 0
    assert index_of([("one", "a", True), ("two words", "a", True)]).result().leaked.total == 0


MEMORY = """
import random, resource, sys
from hf_recipes.steps.prepare.duplicates import SeenRows
index = SeenRows(texts=True)
draw = random.Random(0)
alike = "the same long question about the very same thing in every single row number "
for row in range(int(sys.argv[1])):
    text = f"{alike}{row}"
    index.add("train.jsonl", row + 1, test=row % 10 == 0, question=text, whole=text, text=text)
found = index.result()
assert found.near.total + found.leaked_near.total > 0.9 * int(sys.argv[1]), found
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_is_the_index_even_where_all_rows_are_alike():
    """The worst there is: all rows meet in all bands."""
    peaks = [
        int(subprocess.run([sys.executable, "-c", MEMORY, str(rows)], capture_output=True, text=True, check=True).stdout)
        for rows in (5_000, 40_000)
    ]  # fmt: skip
    unit = 1 if sys.platform == "darwin" else 1024
    assert (peaks[1] - peaks[0]) * unit < 35_000 * 512, peaks  # less than the signatures, which are on disk

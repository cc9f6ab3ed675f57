"""A log that is read again shows what is new in it, wherever the Hub begins it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hf_recipes.backends.huggingface.log_reader import LogReading

SEEN = ["begun\n", "step\n", "step\n", "loss 1\n", "step\n"]


@pytest.mark.parametrize(
    ("again", "new"),
    [
        ([*SEEN, "loss 2\n"], ["loss 2\n"]),
        ([*SEEN, "step\n"], ["step\n"]),
        (["loss 1\n", "step\n", "loss 2\n"], ["loss 2\n"]),
        (["step\n", "loss 2\n"], ["loss 2\n"]),
        (["begun again\n", "step\n"], ["begun again\n", "step\n"]),
        (["loss 7\n"], ["loss 7\n"]),
        (SEEN, []),
        ([], []),
    ],
    ids=["whole", "one-more-of-the-same", "its-end", "its-last-line", "another-container", "far-on", "nothing-new", "nothing"],
)  # fmt: skip
def test_only_what_is_new_is_shown(again: list[str], new: list[str]) -> None:
    reading = LogReading()
    assert list(reading.lines(SEEN)) == SEEN
    assert list(reading.lines(again)) == new


def test_a_reading_that_breaks_goes_on_where_it_was() -> None:
    def breaks() -> Iterator[str]:
        yield from SEEN[:2]
        raise ConnectionResetError

    reading = LogReading()
    assert list(reading.lines(breaks())) == SEEN[:2] and reading.broken
    assert list(reading.lines(SEEN)) == SEEN[2:] and not reading.broken

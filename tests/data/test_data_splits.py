"""Held-out rows: the same for a seed, apart from the rest, and spread over the labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_recipes.data.splits import Sample, held_out_by_label, held_out_rows, row_key


@given(rows=st.integers(2, 3000), fraction=st.floats(0.001, 0.999), seed=st.integers(0, 9))
def test_some_rows_are_held_out_and_some_are_left(rows, fraction, seed):
    chosen = held_out_rows(rows, fraction, seed)
    assert chosen == held_out_rows(rows, fraction, seed)
    assert chosen <= set(range(rows))
    assert 1 <= len(chosen) < rows
    assert abs(len(chosen) - rows * fraction) <= 1


def test_another_seed_holds_out_other_rows():
    assert held_out_rows(1000, 0.1, 1) != held_out_rows(1000, 0.1, 2)


def test_one_row_cannot_be_split():
    with pytest.raises(ValueError, match="1 row"):
        held_out_rows(1, 0.5, 42)


@given(labels=st.lists(st.sampled_from("abc"), min_size=2, max_size=200))
def test_every_label_stands_in_both_parts_or_nothing_is_held_out(labels):
    chosen = held_out_by_label(labels, 0.2, 42)
    if min(labels.count(label) for label in labels) < 2:
        assert not chosen
    else:
        assert {labels[row] for row in chosen} == set(labels)
        assert {label for row, label in enumerate(labels) if row not in chosen} == set(labels)


def test_fingerprints_tell_prompts_apart_by_content_alone():
    assert row_key([{"role": "user", "content": "é"}]) == row_key([{"content": "é", "role": "user"}])
    assert row_key(["ab", "c"]) != row_key(["a", "bc"])


def test_a_sample_is_by_seed_and_from_the_whole_stream():
    def drawn(seed: int) -> list[object]:
        sample = Sample(4, seed)
        for item in range(1000):
            sample.offer(item)
        return sample.items

    assert drawn(1) == drawn(1) != drawn(2)
    assert len(set(drawn(1))) == 4
    assert max(drawn(1) + drawn(2) + drawn(3)) > 100

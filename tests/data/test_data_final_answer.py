"""What is compared of an answer: that which follows its reasoning, without the token that ends the turn."""

from __future__ import annotations

import pytest

from hf_recipes.data.answer_frame import AnswerFrame, answer_frame
from hf_recipes.data.final_answer import expected_answer, final_answer, marks_of, without_end
from hf_recipes.data.form import form_of
from hf_recipes.recipe.model import Message

HARMONY = "<|channel|>analysis<|message|>Ice is cold.<|end|><|start|>assistant<|channel|>final<|message|>cold<|return|>"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("cold", "cold"),
        ("<think>\n\n</think>\n\ncold", "cold"),
        ("<think>\nIce. </think> no\n</think>", "no\n</think>"),
        ("Ice is cold.\n</think>\n\ncold", "cold"),  # the prompt has opened the block
        ("<THINK>Ice.</THINK> cold", "cold"),
        ("<think>one</think>\n<think>two</think>\ncold", "cold"),
        ("<reasoning>Ice.</reasoning>\n<answer>cold</answer>", "<answer>cold</answer>"),
        ("[THINK]Ice.[/THINK]cold", "cold"),
        ("◁think▷Ice.◁/think▷cold", "cold"),
        ("<seed:think>Ice.</seed:think>cold", "cold"),
        (
            "<|START_THINKING|>Ice.<|END_THINKING|><|START_RESPONSE|>cold<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
            "cold",
        ),
        (HARMONY, "cold"),
        ("<|channel|>final<|message|>cold", "cold"),
        ("<think>Ice is", ""),  # cut before it came to an answer
        ("<|channel|>analysis<|message|>Ice is", ""),
        ("The tag is <b>bold</b>, in [brackets].", "The tag is <b>bold</b>, in [brackets]."),
    ],
)
def test_an_answer_is_what_follows_the_reasoning(said, answer):
    assert final_answer(said).answer == answer


@pytest.mark.parametrize(
    "end", ["<|im_end|>", "</s>", "<|eot_id|>", "<end_of_turn>\n", "<|im_end|>\n<|im_end|>"]
)
def test_an_end_token_is_no_part_of_an_answer(end):
    assert final_answer(f"cold{end}").answer == expected_answer(f"cold{end}").answer == "cold"
    assert expected_answer(f"<think>Ice.</think>\ncold{end}").answer == "cold"


def test_only_ends_are_taken_and_white_space_stays():
    assert without_end("a </s> b") == "a </s> b"
    assert final_answer("  cold\n").answer == "  cold\n"
    assert without_end("cold<END>", ["<END>"]) == "cold"


def test_an_expected_answer_that_is_nothing_but_a_block_stays_what_it_is():
    assert expected_answer("<reasoning>Ice.</reasoning>").answer == "<reasoning>Ice.</reasoning>"
    assert not expected_answer("<think>Ice").closed and expected_answer("<think>Ice").answer == "<think>Ice"


def test_a_block_without_reasoning_is_told_from_one_with_some():
    assert final_answer("<think>\n\n</think>\n\ncold").empty and final_answer("cold").empty
    assert not final_answer("<think>Ice.</think>cold").empty
    assert marks_of(final_answer("<think>Ice.</think>cold").reasoning) == ("<think>", "</think>")
    assert marks_of(final_answer("Ice.</think>cold").reasoning) == ("", "</think>")


def test_a_test_row_is_compared_by_its_answer_and_keeps_its_reasoning():
    form = form_of("lm_training", {"trainer": "sft"}, (Message("user", "{q}"), Message("assistant", "{a}")))
    row = form.test_row(3, form.record({"q": "Ice?", "a": "<think>Ice.</think>\n\ncold<|im_end|>"}))
    assert row == {
        "row": 3,
        "messages": [{"role": "user", "content": "Ice?"}],
        "reference": "cold",
        "reasoning": "<think>Ice.</think>",
    }


def test_a_frame_says_what_it_does_and_is_read_again():
    frame = AnswerFrame({"enable_thinking": False}, before="<think></think>")
    assert answer_frame(frame.as_json()) == frame and answer_frame(None) == AnswerFrame()
    [told] = frame.told()
    assert "'<think></think>'" in told and "enable_thinking=False" in told and "no part of an answer" in told
    assert (
        AnswerFrame(dropped="<think>\n", added="</think>").of("assistant\n<think>\n") == "assistant\n</think>"
    )

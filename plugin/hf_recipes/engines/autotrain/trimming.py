"""What a trainer keeps of a row that is too long, by its own rule: AutoTrain 0.8.36 with TRL 0.13 and transformers 4.48."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.engines.trimming import Trim, Trimmed, TrimRule, each_text


def rule_for(
    task: str, trainer: str, params: Mapping[str, Any], limit: int | None, key: str, longest: int
) -> TrimRule:
    """`limit`: tokens that `key` allows; `longest`: those at which the tokenizer itself cuts."""
    if task == "lm_training" and trainer == "dpo" and limit is not None:
        return _dpo(params, limit, key)
    if task == "lm_training" and trainer == "orpo" and limit is not None:
        return _orpo(params, limit, key)
    if task == "lm_training" and trainer == "reward" and limit is not None:
        return _reward(limit, key, longest)
    if task == "seq2seq":
        return _seq2seq(params, limit, key)
    return each_text(limit, key)


def _seq2seq(params: Mapping[str, Any], limit: int | None, key: str) -> TrimRule:
    """The text and the target have limits of their own."""
    most = params.get("max_target_length")

    def trim(lengths: Sequence[int]) -> Trimmed:
        text, target = lengths
        trims = []
        if limit is not None and text > limit:
            text = limit
            trims.append(Trim("text-cut", key, limit))
        if isinstance(most, int) and 0 < most < target:
            target = most
            trims.append(Trim("target-cut", "params.max_target_length", most))
        return Trimmed(text + target, tuple(trims))

    return trim


def _dpo(params: Mapping[str, Any], limit: int, key: str) -> TrimRule:
    """DPOTrainer.tokenize_row keeps the end of the prompt and the beginning of each answer; the two together are then cut at
    the end."""
    prompt_limit, answer_limit = _limit_of_prompt(params), params.get("max_completion_length")

    def trim(lengths: Sequence[int]) -> Trimmed:
        prompt, *answers = lengths
        trims = []
        if prompt_limit is not None and prompt > prompt_limit:
            prompt = prompt_limit
            trims.append(Trim("prompt-cut", "params.max_prompt_length", prompt_limit))
        if isinstance(answer_limit, int) and max(answers) > answer_limit:
            answers = [min(answer, answer_limit) for answer in answers]
            trims.append(Trim("answer-cut", "params.max_completion_length", answer_limit))
        if prompt + max(answers) > limit:
            trims.append(Trim("answer-cut", key, limit))
        return Trimmed(sum(min(prompt + answer, limit) for answer in answers), tuple(trims))

    return trim


def _orpo(params: Mapping[str, Any], limit: int, key: str) -> TrimRule:
    """ORPOTrainer.tokenize_row cuts the prompt's beginning only where prompt and longer answer do not fit together, and then the
    answers' ends where they still do not."""
    prompt_limit = _limit_of_prompt(params)

    def trim(lengths: Sequence[int]) -> Trimmed:
        prompt, *answers = lengths
        trims = []
        longer = max(answers)
        if prompt_limit is not None and prompt + longer > limit:
            if prompt > prompt_limit:
                prompt = prompt_limit
                trims.append(Trim("prompt-cut", "params.max_prompt_length", prompt_limit))
            if prompt + longer > limit:
                answers = [min(answer, max(0, limit - prompt_limit)) for answer in answers]
                trims.append(Trim("answer-cut", key, limit))
        return Trimmed(sum(prompt + answer for answer in answers), tuple(trims))

    return trim


def _reward(limit: int, key: str, longest: int) -> TrimRule:
    """AutoTrain filters out pairs of which a text is longer than the block, after the tokenizer has cut what it can't take."""

    def trim(lengths: Sequence[int]) -> Trimmed:
        taken = [min(length, longest) for length in lengths]
        if max(taken) > limit:
            return Trimmed(0, (Trim("left-out", key, limit),))
        if max(lengths) > longest:
            return Trimmed(sum(taken), (Trim("text-cut", "params.model_max_length", longest),))
        return Trimmed(sum(taken))

    return trim


def _limit_of_prompt(params: Mapping[str, Any]) -> int | None:
    found = params.get("max_prompt_length", 128)
    return found if isinstance(found, int) and found > 0 else None

"""Pairs of DPO, ORPO and reward models: what is chosen must differ from what is rejected, after the same question."""

from __future__ import annotations

from hf_recipes.data.cell_text import as_text
from hf_recipes.data.columns import trainer_of
from hf_recipes.steps.prepare.rules.faulty_rows import FaultyRows
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow


def preferences(context: Context) -> Rule | None:
    pairs = context.job.task == "lm_training" and trainer_of(context.job.settled) in (
        "dpo",
        "orpo",
        "reward",
    )
    return Preferences(context) if pairs else None


class Preferences:
    def __init__(self, context: Context) -> None:
        named = {column.parameter: column.name for column in context.form.columns}
        self._chosen, self._rejected = named["text_column"], named["rejected_text_column"]
        self._equal = FaultyRows(
            context, "no-preference", f"have another text in '{self._rejected}', or leave the row out"
        )
        self._prompt = named.get("prompt_text_column")
        self._repeated = FaultyRows(
            context,
            "prompt-in-answer",
            "leave the prompt out of the answers: the trainer puts it before them",
        )
        self._asked = FaultyRows(context, "other-question", "both answers of a pair follow the same turns")

    def look(self, row: SeenRow) -> None:
        chosen, rejected = row.record[self._chosen], row.record[self._rejected]
        same = _text(chosen) == _text(rejected)
        self._equal.look(
            row, f"no preference: '{self._chosen}' and '{self._rejected}' are the same" if same else None
        )
        if isinstance(chosen, list) and isinstance(rejected, list):
            apart = _text(chosen[:-1]) != _text(rejected[:-1])
            message = f"'{self._chosen}' and '{self._rejected}' answer different questions"
            self._asked.look(row, message if apart else None)

        if self._prompt and isinstance(chosen, str) and isinstance(rejected, str):
            prompt = _text(row.record[self._prompt])
            repeats = (
                bool(prompt)
                and all(_text(answer).startswith(prompt) for answer in (chosen, rejected))
                and not same
            )
            message = f"both answers begin with '{self._prompt}': it would stand there twice"
            self._repeated.look(row, message if repeats else None)

    def finish(self) -> None:
        self._equal.finish()
        self._repeated.finish()
        self._asked.finish()


def _text(value: object) -> str:
    """White space aside, which a chat template may take away."""
    if isinstance(value, list):
        return "\n".join(f"{turn['role']}: {_text(turn['content'])}" for turn in value)
    return " ".join(as_text(value).split())

"""Sentence transformers: scores that a cosine can reach, and texts that differ where the loss tells them apart."""

from __future__ import annotations

from hf_recipes.data.columns import trainer_of
from hf_recipes.steps.prepare.rules.faulty_rows import FaultyRows
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow


def sentence_pairs(context: Context) -> Rule | None:
    return SentencePairs(context) if context.job.task == "sentence_transformers" else None


class SentencePairs:
    def __init__(self, context: Context) -> None:
        named = {column.parameter: column.name for column in context.form.columns}
        self._trainer = trainer_of(context.job.settled)
        self._texts = [
            named[f"sentence{number}_column"] for number in (1, 2, 3) if f"sentence{number}_column" in named
        ]
        self._target = named.get("target_column", "")
        hint = "leave the row out, or correct it"
        self._same = FaultyRows(context, "equal-sentences", hint)
        self._negative = FaultyRows(context, "equal-negative", hint)
        self._score = FaultyRows(
            context,
            "score-range",
            "scale the scores to 0 … 1, such as by dividing by the highest",
            problem_from=0.1,
        )

    def look(self, row: SeenRow) -> None:
        first, second, *third = (" ".join(str(row.record[name]).split()) for name in self._texts)
        names = [f"'{name}'" for name in self._texts]
        if self._trainer != "pair_class":  # where texts may be the same and say so
            same = first == second and not (self._trainer == "pair_score" and row.record[self._target] == 1)
            self._same.look(
                row,
                f"{names[0]} and {names[1]} are the same text: nothing is learned from it" if same else None,
            )
        if third:
            equal = [name for name, text in zip(names, (first, second), strict=False) if text == third[0]]
            self._negative.look(
                row, f"{names[2]}, the negative, is the same text as {equal[0]}" if equal else None
            )
        if self._trainer == "pair_score":
            score = float(row.record[self._target])
            beyond = f"the score {score:g} is no cosine: those are from -1 to 1" if abs(score) > 1 else None
            self._score.look(row, beyond)

    def finish(self) -> None:
        for rows in (self._same, self._negative, self._score):
            rows.finish()

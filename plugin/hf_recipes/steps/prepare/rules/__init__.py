"""What rows can lack although each can be read: one rule is one file of this folder and one line of RULES.

`check` shows the rules every row; `plan`, and the prepare step of `run` and `decide`, those rows that are trained or
measured on. A rule is shown rows in any order of the splits and puts what it finds into `problems`, which have to be mended
before training, or `warnings`. What only all rows together tell, it says in `finish`. What is no row's fault but that of a
key of the recipe is told with that key in place of the file: who has the recipe puts it at its line (recipe.at_its_key).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hf_recipes.data.form import Form
from hf_recipes.data.tally import Tally
from hf_recipes.recipe.problem import Problem
from hf_recipes.record.job import Job
from hf_recipes.steps.prepare.rules.answer_length import answer_length
from hf_recipes.steps.prepare.rules.answer_spans import answer_spans
from hf_recipes.steps.prepare.rules.contradictions import contradictions
from hf_recipes.steps.prepare.rules.decimal_commas import decimal_commas
from hf_recipes.steps.prepare.rules.dropped_keys import dropped_keys
from hf_recipes.steps.prepare.rules.entity_tags import entity_tags
from hf_recipes.steps.prepare.rules.expected_queries import expected_queries
from hf_recipes.steps.prepare.rules.json_answers import json_answers
from hf_recipes.steps.prepare.rules.label_spellings import label_spellings
from hf_recipes.steps.prepare.rules.preferences import preferences
from hf_recipes.steps.prepare.rules.python_text import python_text
from hf_recipes.steps.prepare.rules.read_as import conversations_read_as
from hf_recipes.steps.prepare.rules.reasoning_in_answers import reasoning_in_answers
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow
from hf_recipes.steps.prepare.rules.sentence_pairs import sentence_pairs
from hf_recipes.steps.prepare.rules.special_tokens import special_tokens
from hf_recipes.steps.prepare.rules.targets import targets
from hf_recipes.steps.prepare.rules.template_refusals import template_refusals

RULES: Sequence[Callable[[Context], Rule | None]] = (
    template_refusals,
    reasoning_in_answers,
    special_tokens,
    json_answers,
    answer_length,
    python_text,
    answer_spans,
    contradictions,
    decimal_commas,
    dropped_keys,
    entity_tags,
    expected_queries,
    label_spellings,
    preferences,
    conversations_read_as,
    sentence_pairs,
    targets,
)
"""Each makes a rule, or None where it says nothing of this recipe."""


class RowRules:
    """All rules that apply to a recipe, and what they found."""

    def __init__(self, job: Job, form: Form, tokenizer: Any = None) -> None:
        """`tokenizer`: the base's, where it could be loaded."""
        self.problems, self.warnings = Tally(), Tally()
        self.notes: list[str] = []
        self.facts: dict[str, Any] = {}
        context = Context(job, form, tokenizer, self.problems, self.warnings, self.notes, self.facts)
        self._rules = [rule for make in RULES if (rule := make(context)) is not None]

    def look(self, row: SeenRow) -> None:
        for rule in self._rules:
            rule.look(row)

    def refused(self, row: SeenRow) -> list[Problem]:
        """As `look`, for rows that may be left out: the problems that rules find in this one are no longer among theirs."""
        before = self.problems.total
        self.look(row)
        return self.problems.withdrawn(before)

    def finish(self) -> None:
        """To be called once, when every row has been shown."""
        for rule in self._rules:
            rule.finish()

"""Whether a recipe's data is fit to train on: read in the inference environment, judged here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hf_recipes.api.checked import check_recipes
from hf_recipes.api.recipes import load_recipe
from hf_recipes.data.columns import trainer_of
from hf_recipes.data.needed import needed
from hf_recipes.data.quality import judge_rows
from hf_recipes.environments.call import ask_inference
from hf_recipes.recipe import at_its_key, problem_at
from hf_recipes.recipe.problem import Problem


@dataclass(frozen=True)
class Quality:
    """What was found. Problems have to be mended before training; warnings are for a person to weigh."""

    file: Path
    task: str
    base_model: str
    facts: Mapping[str, Any]
    """What the data holds, as steps/prepare/check_rows.py answers it, without what it found wrong."""
    needed: Mapping[str, Any] | None
    """How many rows the task is known to need, and who says so."""
    problems: Sequence[Problem]
    """The first 20 of each kind; `totals` counts them all."""
    warnings: Sequence[Problem]
    totals: Mapping[str, int]

    @property
    def unreached(self) -> bool:
        """Whether the data itself could not be had, so that nothing is known of it."""
        return "data" in self.facts["unread"] and not self.facts["left_to_trainer"]

    def as_json(self) -> dict[str, object]:
        """The document of `check --json`."""
        return {
            "recipe": str(self.file),
            "task": self.task,
            "base_model": self.base_model,
            **self.facts,
            "needed": self.needed,
            "problems": [problem.as_dict() for problem in self.problems],
            "warnings": [problem.as_dict() for problem in self.warnings],
            "totals": dict(self.totals),
        }


def check_data(
    path: Path,
    settings: Sequence[str] = (),
    *,
    say: Callable[[str], None],
    hear: Callable[[Mapping[str, Any]], None] | None = None,
) -> Quality:
    """Read and judge the data of a recipe; `hear` is given {"rows": read so far}.

    Raises RecipeError for a recipe that is wrong itself, environments.EnvironmentFailed.
    """
    (checked,) = check_recipes([load_recipe(path, settings=settings)], to_run=False)
    recipe, job = checked.recipe, checked.job
    answer = dict(ask_inference("hf_recipes.steps.prepare.check_rows", asdict(job), say, hear=hear))
    found: Any = answer.pop("found")
    bound = needed(job.task, trainer_of(job.params) if job.task == "lm_training" else "")
    problems, warnings = judge_rows(
        answer,
        bound,
        lambda key, code, message, hint: problem_at(recipe, key, code, message, hint),
        limit=job.data.limit,
        skips=bool(job.data.skip_broken),
        columns="data.messages" if recipe.data.messages else "data.column_mapping",
    )
    totals = dict(found["totals"])
    for problem in (*problems, *warnings):
        totals[problem.code] = totals.get(problem.code, 0) + 1
    return Quality(
        file=recipe.file,
        task=recipe.task_alias,
        base_model=recipe.base_model,
        facts=answer,
        needed=asdict(bound) if bound else None,
        problems=[*(at_its_key(recipe, Problem(**problem)) for problem in found["problems"]), *problems],
        warnings=[*warnings, *(at_its_key(recipe, Problem(**warning)) for warning in found["warnings"])],
        totals=totals,
    )

"""`decide`: joins what a run without training has measured with what training would take, and draws the conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hf_recipes import record
from hf_recipes.api import hardware_offers, tunable
from hf_recipes.api.checked import CheckedRecipe
from hf_recipes.api.other_engines import engine_that_loads
from hf_recipes.api.tunable import Tunability
from hf_recipes.backends import local
from hf_recipes.catalog.tasks import is_chat_trainer
from hf_recipes.data.answer_room import KEY, remedy
from hf_recipes.engines.jobs import measuring, translate
from hf_recipes.engines.registry import engine_named
from hf_recipes.estimates import families
from hf_recipes.estimates.model_size import Base, base_size, unusable_base
from hf_recipes.evaluation import decision, findings, serving
from hf_recipes.recipe import problem_at
from hf_recipes.recipe.model import Evaluate, Recipe
from hf_recipes.recipe.problem import RecipeError
from hf_recipes.record.prepared import known_of_preparation
from hf_recipes.record.state import Reason
from hf_recipes.runner.files import read_object, write_json

SCHEMA = 1
FILE = "report/decision.json"
BASELINES = ("zero-shot", "few-shot", "retrieval")
NOT_MEASURED = "not-measured"


def check_measurable(recipe: Recipe) -> CheckedRecipe:
    """A recipe whose base can be measured here, wherever the recipe trains, with the job that measures it. Raises RecipeError."""
    problems = []
    if not is_chat_trainer(recipe.task, recipe.trainer) or recipe.data.chat_template is None:
        hint = "decide takes llm-sft on chat messages"
        problems.append(
            problem_at(recipe, "task", "wrong-task", "only chat models can be measured so far", hint)
        )
    elif recipe.data.test_split is None:
        hint = "name a split, or a fraction such as 0.1 to hold out"
        message = "missing, so there are no rows to measure the base on"
        problems.append(problem_at(recipe, "data.test_split", "missing-key", message, hint))
    if problems:
        raise RecipeError(problems)
    base = base_size(recipe)
    if problems := unusable_base(recipe, base):
        raise RecipeError(problems)
    evaluate, machine = recipe.evaluate or Evaluate(), local.machine()
    baselines = tuple(dict.fromkeys((*BASELINES, *evaluate.baselines)))
    job = measuring(translate(replace(recipe, backend="local", evaluate=evaluate), machine), baselines)
    return CheckedRecipe(recipe, engine_named(recipe.engine), machine, base, job)


def decision_document(checked: CheckedRecipe, run: Path) -> dict[str, Any]:
    """What `decide --json` prints and the run's report/decision.json holds. Also of a run that failed: with what is known then."""
    prepared, report = known_of_preparation(run), read_object(run / "report" / "report.json")
    rows = _rows(prepared)
    recipe, base = checked.recipe, checked.base
    found = hardware_offers.offers(recipe, checked.machine, checked.known_base, _tokens(prepared))
    known = tunability(recipe, base, found, *_failed(run))
    target = _target(recipe)
    if baselines := _baselines(report, target.metric):
        target = decision.measured_target(target, baselines, report["n"])
    return {
        "schema": SCHEMA,
        "run": record.read_state(run).id,
        "run_dir": str(run.absolute()),
        "base_model": recipe.base_model,
        "needed": {
            "target": _present({**asdict(target), "assumed": target.assumed}),
            **_measured(report, target.metric),
        },
        "cost": {
            "training": hardware_offers.offers_as_json(found),
            "training_basis": hardware_offers.BASIS,
            **({} if isinstance(base, Base) else {"training_unknown": base}),
            "serving_per_1000": serving.per_thousand(report) if report else {},
            "serving_basis": "as measured in this run, in batches on this machine; the fine-tuned model gets the zero-shot prompt",
        },
        "tunable": tunable.reasons_as_json(known),
        "data": {**_data(rows), **_of_rows(prepared)},
        **({"warnings": report["warnings"]} if report.get("warnings") else {}),
        "decision": _decision(
            report,
            target,
            known,
            rows,
            record.read_state(run).message,
            (prepared.get("answers") or {}).get("room"),
            _size(recipe, base),
        ),
        "rules": list(decision.RULES),
    }


def _failed(run: Path) -> tuple[str | None, str | None]:
    """(why the base did not load, why its rows could not be prepared) where the measuring run ended so."""
    state = record.read_state(run)
    said = state.message.partition("; log: ")[0]
    return (
        said if state.reason == Reason.BASE_MODEL_UNAVAILABLE else None,
        said if state.reason == Reason.DATA_INVALID else None,
    )


def write_decision(run: Path, found: Mapping[str, Any]) -> None:
    (run / "report").mkdir(exist_ok=True)
    write_json(run / FILE, {name: value for name, value in found.items() if name != "run_dir"})


def tunability(
    recipe: Recipe,
    base: Base | str,
    found: list[hardware_offers.Offer],
    refused: str | None = None,
    untried: str | None = None,
) -> Tunability:
    """Whether the base can be tuned, the Hub asked where it lies there. `found`: what each hardware would take; `refused`, `untried`:
    why loading it, or putting rows into its template, has failed here."""
    from hf_recipes.hub.base_identity import identity_of

    if recipe.task == "tabular":
        return Tunability()
    identity = identity_of(recipe)
    unknown = engine_named(recipe.engine).unknown_architecture(recipe, identity)
    if unknown and (other := engine_that_loads(recipe, identity)):
        unknown += f"; engine: {other} loads it"
    return tunable.judge_tunability(
        recipe,
        identity,
        architecture=unknown,
        size=hardware_offers.too_large(found),
        unsized=base.damage if isinstance(base, Base) else base,
        refused=refused,
        untried=untried,
    )


def tunability_as_json(checked: CheckedRecipe, refused: str | None = None) -> dict[str, object]:
    """The section of a plan; empty for a task without a base model."""
    recipe = checked.recipe
    if recipe.task == "tabular":
        return {}
    found = hardware_offers.offers(recipe, checked.machine, checked.known_base, None)
    return tunable.reasons_as_json(tunability(recipe, checked.base, found, refused))


def _target(recipe: Recipe) -> decision.Target:
    evaluate = recipe.evaluate or Evaluate()
    metric = evaluate.metrics[0].name
    bound = evaluate.require.get(metric)
    return decision.target_of(metric, bound.at_least if bound else None, bound.better_than if bound else None)


def _size(recipe: Recipe, base: Base | str) -> decision.BaseSize:
    if not isinstance(base, Base):
        return decision.BaseSize()
    found = [f"{member.model} ({member.size})" for member in families.larger(recipe.base_model)]
    return decision.BaseSize(base.parameters < families.SMALL, found)


def _baselines(report: Mapping[str, Any], metric: str) -> dict[str, decision.MeasuredBaseline]:
    return {
        name: decision.MeasuredBaseline(value["value"], value["low"], value["high"])
        for name, value in _measured(report, metric).get("methods", {}).items()
        if name in BASELINES
    }


def _measured(report: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Each method's value of the metric; the reference's too, which no rule looks at."""
    if not report:
        return {}
    values = {
        name: result["metrics"][metric]
        for name, result in report["methods"].items()
        if metric in result["metrics"]
    }
    notes = report.get("notes")
    cut = {name: result["cut"] for name, result in report["methods"].items() if result.get("cut")}
    return {
        "n": report["n"],
        "methods": values,
        **({"cut": cut, "cut_at": report.get("max_new_tokens")} if cut else {}),
        **({"notes": notes} if notes else {}),
    }


def _decision(
    report: Mapping[str, Any],
    target: decision.Target,
    known: Tunability,
    rows: Mapping[str, int],
    said: str,
    room: int | None,
    size: decision.BaseSize,
) -> dict[str, Any]:
    values = _measured(report, target.metric).get("methods", {})
    baselines = _baselines(report, target.metric)
    if not baselines:
        return {
            "decision": NOT_MEASURED,
            "sentence": f"The base was not measured, so nothing is decided: {said}",
        }
    made = decision.decide(
        baselines, report["n"], target, tunable=known.tunable, train_rows=rows.get("train"), size=size
    )
    for end in ("least", "most"):
        could = {
            name: _at(end, name, measured, report, target.metric) for name, measured in baselines.items()
        }
        other = decision.decide(
            could, report["n"], target, tunable=known.tunable, train_rows=rows.get("train"), size=size
        )
        if other.decision != made.decision:
            return {
                "decision": NOT_MEASURED,
                "sentence": f"Too many answers were cut to tell: {_cut(report)}, and had they gone on, the decision could have "
                f"been another. As they stand: {made.sentence} {remedy(report.get('max_new_tokens'), room)}",
            }
    found = _present(asdict(made))
    if cut := _cut(report):
        found["sentence"] += (
            f" Of the answers, {cut}; however they would have continued, the decision is the same."
        )
    unused = rows.get("test", 0) - report["n"]
    if made.more_rows and unused > 0:
        found["sentence"] += f" {unused} are available: raise evaluate.limit."
    used = rows.get("used", 0)
    if made.decision == decision.TUNE and used < rows.get("train", 0) and used < decision.FEW_ROWS:
        found["sentence"] += (
            f" Raise data.limit first: it leaves {used} of {rows['train']:,} training rows, and {decision.FEW_ROWS} are "
            "the least that is known to help."
        )
    reference = values.get("reference")
    if reference is not None and target.value is not None and reference["low"] >= target.value:
        found["sentence"] += " The reference model reaches the target."
    return found


def _at(
    end: str, method: str, measured: decision.MeasuredBaseline, report: Mapping[str, Any], metric: str
) -> decision.MeasuredBaseline:
    """What a baseline could have come to, were too many of its answers cut; else what it was."""
    could = report["methods"][method].get("could_be", {}).get(metric)
    return measured if could is None else decision.MeasuredBaseline(**could[end])


def _cut(report: Mapping[str, Any]) -> str:
    """The methods of whose answers too many were cut; empty where there are none."""
    limit, n = report.get("max_new_tokens"), report["n"]
    counts = [
        f"{name} {findings.cut(result, n)}"
        for name, result in report["methods"].items()
        if "could_be" in result
    ]
    at = f"the limit of {limit:,} tokens" if isinstance(limit, int) else "the limit"
    return f"{', '.join(counts)} ended at {at} ({KEY})" if counts else ""


def _rows(prepared: Mapping[str, Any]) -> dict[str, int]:
    """Training rows (`train`: all that there are; `used`: those that `data.limit` leaves) and test rows; empty where not counted."""
    rows = prepared.get("rows") or {}
    if "train" not in rows:
        return {}
    return {
        "train": prepared.get("pool") or rows["train"],
        "used": rows["train"],
        "test": rows.get("test", 0),
    }


def _of_rows(prepared: Mapping[str, Any]) -> dict[str, Any]:
    """What the prepare step warns of in the rows."""
    return {name: prepared[name] for name in ("warnings", "totals") if prepared.get(name)}


def _data(rows: Mapping[str, int]) -> dict[str, Any]:
    train = rows.get("train")
    basis = f"{decision.FEW_ROWS} training rows at the least ({decision.NEEDED.source}); what `hf-recipes check` finds in them counts as much"
    if train is None:
        return {"basis": basis}
    return {
        "train_rows": train,
        **({"used_train_rows": rows["used"]} if rows["used"] < train else {}),
        "test_rows": rows.get("test", 0),
        "enough": train >= decision.FEW_ROWS,
        "basis": basis,
    }


def _tokens(prepared: Mapping[str, Any]) -> int | None:
    tokens = prepared.get("tokens") or {}
    total = tokens.get("kept", tokens.get("train_total"))
    return total if isinstance(total, int) else None


def _present(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}

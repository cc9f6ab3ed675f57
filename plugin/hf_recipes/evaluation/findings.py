"""What a report says beside its numbers, in sentences: what fine-tuning saves, whether the model forgot, what is missing.

Plain text, and the same words in report.md, report.html, the card and the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_recipes.evaluation.rounding import p_is, share, share_against
from hf_recipes.evaluation.verdict import ALPHA

LONGEST = 400
"""Characters of what the report itself explains; a pushed one may come from anybody."""


def savings_sentence(report: Mapping[str, Any]) -> str:
    """Empty where nothing of it was measured."""
    found = report.get("savings")
    if not found:
        return ""
    parts = [
        saved(found[key], unit)
        for key, unit in (
            ("prompt_tokens_saved", "prompt tokens"),
            ("completion_tokens_saved", "answer tokens"),
            ("seconds_saved", "seconds"),
        )
        if isinstance(found.get(key), (int, float))
    ]
    said = []
    if parts:
        said.append(f"Against {found.get('against', 'the best baseline')}, a request takes {_list(parts)}.")
    said += [pays_back(found), f"({_explained(found, 'basis')}.)" if _explained(found, "basis") else ""]
    return " ".join(filter(None, said))


def pays_back(found: Mapping[str, Any]) -> str:
    """When training has paid for itself, by a report's savings. Empty if that was not measured."""
    took, requests = found.get("training_seconds"), found.get("requests_to_pay_back")
    training = f"Training took {took:,.0f} s" if isinstance(took, (int, float)) else "Training"
    if isinstance(requests, (int, float)):
        joined = "and has" if isinstance(took, (int, float)) else "has"
        return f"{training} {joined} paid for itself, in time, after {requests:,.0f} requests."
    if why := _explained(found, "not_paid_back"):
        return f"{training}. No break-even point is reported: {why}."
    if not isinstance(took, (int, float)):
        return ""
    saved = found.get("seconds_saved")
    if isinstance(saved, (int, float)) and saved > 0:
        return f"{training}."
    return f"{training}, which is never recovered: requests are not faster."


def forgetting_sentence(report: Mapping[str, Any]) -> str:
    """Empty where it was not measured."""
    found = report.get("forgetting")
    if not found or not {"base", "fine-tuned"} <= found.keys():
        return ""
    difference = ""
    if "difference" in found:
        bounds = (
            f", 95 % interval {found['low']:+.3f} to {found['high']:+.3f}"
            if {"low", "high"} <= found.keys()
            else ""
        )
        difference = f" (difference {found['difference']:+.3f}{bounds})"
    why = _explained(found, "why")
    return (
        f"General text takes {found['base']:.3f} nats a token before and {found['fine-tuned']:.3f} after{difference}: "
        f"{judged(found)}.{f' ({why}.)' if why else ''}"
    )


def judged(found: Mapping[str, Any]) -> str:
    """A clause about a report's forgetting."""
    threshold = found.get("threshold")
    bound = f"the threshold of {threshold:g}" if isinstance(threshold, (int, float)) else "the threshold"
    if found.get("flagged"):
        return f"it has become worse at general text than {bound} allows"
    return f"not worse at general text beyond {bound}"


def decided_by(report: Mapping[str, Any]) -> str:
    """Which of several metrics the verdict is about, and which of the others says otherwise; empty where there is but one."""
    verdict = report.get("verdict") or {}
    metric = verdict.get("metric")
    others = {name for result in report["methods"].values() for name in result.get("metrics", {})} - {metric}
    if not metric or not others:
        return ""
    return " ".join(
        [f"The verdict is based on {metric}, the recipe's first metric.", *_otherwise(report, verdict)]
    )


def _otherwise(report: Mapping[str, Any], verdict: Mapping[str, Any]) -> list[str]:
    """The metrics by which another one than the verdict's is better, against the same baseline."""
    against = verdict.get("against")
    best = {"fine-tuned": "fine-tuned", "baseline": against}.get(str(verdict.get("decision")))
    found = []
    for metric, baselines in (report.get("comparisons") or {}).items():
        comparison = baselines.get(against)
        if (
            metric == verdict.get("metric")
            or not comparison
            or comparison["p"] >= ALPHA
            or not comparison["difference"]
        ):
            continue
        better = "fine-tuned" if comparison["difference"] > 0 else against
        if better != best:
            found.append(f"By {metric} {better} is better (p {p_is(comparison['p'])}).")
    return found


def cut_at(report: Mapping[str, Any]) -> str:
    """`cut at 40 tokens`: what a column of `cut` is called; empty where no method says how many of its answers were cut."""
    if not any("cut" in result for result in report["methods"].values()):
        return ""
    limit = report.get("max_new_tokens")
    return f"cut at {limit:,} tokens" if isinstance(limit, int) else "cut at the limit"


def cut(method: Mapping[str, Any], n: int) -> str:
    """How many of a method's `n` answers ended at the limit of tokens: `12 of 320`."""
    found = method.get("cut")
    return f"{found:,} of {n:,}" if isinstance(found, int) and n else "–"


def reached(gate: Mapping[str, Any]) -> str:
    """The value that a bound is held against: 0.8997 must not read as a bound of 90 %."""
    value = gate.get("value", "not measured")
    return share_against(value, gate.get("at_least")) if isinstance(value, (int, float)) else str(value)


def unmet(gate: Mapping[str, Any]) -> str:
    """A bound that is not met, or that could not be judged, in words."""
    if why := gate.get("not_measured"):
        return f"{gate.get('metric')} {gate.get('bound')}: not measured. {_upper(str(why))}"
    return f"{gate.get('metric')} is {reached(gate)}, required: {gate.get('bound')}"


def warning_sentences(report: Mapping[str, Any]) -> list[str]:
    """What makes the numbers doubtful, a sentence each. They stand above the verdict."""
    found = report.get("warnings")
    said = (
        [item.get("message") for item in found if isinstance(item, Mapping)]
        if isinstance(found, list)
        else []
    )
    return [
        f"{sentence[:1].upper()}{sentence[1:LONGEST].rstrip('.')}."
        for sentence in said
        if isinstance(sentence, str) and sentence
    ]


def training_sentence(report: Mapping[str, Any]) -> str:
    """What the trainer did: updates, tokens, losses. Empty where none of it was recorded."""
    found = report.get("training")
    if not isinstance(found, Mapping):
        return ""
    updates, tokens, loss = found.get("updates"), found.get("tokens_seen"), found.get("loss")
    parts = []
    if isinstance(updates, int):
        parts.append(f"{updates:,} update{'' if updates == 1 else 's'}")
    if isinstance(tokens, int):
        parts.append(f"{tokens:,} tokens seen")
    if _is_number(found.get("trained_share")):
        parts.append(f"{found['trained_share']:.0%} of them learned")
    if isinstance(loss, Mapping):
        losses = [
            f"{name} {loss[name]:.4g}" for name in ("first", "last", "lowest") if _is_number(loss.get(name))
        ]
        parts.append(f"loss {', '.join(losses)}")
    trims = found.get("trims")
    for trim in trims if isinstance(trims, list) else ():
        if isinstance(trim, Mapping) and {"rows", "what", "key", "limit"} <= trim.keys():
            parts.append(f"{trim['rows']:,} rows {trim['what']} ({trim['key']}, {trim['limit']:,} tokens)")
    return f"Training: {'; '.join(parts)}." if parts else ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def notes(report: Mapping[str, Any]) -> list[str]:
    """Which rows were left out, why methods that were asked have no numbers, and for which bounds it is unknown whether
    they hold: a sentence each."""
    return [
        *filter(None, [left_out(report)]),
        *(
            f"Not measured: {method}. {why.rstrip('.')}."
            for method, why in (report.get("notes") or {}).items()
        ),
        *(unmet(gate) for gate in report.get("gate") or () if gate.get("not_measured")),
    ]


def left_out(report: Mapping[str, Any]) -> str:
    """The broken rows that `data.skip_broken` left out: how many of each split, and the first. Empty if there are none."""
    found = report.get("skipped")
    counts = found.get("rows") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(counts, Mapping) or not counts:
        return ""
    rows = [f"{count:,} of {split}" for split, count in counts.items()]
    first = [str(line)[:LONGEST] for line in found.get("first") or ()]
    more = sum(counts.values()) - len(first)
    named = f": {'; '.join(first)}" if first else ""
    return f"Broken rows that were left out (data.skip_broken): {_list(rows)}{named}{f'; {more:,} more' if more and first else ''}."


def rows_that_tell_little(report: Mapping[str, Any]) -> list[str]:
    """What of the test rows holds the numbers down or up, whatever the model: a sentence each."""
    most, n = report.get("most_right"), report.get("n", 0)
    said = []
    if isinstance(most, int) and n:
        said.append(
            f"No model can give the expected answer in more than {most:,} of the {n:,} rows ({share(most / n)}): others ask the same "
            "and expect something else."
        )
    return [*said, *filter(None, [expected_queries_sentence(report)])]


def expected_queries_sentence(report: Mapping[str, Any]) -> str:
    """Rows in which sql_execution tells little; empty where there are none."""
    found = report.get("expected_queries") or {}
    said, n = [], report.get("n", 0)
    if empty := found.get("empty"):
        right = _list(
            [f"{method} {count:,}" for method, count in (found.get("right_on_empty") or {}).items()]
        )
        said.append(
            f"sql_execution: {empty:,} of {n:,} expected queries give nothing, so that any query that gives nothing is right there "
            f"(counted as right: {right})."
        )
    if failing := found.get("failing"):
        said.append(
            f"sql_execution: {failing:,} of {n:,} expected queries do not run; there, only an answer of the same text counts."
        )
    return " ".join(said)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def drawn_from(report: Mapping[str, Any]) -> str:
    """What the examples and passages in the baselines' prompts were drawn from; empty where that isn't known."""
    methods: dict[tuple[str, int, int | None], list[str]] = {}
    for name, result in report["methods"].items():
        found = result.get("drawn_from")
        if isinstance(found, Mapping) and isinstance(found.get("count"), int):
            key = (str(found.get("kind")), found["count"], found.get("trained_on"))
            methods.setdefault(key, []).append(name)
    return " ".join(_drawn(_list(names), *key) for key, names in methods.items())


def _drawn(methods: str, kind: str, count: int, trained_on: int | None) -> str:
    some = "" if trained_on is None else f"; {trained_on:,} of them were trained on (data.limit)"
    return f"{methods} drew from {count:,} {kind}{some}."


def saved(amount: float, unit: str) -> str:
    """`153.0 prompt tokens less`; what is negative was not saved but spent."""
    digits = 3 if 0 < abs(amount) < 1 else 1
    return f"{abs(amount):,.{digits}f} {unit} {'less' if amount >= 0 else 'more'}"


def _explained(found: Mapping[str, Any], key: str) -> str:
    said = found.get(key)
    return said[:LONGEST].rstrip(".") if isinstance(said, str) else ""


def _list(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))

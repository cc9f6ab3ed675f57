"""Pushed models in the page, read from the stand-in Hub: what they say of themselves, and every way in which one fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "space"))
import catalog
import fetching
import hub_errors
import memory
import pushed
import rendering
import settings

RECIPE = b"""
task: llm-sft
data:
  messages:
    - {role: system, content: "Recipe line to JSON."}
    - {role: user, content: "{line}"}
    - {role: assistant, content: "{json}"}
evaluate: {max_new_tokens: 40}
compare: {title: Ingredient parser, examples: [3 tsp. oats, flaky salt]}
"""
REPORT = {
    "schema": 1,
    "n": 300,
    "methods": {
        "fine-tuned": {"metrics": {"exact_match": {"value": 0.9, "low": 0.8, "high": 0.95}}, "seconds": 3.0}
    },
    "verdict": {"decision": "fine-tuned", "reason": "Better."},
}
GIGA = 10**9


def weights(parameters: int = 4, name: str = "q_proj.lora_A.weight") -> bytes:
    """A safetensors file by its header; what is behind it is never read here."""
    header = {name: {"dtype": "F32", "shape": [parameters], "data_offsets": [0, 4 * parameters]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(16)


def config(**facts: Any) -> bytes:
    return json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama", **facts}).encode()


def card(text: str) -> bytes:
    return f"---\n{text}\n---\n# A model\n".encode()


ADAPTER = {
    "adapter_config.json": b'{"task_type": "CAUSAL_LM", "base_model_name_or_path": "ada/base"}',
    "adapter_model.safetensors": weights(),
}
WHOLE = {"config.json": config(), "model.safetensors": weights(name="w"), "tokenizer.json": b"{}"}


@pytest.fixture
def hub(logged_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in as the page sees it: by its endpoint, with a token that only reads, and an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", logged_in.read_token)
    logged_in.put("model", "ada/base", WHOLE)
    return logged_in


def describe(name: str = "ada/tuned") -> Any:
    return pushed.describe_pushed(name, hub_errors.client())


def fetch(pair: Any, available: int = GIGA) -> Any:
    return fetching.fetch(pair, hub_errors.client(), say=lambda note: None, available=available)


def failure(call: Callable[[], Any]) -> str:
    """The sentence that a visitor reads."""
    with pytest.raises(hub_errors.UnusableModel) as error:
        call()
    sentence = str(error.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


@pytest.mark.parametrize(
    ("files", "base"),
    [
        ({"hf_recipes.json": b'{"base_model": "ada/first"}', **ADAPTER, "README.md": card("base_model: ada/third")}, "ada/first"),
        ({"hf_recipes.json": b'{"base_model": "bundled/smollm2-135m-instruct"}', **ADAPTER}, "bundled/smollm2-135m-instruct"),
        ({"hf_recipes.json": b'{"base_model": "ada/first", "bundled_base": "bundled/smollm2-135m-instruct"}', **ADAPTER}, "bundled/smollm2-135m-instruct"),
        ({"hf_recipes.json": b'{"base_model": "/root/work/base"}', **ADAPTER}, "ada/base"),
        ({"hf_recipes.json": b"not json", **ADAPTER}, "ada/base"),
        ({**ADAPTER, "adapter_config.json": b'{"base_model_name_or_path": "../../etc"}', "README.md": card("base_model: ada/third")}, "ada/third"),
        ({**WHOLE, "README.md": card("base_model: [ada/third]")}, "ada/third"),
    ],
)  # fmt: skip
def test_the_base_is_the_first_that_the_model_names(hub: Any, files: dict[str, bytes], base: str) -> None:
    hub.put("model", "ada/tuned", files)
    assert describe().base == base


def test_the_prompts_are_the_recipe_s_and_the_evaluation_is_the_report_s(hub: Any) -> None:
    hub.put("model", "ada/tuned", {
        **ADAPTER, "recipe.yml": RECIPE, "report/report.json": json.dumps(REPORT).encode(),
    }, private=True)  # fmt: skip
    pair = describe()
    assert (pair.form.system, pair.form.user, pair.form.field) == ("Recipe line to JSON.", "{line}", "line")
    assert (pair.examples, pair.max_new_tokens) == (("3 tsp. oats", "flaky salt"), 40)
    assert (pair.title, pair.short_name, pair.base_name) == ("Ingredient parser", "tuned", "base")
    assert pair.trust_remote_code is False
    shown = rendering.evaluation(pair.report)
    assert "300 held-out rows" in shown and "90.0%" in shown and "Fine-tuning is worth it" in shown


def test_of_what_a_pushed_report_says_was_saved_only_numbers_are_believed(hub: Any) -> None:
    more = {
        "savings": {"against": "few-shot", "prompt_tokens_saved": 153.0, "seconds_saved": "many"},
        "forgetting": {"base": 3.1, "fine-tuned": float("nan"), "flagged": "yes"},
        "training": {"updates": 75, "tokens_seen": "all", "loss": {"first": 3.5, "last": "low"}},
        "warnings": [{"message": "the loss rose"}, {"message": 3}, "much"],
    }
    hub.put("model", "ada/tuned", {**ADAPTER, "report/report.json": json.dumps({**REPORT, **more}).encode()})
    shown = rendering.evaluation(describe().report)
    assert "a request takes 153.0 prompt tokens less." in shown
    assert "seconds less" not in shown and "General text" not in shown
    assert "Training: 75 updates; loss first 3.5." in shown
    assert shown.count("Warning") == 1
    assert shown.index("The loss rose.") < shown.index("Fine-tuning is worth it")


def test_a_model_that_was_never_measured_shows_what_its_training_did(hub: Any) -> None:
    mark = {"base_model": "ada/base", "training": {"updates": 3}, "warnings": [{"message": "the loss rose"}]}
    hub.put("model", "ada/tuned", {**ADAPTER, "hf_recipes.json": json.dumps(mark).encode()})
    shown = rendering.evaluation(describe().report)
    assert "Nothing was measured" in shown and "Training: 3 updates." in shown and "The loss rose." in shown


def test_a_model_of_somebody_else_shows_the_results_of_its_card(hub: Any) -> None:
    index = """
base_model: ada/base
model-index:
- name: tuned
  results:
  - metrics:
    - {type: exact_match, value: 0.62}
    - {type: loss, value: 3.1}
    - {type: broken, value: many}
  - broken
"""
    hub.put("model", "ada/tuned", {**WHOLE, "README.md": card(index)})
    pair = describe()
    shown = rendering.evaluation(pair.report)
    assert "62.0%" in shown and "as the model's card gives it" in shown
    assert "held-out" not in shown and "interval" not in shown and "loss" not in shown
    # Without a recipe a visitor types the whole turn.
    assert (pair.form.system, pair.form.user) == ("", "{prompt}")


@pytest.mark.parametrize(
    "files",
    [
        {"recipe.yml": b"- just\n- a list\n", "report/report.json": b"[1]"},
        {"recipe.yml": b"data: {messages: [{role: user, content: '{'}]}\ncompare: {examples: [1, {}, '']}\n"},
        {"recipe.yml": b"compare: []\nevaluate: {max_new_tokens: true}\ndata: 3\n", "README.md": b"---\n[\n---\n"},
        {"recipe.yml": b"!!python/object/apply:os.system ['true']", "report/report.json": b'{"methods": 3}'},
        {"recipe.yml": b"\xff\xfe", "report/report.json": b'{"methods": {"a": {"metrics": {"m": {"value": NaN}}}}}'},
        {"recipe.yml": b"a" * 2_000_000, "hf_recipes.json": b"[" * 100_000},
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_repo_is_left_out(hub: Any, files: dict[str, bytes]) -> None:
    hub.put("model", "ada/tuned", {**ADAPTER, **files})
    pair = describe()
    assert (pair.form.system, pair.form.user, pair.examples) == ("", "{prompt}", ())
    assert pair.max_new_tokens == 256 and pair.report is None
    assert "Nothing was measured" in rendering.evaluation(pair.report)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({**ADAPTER, "adapter_config.json": b'{"task_type": "SEQ_CLS"}'}, "no model that writes text (SEQ_CLS)"),
        ({**WHOLE, "config.json": config(architectures=["BertForSequenceClassification"])}, "(BertForSequenceClassification)"),
        ({"README.md": card("base_model: ada/base")}, "no config.json"),
        ({**ADAPTER, "config.json": config(), "adapter_model.safetensors": b""}, ""),
        ({"adapter_config.json": b"{}", "adapter_model.bin": b"pickle"}, "no safetensors weights"),
        ({"config.json": config(), "pytorch_model.bin": b"pickle"}, "no safetensors weights"),
        ({**WHOLE, "config.json": config(auto_map={"AutoModelForCausalLM": "code.Model"})}, "code of its own"),
        (WHOLE, "does not say which model it was made from"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_compared_says_why(hub: Any, files: dict[str, bytes], expected: str) -> None:
    hub.put("model", "ada/tuned", files)
    if not expected:
        # Empty weights are found when they are looked at, before anything is downloaded.
        assert "no safetensors file" in failure(lambda: fetch(describe()))
        return
    assert expected in failure(describe)


def test_a_model_that_is_missing_private_or_gated_says_so(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ada/tuned is not on the Hub" in failure(describe)
    hub.put("model", "ada/tuned", ADAPTER, private=True)
    assert describe().base == "ada/base"
    monkeypatch.setenv("HF_TOKEN", hub.state.add_token("bob", "read"))
    assert "this page's token may not read it" in failure(describe)
    monkeypatch.delenv("HF_TOKEN")
    assert "no token that reads it" in failure(describe)
    hub.put("model", "ada/closed", ADAPTER, gated="manual")
    assert "ada/closed is gated" in failure(lambda: describe("ada/closed"))


def test_a_base_that_cannot_be_had_says_so(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    hub.put("model", "ada/closed", WHOLE, gated="manual")
    hub.put("model", "ada/layer", ADAPTER)
    for base, expected in (
        ("ada/closed", "ada/closed is gated"),
        ("ada/gone", "ada/gone is not on the Hub"),
        ("ada/layer", "is an adapter itself"),
    ):
        hub.put(
            "model", "ada/tuned", {**ADAPTER, "hf_recipes.json": json.dumps({"base_model": base}).encode()}
        )
        assert expected in failure(lambda: fetch(describe()))


def downloads(hub: Any) -> list[str]:
    """Files that were asked for as a whole."""
    return [
        one.path.rpartition("/")[2]
        for one in hub.requests
        if one.method == "GET"
        and "/resolve/" in one.path
        and "range" not in {name.lower() for name in one.headers}
    ]


def test_a_pair_that_is_too_large_is_refused_before_it_is_downloaded(hub: Any) -> None:
    hub.put("model", "ada/giant", {"config.json": config(), "model.safetensors": weights(7 * GIGA, "w")})
    hub.put("model", "ada/tuned", {**ADAPTER, "hf_recipes.json": b'{"base_model": "ada/giant"}'})
    sentence = failure(lambda: fetch(describe(), available=15 * GIGA))
    assert "ada/tuned and its base ada/giant need about 28.0 GB" in sentence and "15.0 GB" in sentence
    assert "model.safetensors" not in downloads(hub)
    # An adapter with whole layers needs a base of its own.
    hub.put("model", "ada/tuned", {"adapter_model.safetensors": weights(4, "lm_head.weight")})
    assert "56.0 GB" in failure(lambda: fetch(describe(), available=30 * GIGA))


def test_weights_and_words_are_downloaded_and_nothing_that_runs(hub: Any) -> None:
    extra = {"modeling.py": b"raise SystemExit", "pytorch_model.bin": b"pickle", "optimizer.pt": b"pickle", "onnx/model.safetensors": b"x"}  # fmt: skip
    hub.put("model", "ada/base", extra)
    hub.put("model", "ada/tuned", {**ADAPTER, **extra, "tokenizer_config.json": b"{}"})
    base, folder = fetch(describe())
    assert sorted(path.name for path in Path(base).rglob("*") if path.is_file()) == sorted(WHOLE)
    assert {path.name for path in folder.rglob("*") if path.is_file()} >= {
        *ADAPTER, "tokenizer_config.json",
    }  # fmt: skip
    assert not set(extra) & {path.name for path in folder.rglob("*")}
    assert not {"modeling.py", "pytorch_model.bin", "optimizer.pt"} & set(downloads(hub))


def test_the_commit_that_was_described_is_the_one_that_is_loaded(hub: Any) -> None:
    hub.put("model", "ada/tuned", ADAPTER)
    pair = describe()
    hub.put("model", "ada/tuned", {"adapter_model.safetensors": weights(8)})
    _, folder = fetch(pair)
    assert (folder / "adapter_model.safetensors").read_bytes() == weights(4)
    assert describe() != pair


def page_of(*models: str) -> Any:
    return catalog.Catalog(settings.PageSettings("", (), models))


def test_only_models_of_the_list_are_ever_looked_up(hub: Any) -> None:
    hub.put("model", "ada/tuned", ADAPTER)
    hub.put("model", "ada/unlisted", ADAPTER)
    offered = page_of("ada/tuned", "ada/gone")
    for sent in ("ada/unlisted", "", None, ["ada/unlisted"], {"a": 1}, "../ada/unlisted", "ADA/TUNED"):
        assert offered.pair(sent).repo == "ada/tuned"
    assert not [one.path for one in hub.requests if "unlisted" in one.path]


def test_one_that_fails_leaves_the_others_working(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.put("model", "ada/tuned", ADAPTER)
    offered = page_of("ada/gone", "ada/tuned")
    assert "ada/gone is not on the Hub" in failure(lambda: offered.pair("ada/gone"))
    assert offered.pair("ada/tuned").base == "ada/base"
    asked = len(hub.requests)
    assert "ada/gone" in failure(lambda: offered.pair("ada/gone"))  # not asked again at once
    assert len(hub.requests) == asked

    # The Hub is away: what was read goes on being right. It comes back: what changed is seen.
    monkeypatch.setattr(catalog, "SECONDS_FRESH", 0.0)
    monkeypatch.setattr(catalog, "SECONDS_FAILED", 0.0)
    offered = page_of("ada/tuned")
    before = offered.pair("ada/tuned")
    hub.fail("GET", "/api/models/ada/tuned", 503, times=100)
    assert offered.pair("ada/tuned") == before
    assert "could not be read" in failure(lambda: page_of("ada/tuned").pair("ada/tuned"))
    hub.state.faults.clear()
    hub.put("model", "ada/tuned", {"recipe.yml": RECIPE})
    assert offered.pair("ada/tuned").form.system == "Recipe line to JSON."


def test_a_list_of_models_is_read_from_the_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    path.write_text(json.dumps({"models": ["ada/one", "ada/two", "ada/one"], "files": []}))
    found = settings.read_settings(path)
    assert (found.names, found.title) == (("ada/one", "ada/two"), "")
    assert found.pair("ada/one") is None and found.listed("bob/x") == "ada/one"


def test_memory_is_the_least_of_the_machine_s_and_the_container_s(tmp_path: Path) -> None:
    limits = tmp_path / "memory.max", tmp_path / "limit_in_bytes"
    limits[0].write_text("max\n")
    machine = memory._machine(limits)
    assert machine > GIGA
    limits[1].write_text("16000000\n")
    assert memory._machine(limits) == 16_000_000


def test_names_of_models_are_text_and_never_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    pair = SimpleNamespace(repo="ada/<b>", base="ada/base", base_name="<i>")
    shown = rendering.pane_header("<script>", pair)
    assert "<script" not in shown and '<b>"' not in shown and "<i>" not in shown
    assert 'href="http://hub.example/ada/base"' in shown

"""Each mistake is one problem, at its place, with the way out; all of a file's at once; no secret repeated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.recipe import RecipeError

CHAT = """\
task: llm-sft
base_model: bundled/smollm2-135m-instruct
project_name: my-project
backend: local
data:
  path: someone/some-data
  train_split: train
  test_split: 0.1
  messages:
    - {role: user, content: "{question}"}
    - {role: assistant, content: "{answer}"}
params:
  lr: 2e-4
  peft: true
evaluate:
  require:
    exact_match: {at_least: 0.9, better_than: few-shot}
"""
LABELS = """\
task: text-classification
base_model: google-bert/bert-base-uncased
project_name: my-project
log: none
backend: local
data:
  path: stanfordnlp/imdb
  train_split: train
  valid_split: null
  column_mapping:
    text_column: text
    target_column: label
params:
  epochs: 3
"""
PREFERENCES = (
    LABELS.replace("text-classification", "llm-dpo")
    .replace("    target_column: label", "    rejected_text_column: rejected\n    prompt_text_column: prompt")
    .replace("  valid_split: null", "  chat_template: chatml")
)
IMAGES = LABELS.replace("text-classification", "image-classification").replace(
    "text_column: text", "image_column: image"
)
TOKEN = "hf_" + "a1B2" * 9
BROWSER_TOKEN = "hf_oauth_" + "eyJhbGciOiJFZERTQSJ9." + "eyJ-" + "a1B2" * 6 + "." + "Zz-_9" * 8


def found(tmp_path: Path, text: str, *settings: str, **environ: str) -> list[tuple[str, str]]:
    """(line:column:code, message; hint) of each problem."""
    file = tmp_path / "recipe.yml"
    file.write_text(text, encoding="utf-8")
    return [
        (f"{one.line}:{one.column}:{one.code}", f"{one.message}; {one.hint}")
        for one in recipe_problems(file, settings=settings, environ=environ)
    ]


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("text", [CHAT, LABELS, PREFERENCES])
def test_the_recipes_below_are_right_before_they_are_broken(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


# fmt: off
MISTAKES = [
    # what is written, what instead, where and which code, what the line must say
    (CHAT, "  lr: 2e-4", "  learning_rate: 2e-4", "13:3:unknown-key", "did you mean params.lr?"),
    (CHAT, "  lr: 2e-4", "  num_train_epochs: 2", "13:3:unknown-key", "did you mean params.epochs?"),
    (CHAT, "  lr: 2e-4", "  per_device_train_batch_size: 2", "13:3:unknown-key", "did you mean params.batch_size?"),
    (CHAT, "  lr: 2e-4", "  gradient_accumulation_steps: 2", "13:3:unknown-key", "params.gradient_accumulation?"),
    (CHAT, "  lr: 2e-4", "  lora_rank: 2", "13:3:unknown-key", "did you mean params.lora_r?"),
    (CHAT, "  lr: 2e-4", "  max_length: 2", "13:3:unknown-key", "did you mean params.block_size?"),
    (CHAT, "  lr: 2e-4", "  lora_dropuot: 0", "13:3:unknown-key", "did you mean params.lora_dropout?"),
    (CHAT, "  lr: 2e-4", "  train_split: x", "13:3:unknown-key", "did you mean data.train_split?"),
    (CHAT, "  lr: 2e-4", "  qqqqq: x", "13:3:unknown-key", "params.qqqqq: unknown"),
    (CHAT, "params:", "lr: 1\nparams:", "12:1:unknown-key", "did you mean params.lr?"),
    (CHAT, "params:", "epochs: 1\nparams:", "12:1:unknown-key", "did you mean params.epochs?"),
    (LABELS, "params:", "dataset: x\nparams:", "13:1:unknown-key", "did you mean data?"),
    (LABELS, "params:", "model: x\nparams:", "13:1:unknown-key", "did you mean base_model?"),
    (LABELS, "  epochs: 3", "  lora_r: 8", "14:3:wrong-task", "lm_training, seq2seq, vlm have it"),
    (LABELS, "  epochs: 3", "  block_size: 8", "14:3:wrong-task", "did you mean params.max_seq_length?"),
    (LABELS, "    text_column: text", "    text_column: text\n    tags_column: x", "12:5:wrong-task", "text_token_classification has it"),
    (CHAT, "  lr: 2e-4", "  lr: fast", "13:3:wrong-type", "params.lr: must be a number, not text"),
    (CHAT, "  lr: 2e-4", "  lr: [1]", "13:3:wrong-type", "not a list"),
    (CHAT, "  lr: 2e-4", "  lr:", "13:3:wrong-type", "not empty"),
    (CHAT, "  lr: 2e-4", "  epochs: 1.5", "13:3:wrong-type", "must be a whole number"),
    (CHAT, "  lr: 2e-4", "  optimizer: 1", "13:3:wrong-type", "put quotes around it"),
    (CHAT, "  lr: 2e-4", "  eval_strategy: no", "13:3:wrong-type", "YAML reads yes, no, on and off as true and false"),
    (CHAT, "project_name: my-project", "project_name: 2024", "3:1:wrong-type", "must be text"),
    (CHAT, "project_name: my-project", "project_name: 2024-01-01", "3:15:wrong-type", "date"),
    (CHAT, "  train_split: train", "  train_split: {a: b}", "7:3:wrong-type", "not a mapping"),
    (CHAT, "evaluate:\n  require:\n    exact_match: {at_least: 0.9, better_than: few-shot}", "evaluate: all of it", "15:1:wrong-type", "must be a mapping"),
    (CHAT, "  lr: 2e-4", "  lr: 0", "13:3:out-of-range", "must be more than 0"),
    (CHAT, "  lr: 2e-4", "  lr: .nan", "13:3:out-of-range", "params.lr"),
    (CHAT, "  lr: 2e-4", "  epochs: 0", "13:3:out-of-range", "must be at least 1"),
    (CHAT, "  lr: 2e-4", "  warmup_ratio: 1.1", "13:3:out-of-range", "at least 0 and at most 1"),
    (CHAT, "  lr: 2e-4", "  lora_dropout: 1", "13:3:out-of-range", "less than 1"),
    (CHAT, "  lr: 2e-4", "  block_size: 0", "13:3:out-of-range", "or -1"),
    (CHAT, "test_split: 0.1", "test_split: 1", "8:3:out-of-range", "less than 1"),
    (CHAT, "at_least: 0.9", "at_least: 90", "17:19:out-of-range", "at most 1"),
    (CHAT, "  lr: 2e-4", "  quantization: itn8", "13:3:unknown-value", "did you mean int8?"),
    (CHAT, "  lr: 2e-4", "  optimizer: adamw_troch", "13:3:unknown-value", "did you mean adamw_torch?"),
    (CHAT, "task: llm-sft", "task: llm-sff", "1:1:unknown-value", "did you mean llm-sft?"),
    (CHAT, "task: llm-sft", "task: llm-sft\ncompare: {hardware: spaces-t4-smal}", "2:11:unknown-value", "did you mean t4-small?"),
    (CHAT, "task: llm-sft", "task: [llm-sft]", "1:1:wrong-type", "must be text"),
    (LABELS, "task: text-classification", "task: st", "1:1:unknown-value", "st:triplet"),
    (LABELS, "task: text-classification", "task: text_summarization", "1:1:unknown-value", "cannot run it"),
    (CHAT, "backend: local", "backend: locla", "4:1:unknown-value", "did you mean local?"),
    (LABELS, "backend: local", "backend: dgx-a100", "5:1:unsupported-backend", "jobs-<hardware>"),
    (CHAT, "backend: local", "backend: jobs-a10g-small", "2:1:bundled-remote", "not there on jobs-a10g-small"),
    (CHAT, "smollm2-135m-instruct", "smollm2", "2:1:unknown-value", "bundled/smollm2-135m-instruct"),
    (CHAT, "bundled/smollm2-135m-instruct", "./nowhere", "2:1:not-found", "neither a folder"),
    (CHAT, "someone/some-data", "data/train.jsonl", "6:3:not-found", "count from the recipe's folder"),
    (CHAT, "my-project", "my_project", "3:1:project-name", "letters, digits and hyphens"),
    (CHAT, "my-project", "x" * 51, "3:1:project-name", "51 characters"),
    (CHAT, "test_split: 0.1", "test_split: train", "8:3:test-seen", "must not be trained on"),
    (CHAT, "  test_split: 0.1\n", "", "14:1:missing-key", "data.test_split is missing"),
    (CHAT, "  path: someone/some-data\n", "", "5:1:missing-key", "data.path: missing"),
    (CHAT, "backend: local\n", "", "0:0:missing-key", "backend: missing"),
    (PREFERENCES, "  chat_template: chatml\n", "", "6:1:missing-key", "data.chat_template: missing"),
    (LABELS, "    target_column: label\n", "", "10:3:missing-columns", "data.column_mapping.target_column: missing"),
    (PREFERENCES, "    rejected_text_column: rejected\n", "", "10:3:missing-columns", "dpo of lm_training"),
    (PREFERENCES, "    prompt_text_column: prompt\n", "", "10:3:missing-columns", "prompt_text_column"),
    (LABELS, "  column_mapping:\n    text_column: text\n    target_column: label\n", "", "6:1:missing-columns", "target_column: …"),
    (LABELS, "  epochs: 3", "  epochs: 3\n  epochs: 4", "15:3:duplicate-key", "the first is on line 14"),
    (LABELS, "  epochs: 3", "  on: 3", "14:3:key-not-text", "quote it"),
    (CHAT, "role: assistant", "role: asistant", "11:8:unknown-value", "did you mean assistant?"),
    (CHAT, "role: assistant", "role: user", "9:3:message-order", "end with an assistant's turn"),
    (CHAT, "role: user", "role: system", "11:8:message-order", "a user's turn is due"),
    (CHAT, "{question}", "{question", "10:20:template-braces", "write {{ and }}"),
    (CHAT, "{answer}", '{\\"json\\": \\"{answer}\\"}', "11:25:template-braces", "write {{ and }}"),
    (CHAT, "task: llm-sft", "task: llm-reward", "9:3:wrong-task", "only llm-sft and llm-generic"),
    (CHAT, "better_than: few-shot", "better_than: magic", "17:34:unknown-value", "one of best_baseline"),
    (CHAT, "  require:", "  baselines: [zero-shot]\n  require:", "18:34:unmeasured", "not in evaluate.baselines"),
    (CHAT, "  require:", "  metrics: [exact_mach]\n  require:", "16:13:unknown-value", "exact_match"),
    (CHAT, "  require:", "  metrics: [{nam: exact_match}]\n  require:", "16:14:unknown-key", "name?"),
    (CHAT, "  require:", "  metrics: [{name: number_match, options: {tolerence: 1}}]\n  require:", "16:44:unknown-key", "did you mean evaluate.metrics.0.options.tolerance?"),
    (CHAT, "  require:", "  metrics: [{name: chrf, options: {tolerance: 1}}]\n  require:", "16:36:unknown-key", "chrf has no such option; it has none; tolerance is of number_match"),
    (CHAT, "  require:", "  metrics: [{name: json_f1, options: {timeout: 1}}]\n  require:", "16:39:unknown-key", "its options are fields"),
    (CHAT, "  require:", "  metrics: [{name: json_f1, options: {fields: city}}]\n  require:", "16:39:wrong-type", "must be a list of texts"),
    (CHAT, "  require:", "  metrics: [{name: number_match, options: {tolerance: -1}}]\n  require:", "16:44:out-of-range", "at least 0"),
    (CHAT, "  require:", "  metrics: [exact_match, rouge_l]\n  require:", "16:26:unknown-value", "did you mean rougeL?"),
    (CHAT, "  require:", "  metrics: [exact_match, {name: exact_match}]\n  require:", "16:26:duplicate-key", "a second time"),
    (CHAT, "  require:", "  metrics: [judge]\n  require:", "16:13:missing-key", "judge needs the options base_url and model"),
    (CHAT, "  require:", "  metrics: [{name: judge, options: {base_url: http://127.0.0.1/v1}}]\n  require:", "16:13:missing-key", "needs the options model; write"),
    (CHAT, "  require:", "  metrics: [{name: judge, options: {base_url: b, model: m, api_key: sk-123}}]\n  require:", "16:60:literal-token", "environment variable"),
    (CHAT, "  require:", "  metrics: [{name: judge, options: {base_url: b, model: m, api_key: '${MY_KEY}'}}]\n  require:", "16:60:unset-variable", "MY_KEY is not set"),
    (CHAT, "  require:", "  metrics: [{name: sql_execution, options: {database: shop.db}}]\n  require:", "16:45:not-found", "count from the recipe's folder"),
    (CHAT, "exact_match: {", "macro_f1: {", "17:5:unmeasured", "macro_f1 is not in evaluate.metrics"),
    (CHAT, "  require:", "  reference: {base_url: http://127.0.0.1/v1, model: m, api_key: sk-123}\n  require:", "16:56:literal-token", "environment variable"),
    (LABELS, "params:", "evaluate: {}\nparams:", "13:1:wrong-task", "only chat models"),
    (LABELS, "params:", "engine: trx\nparams:", "13:1:unknown-value", "did you mean trl"),
    (LABELS, "params:", "trust_remote_code: maybe\nparams:", "13:1:wrong-type", "true or false"),
    (LABELS, "params:", "hub: {token: secret}\nparams:", "13:7:literal-token", "${HF_TOKEN}"),
    (LABELS, "params:", "hub:\n  push_to_hub: true\n  username: ada\n  token: ${HF_TOKEN}\nparams:", "16:3:unset-variable", "HF_TOKEN is not set"),
    (LABELS, "params:", "hub:\n  push_to_hub: true\n  token: null\nparams:", "13:1:missing-key", "hub.username: missing"),
    (LABELS, "path: stanfordnlp/imdb", "path: ${WHERE}/imdb", "7:3:unset-variable", "WHERE is not set"),
    # places and ways out that an editor of YAML needs
    (CHAT, "  lr: 2e-4", "  lr:2e-4", "13:3:yaml-syntax", "a key needs a colon and a space after it"),
    (CHAT, "backend: local", "backend local", "4:1:yaml-syntax", "a key needs a colon and a space after it"),
    (CHAT, "  lr: 2e-4", "  lr:2e-4 # high", "13:3:yaml-syntax", "a key needs a colon and a space after it"),
    (CHAT, "evaluate:", "use_case:\n  goal: to\n    read a\n    list: of things\nevaluate:", "18:9:yaml-syntax", "put quotes around a value that holds ': '"),
    (CHAT, "evaluate:", "compare: {examples: [a, b}\nevaluate:", "15:26:yaml-syntax", "flow sequence"),
    (CHAT, '"{question}"', '"{question}', "11:35:yaml-syntax", "that begins on line 10"),
    (CHAT, "  peft: true", "   peft: true", "14:8:yaml-syntax", "put quotes around a value that holds ': ', and check the indentation"),
    (CHAT, "  train_split: train", " train_split: train", "7:2:yaml-syntax", "check the indentation"),
    (CHAT, "evaluate:", "compare: {examples: [${A}]}\nevaluate:", "15:23:yaml-syntax", "put quotes around ${…}"),
    (CHAT, '"{question}"', "“{question}”", "10:30:yaml-syntax", "straight quotes"),
    (CHAT, '"{question}"', "{question}", "10:20:wrong-type", "put quotes around text"),
    (CHAT, '"{question}"', '"${question}"', "10:20:unset-variable", "a column is {question}, without $"),
    (CHAT, "{answer}", "the answer", "11:25:no-column", "the same to every row; name the column"),
    (CHAT, "{answer}", "{{ answer }}", "11:25:no-column", "a column stands in single braces"),
    (CHAT, "  lr: 2e-4", "  lr: ${LR:-2e-4}", "13:3:bad-variable", "write ${LR}"),
    (CHAT, "test_split: 0.1", "test_split: 10%", "8:3:out-of-range", "write 0.1 for 10 %"),
    (CHAT, "test_split: 0.1", "test_split: '1.0'", "8:3:out-of-range", "less than 1"),
    (CHAT, "test_split: 0.1", "test_split: ''", "8:3:out-of-range", "is empty"),
    (CHAT, "someone/some-data", "https://huggingface.co/datasets/a/b", "6:3:not-found", "owner/name"),
    (CHAT, "task: llm-sft", "task: sft", "1:1:unknown-value", "did you mean llm-sft?"),
    (LABELS, "task: text-classification", "task: sentence-transformers", "1:1:unknown-value", "one of sentence-transformers:pair, "),
    (CHAT, "  lr: 2e-4", "  optimizer: adam", "13:3:unknown-value", "did you mean adamw_torch?"),
    (CHAT, "  lr: 2e-4", "  max_steps: 20", "13:3:unknown-key", "did you mean params.epochs?"),
    (CHAT, "  lr: 2e-4", "  seed: -1", "13:3:out-of-range", "at most 4294967295"),
    (CHAT, "backend: local", "backend: spaces", "4:1:unknown-value", "such as spaces-a10g-large"),
    (CHAT, "role: user, content:", "from: user, value:", "10:8:unknown-key", "did you mean data.messages.0.role?"),
    (CHAT, "role: user, content:", "from: user, value:", "10:20:unknown-key", "did you mean data.messages.0.content?"),
    (CHAT, "  require:", "  metrics: [{name: json_f1, fields: [city]}]\n  require:", "16:29:unknown-key", "did you mean evaluate.metrics.0.options.fields?"),
    (CHAT, "  require:", "  metrics: [{json_f1: {fields: [city]}}]\n  require:", "16:14:unknown-key", "write {name: json_f1, options: {…}}"),
    (CHAT, "  require:", "  metrics: exact_match\n  require:", "16:3:wrong-type", "write it in brackets"),
    (CHAT, "  require:", "  metrics: []\n  require:", "16:3:out-of-range", "name one, such as exact_match"),
    (CHAT, "  require:", "  metrics: [{name: judge, options: {base_url: api.openai.com, model: m}}]\n  require:", "16:37:bad-address", "not an address"),
    (CHAT, "  require:", "  reference: {base_url: 'http://me:99999999/v1', model: m}\n  require:", "16:15:bad-address", "not an address"),
    (CHAT, "  require:", "  retrieve_by: embeddings\n  embedding_model: null\n  require:", "17:3:missing-key", "retrieve_by is embeddings"),
    (CHAT, "{at_least: 0.9, better_than: few-shot}", "0.9", "17:5:wrong-type", "its keys are at_least, better_than"),
]
# fmt: on


@pytest.mark.parametrize(
    ("text", "old", "new", "place", "said"), MISTAKES, ids=[m[3] + m[2][:20] for m in MISTAKES]
)
def test_a_mistake_is_named_at_its_place(
    tmp_path: Path, text: str, old: str, new: str, place: str, said: str
) -> None:
    shown = found(tmp_path, changed(text, old, new))
    assert any(at == place and said in line for at, line in shown), shown


def test_all_mistakes_are_named_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = (
        CHAT.replace("my-project", "my_project")
        .replace("lr: 2e-4", "lr: fast")
        .replace("role: user", "role: usr")
    )
    shown = found(tmp_path, text)
    assert [at for at, _ in shown] == ["3:1:project-name", "10:8:unknown-value", "13:3:wrong-type"]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("backend: local", "backend: Local", "4:1:unknown-value"),
        (CHAT[CHAT.index("data:") : CHAT.index("params:")], "data: some-data\n", "5:1:wrong-type"),
        ("  require:", "  metrics: exact_match\n  require:", "16:3:wrong-type"),
        ("  require:", "  metrics: [exact-match]\n  require:", "16:13:unknown-value"),
    ],
)
def test_what_follows_from_a_mistake_is_no_second_one(tmp_path: Path, old: str, new: str, place: str) -> None:
    """A backend misspelt is no other machine; what is no mapping lacks no keys; a metric misspelt is measured."""
    assert [at for at, _ in found(tmp_path, changed(CHAT, old, new))] == [place]


@pytest.mark.parametrize("written", ["1e-1", "'0.1'", "${SHARE}", "0.1"])
def test_a_fraction_is_one_however_it_is_written(tmp_path: Path, written: str) -> None:
    file = tmp_path / "recipe.yml"
    file.write_text(CHAT.replace("test_split: 0.1", f"test_split: {written}"))
    assert load_recipe(file, environ={"SHARE": "0.1"}).data.test_split == 0.1


def test_load_raises_with_what_problems_lists(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yml"
    file.write_text(CHAT.replace("my-project", "my_project"))
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    assert list(caught.value.problems) == recipe_problems(file)
    assert str(caught.value).startswith(f"{file}:3:1: project_name: ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("train_split: train", f"train_split: {TOKEN}"),
        ("evaluate:", f"hub: {{token: {TOKEN}}}\nevaluate:"),
        ("evaluate:", f"hub: {{username: me, {TOKEN}: x}}\nevaluate:"),
        ("evaluate:", f"# my token is {TOKEN}\nevaluate:"),
        ("evaluate:", f"{TOKEN}: 1\nevaluate:"),
        ("evaluate:", f"evaluate: [{TOKEN}"),
        ("evaluate:", 'hub: {token: "h\\x66_' + TOKEN[3:] + '"}\nevaluate:'),
        ("train_split: train", 'train_split: "h\\x66_' + TOKEN[3:] + '"'),
    ],
)
def test_a_literal_token_is_a_problem_and_never_repeated(tmp_path: Path, old: str, new: str) -> None:
    shown = found(tmp_path, changed(CHAT, old, new))
    assert any(at.endswith("literal-token") for at, _ in shown), shown
    assert not any(TOKEN[3:] in line for _, line in shown)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("train_split: train", f"train_split: {BROWSER_TOKEN}"),
        ("evaluate:", f"hub: {{username: me, {BROWSER_TOKEN}: x}}\nevaluate:"),
        ("evaluate:", f"{BROWSER_TOKEN}: 1\nevaluate:"),
    ],
)
def test_of_the_token_of_a_login_in_the_browser_no_part_is_repeated(
    tmp_path: Path, old: str, new: str
) -> None:
    shown = found(tmp_path, changed(CHAT, old, new))
    assert any(at.endswith("literal-token") for at, _ in shown), shown
    for part in BROWSER_TOKEN.split(".")[1:]:
        assert not any(part in line for _, line in shown)


def test_a_token_in_a_setting_is_never_repeated(tmp_path: Path) -> None:
    for setting in (f"hub.token={TOKEN}", TOKEN, f"{TOKEN}=1", f"params.{TOKEN}=1"):
        file = tmp_path / "recipe.yml"
        file.write_text(CHAT)
        lines = [str(one) for one in recipe_problems(file, settings=[setting], environ={})]
        assert lines and not any(TOKEN in line for line in lines)


def test_a_secret_does_not_enter_by_another_variable(tmp_path: Path) -> None:
    text = changed(CHAT, "train_split: train", "train_split: ${MINE}")
    shown = found(tmp_path, text, MINE=TOKEN)
    assert [at for at, _ in shown] == ["7:3:secret-kept"]
    assert TOKEN not in shown[0][1]
    assert [at for at, _ in found(tmp_path, text.replace("MINE", "HF_TOKEN"), HF_TOKEN="anything")] == [
        "7:3:secret-kept"
    ]


def test_messages_say_no_values(tmp_path: Path) -> None:
    text = CHAT.replace("lr: 2e-4", "lr: sw0rdfish").replace("my-project", "sw0rdfish_")
    assert not any(re.search("sw0rdfish", line) for _, line in found(tmp_path, text))


def test_metrics_are_names_or_names_with_options(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_bytes(b"")
    metrics = """[exact_match, {name: json_f1, options: {fields: [city, address.zip]}}, {name: macro_f1},
    {name: sql_execution, options: {database: shop.db, timeout: 2}},
    {name: judge, options: {base_url: "http://127.0.0.1/v1", model: m, api_key: "${MY_KEY}"}}]"""
    file = tmp_path / "recipe.yml"
    file.write_text(
        changed(CHAT, "  require:", f"  metrics: {metrics}\n  require:\n    judge: {{at_least: 0.5}}")
    )
    evaluate = load_recipe(file, environ={"MY_KEY": "swordfish"}).evaluate
    assert evaluate is not None
    assert [(one.name, one.options) for one in evaluate.metrics] == [
        ("exact_match", {}),
        ("json_f1", {"fields": ("city", "address.zip")}),
        ("macro_f1", {}),
        ("sql_execution", {"database": str(tmp_path / "shop.db"), "timeout": 2.0}),
        ("judge", {"base_url": "http://127.0.0.1/v1", "model": "m", "api_key": "MY_KEY"}),
    ]
    assert evaluate.require["judge"].at_least == 0.5


def test_a_database_of_this_machine_is_not_there_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_bytes(b"")
    text = changed(CHAT, "bundled/smollm2-135m-instruct", "someone/model").replace(
        "backend: local", "backend: jobs-t4-small"
    )
    options = "  metrics: [{name: sql_execution, options: {database: shop.db}}, exact_match]\n  require:"
    shown = found(tmp_path, changed(text, "  require:", options))
    assert [at for at, _ in shown] == ["16:45:not-there"] and "jobs-t4-small" in shown[0][1]


@pytest.mark.parametrize("key", ["evaluate", "evaluate.require", "use_case", "compare", "hub", "params"])
def test_a_section_set_to_null_is_a_section_left_out(key: str) -> None:
    shipped = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser" / "recipe.yml"
    loaded = load_recipe(shipped, settings=[f"{key}=null"])
    assert (loaded.evaluate is None) == (key == "evaluate")
    assert (loaded.use_case is None) == (key == "use_case")


def test_an_alias_that_means_nothing_hides_no_other_mistake(tmp_path: Path) -> None:
    codes = [place for place, _ in found(tmp_path, CHAT.replace("lr: 2e-4", "lr: *fast\n  epoch: 3"))]
    assert codes == ["13:7:unknown-alias", "14:3:unknown-key"]


def test_what_a_push_needs_is_missing_when_it_is_null_and_not_when_it_is_wrong(tmp_path: Path) -> None:
    null = found(tmp_path, CHAT + "hub: {username: null, token: null, push_to_hub: true}\n")
    assert [what.partition(";")[0] for _, what in null] == [
        "hub.username: missing, and push_to_hub is true",
        "hub.token: missing, and push_to_hub is true",
    ]
    literal = found(tmp_path, CHAT + f"hub: {{username: me, token: {TOKEN}, push_to_hub: true}}\n")
    assert [place.rpartition(":")[2] for place, _ in literal] == ["literal-token"]


def test_the_page_may_be_on_zerogpu_which_trains_nothing(tmp_path: Path) -> None:
    on_zero = CHAT + "compare: {hardware: zero-a10g}\n"
    assert found(tmp_path, on_zero) == []
    assert "no such hardware of a Space" in str(found(tmp_path, on_zero.replace("a10g", "a10h")))
    assert "no training" in str(found(tmp_path, CHAT, "backend=spaces-zero-a10g"))


@pytest.mark.parametrize("line", ["limit: 10", "test_split: 0.1", "test_split: test"])
def test_rows_of_images_are_not_chosen(tmp_path: Path, line: str) -> None:
    """The trainer reads images where they are, so a key that chooses among them would not hold."""
    key = line.partition(":")[0]
    [(place, said)] = found(tmp_path, IMAGES.replace("  valid_split: null", f"  {line}"))
    assert place == "9:3:wrong-task"
    assert said.startswith(f"data.{key}: ") and "trained on every image" in said and "leave it out" in said


@pytest.mark.parametrize(
    ("name", "right"), [("windows-1252", True), ("UTF-16", True), ("windows-9", False), ("base64", False)]
)
def test_an_encoding_is_one_that_decodes_text(tmp_path: Path, name: str, right: bool) -> None:
    problems = found(tmp_path, LABELS.replace("  valid_split: null", f"  encoding: {name}"))
    assert (
        problems == []
        if right
        else problems[0][0] == "9:3:unknown-value" and "windows-1252" in problems[0][1]
    )


def test_a_link_that_leads_nowhere_is_no_data_set_of_the_hub(tmp_path: Path) -> None:
    (tmp_path / "rows").symlink_to("rows")
    [(place, said)] = found(tmp_path, LABELS.replace("stanfordnlp/imdb", "rows"))
    assert place == "7:3:not-found" and "a symbolic link that leads to no file or folder" in said


def test_a_system_column_goes_with_ready_made_messages(tmp_path: Path) -> None:
    [(place, said)] = found(tmp_path, CHAT.replace("  messages:", "  system_column: rules\n  messages:"))
    assert place == "9:3:two-sources" and '{role: system, content: "{rules}"}' in said
    [(place, said)] = found(tmp_path, LABELS.replace("  valid_split: null", "  system_column: rules"))
    assert place == "9:3:wrong-task" and "no conversations" in said
    assert (
        found(
            tmp_path,
            PREFERENCES.replace("  chat_template: chatml", "  chat_template: chatml\n  system_column: rules"),
        )
        == []
    )

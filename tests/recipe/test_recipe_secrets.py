"""A secret is refused wherever it stands in a recipe, and never repeated: one list guards recipes, rows and logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.data.sensitive import masked, secrets_in
from hf_recipes.runner.redaction import Redactor
from hf_recipes.runner.secret_patterns import MORE, TOKENS

RECIPE = """\
task: llm-sft
base_model: bundled/smollm2-135m-instruct
project_name: my-project
backend: local
use_case: {goal: "to answer"}
data:
  path: someone/some-data
  train_split: train
  messages:
    - {role: user, content: "{question}"}
    - {role: assistant, content: "{answer}"}
hub: {username: ada}
"""
SAMPLES = {
    "a Hugging Face token": "hf_" + "a1B2" * 9,
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a GitLab token": "glpat-" + "a1B2" * 5,
    "an AWS access key id": "AKIA" + "Q7RT" * 4,
    "an API key (sk-…)": "sk-" + "proj-" + "a1B2" * 12,
    "an API key (gsk_…)": "gsk_" + "a1B2" * 13,
    "a Stripe key": "sk_live_" + "a1B2" * 6,
    "a Slack token": "xoxb-" + "1234-" * 4 + "abcd",
    "a Google API key": "AIza" + "a1B2c" * 7,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a JSON web token": "eyJ" + "hbGciOi1" * 2 + ".eyJ" + "zdWIiOi1" * 2 + "." + "c2ln" * 4,
    "a password in an address": "postgres://ada:" + "s3cret!x@db.host.net/x",
}
SK = SAMPLES["an API key (sk-…)"]


def found(tmp_path: Path, text: str, *settings: str, **environ: str) -> list[str]:
    file = tmp_path / "recipe.yml"
    file.write_text(text, encoding="utf-8")
    return [
        f"{Path(one.file).name}:{one.line}:{one.column}:{one.code}: {one.message}; {one.hint}"
        for one in recipe_problems(file, settings=settings, environ=environ)
    ]


def test_there_is_a_sample_of_every_kind() -> None:
    assert SAMPLES.keys() == {*TOKENS, *MORE}


@pytest.mark.parametrize("kind", SAMPLES)
def test_each_kind_is_refused_in_any_place_and_never_repeated(tmp_path: Path, kind: str) -> None:
    secret = SAMPLES[kind]
    written = {
        "a comment": RECIPE + f"# {secret}\n",
        "project_name": RECIPE.replace("my-project", f'"{secret}"'),
        "hub.username": RECIPE.replace("ada}", f'"{secret}"}}'),
        "use_case": RECIPE.replace("to answer", secret),
        "messages": RECIPE.replace("{question}", f"{secret} {{question}}"),
        "a key": RECIPE + f'"{secret}": 1\n',
        "a key below": RECIPE + f'params: {{"{secret}": 1}}\n',
        "x-": RECIPE + f'x-mine: "{secret}"\n',
    }
    for where, text in written.items():
        said = found(tmp_path, text)
        assert any(":literal-token:" in one for one in said), where
        assert secret not in str(said), where
    settings = (f"use_case.goal={secret}", f"{secret}=1", f"params.{secret}=1", secret)
    for setting in settings:
        said = found(tmp_path, RECIPE, setting)
        assert said and secret not in str(said), setting
        assert any(":literal-token:" in one for one in said), setting


@pytest.mark.parametrize("kind", SAMPLES)
def test_each_kind_is_found_in_rows_and_the_tokens_are_kept_out_of_logs(kind: str) -> None:
    text = f"it is {SAMPLES[kind]} they said"
    assert kind in secrets_in(text) and SAMPLES[kind] not in masked(text)
    if kind in TOKENS:
        assert Redactor((), {})(text) == "it is [secret] they said"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "anything"),
        ("MY_SECRET", "anything"),
        ("DB_PASSWORD", "anything"),
        ("AWS_SECRET_ACCESS_KEY", "anything"),
        ("HF_TOKEN", "anything"),
        ("MYKEY", SK),
        ("MYKEY", "0123456789abcdef" * 2),
        ("HARMLESS", f"see {SAMPLES['an AWS access key id']}"),
        ("DATABASE", SAMPLES["a password in an address"]),
    ],
)
def test_a_variable_with_a_secret_is_refused_but_where_secrets_belong(
    tmp_path: Path, name: str, value: str
) -> None:
    environ = {name: value}
    for text in (
        RECIPE.replace("to answer", f"${{{name}}}"),
        RECIPE.replace("{question}", f"${{{name}}} {{question}}"),
        RECIPE.replace("my-project", f"${{{name}}}"),
        RECIPE.replace("ada}", f'"${{{name}}}"}}'),
        RECIPE + f"compare: {{title: 'by ${{{name}}}'}}\n",
    ):
        (one,) = (one for one in found(tmp_path, text, **environ) if "secret-kept" in one)
        assert f"${{{name}}} holds a" in one and value not in one.replace(name, "")
    setting = f"data.messages.0.content=${{{name}}} {{line}}"
    (one,) = found(tmp_path, RECIPE, setting, **environ)
    assert one.startswith("--set data.messages.0.content:0:0:secret-kept")
    endpoint = "evaluate: {reference: {base_url: https://a.b/v1, model: m, api_key: '$NAME'}}\n"
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(
        RECIPE.replace("  messages", "  test_split: 0.1\n  messages")
        + endpoint.replace("NAME", f"{{{name}}}")
    )
    evaluate = load_recipe(recipe, environ=environ).evaluate
    assert evaluate and evaluate.reference and evaluate.reference.api_key == name


def test_what_is_no_secret_may_stand_everywhere(tmp_path: Path) -> None:
    environ = {
        "EOS_TOKEN": "</s>",
        "SORT_KEY": "name",
        "TEAM": "task-classification-with-a-long-name-of-2024",
    }
    text = RECIPE.replace("{question}", "{question}${EOS_TOKEN}").replace("to answer", "${SORT_KEY} ${TEAM}")
    assert found(tmp_path, text, **environ) == []
    assert found(tmp_path, RECIPE.replace("my-project", "sk-learn-2024-fine-tuned-on-questions")) == []

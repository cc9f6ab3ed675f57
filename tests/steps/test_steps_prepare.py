"""The prepare step: what the trainer may see, what is held out, what is counted, and what stops a run early."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_recipes.steps.answer.prompts import Asking
from hf_recipes.steps.job_of_run import job_of_run

MESSAGES = [
    {"role": "system", "content": "Add one."},
    {"role": "user", "content": "{q}"},
    {"role": "assistant", "content": "{a}"},
]
LLM = {"trainer": "sft", "text_column": "text", "chat_template": "tokenizer", "block_size": 64, "seed": 42}
EVALUATE = {"shots": 3, "baselines": ["zero-shot", "few-shot"], "limit": None, "unknown": "ignored"}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def numbers(folder: Path, rows: int, name: str = "train") -> Path:
    path = folder / "data" / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps({"q": f"{row}", "a": row + 1}) + "\n" for row in range(rows)))
    return path.parent


QUANTITY = {"name": "json_f1", "options": {"fields": ["quantity"]}}


def chat_job(data: Path, base: Path, **more) -> dict:
    found = {"path": str(data), "local": True, "train_split": "train", "messages": MESSAGES, **more}
    return {
        "task": "lm_training",
        "base_model": str(base),
        "data": found,
        "params": {
            **LLM,
            "model": "bundled/x",
            "data_path": "./data",
            "token": "*****",
            "project_name": "tiny",
        },
        "overrides": {
            "lr": {"value": 0.01, "why": "a test"},
            "OMP_NUM_THREADS": {"value": 2, "why": "an environment variable"},
        },
        "evaluate": EVALUATE,
    }


def test_a_fraction_is_held_out_and_never_trained_on(tmp_path, tiny_llama, make_run, child_step):
    data = numbers(tmp_path, 100)
    with (data / "train.jsonl").open("a") as file:  # the same question again, ten times over
        file.writelines(json.dumps({"q": str(row), "a": 0}) + "\n" for row in range(10))
    run = make_run(**chat_job(data, tiny_llama, test_split=0.3))
    done, failure = child_step("prepare", run)
    assert (done.returncode, failure, done.stderr) == (0, {}, "")
    test, train = lines(run / "work" / "test.jsonl"), lines(run / "work" / "data" / "train.jsonl")
    prepared = json.loads((run / "work" / "prepared.json").read_text())
    assert len(test) == 33 == prepared["rows"]["test"]
    assert len(train) == prepared["rows"]["train"] == 110 - 33 - prepared["rows"]["duplicates"]
    asked = {row["messages"][-1]["content"] for row in test}
    trained = {row["text"][1]["content"] for row in train}
    assert not asked & trained
    assert asked | trained == {str(row) for row in range(100)}
    assert all([turn["role"] for turn in row["messages"]] == ["system", "user"] for row in test)
    assert all(row["reference"] in (str(int(row["messages"][1]["content"]) + 1), "0") for row in test)
    shots = lines(run / "work" / "shots.jsonl")
    assert len(shots) == 3
    assert all({"text": shot["messages"]} in train for shot in shots)
    assert not list((run / "work" / "data").glob("validation*"))
    assert prepared["base_model"] == str(tiny_llama)
    assert prepared["base_parameters"] > 10_000
    assert '::progress {"step": 77, "total": 77, "unit": "rows"' in done.stdout


def test_the_trainer_gets_autotrains_parameters_with_ours_laid_over(tmp_path, tiny_llama, make_run, step):
    run = make_run(**chat_job(numbers(tmp_path, 40), tiny_llama, test_split=0.5))
    step("prepare", run)
    params = json.loads((run / "work" / "tiny" / "training_params.json").read_text())
    assert params == {
        **LLM,
        # The base was saved by transformers 5: the trainer is given a view that its 4.48 reads right.
        "model": str(run / "work" / "base"),
        "data_path": str(run / "work" / "data"),
        "train_split": "train",
        "valid_split": None,
        "project_name": "tiny",
        "token": None,
        "lr": 0.01,
    }


def test_the_same_seed_holds_out_the_same_rows(tmp_path, tiny_llama, make_run, step):
    data = numbers(tmp_path, 60)
    held = []
    for seed in (1, 1, 2):
        job = chat_job(data, tiny_llama, test_split=0.2)
        job["params"]["seed"] = seed
        run = make_run(**job)
        assert step("prepare", run)[0].returncode == 0
        held.append((run / "work" / "test.jsonl").read_text() + (run / "work" / "shots.jsonl").read_text())
        run.rename(tmp_path / f"run-{len(held)}")
    assert held[0] == held[1] != held[2]


def test_named_splits_are_read_from_their_files(tmp_path, tiny_llama, make_run, step):
    data = numbers(tmp_path, 50)
    numbers(tmp_path, 8, "dev")
    (data / "exam.jsonl").write_text('{"q": "49", "a": 50}\n{"q": "new", "a": 1}\n')
    run = make_run(**chat_job(data, tiny_llama, test_split="exam", valid_split="dev"))
    assert step("prepare", run)[0].returncode == 0
    prepared = json.loads((run / "work" / "prepared.json").read_text())
    assert prepared["rows"] == {"train": 49, "validation": 8, "test": 2, "duplicates": 1}
    assert [row["row"] for row in lines(run / "work" / "test.jsonl")] == [0, 1]
    params = json.loads((run / "work" / "tiny" / "training_params.json").read_text())
    assert params["valid_split"] == "validation"


def test_tokens_are_those_that_packing_makes_blocks_of(tmp_path, tiny_llama, make_run, step):
    run = make_run(**chat_job(numbers(tmp_path, 20), tiny_llama))
    step("prepare", run)
    tokens = json.loads((run / "work" / "prepared.json").read_text())["tokens"]
    # One token a byte and one for each <|im_…|>; an end token after each row.
    lengths = [
        sum(
            len(f"{role}\n{text}") + 3
            for role, text in (("system", "Add one."), ("user", q), ("assistant", a))
        )
        + 1
        for q, a in ((str(row), str(row + 1)) for row in range(20))
    ]
    assert tokens["train_total"] == sum(lengths)
    assert tokens["max"] == max(lengths)
    assert tokens["cut"] == sum(length > 64 for length in lengths) == 0
    assert (tokens["blocks"], tokens["left_over"]) == divmod(sum(lengths), 64)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"broken": '{"q": "x"'}, "train.jsonl:41:10: not JSON: Expecting ',' delimiter"),
        ({"broken": '{"q": "x", "a": null}'}, "train.jsonl:41:1: the assistant's turn is empty (message 3)"),
        (
            {"broken": '{"q": "x"}\n{"q": "y"}'},
            "no column 'a'; the columns are 'q'; data.skip_broken: true leaves such rows out (and 1 more such problem)",
        ),
        ({"test_split": "test"}, "no split 'test': the folder holds train"),
        (
            {"test_split": 0.3, "metrics": [{"name": "exact_match"}, {"name": "json_f1"}]},
            "of train can't be measured by json_f1: its expected answer is no JSON object",
        ),
        (
            {"test_split": 0.3, "metrics": [{"name": "exact_match"}, QUANTITY], "answer": {"qty": 1}},
            "no expected answer of train has the field 'quantity', which json_f1 counts; the fields are qty",
        ),
        (
            {"test_split": 0.3, "metrics": [{"name": "sql_execution"}]},
            "can't be measured by sql_execution: there is no CREATE TABLE in its messages",
        ),
        ({"block_size": 2000}, "less than one block of 2000: there would be nothing to train on"),
    ],
)
def test_bad_data_ends_a_run_before_it_trains(tmp_path, tiny_llama, make_run, step, change, said):
    data = numbers(tmp_path, 40 if "block_size" not in change else 10)
    if "answer" in change:
        rows = [{"q": f"{row}", "a": json.dumps(change["answer"])} for row in range(40)]
        (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if "broken" in change:
        with (data / "train.jsonl").open("a") as file:
            file.write(change["broken"] + "\n")
    job = chat_job(data, tiny_llama, test_split=change.get("test_split"))
    job["params"]["block_size"] = change.get("block_size", 64)
    job["evaluate"] = {**EVALUATE, "metrics": change.get("metrics", [{"name": "exact_match"}])}
    run = make_run(**job)
    done, failure = step("prepare", run)
    assert done.returncode == 1
    assert failure["reason"] == "data_invalid"
    assert said in failure["message"]
    assert done.stderr == failure["message"] + "\n"
    assert not (run / "work" / "tiny" / "training_params.json").exists()


def test_measuring_alone_needs_no_block_to_train_on(tmp_path, tiny_llama, make_run, step):
    job = chat_job(numbers(tmp_path, 10), tiny_llama, test_split=0.3)
    job["params"]["block_size"] = 2000
    run = make_run(
        **job,
        steps=[
            {"name": "prepare", "stage": "prepare", "requirements": "core", "argv": []},
            {"name": "answer", "stage": "answer", "requirements": "core", "argv": []},
        ],
    )
    assert step("prepare", run)[0].returncode == 0


def test_a_base_that_is_not_there_is_one_sentence(tmp_path, make_run, step):
    run = make_run(**chat_job(numbers(tmp_path, 40), "nobody-here/no-such-model"))
    done, failure = step("prepare", run)
    assert done.returncode == 1
    assert failure["reason"] == "base_model_unavailable"
    assert failure["message"].startswith("nobody-here/no-such-model: ")
    assert "Traceback" not in done.stderr


def test_hub_data_and_image_folders_are_left_where_they_are(tmp_path, tiny_llama, make_run, step):
    images = tmp_path / "images"
    (images / "train" / "cat").mkdir(parents=True)
    (images / "train" / "cat" / "1.png").write_bytes(b"x")
    params = {"image_column": "image", "target_column": "target", "valid_split": None, "data_path": "images"}
    data = {"path": str(images), "local": True, "train_split": "train"}
    run = make_run(
        task="image_multi_class_classification", base_model=str(tiny_llama), data=data, params=params
    )
    assert step("prepare", run)[1] == {}
    written = json.loads((run / "work" / "tiny" / "training_params.json").read_text())
    assert (written["data_path"], written["target_column"]) == (str(images), "label")
    assert not (run / "work" / "data").exists()


@pytest.mark.parametrize(("longest", "cut"), [(16, 0), (3, 8)])
def test_a_target_longer_than_the_trainer_takes_counts_as_cut(
    tmp_path, tiny_llama, make_run, step, longest, cut
):
    (tmp_path / "train.jsonl").write_text('{"text": "a", "target": "12345"}\n' * 10)
    data = {"path": str(tmp_path), "local": True, "train_split": "train"}
    params = {"max_seq_length": 16, "max_target_length": longest}
    run = make_run(task="seq2seq", base_model=str(tiny_llama), data=data, params=params)
    assert step("prepare", run)[1] == {}
    prepared = json.loads((run / "work" / "prepared.json").read_text())
    assert prepared["tokens"]["cut"] == cut
    assert prepared["rows"] == {"train": 8, "validation": 2, "test": 0}


@pytest.mark.training
def test_the_chat_rows_train_in_autotrain(tmp_path, tiny_llama, make_run, step, train):
    """All the way: prepare, two steps of AutoTrain's SFT trainer, verify; then the faults that verify is for."""
    data = numbers(tmp_path, 60)
    # Answers that look like dates: `datasets` reads a column of nothing else as timestamps.
    dates = [{"q": f"2024-01-{day:02}", "a": f"2024-02-{day:02}"} for day in range(1, 29)]
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in dates))
    job = chat_job(data, tiny_llama)
    job["data"]["messages"] = MESSAGES[1:]
    more = {"peft": True, "quantization": None, "target_modules": "all-linear", "lr": 0.01, "batch_size": 4}
    job["params"].update(
        more, gradient_accumulation=1, epochs=1, disable_gradient_checkpointing=True, block_size=128
    )
    run = make_run(**job)
    assert step("prepare", run)[0].returncode == 0
    assert [path.name for path in (run / "work" / "data").iterdir() if "train" in path.name] == [
        "train.parquet"
    ]
    done = train("clm", run)
    assert "loss" in done.stdout + done.stderr, done.stderr[-3000:]
    verified, failure = step("verify", run)
    assert (verified.returncode, failure) == (0, {}), verified.stderr
    made = list((run / "cache").rglob("*.arrow"))
    assert any(b"2024-02-28<|im_end|>" in path.read_bytes() for path in made)


@pytest.mark.training
def test_text_classification_with_labels_as_text_trains_in_autotrain(
    tmp_path, tiny_bert, make_run, step, train
):
    data = tmp_path / "data"
    data.mkdir()
    rows = ["review,stars"] + [f"a very {word} film,{word}: {word}" for word in ("good", "bad") * 10]
    (data / "train.csv").write_text("\n".join(rows))
    params = {
        "text_column": "review",
        "target_column": "stars",
        "max_seq_length": 16,
        "batch_size": 4,
        "epochs": 1,
    }
    run = make_run(
        task="text_multi_class_classification",
        base_model=str(tiny_bert),
        data={"path": str(data), "local": True, "train_split": "train"},
        params={**params, "data_path": "data", "model": "x", "lr": 0.01, "log": "none"},
    )
    prepared, failure = step("prepare", run)
    assert (prepared.returncode, failure) == (0, {}), prepared.stderr
    counted = json.loads((run / "work" / "prepared.json").read_text())
    assert counted["rows"] == {
        "train": 16,
        "validation": 4,
        "test": 0,
    }  # the fifth that AutoTrain holds out itself
    done = train("text_classification", run)
    assert "eval_accuracy" in done.stdout + done.stderr, done.stderr[-3000:]
    verified, failure = step("verify", run)
    assert (verified.returncode, failure) == (0, {}), verified.stderr
    config = json.loads((run / "work" / "tiny" / "config.json").read_text())
    assert config["label2id"] == {"bad: bad": 0, "good: good": 1}


def test_a_limit_draws_the_training_rows_by_seed_and_says_so(tmp_path, tiny_llama, make_run, step):
    data = numbers(tmp_path, 100)
    job = chat_job(data, tiny_llama, test_split=0.2, limit=30)
    run = make_run(**job)
    trained = []
    for seed in (1, 1, 2):
        params = {**job["params"], "seed": seed}
        (run / "job.json").write_text(json.dumps({**job, "params": params, "project_name": "tiny"}))
        step("prepare", run)
        trained.append([row["text"][1]["content"] for row in lines(run / "work" / "data" / "train.jsonl")])
        test = {row["messages"][-1]["content"] for row in lines(run / "work" / "test.jsonl")}
        assert len(test) == 20 and not test & set(trained[-1])
    assert len(trained[0]) == 30 and trained[0] == trained[1] != trained[2]
    notes = json.loads((run / "work" / "prepared.json").read_text())["notes"]
    assert "30 rows of train drawn by seed; 50 left out (data.limit)" in notes


def test_examples_are_drawn_from_all_training_rows_whatever_the_limit_leaves(
    tmp_path, tiny_llama, make_run, step
):
    data = numbers(tmp_path, 100)
    with (data / "train.jsonl").open("a") as file:  # a test row's question, to be shown to nobody
        file.write(json.dumps({"q": "7", "a": 0}) + "\n")
    (data / "test.jsonl").write_text(json.dumps({"q": "7", "a": 8}) + "\n")
    made = {}
    run = make_run()
    for limit in (None, 5):
        job = chat_job(data, tiny_llama, test_split="test", limit=limit)
        job["evaluate"] = {"shots": 3, "passages": 1, "baselines": ["few-shot", "retrieval"]}
        (run / "job.json").write_text(json.dumps({**job, "project_name": "tiny"}))
        done, failure = step("prepare", run)
        assert (done.returncode, failure) == (0, {}), done.stderr
        asking = Asking(run, job_of_run(run), len, None)
        rows = [
            {"messages": [MESSAGES[0], {"role": "user", "content": str(number)}]} for number in range(100)
        ]
        few = asking.prompts("few-shot", rows[:1])[0].messages
        found = [one.messages[1]["content"] for one in asking.prompts("retrieval", rows) if one.sources]
        made[limit] = few, found, asking.drawn_from("retrieval"), asking.drawn_from("zero-shot")
    assert made[5][:2] == made[None][:2]  # the same examples, though five rows are trained on
    assert made[5][1] == [str(number) for number in range(100) if number != 7]
    assert made[None][2:] == ({"kind": "training rows", "count": 99}, None)
    trained = {row["text"][-2]["content"] for row in lines(run / "work" / "data" / "train.jsonl")}
    assert made[5][2:] == ({"kind": "training rows", "count": 99, "trained_on": len(trained)}, None)
    assert 0 < len(trained) <= 5 and "7" not in trained


def test_messages_hold_the_name_of_a_class_and_not_its_number(tmp_path, tiny_llama, make_run, step):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"q": Value("string"), "a": ClassLabel(names=["odd", "even"])})
    rows = {"q": [str(number) for number in range(20)], "a": [1 - number % 2 for number in range(20)]}
    (tmp_path / "set" / "data").mkdir(parents=True)
    (tmp_path / "set" / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/rows.parquet\n---\n"
    )
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "set" / "data" / "rows.parquet")
    run = make_run(**chat_job(tmp_path / "set", tiny_llama, test_split=0.5))
    step("prepare", run)
    assert {row["reference"] for row in lines(run / "work" / "test.jsonl")} == {"odd", "even"}
    trained = lines(run / "work" / "data" / "train.jsonl")
    assert all(
        row["text"][2]["content"] == ("odd" if int(row["text"][1]["content"]) % 2 else "even")
        for row in trained
    )

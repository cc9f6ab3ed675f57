"""The loss that AutoTrain's trainer logs is a token's, however many batches an update accumulates."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from hf_recipes.engines.autotrain.shims import start

TRAINER = """\
import json, sys
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, default_data_collator
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2))
rows = [{"input_ids": torch.tensor(ids), "labels": torch.tensor(ids)} for ids in torch.randint(0, 50, (5, 12)).tolist()]
with torch.no_grad():
    each = [float(model(input_ids=row["input_ids"][None], labels=row["labels"][None]).loss) for row in rows]
arguments = TrainingArguments(
    output_dir=sys.argv[2] + ".out", use_cpu=True, report_to="none", learning_rate=0.0, per_device_train_batch_size=1,
    gradient_accumulation_steps=4, num_train_epochs=3, logging_steps=1, save_strategy="no", disable_tqdm=True)
trainer = Trainer(model, arguments, train_dataset=rows, data_collator=default_data_collator)
trainer.train()
logged = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
arguments.logging_steps, arguments.num_train_epochs = 50, 7
seldom = Trainer(model, arguments, train_dataset=rows, data_collator=default_data_collator)
seldom.train()
ends = [entry["step"] for entry in seldom.state.log_history if "loss" in entry]
print(json.dumps({"each": each, "logged": logged, "ends": ends}))
"""


def test_an_update_of_four_batches_logs_their_mean_and_both_ends_are_logged(
    autotrain_python: Path, tmp_path: Path
) -> None:
    (tmp_path / "trainer.py").write_text(TRAINER)
    command = [str(autotrain_python), str(start.__file__), "mean_loss", str(tmp_path / "trainer.py")]
    done = subprocess.run(
        [*command, "--training_config", str(tmp_path / "params.json")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    low, high = min(found["each"]), max(found["each"])
    assert found["logged"]
    # The last update of an epoch of five batches is of one batch alone: it counts as one, not as a quarter.
    assert found["ends"] == [1, 7], "fewer updates than logging_steps"
    assert all(low - 1e-3 <= loss <= high + 1e-3 for loss in found["logged"]), found

"""Trains one run with TRL, from work/trl.json and work/data; leaves weights in work/<project_name>.

    python -m hf_recipes.engines.trl.training.fit RUN

Each process of a launcher runs it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hf_recipes.data.answer_frame import answer_frame
from hf_recipes.engines.step import run_step
from hf_recipes.engines.trl.tokens import rows_for
from hf_recipes.engines.trl.trainer_files import SETTINGS, load_tokenizer
from hf_recipes.engines.trl.training.arguments import adapter_of, arguments_of
from hf_recipes.engines.trl.training.base import load_base
from hf_recipes.engines.trl.training.examples import read_examples
from hf_recipes.engines.trl.training.packing import rows_stay_apart
from hf_recipes.engines.trl.training.progress import tell_progress
from hf_recipes.engines.trl.training.save import save, settings_of
from hf_recipes.record.job import load_job
from hf_recipes.record.prepared import read_prepared
from hf_recipes.runner.causes import StepFailed
from hf_recipes.runner.files import read_json


def fit(run: Path) -> None:
    """Raises StepFailed."""
    from transformers import PrinterCallback
    from trl import SFTTrainer

    work = run / "work"
    settings, job = read_json(work / SETTINGS), load_job(run)
    params: dict[str, Any] = settings["params"]
    tokenizer = load_tokenizer(settings["base"], params, trust_remote_code=job.trust_remote_code)
    rows = rows_for(tokenizer, params, conversations=settings["conversations"])
    frame = answer_frame(read_prepared(run).get("prompt"))
    train = read_examples(settings["data"], "train", rows, frame)
    if not len(train):
        raise StepFailed("data_invalid", "no row is left with a token to learn: see data.allow_truncation")
    validation = (
        read_examples(settings["data"], "validation", rows, frame) if settings["validation"] else None
    )
    model = load_base(settings["base"], params, trust_remote_code=job.trust_remote_code)
    before = settings_of(model)
    packing = params["packing"] is not False
    if packing and not rows_stay_apart(model):
        sys.stdout.write("packing is off: in a block of this model, rows would see each other\n")
        packing = False
    try:
        trainer = SFTTrainer(
            model=model,
            args=arguments_of(
                params, work / "checkpoints", rows.limit, packing=packing, validated=bool(validation)
            ),
            train_dataset=train,
            eval_dataset=validation,
            processing_class=tokenizer,
            peft_config=adapter_of(params),
        )
    except ValueError as error:
        if "lora_dropout" not in str(error):
            raise
        message = (
            "the experts of this base take no dropout: set params.lora_dropout to 0, or name target_modules"
        )
        raise StepFailed("trainer_failed", message) from None
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(tell_progress())
    trainer.train()
    save(
        trainer,
        before,
        settings["base"],
        work / settings["into"],
        params,
        trust_remote_code=job.trust_remote_code,
    )


if __name__ == "__main__":
    sys.exit(run_step(fit))

"""Logs the loss of a token, not several times as much, and the first and the last one.

transformers 4.48.0 logs, for models such as Llama and Qwen, the sum of the losses of the batches that one update
accumulates: 43 where the model's loss is 10.8 and `gradient_accumulation` is 4. The gradient is left as it is. And it logs
each `logging_steps` updates alone: of a training that makes fewer, no loss would be known at all.
"""

from __future__ import annotations

from typing import Any


def log_the_mean(trainer: Any) -> None:
    """Divide what `trainer`, transformers' class, logs for a batch by the batches of its update, where that was forgotten."""
    step, take = trainer.training_step, trainer.get_batch_samples

    def get_batch_samples(self: Any, *arguments: Any) -> Any:
        batches, items = take(self, *arguments)
        self._batches_of_update = len(batches)
        return batches, items

    def training_step(self: Any, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        loss = step(self, model, inputs, num_items_in_batch)
        forgotten = self.model_accepts_loss_kwargs and num_items_in_batch is not None
        return loss / max(1, self._batches_of_update) if forgotten else loss

    trainer.get_batch_samples = get_batch_samples
    trainer.training_step = training_step


def log_both_ends(flow: Any) -> None:
    """Have `flow`, the callback that says when to log, log the first and the last update, too."""
    decide = flow.on_step_end

    def on_step_end(self: Any, arguments: Any, state: Any, control: Any, **more: Any) -> Any:
        control = decide(self, arguments, state, control, **more)
        if state.global_step in (1, state.max_steps):
            control.should_log = True
        return control

    flow.on_step_end = on_step_end


def prepare() -> None:
    import transformers

    log_the_mean(transformers.Trainer)
    log_both_ends(transformers.trainer_callback.DefaultFlowCallback)

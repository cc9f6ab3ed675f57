"""Whether rows that share a block stay apart in a model: asked of the model itself, since it depends on its kind of layers."""

from __future__ import annotations

from typing import Any

ROW = 12
"""Tokens of each of the two rows that are tried."""
LEAK = 0.01
"""A row's outputs change by more than this share of the change in the row before it, which is rounding otherwise."""


def rows_stay_apart(model: Any) -> bool:
    """Two rows in a block: other tokens in the first must not change what the model says in the second.

    Attention is told of the border by position ids; layers that carry a state from token to token may not be.
    """
    import torch

    height = int(model.get_input_embeddings().weight.shape[0])
    first = torch.arange(ROW) % height
    second = (torch.arange(ROW) + ROW) % height
    other = (torch.arange(ROW) + 2 * ROW) % height
    try:
        said, changed = _outputs(model, first, second), _outputs(model, other, second)
    except (
        ValueError
    ):  # a layer that carries a state refuses blocks where it lacks the kernel that keeps rows apart
        return False
    moved = (said - changed).abs()
    return bool(moved[ROW:].max() <= LEAK * moved[:ROW].max())


def _outputs(model: Any, first: Any, second: Any) -> Any:
    """Logits [2 × ROW, vocabulary] of both rows in one block, as TRL's trainer hands blocks over."""
    import torch
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    ids = torch.cat([first, second]).tolist()
    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    batch = collate([{"input_ids": ids, "labels": ids, "seq_lengths": [ROW, ROW]}])
    given = {
        name: value.to(model.device)
        for name, value in batch.items()
        if name != "labels" and torch.is_tensor(value)
    }
    rest = {name: value for name, value in batch.items() if name != "labels" and not torch.is_tensor(value)}
    was = model.training
    model.eval()
    with torch.no_grad():
        logits = model(**given, **rest, use_cache=False).logits[0].float()
    model.train(was)
    return logits

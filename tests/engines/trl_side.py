"""Runs in the trl environment: what TRL itself does, as JSON. `trl_side.py bins` or `trl_side.py apart`."""

from __future__ import annotations

import json
import random
import sys

import torch


def bins() -> dict[str, object]:
    """How many blocks TRL packs rows of these lengths into."""
    from datasets import Dataset
    from trl.data_utils import pack_dataset

    draw = random.Random(7)
    lengths = [draw.randint(1, 60) for _ in range(2500)]
    rows = Dataset.from_dict(
        {"input_ids": [[1] * length for length in lengths], "labels": [[1] * length for length in lengths]}
    )
    return {"lengths": lengths, "blocks": len(pack_dataset(rows, 64, "bfd", {}))}


def apart() -> dict[str, object]:
    """Of models of these kinds, whether rows that share a block stay apart."""

    from transformers import AutoModelForCausalLM, GraniteMoeHybridConfig, LlamaConfig, MambaConfig

    from hf_recipes.engines.trl.training.packing import rows_stay_apart

    torch.manual_seed(0)
    small = {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2}
    heads = {"intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 2}
    configs = {
        "llama": LlamaConfig(**small, **heads),
        "mamba": MambaConfig(**small, state_size=4),
        "granite 4": GraniteMoeHybridConfig(
            **small,
            **heads,
            shared_intermediate_size=32,
            num_local_experts=2,
            num_experts_per_tok=1,
            mamba_n_heads=4,
            mamba_d_head=16,
            mamba_d_state=8,
            layer_types=["mamba", "attention"],
        ),
    }
    return {
        name: rows_stay_apart(AutoModelForCausalLM.from_config(config)) for name, config in configs.items()
    }


sys.stdout.write(json.dumps({"bins": bins, "apart": apart}[sys.argv[1]]()) + "\n")

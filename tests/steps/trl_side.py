"""Runs in AutoTrain's environment: what TRL's own trainers keep of preference rows, as JSON on stdout.

Reads {"base", "rows": [{"prompt", "chosen", "rejected"}], "limits": {"max_length", "max_prompt_length", "max_completion_length"}}.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from transformers import AutoTokenizer
from trl import DPOTrainer, ORPOTrainer

asked = json.load(sys.stdin)
tokenizer, limits = AutoTokenizer.from_pretrained(asked["base"]), asked["limits"]
orpo = SimpleNamespace(
    processing_class=tokenizer,
    is_encoder_decoder=False,
    truncation_mode="keep_end",
    label_pad_token_id=-100,
    max_length=limits["max_length"],
    max_prompt_length=limits["max_prompt_length"],
)
orpo.build_tokenized_answer = ORPOTrainer.build_tokenized_answer.__get__(orpo)
kept = {"dpo": [], "orpo": []}
for row in asked["rows"]:
    # As DPOTrainer.__init__ calls it; concatenated_forward cuts the sum at max_length.
    made = DPOTrainer.tokenize_row(
        row, tokenizer, limits["max_prompt_length"], limits["max_completion_length"], False
    )
    lengths = [len(made[f"{name}_input_ids"]) for name in ("prompt", "chosen", "rejected")]
    kept["dpo"].append([lengths[0], *(min(lengths[0] + one, limits["max_length"]) for one in lengths[1:])])
    made = ORPOTrainer.tokenize_row(orpo, row)
    kept["orpo"].append([len(made[f"{name}_input_ids"]) for name in ("prompt", "chosen", "rejected")])
json.dump(kept, sys.stdout)

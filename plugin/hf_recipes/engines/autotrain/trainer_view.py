"""A model saved by transformers 5, as AutoTrain's transformers 4.48 must see it.

4.48 reads such a folder without a word and gets it wrong: an unknown `rope_parameters` leaves the rotary base at
its default, chat_template.jinja is not read, and version 5's tokenizer classes do not exist.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_recipes.inference.base_model import BaseUnavailable

CONFIG, TOKENIZER, TEMPLATE = "config.json", "tokenizer_config.json", "chat_template.jinja"
NEW_CLASSES = ("TokenizersBackend", "TokenizersBackendFast")


def trainer_view_problem(folder: Path) -> str | None:
    """What 4.48 would misread in a model's folder, in words; None when it reads it right."""
    config, tokenizer = _read(folder / CONFIG), _read(folder / TOKENIZER)
    found = []
    if "rope_parameters" in config and "rope_theta" not in config:
        found.append(f"{CONFIG} has rope_parameters and no rope_theta")
    if tokenizer.get("tokenizer_class") in NEW_CLASSES:
        found.append(f"{TOKENIZER} names the class {tokenizer['tokenizer_class']}")
    if "chat_template" not in tokenizer and (folder / TEMPLATE).is_file():
        found.append(f"the chat template is in {TEMPLATE}")
    return f"saved by transformers 5: {'; '.join(found)}" if found else None


def trainer_view(folder: Path, into: Path) -> Path:
    """The folder itself when 4.48 reads it right; else `into`, made of links to its files and of configs rewritten.

    Raises BaseUnavailable for a model whose settings 4.48 has no words for.
    """
    if trainer_view_problem(folder) is None:
        return folder
    config, tokenizer = _config(_read(folder / CONFIG)), _tokenizer(folder)
    into.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        link = into / path.name
        link.unlink(missing_ok=True)
        if path.name not in (CONFIG, TOKENIZER, TEMPLATE):
            link.symlink_to(path.absolute())
    (into / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if tokenizer:
        (into / TOKENIZER).write_text(
            json.dumps(tokenizer, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return into


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    old = {key: value for key, value in config.items() if key not in ("rope_parameters", "dtype")}
    rope = config.get("rope_parameters")
    if isinstance(rope, dict):
        if any(isinstance(value, dict) for value in rope.values()):
            raise BaseUnavailable(
                "saved by transformers 5 with rotary settings per kind of layer, which AutoTrain's transformers 4.48"
                " cannot express; use the model as it was published"
            )
        old.setdefault("rope_theta", rope.get("rope_theta", 10000.0))
        if "partial_rotary_factor" in rope:
            old.setdefault("partial_rotary_factor", rope["partial_rotary_factor"])
        scaling = {
            key: value for key, value in rope.items() if key not in ("rope_theta", "partial_rotary_factor")
        }
        old["rope_scaling"] = scaling if scaling.get("rope_type", "default") != "default" else None
    if "dtype" in config:
        old.setdefault("torch_dtype", config["dtype"])
    return old


def _tokenizer(folder: Path) -> dict[str, Any]:
    tokenizer = _read(folder / TOKENIZER)
    if tokenizer.get("tokenizer_class") in NEW_CLASSES:
        tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
        # What the class of 4.x would add and most models do not take: token_type_ids.
        tokenizer.setdefault("model_input_names", ["input_ids", "attention_mask"])
    # In 4.48 these are named tokens, a mapping; 5 saves a plain list there.
    if isinstance(tokenizer.get("extra_special_tokens"), list):
        tokenizer["additional_special_tokens"] = tokenizer.pop("extra_special_tokens")
    for key in ("backend", "is_local"):
        tokenizer.pop(key, None)
    if "chat_template" not in tokenizer and (folder / TEMPLATE).is_file():
        tokenizer["chat_template"] = (folder / TEMPLATE).read_text(encoding="utf-8")
    return tokenizer


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BaseUnavailable(f"{path.name} cannot be read: {error}") from None
    return content if isinstance(content, dict) else {}

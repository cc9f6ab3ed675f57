"""Trains a base that transformers 5 may have saved.

AutoTrain's transformers 4.48 knows no `rope_parameters`: it would take 10000 for the rotary base whatever the model was trained with, without a word, and an adapter
would be fitted to another model than the one that answers. Version 5's tokenizer classes and its list of
`extra_special_tokens` end it with an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOKENIZER_CLASS = "TokenizersBackend"


def older(config: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a config.json as version 4 writes it; one that version 4 has written stays as it is.

    Raises ValueError for a rotary embedding that differs between the layers, which version 4 has no keys for.
    """
    found = {key: older(value) if isinstance(value, Mapping) and "model_type" in value else value for key, value in config.items()}  # fmt: skip
    if "dtype" in found:
        found.setdefault("torch_dtype", found.pop("dtype"))
    rope = found.pop("rope_parameters", None)
    if isinstance(rope, Mapping) and rope:
        if any(isinstance(value, Mapping) for value in rope.values()):
            raise ValueError(
                "the base was saved by transformers 5 with rope_parameters for each kind of layer, which AutoTrain's transformers "
                "4.48 cannot read"
            )
        scaling = dict(rope)
        for key in ("rope_theta", "partial_rotary_factor"):
            if key in scaling:
                found[key] = scaling.pop(key)
        found["rope_scaling"] = None if scaling.get("rope_type", "default") == "default" else scaling
    return found


def prepare() -> None:
    """Let transformers 4.48 load what version 5 has saved."""
    import transformers
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    read = transformers.PretrainedConfig.get_config_dict.__func__
    make = PreTrainedTokenizerBase.__init__

    def get_config_dict(cls: type, *arguments: Any, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        config, rest = read(cls, *arguments, **more)
        return older(config), rest

    def init(self: Any, **more: Any) -> None:
        special = more.get("extra_special_tokens")
        if isinstance(special, list):
            del more["extra_special_tokens"]
            more.setdefault("additional_special_tokens", special)
        make(self, **more)

    transformers.PretrainedConfig.get_config_dict = classmethod(get_config_dict)
    PreTrainedTokenizerBase.__init__ = init
    setattr(transformers, TOKENIZER_CLASS, transformers.PreTrainedTokenizerFast)

"""A llama-type GGUF as safetensors, in files that transformers 4.48 (the trainer's) and 5 read alike."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

WORDS = tuple(f"tokenizer.ggml.{name}" for name in ("tokens", "merges", "scores", "token_type"))


def convert_gguf(gguf: Path, into: Path) -> None:
    """Write config.json, generation_config.json, tokenizer.json, tokenizer_config.json and model.safetensors (float32).

    transformers reads the GGUF; we write the files, since what transformers 5 saves is misread by 4.48: it knows
    neither `rope_parameters` (the rotary base would silently be 10000) nor version 5's tokenizer class nor
    chat_template.jinja. And the tokenizer's own save_pretrained copies the whole GGUF as `tokenizer.model`.
    """
    from gguf import GGUFReader

    reader = GGUFReader(gguf)
    # transformers draws bars on stderr and says nothing else there that a person could use.
    with contextlib.redirect_stderr(io.StringIO()):
        with _read_already(reader):
            tokenizer = _tokenizer(gguf, reader, into)
        with _read_already(_without_words(reader)):
            config = _weights(gguf, into)
    padding = _padding(tokenizer)
    _write(into / "config.json", _model_config(config, padding))
    _write(into / "generation_config.json", _generation_config(config, padding))
    _write(into / "tokenizer_config.json", _tokenizer_config(tokenizer, config, padding))


@contextlib.contextmanager
def _read_already(reader: Any) -> Iterator[None]:
    """transformers reads the whole file for each of tokenizer, config and weights, some seconds each: it is given this one.
    And it makes the table of tensor names anew for each of the model's 400 modules: that is made once."""
    import gguf

    read, names = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = (lambda *_: reader), functools.cache(names)
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = read, names


def _without_words(reader: Any) -> Any:
    """Neither config nor weights need the vocabulary, which takes transformers seconds to decode."""
    other = copy.copy(reader)
    other.fields = {name: field for name, field in reader.fields.items() if name not in WORDS}
    return other


def _tokenizer(gguf: Path, reader: Any, into: Path) -> Any:
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if str(reader.fields["tokenizer.ggml.pre"].contents()) == "smollm":
        # transformers leaves out this kind's first rule: every digit stands alone.
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        )
    tokenizer.backend_tokenizer.save(str(into / "tokenizer.json"))
    return tokenizer


def _weights(gguf: Path, into: Path) -> Any:
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # Tied to the embeddings: written once.
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    weights = {name: value.contiguous() for name, value in model.state_dict().items() if name not in tied}
    save_file(weights, into / "model.safetensors", metadata={"format": "pt"})
    return model.config


def _padding(tokenizer: Any) -> tuple[int, str]:
    """The id and text of the padding token.

    Trainers mask the padding token in the labels. The GGUF pads with the token that ends a turn, so a model
    trained from it would never be taught to end one: the end-of-text token, which no chat holds, pads instead.
    """
    token = tokenizer.unk_token if tokenizer.pad_token == tokenizer.eos_token else tokenizer.pad_token
    return tokenizer.convert_tokens_to_ids(token), token


def _model_config(config: Any, padding: tuple[int, str]) -> Mapping[str, object]:
    kept = (
        "attention_bias", "attention_dropout", "bos_token_id", "eos_token_id", "head_dim", "hidden_act", "hidden_size",
        "initializer_range", "intermediate_size", "max_position_embeddings", "mlp_bias", "num_attention_heads",
        "num_hidden_layers", "num_key_value_heads", "pretraining_tp", "tie_word_embeddings", "use_cache", "vocab_size",
    )  # fmt: skip
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **{name: getattr(config, name) for name in kept},
        "pad_token_id": padding[0],
        # The GGUF holds a float32 of it.
        "rms_norm_eps": float(f"{config.rms_norm_eps:.6g}"),
        "rope_scaling": None,
        "rope_theta": config.rope_parameters["rope_theta"],
        "torch_dtype": "float32",
        "transformers_version": "4.48.0",
    }


def _generation_config(config: Any, padding: tuple[int, str]) -> Mapping[str, object]:
    return {
        "bos_token_id": config.bos_token_id,
        "eos_token_id": config.eos_token_id,
        "pad_token_id": padding[0],
        "transformers_version": "4.48.0",
    }


def _tokenizer_config(tokenizer: Any, config: Any, padding: tuple[int, str]) -> Mapping[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": tokenizer.bos_token,
        "eos_token": tokenizer.eos_token,
        "pad_token": padding[1],
        "unk_token": tokenizer.unk_token,
        "additional_special_tokens": [tokenizer.bos_token, tokenizer.eos_token],
        "chat_template": tokenizer.chat_template,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": config.max_position_embeddings,
    }


def _write(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

"""What the chat template is told when models are asked, it is told in training too."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from hf_recipes import environments
from hf_recipes.engines.autotrain.shims import start

TINY_BASE = Path(__file__).with_name("tiny_base.py")
RENDER = """\
import sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
tokenizer.chat_template = "{{ 'default' if enable_thinking is not defined else enable_thinking }}"
print("RENDERED", tokenizer.apply_chat_template([{'role': 'user', 'content': 'x'}], tokenize=False), tokenizer.apply_chat_template([{'role': 'user', 'content': 'x'}], tokenize=False, enable_thinking=True))
"""


@pytest.mark.parametrize(
    ("prepared", "rendered"),
    [
        ({"prompt": {"options": {"enable_thinking": False}}}, "False True"),
        (None, "default True"),
    ],
)
def test_the_trainer_renders_with_the_options_of_the_prepare_step(tmp_path, prepared, rendered):
    (tmp_path / "render.py").write_text(RENDER)
    if prepared is not None:
        (tmp_path / "prepared.json").write_text(json.dumps(prepared))
    python = environments.ensure("autotrain", say=print)
    base = tmp_path / "base"
    subprocess.run([str(python), str(TINY_BASE), str(base)], check=True, capture_output=True)
    done = subprocess.run(
        [str(python), start.__file__, "chat_options", "render.py", str(base)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert f"RENDERED {rendered}" in done.stdout, done.stderr

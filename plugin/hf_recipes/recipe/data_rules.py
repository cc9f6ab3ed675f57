"""What holds for the keys of `data` that say which rows are read, and how."""

from __future__ import annotations

import codecs
from pathlib import Path

from hf_recipes.recipe.check import Reading

OF_ROWS = ("data.test_split", "data.limit", "data.skip_broken")
"""Keys that choose among rows: the trainer reads a data set of images where it is, all of it."""
ENCODINGS = "utf-8, utf-16, windows-1252, latin-1, shift_jis, gb18030 …"


def check_data_keys(reading: Reading) -> None:
    _images(reading)
    _encoding(reading)
    _link(reading)
    _system_column(reading)


def _system_column(reading: Reading) -> None:
    key = "data.system_column"
    name = reading.values.get(key)
    if name is None:
        return
    if "data.messages" in reading.places:
        hint = f'write it there: {{role: system, content: "{{{name}}}"}}'
        reading.report(key, "two-sources", "stands beside data.messages", hint)
    elif reading.task and (
        reading.task != "lm_training" or reading.values.get("data.chat_template") in (None, "none")
    ):
        hint = "leave it out, or write data.chat_template: tokenizer where the data holds conversations"
        reading.report(key, "wrong-task", "there are no conversations that it could stand before", hint)


def _images(reading: Reading) -> None:
    task = reading.task or ""
    if not (task.startswith("image_") or task == "vlm"):
        return
    for key in OF_ROWS:
        if reading.values.get(key) not in (None, False):
            what = f"{task} is trained on every image of its splits, so this would not be held to"
            reading.report(key, "wrong-task", what, "leave it out; keep images that are not to be trained on in a folder of their own")  # fmt: skip


def _encoding(reading: Reading) -> None:
    name = reading.values.get("data.encoding")
    if isinstance(name, str) and not _decodes_text(name):
        reading.report(
            "data.encoding", "unknown-value", "no encoding of text that is known", f"one of {ENCODINGS}"
        )


def _decodes_text(name: str) -> bool:
    """Python also has codecs that are no encodings: base64, rot13."""
    try:
        return codecs.lookup(name).name != "undefined" and isinstance("a".encode(name), bytes)
    except (LookupError, UnicodeError, ValueError):
        return False


def _link(reading: Reading) -> None:
    if is_broken_link(reading):
        what = "is a symbolic link that leads to no file or folder"
        reading.report("data.path", "not-found", what, "put the data itself there, or mend the link")


def is_broken_link(reading: Reading) -> bool:
    """Whether data.path is a link that leads nowhere, and no data set of the Hub that is missing here."""
    name = reading.values.get("data.path")
    try:
        path = reading.folder / Path(str(name)).expanduser()
        return path.is_symlink() and not path.exists()
    except (OSError, ValueError, RuntimeError):
        return False

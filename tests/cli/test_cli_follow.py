"""What `run` says while it follows a run: what was seen in the rows comes before training, and not only in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_recipes.cli.run import follow_run

ROW = {"file": "test.jsonl", "line": 4, "column": 1, "code": "odd", "message": "odd", "hint": "mend it"}


def test_what_the_rows_lack_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "work").mkdir()
    state = {"schema": 1, "id": "run", "state": "failed", "stage": "train", "reason": "step_failed"}
    (tmp_path / "state.json").write_text(json.dumps(state))
    (tmp_path / "work" / "prepared.json").write_text(json.dumps({"warnings": [ROW], "totals": {"odd": 3}}))
    assert follow_run(tmp_path) == 1
    assert capsys.readouterr().err.count("warning: test.jsonl:4:1: odd; mend it (and 2 more such rows)") == 1
    assert follow_run(tmp_path, tell_rows=False) == 1
    assert "odd" not in capsys.readouterr().err

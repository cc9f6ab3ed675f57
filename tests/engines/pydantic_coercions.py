"""Runs in the autotrain environment: what pydantic's lax mode makes of values, as JSON.

<python> tests/recipe/pydantic_coercions.py < {"types": ["int", …], "values": […]} > {"int": [["ok", "1"], …]}
"""

from __future__ import annotations

import json
import sys
import typing

from pydantic import ValidationError, create_model

TYPES = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "null": None,
    "list[int]": typing.List[int],  # noqa: UP006
    "list[str]": typing.List[str],  # noqa: UP006
}


def main() -> None:
    asked = json.load(sys.stdin)
    answers = {}
    for name in asked["types"]:
        union = typing.Union[tuple(TYPES[part] for part in name.split("|"))]  # noqa: UP007
        model = create_model("Model", value=(union, ...))
        answers[name] = [answer(model, value) for value in asked["values"]]
    json.dump(answers, sys.stdout)


def answer(model: type, value: object) -> list[str]:
    try:
        return ["ok", repr(model(value=value).value)]
    except ValidationError:
        return ["refused", ""]


if __name__ == "__main__":
    main()

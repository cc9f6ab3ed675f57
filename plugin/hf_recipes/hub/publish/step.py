"""The last step of a run: `python -m hf_recipes.hub.publish.step RUN`.

A model that does not meet its recipe's gate stays in the run's folder on this machine: nothing is lost, and whoever wants it on
the Hub says `push --force`. Elsewhere it goes up all the same, since the machine forgets it otherwise; its card says so on top.
Either way the run has succeeded: the gate is what its exit code tells.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from hf_recipes.catalog.hardware import runs_here
from hf_recipes.hub.errors import HubFailed
from hf_recipes.hub.publish.facts import read_facts
from hf_recipes.hub.publish.push import push
from hf_recipes.record.job import Push, load_job
from hf_recipes.record.state import Reason


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m hf_recipes.hub.publish.step RUN\n")
        return 2
    run = Path(arguments[0])
    try:
        job = load_job(run)
        unmet = read_facts(run).gate_unmet
        if unmet and runs_here(job.backend):
            _say(
                f"not pushed: {'; '.join(unmet)}; to push it all the same: hf-recipes push {run.name} --force"
            )
            return 0
        for sentence in unmet:
            _say(f"gate not met: {sentence}; pushed all the same, since this machine keeps nothing")
        wanted = job.push or Push()
        pushed = push(run, repo=wanted.repo, private=wanted.private, force=False, say=_say)
    except HubFailed as failure:
        # The weights are safe in the run's folder: what is missing is named, and can be made up for.
        message = f"{failure}; when that is settled: hf-recipes push {run.name}"
        _say(message)
        place = os.environ.get("HF_RECIPES_FAILURE")
        if place:
            said = {"reason": Reason.PUSH_FAILED.value, "message": message}
            Path(place).write_text(json.dumps(said), encoding="utf-8")
        return 1
    _say(f"pushed to {pushed.url}" if pushed.new else f"{pushed.url} has it already")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

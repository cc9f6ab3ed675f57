"""A job whose data lies on this disk, rewritten for a machine that does not have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hf_recipes.record.job import Job, Step


def for_remote(job: Job, repo: str, revision: str, splits: Mapping[str, str | None]) -> Job:
    """The job with a first step that brings the data from its data repo, as of one commit, into work/source.

    There the prepare step finds it and does the same as it would have done here. `splits` says what train, validation and
    test are called in the repo.
    """
    data = replace(
        job.data,
        path=repo,
        local=False,
        train_split=splits["train"] or job.data.train_split,
        valid_split=splits.get("validation"),
        test_split=splits.get("test") if isinstance(job.data.test_split, str) else job.data.test_split,
    )
    fetch = Step(
        "fetch",
        "prepare",
        "core",
        ("{python}", "-m", "hf_recipes.backends.huggingface.fetch", "{run}", repo, revision),
    )
    return replace(job, data=data, params={**job.params, "data_path": repo}, steps=(fetch, *job.steps))

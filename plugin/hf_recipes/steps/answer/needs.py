"""What measuring will need, looked at before hours are spent on training: documents, an embedding model, vLLM."""

from __future__ import annotations

from pathlib import Path

from hf_recipes.engines.step import Progress
from hf_recipes.record.job import Job
from hf_recipes.steps.answer.documents import write_passages
from hf_recipes.steps.answer.prompts import PASSAGES
from hf_recipes.steps.answer.retrieval import load_embedding_model
from hf_recipes.steps.answer.vllm import vllm_python


def check_needs(job: Job, work: Path, progress: Progress) -> None:
    """Write work/passages.jsonl where there are documents. Raises StepFailed or DataError for what is not there."""
    evaluate = job.evaluate
    if evaluate is None:
        return
    retrieves = "retrieval" in evaluate.baselines
    if retrieves and evaluate.documents:
        progress(0, 1, unit="", what="reading evaluate.documents")
        write_passages(Path(evaluate.documents), work / PASSAGES)
    similar = "few-shot" in evaluate.baselines and evaluate.shots_by == "similarity"
    if evaluate.retrieve_by == "embeddings" and (retrieves or similar):
        progress(0, 1, unit="", what="loading the embedding model")
        load_embedding_model(str(evaluate.embedding_model), trust_remote_code=job.trust_remote_code)
    if evaluate.runtime == "vllm" and evaluate.server is None:
        vllm_python()

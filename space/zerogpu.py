"""ZeroGPU starts a Space only where it finds a function for its GPU. Here it finds one; the page answers on the CPU.

The pair stays in memory between answers, and a base that the free CPU carries needs no GPU for the seconds of an answer,
nor anybody's daily quota. Import this before torch and gradio: `spaces` replaces parts of both.
"""

from __future__ import annotations

from hf_recipes.inference.device import zerogpu

if zerogpu():
    import spaces  # the image of a Gradio Space has it

    @spaces.GPU
    def found() -> None:
        """Never called."""

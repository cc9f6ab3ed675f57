"""Whether a trainer can read rows from where they are."""

from __future__ import annotations

from hf_recipes.recipe.model import Data


def must_be_converted(data: Data) -> bool:
    """Rows of which some are taken out or joined, that turns are made of, or that lie in files, are read by us first."""
    if data.limit or data.skip_broken or data.system_column or data.system == "fold":
        return True
    return bool(data.local or data.messages or data.test_split is not None)

"""What the licences of base models say about models made from them. Short quotes of fact, no legal advice.

A licence that is not in the table is named and not judged.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class License:
    name: str
    says: str
    """About derivatives: half a sentence."""
    source: str
    derivatives: bool = True
    """False: making one is not allowed at all."""


_CC = "https://creativecommons.org/licenses"
_LLAMA = "derivatives are allowed; anyone who passes them on must name Llama and keep the agreement and its use policy with them (section 1.b)"

# The Hub's ids: huggingface.co/docs/hub/repositories-licenses.
LICENSES: dict[str, License] = {
    "apache-2.0": License("Apache License 2.0", "derivatives are allowed; notices stay and changes are stated (section 4)", "https://www.apache.org/licenses/LICENSE-2.0"),
    "mit": License("MIT License", "derivatives are allowed; the notice stays", "https://opensource.org/license/mit"),
    "bsd-3-clause": License("BSD 3-Clause License", "derivatives are allowed; the notice stays", "https://opensource.org/license/bsd-3-clause"),
    "cc0-1.0": License("CC0 1.0", "all rights are waived", "https://creativecommons.org/publicdomain/zero/1.0/legalcode"),
    "cc-by-4.0": License("CC BY 4.0", "adapted material is allowed; its origin is named (section 3(a))", f"{_CC}/by/4.0/legalcode"),
    "cc-by-sa-4.0": License("CC BY-SA 4.0", "adapted material is allowed; it is shared under the same licence only (section 3(b))", f"{_CC}/by-sa/4.0/legalcode"),
    "cc-by-nc-4.0": License("CC BY-NC 4.0", "adapted material is allowed for non-commercial purposes only (section 2(a)(1))", f"{_CC}/by-nc/4.0/legalcode"),
    "cc-by-nc-sa-4.0": License("CC BY-NC-SA 4.0", "adapted material is allowed for non-commercial purposes only, and is shared under the same licence only (sections 2(a)(1), 3(b))", f"{_CC}/by-nc-sa/4.0/legalcode"),
    "cc-by-nd-4.0": License("CC BY-ND 4.0", "adapted material may be made, for yourself: not shared with the public (section 2(a)(1)(B))", f"{_CC}/by-nd/4.0/legalcode"),
    "cc-by-nc-nd-4.0": License("CC BY-NC-ND 4.0", "adapted material may be made for non-commercial purposes, for yourself: not shared with the public (section 2(a)(1)(B))", f"{_CC}/by-nc-nd/4.0/legalcode"),
    "cc-by-nc-nd-3.0": License("CC BY-NC-ND 3.0", "no rights are given to make adaptations (section 3)", f"{_CC}/by-nc-nd/3.0/legalcode", derivatives=False),
    "gpl-3.0": License("GNU GPL 3.0", "modified versions are allowed; they are passed on under the same licence only (section 5)", "https://www.gnu.org/licenses/gpl-3.0.html"),
    "agpl-3.0": License("GNU AGPL 3.0", "modified versions are allowed; under the same licence only, also to those who use them over a network (sections 5, 13)", "https://www.gnu.org/licenses/agpl-3.0.html"),
    "bigscience-bloom-rail-1.0": License("BigScience RAIL 1.0", "derivatives are allowed; its use restrictions go with them (section 4, attachment A)", "https://huggingface.co/spaces/bigscience/license"),
    "bigcode-openrail-m": License("BigCode OpenRAIL-M 1", "derivatives are allowed; its use restrictions go with them (section 4, attachment A)", "https://huggingface.co/spaces/bigcode/bigcode-model-license-agreement"),
    "gemma": License("Gemma Terms of Use", "model derivatives are allowed; its use restrictions and a copy of the terms go with them (section 3)", "https://ai.google.dev/gemma/terms"),
    "llama3": License("Meta Llama 3 Community License", _LLAMA, "https://www.llama.com/llama3/license/"),
    "llama3.1": License("Llama 3.1 Community License", _LLAMA, "https://www.llama.com/llama3_1/license/"),
    "llama3.2": License("Llama 3.2 Community License", _LLAMA, "https://www.llama.com/llama3_2/license/"),
    "llama3.3": License("Llama 3.3 Community License", _LLAMA, "https://www.llama.com/llama3_3/license/"),
}  # fmt: skip

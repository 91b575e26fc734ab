"""Wrong in some places only: the same explanations for a block of rows and columns, or for scattered entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from likeliest.certify.causes.matching import hull, place, restricted, tolerance, wrong
from likeliest.certify.suspect import Diagnosis, Suspect

Explanation: TypeAlias = Callable[[Suspect], Diagnosis | None]


def first(explanations: Sequence[Explanation], suspect: Suspect) -> Diagnosis | None:
    """The first explanation that holds."""
    return next((found for explain in explanations if (found := explain(suspect)) is not None), None)


def in_a_block(explanations: Sequence[Explanation], suspect: Suspect) -> Diagnosis | None:
    """Explain the smallest block of rows and columns that holds all that is wrong."""
    axes = hull(wrong(suspect))
    if not all(map(len, axes)) or all(
        len(some) == length for some, length in zip(axes, suspect.got.shape, strict=True)
    ):
        return None
    found = first(explanations, restricted(suspect, axes))
    return found and _placed(found, place(axes, suspect.got.shape))


def scattered(explanations: Sequence[Explanation], suspect: Suspect) -> Diagnosis | None:
    """Explain the wrong entries as they are, wherever they lie."""
    off = wrong(suspect)
    if not off.any():
        return None
    chosen = replace(
        suspect,
        expected=suspect.expected[off],
        got=suspect.got[off],
        theta=suspect.theta[off],
        allowed=tolerance(suspect)[off],
    )
    found = first(explanations, chosen)
    start = ", ".join(map(str, np.argwhere(off)[0]))
    return found and _placed(found, f"{int(off.sum())} of {off.size} entries, the first at [{start}]")


def _placed(found: Diagnosis, where: str) -> Diagnosis:
    return replace(found, detail=f"only {where}: there {found.detail}")

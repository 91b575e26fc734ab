"""Why a gradient is wrong: explanations, each of which has to reproduce it from the right one.

They are tried from the simplest to the most complicated: factors, rearrangements, lost digits, missing terms; the same
on the wrong rows and columns alone; then experiments at other θ. The first that holds is the diagnosis.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from likeliest.certify.causes.blocks import Explanation, first, in_a_block, scattered
from likeliest.certify.causes.elsewhere import fixed, jumping, kink, part_of_it, restless, stale, stepping
from likeliest.certify.causes.multiples import nonfinite, scale, scaled_by_axis, sign, zeroed
from likeliest.certify.causes.rearranged import (
    broadcast,
    constant,
    exchanged,
    permuted,
    repeated,
    reversed_axes,
    rolled,
    slipped,
    transposed,
)
from likeliest.certify.causes.rounding import clipped, few_digits, on_a_grid, underflow
from likeliest.certify.causes.switches import bent, lost_path, lost_slice, old_copy
from likeliest.certify.causes.terms import conserved, few_products, indicator, penalty, shared
from likeliest.certify.suspect import Arrays, Cause, Diagnosis, Suspect

__all__ = ["diagnose"]

UNKNOWN = Diagnosis(Cause.UNKNOWN, "no bug that is known by name makes this of the right gradient")
_FACTORS: tuple[Explanation, ...] = (zeroed, sign, scale)
_PLACES: tuple[Explanation, ...] = (
    transposed,
    rolled,
    reversed_axes,
    permuted,
    slipped,
    exchanged,
    broadcast,
    repeated,
)
_DIGITS: tuple[Explanation, ...] = (few_digits, underflow, on_a_grid, clipped)
_TERMS: tuple[Explanation, ...] = (shared, indicator)
_EXPERIMENTS: tuple[Explanation, ...] = (
    stale,
    jumping,
    stepping,
    bent,
    lost_path,
    fixed,
    old_copy,
    conserved,
    few_products,
    scaled_by_axis,
    constant,
    lost_slice,
    part_of_it,
)


def diagnose(suspect: Suspect) -> Diagnosis:
    """Name the probable cause of a wrong gradient.

    Example:
        >>> import numpy as np
        >>> expected = np.array([1.0, -2.0, 0.5])
        >>> found = diagnose(Suspect("theta", expected, 32 * expected, 1e-9, expected, sizes={"batch size": 32}))
        >>> found.cause.value, found.factor
        ('scale', 32.0)
        >>> print(found.detail)
        it is 32 times the right one, the batch size: divide by it, or take the sum in the loss too
    """
    with np.errstate(all="ignore"):  # far from θ a function may overflow, and then shows nothing
        return _found(_informed(suspect)) or UNKNOWN


def _found(suspect: Suspect) -> Diagnosis | None:
    simple = first((nonfinite, restless, kink, *_FACTORS, *_PLACES, *_DIGITS, penalty), suspect)
    if simple is not None or suspect.elementwise:
        return simple or bent(suspect)
    return (
        in_a_block((*_FACTORS, *_PLACES, penalty), suspect)
        or scattered((*_FACTORS, permuted), suspect)
        or first((*_TERMS, *_EXPERIMENTS), suspect)
    )


def _informed(suspect: Suspect) -> Suspect:
    """The same suspect, which knows all of the other parts and does not compute twice what was asked before."""
    if suspect.probe is None:
        return suspect
    probe, answers = suspect.probe, dict[bytes, tuple[Arrays, Arrays]]()

    def remembered(theta: Arrays) -> tuple[Arrays, Arrays]:
        key = b"".join(np.asarray(a).tobytes() for a in theta.values())
        if key not in answers:
            answers[key] = probe(theta)
        return answers[key]

    expected, got = remembered(suspect.theta_all)
    others = {name: (expected[name], got[name]) for name in expected if name != suspect.name}
    return replace(suspect, probe=remembered, others=others)

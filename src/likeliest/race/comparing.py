"""Every rule against the best one, seed by seed, in the log of its work to the target.

A seed that missed the target is censored and not dropped: it enters at the budget, which is less than what it would
have taken. Then the ratio is a bound, and the end of the interval that the unseen work could push on is left open: the
upper end where the rule missed, the lower one where the reference did. How widely the unseen works would have scattered
cannot be known; the end that is given takes them all to lie at the budget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from likeliest.numerics.holm import holm, holm_levels
from likeliest.race.statistics import Floats, Paired

ALPHA = 0.05
"""Family-wise chance of one wrong "slower" or more."""


@dataclass(frozen=True)
class Comparison:
    """A rule against the reference: see `likeliest.report.schema.Comparison` for what each field means."""

    rule: str
    ratio: float | None
    low: float | None
    high: float | None
    p_holm: float | None
    pairs: int
    statement: str
    slower: bool = False


def reference_of(works: Mapping[str, Floats], nlls: Mapping[str, float]) -> str | None:
    """Return the rule of least median work, then lowest NLL; None where every rule missed half of the seeds."""
    if not works:
        return None
    best = min(works, key=lambda rule: (np.median(works[rule]), nlls[rule]))
    return best if np.isfinite(np.median(works[best])) else None


def compare(works: Mapping[str, Floats], reference: str, budget: float) -> list[Comparison]:
    """Compare every rule with the reference.

    Args:
        works: work to the target of each seed (S,), by rule; ∞ for a miss.
        reference: the rule to compare with.
        budget: at which a miss enters.
    """
    base = works[reference]
    others = {rule: work for rule, work in works.items() if rule != reference}
    reached = {rule: int((np.isfinite(work) & np.isfinite(base)).sum()) for rule, work in others.items()}
    if len(base) < 2:
        return [
            Comparison(rule, None, None, None, None, reached[rule], "not compared: one seed has no spread")
            for rule in others
        ]
    logs = {rule: np.log(np.minimum(work, budget)) for rule, work in works.items()}
    paired = {rule: Paired.of(logs[rule] - logs[reference]) for rule in others}
    p = np.array([one.p for one in paired.values()])
    found = []
    for rule, adjusted, level in zip(others, holm(p), holm_levels(p, ALPHA), strict=True):
        low, high = np.exp(paired[rule].interval(level)).tolist()
        at_least, at_most = _missed(others[rule]), _missed(base)
        bounds = (None if at_most else low, None if at_least else high)
        ratio = math.exp(paired[rule].mean)
        statement, slower = _finding(reference, ratio, *bounds, exact=not (at_least or at_most))
        found.append(Comparison(rule, ratio, *bounds, float(adjusted), reached[rule], statement, slower))
    return found


def _missed(work: Floats) -> bool:
    return not bool(np.isfinite(work).all())


def _finding(reference: str, ratio: float, low: float | None, high: float | None, *, exact: bool) -> tuple[str, bool]:
    """The statement, and whether it says that the rule is slower."""
    if low is not None and low > 1:
        return f"{'' if exact else 'at least '}{_number(ratio)} times the work of {reference}", True
    if high is not None and high < 1:
        return f"{'' if exact else 'at most '}{_number(ratio)} times the work of {reference}", False
    return "no difference shown", False


def _number(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"

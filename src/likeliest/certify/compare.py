"""A gradient beside its witnesses, part by part.

Central differences always speak: along single entries, and along random directions d with entries ±1/√size, for an
error e in any one entry changes the slope along each of them by e/√size. Who knows the whole gradient is heard where
differences agree with it; then every entry is compared. On that rests the stated resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.differences import LONG, SAFETY, Slopes, noise_of, slopes
from likeliest.certify.functions import FEW
from likeliest.certify.problem import Problem, Witness
from likeliest.certify.rounding import Rounding, measured
from likeliest.certify.sample import ALONE, CLOSELY, CONFIRMING, CONFIRMING_LONG, Budget, chosen, directions, signs
from likeliest.interfaces import Part

CLEAR = 16.0
"""An error that is so many times what is allowed is one; below that, differences may deceive themselves on kinks."""
DIFFERENCES = "central differences"


@dataclass(frozen=True)
class Check:
    """What the witnesses said of one part; errors here are absolute.

    Attributes:
        name: of the part.
        part: where it lies on θ.
        got: its gradient (size,), the one that is checked.
        entries: the k of its entries that were compared with differences one by one.
        signs: the random directions (m − k, size), before they are divided by √size.
        along: the slopes by the gradient that is checked (m,): along the k entries, then along the random directions.
        found: the slopes by central differences.
        rounding: by how much an entry may differ for round-off.
        spread: the same for a random direction, where round-off partly cancels.
        noise: the largest change of the gradient under changes of θ in the last digits.
        plain: the largest that a plain evaluation in the same precision would show.
        expected: the whole gradient (size,) by a witness that differences agree with, if there is one.
        witness: who that is.
    """

    name: str
    part: Part
    got: np.ndarray
    entries: np.ndarray
    signs: np.ndarray
    along: np.ndarray
    found: Slopes
    rounding: float
    spread: float
    noise: float
    plain: float
    expected: np.ndarray | None
    witness: Witness | None

    @property
    def errors(self) -> np.ndarray:
        """By how much the gradient differs from differences (m,)."""
        errors: np.ndarray = np.abs(self.along - self.found.slope)
        return errors

    @property
    def allowed(self) -> np.ndarray:
        """By how much it may (m,); infinite where differences have no say: at a kink, or where f is not finite."""
        own = np.where(np.arange(len(self.along)) < len(self.entries), self.rounding, self.spread)
        return np.where(self.found.kink, np.inf, self.found.bound + own)

    @property
    def wrong(self) -> np.ndarray:
        """Where the gradient differs from differences by more than it may (m,)."""
        wrong: np.ndarray = np.isfinite(self.allowed) & ~(self.errors <= self.allowed)
        return wrong

    @property
    def apart(self) -> np.ndarray:
        """By how much each entry differs from the witness of the whole gradient (size,); zeros if there is none."""
        return np.zeros(self.part.size) if self.expected is None else np.abs(self.got - self.expected)

    @property
    def closeness(self) -> float:
        """By how much an entry may differ from the witness of the whole gradient."""
        exact = self.witness is None or self.witness.exact
        bounds = self.found.bound[np.isfinite(self.found.bound) & ~self.found.kink]
        return (
            self.rounding if exact else self.rounding + 2 * math.sqrt(self.part.size) * float(bounds.max(initial=0.0))
        )

    @property
    def largest(self) -> float:
        """The largest derivative that a witness saw."""
        return largest(self.found.slope[: len(self.entries)] if self.expected is None else self.expected)

    @property
    def resolution(self) -> float:
        """The smallest error in any one entry that central differences would have seen."""
        k, size = len(self.entries), self.part.size
        one_by_one = float(self.allowed[:k].max())
        return one_by_one if k == size else max(one_by_one, math.sqrt(size) * float(self.allowed[k:].min()))

    @property
    def seen(self) -> float:
        """The smallest error in any one entry that any independent witness would have seen."""
        return min(
            self.resolution, self.closeness if self.witness is not None and self.witness.independent else math.inf
        )

    def scale(self, overall: float) -> float:
        """What errors are relative to: its largest derivative, or the largest of all parts where its own is lost."""
        return (self.largest if self.largest > self.resolution else overall) or 1.0

    @property
    def checked(self) -> int:
        """The number of entries that were compared one by one."""
        return len(self.entries) if self.expected is None else self.part.size

    @property
    def in_error(self) -> bool:
        """Whether a witness saw an error."""
        finite = bool(np.isfinite(self.got).all())
        return not finite or bool(self.wrong.any()) or not bool((self.apart <= self.closeness).all())

    @property
    def clearly(self) -> bool:
        """Whether an error is so much larger than its bound, which is an estimate, that the bound does not matter."""
        finite = bool(np.isfinite(self.got).all())
        along = bool((self.errors > CLEAR * self.allowed).any())
        return not finite or along or not bool((self.apart <= CLEAR * self.closeness).all())

    @property
    def kinked(self) -> bool:
        """Whether θ lies on a kink along a direction that was looked at."""
        return bool(self.found.kink.any())


def compare(problem: Problem, theta: Tensor, seed: int, *, closely: bool = False) -> list[Check]:
    """Compare a gradient with all its witnesses at θ (P,); closely, along more entries and more directions."""
    got = problem.gradient(theta)
    candidates = _heard(problem.witnesses, theta)
    witness, full = next(candidates, (None, None))
    rounding = measured(problem, theta, got, witness, full, seed)

    def within(budget: Budget) -> list[Check]:
        parts = problem.parts
        entries = {name: chosen(problem, part, got, full, budget, seed) for name, part in parts.items()}
        drawn = {name: signs(part, budget, seed) for name, part in parts.items()}
        along = directions(theta, parts, entries, drawn)
        found = slopes(problem.values, theta, along, noise_of(problem, theta), sparse=budget.sparse)
        ends = np.cumsum([len(entries[name]) + len(drawn[name]) for name in parts])
        cut = [Slopes(*columns) for columns in zip(*(np.split(column, ends[:-1]) for column in found), strict=True)]
        return [
            _checked(name, part, got, entries[name], drawn[name], own, rounding, witness, full)
            for (name, part), own in zip(parts.items(), cut, strict=True)
        ]

    if closely or full is None:
        return _with_others(within(CLOSELY if closely else ALONE), candidates)
    checks = within(CONFIRMING_LONG if len(theta) > LONG else CONFIRMING)
    if any(c.expected is None and not c.kinked for c in checks):
        checks = within(ALONE)
    return _with_others(checks, candidates)


def _checked(
    name: str, part: Part, got: Tensor, entries: np.ndarray, signs: np.ndarray, found: Slopes, rounding: Rounding,
    witness: Witness | None, full: Tensor | None,
) -> Check:  # fmt: skip
    own = got[part.slice].numpy()
    noise, plain = rounding.got[part.slice].numpy(), rounding.plain[part.slice].numpy()
    both = np.maximum(noise, plain)
    check = Check(
        name, part, own, entries, signs, projected(own, entries, signs), found,
        rounding=SAFETY * largest(both),
        spread=SAFETY * float(np.sqrt(np.mean(np.nan_to_num(both) ** 2))),
        noise=largest(noise), plain=largest(plain), expected=None, witness=None,
    )  # fmt: skip
    return _believed(check, witness, full)


def _believed(check: Check, witness: Witness | None, full: Tensor | None) -> Check:
    """The check with a witness of the whole gradient, if differences agree with that witness."""
    if witness is None or full is None:
        return check
    expected = full[check.part.slice].numpy()
    off = np.abs(projected(expected, check.entries, check.signs) - check.found.slope)
    heard = np.isfinite(check.found.bound) & ~check.found.kink
    allowed = check.found.bound + SAFETY * check.plain
    if not heard.any() or not (off <= allowed)[heard].all():
        return check
    return Check(**(check.__dict__ | {"expected": expected, "witness": witness}))


def _with_others(checks: list[Check], candidates: Iterator[tuple[Witness, Tensor]]) -> list[Check]:
    """Where the first witness was not believed, the next ones are heard."""
    for witness, full in candidates if any(c.expected is None for c in checks) else ():
        checks = [c if c.expected is not None else _believed(c, witness, full) for c in checks]
    return checks


def _heard(witnesses: Sequence[Witness], theta: Tensor) -> Iterator[tuple[Witness, Tensor]]:
    """The witnesses that can tell the whole gradient at θ, with what they say."""
    for witness in witnesses:
        try:
            full = whole(witness, theta)
        except Exception:  # code need not support what a witness asks of it
            continue
        if full is not None and bool(torch.isfinite(full).all()):
            yield witness, full


def whole(witness: Witness, theta: Tensor) -> Tensor | None:
    """The gradient (P,) by a witness; slope by slope for few parameters."""
    if witness.gradient is not None:
        return witness.gradient(theta)
    if witness.slope is None or len(theta) > FEW:
        return None
    return torch.tensor(
        [witness.slope(theta, d) for d in torch.eye(len(theta), dtype=theta.dtype)], dtype=torch.float64
    )


def projected(values: np.ndarray, entries: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """What a gradient (size,) says along entries and random directions."""
    with np.errstate(invalid="ignore"):
        return np.concatenate((values[entries], signs @ values / math.sqrt(len(values))))


def largest(values: np.ndarray) -> float:
    """The largest finite absolute value."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))

"""A gradient beside its witnesses, part by part.

Central differences always speak: along single entries, and along random directions d with entries ±1/√size, for an
error e in any one entry changes the slope along each of them by e/√size. Who knows the whole gradient is heard where
differences agree with it; then every entry is compared. On that rests the stated resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.differences import SAFETY, Slopes, slopes
from likeliest.certify.functions import FEW
from likeliest.certify.problem import Problem, Witness
from likeliest.certify.rounding import Rounding, measured
from likeliest.interfaces import Part
from likeliest.randomness import stream

WHOLE, SAMPLED, DIRECTIONS = 16, 8, 3
"""Up to WHOLE entries are compared one by one; of larger parts SAMPLED entries, and DIRECTIONS random directions."""
CLOSELY, MANY = 256, 8
LONG, _SAME = 100_000, 1e-4
"""The same two numbers for a closer look, on a kink. Of more than LONG parameters, whose whole gradient a witness
knows, few differences are needed: they confirm the witness."""
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
        return self.rounding if exact else self.rounding + 2 * float(bounds.max(initial=0.0))

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
    def kinked(self) -> bool:
        """Whether θ lies on a kink along a direction that was looked at."""
        return bool(self.found.kink.any())


def compare(problem: Problem, theta: Tensor, seed: int, *, closely: bool = False) -> list[Check]:
    """Compare a gradient with all its witnesses at θ (P,); closely, along more entries and more directions."""
    got = problem.gradient(theta)
    candidates = _heard(problem.witnesses, theta)
    witness, full = next(candidates, (None, None))
    rounding = measured(problem, theta, got, witness, full, seed)
    known = full is not None and len(theta) > LONG
    whole = CLOSELY if closely else 1 if known else WHOLE
    chosen = {name: _chosen(part, got, full, seed, whole) for name, part in problem.parts.items()}
    some = MANY if closely else 1 if known else DIRECTIONS
    signs = {
        name: _signs(part, some if part.size > whole or closely else 0, seed) for name, part in problem.parts.items()
    }
    found = slopes(problem.values, theta, _directions(theta, problem.parts, chosen, signs))
    checks, at = [], 0
    for name, part in problem.parts.items():
        here = slice(at, at + len(chosen[name]) + len(signs[name]))
        own = Slopes(*(column[here] for column in found))
        checks.append(_checked(name, part, got, chosen[name], signs[name], own, rounding, witness, full))
        at = here.stop
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
    return torch.tensor([witness.slope(theta, axis) for axis in torch.eye(len(theta), dtype=theta.dtype)]).double()


def projected(values: np.ndarray, entries: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """What a gradient (size,) says along entries and random directions."""
    with np.errstate(invalid="ignore"):
        return np.concatenate((values[entries], signs @ values / math.sqrt(len(values))))


def largest(values: np.ndarray) -> float:
    """The largest finite absolute value."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _chosen(part: Part, got: Tensor, full: Tensor | None, seed: int, whole: int) -> np.ndarray:
    """The entries of a part that are compared with differences: all, or the most telling ones and a sample."""
    if part.size <= whole:
        return np.arange(part.size)
    own = got[part.slice]
    told = [int(own.abs().nan_to_num(torch.inf).argmax())]
    if full is not None:
        apart = (own - full[part.slice]).abs().nan_to_num(torch.inf)
        told = told if float(apart.max()) <= _SAME * float(own.abs().max()) else [*told, int(apart.argmax())]
    sampled = 0 if len(got) > LONG and full is not None else 1 if full is not None else SAMPLED
    draws = stream(seed, "certify", part.start)
    return np.union1d(draws.choice(part.size, sampled, replace=False), told).astype(int)


def _signs(part: Part, rows: int, seed: int) -> np.ndarray:
    """Random signs (rows, size), for a part of more than one entry."""
    draws = stream(seed, "certify directions", part.start)
    return draws.choice((-1.0, 1.0), (rows if part.size > 1 else 0, part.size))


def _directions(
    theta: Tensor, parts: Mapping[str, Part], chosen: Mapping[str, np.ndarray], signs: Mapping[str, np.ndarray]
) -> Iterator[Tensor]:
    """Unit vectors (P,): each part's entries, then its random directions; one at a time, for θ may be long."""
    for name, part in parts.items():
        for entry in chosen[name]:
            direction = torch.zeros_like(theta)
            direction[part.start + int(entry)] = 1.0
            yield direction
        for row in signs[name]:
            direction = torch.zeros_like(theta)
            direction[part.slice] = torch.from_numpy(row) / math.sqrt(part.size)
            yield direction

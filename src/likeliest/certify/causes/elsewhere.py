"""What a wrong gradient does when θ moves: nothing, too late, in jumps, or only here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeliest.certify.causes.matching import CLOSE, epsilon, known, wrong
from likeliest.certify.suspect import Arrays, Cause, Diagnosis, Suspect

SAME = 0.02
"""Two gradients are the same where they differ by no more than this, relative to their size."""
_BESIDE = 1e-3
_DIGITS_OFF = 0.1
_LAST_DIGITS = 2.0**-21
_TINY, _MANY = 1e-9, 64
_LOOKS, _SIDE = 4, 0.3


@dataclass(frozen=True)
class Seen:
    """One part at one θ: its right gradient and the one under check."""

    expected: np.ndarray
    got: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """By how much it is off."""
        return np.asarray(self.got - self.expected)

    @property
    def off(self) -> float:
        """The error relative to the right gradient."""
        return ratio(self.error, self.expected)

    @property
    def factor(self) -> float:
        """The factor of least squares in got = factor · expected."""
        squares = float((self.expected**2).sum())
        return float((self.got * self.expected).sum()) / squares if squares > 0 else 0.0

    @property
    def off_a_factor(self) -> float:
        """What no constant factor takes away, relative to the larger of the two."""
        left = self.got - self.factor * self.expected
        return min(ratio(left, self.got), ratio(left, self.expected))

    @property
    def cosine(self) -> float:
        """The cosine of the angle between the two."""
        return self.factor / ratio(self.got, self.expected) if self.got.any() else 0.0


def ratio(a: np.ndarray, b: np.ndarray) -> float:
    """The size of one array relative to another; infinite where there is nothing to relate it to."""
    size = float(np.linalg.norm(b))
    found = float(np.linalg.norm(a)) / size if size > 0 else np.inf
    return found if np.isfinite(found) else np.inf


def can_ask(suspect: Suspect) -> bool:
    """Whether its gradient can be had at another θ."""
    return suspect.probe is not None and suspect.name in suspect.theta_all and bool(known(suspect).all())


def here(suspect: Suspect) -> Seen:
    """The suspect at its θ."""
    return Seen(suspect.expected, suspect.got)


def at(suspect: Suspect, theta: Arrays) -> Seen:
    """The suspect at another θ."""
    assert suspect.probe is not None
    expected, got = suspect.probe(theta)
    return Seen(expected[suspect.name], got[suspect.name])


def beside(suspect: Suspect, seed: int, step: float) -> Arrays:
    """Θ moved a little, relative to its size."""
    draws = np.random.default_rng(seed)
    size = max(float(np.abs(a).mean()) for a in suspect.theta_all.values()) or 1.0
    return {
        n: a + step * (np.abs(a) + size) * draws.uniform(0.5, 1.0, a.shape) * draws.choice((-1.0, 1.0), a.shape)
        for n, a in suspect.theta_all.items()
    }


def away(suspect: Suspect, seed: int) -> Arrays:
    """Another θ of the same size."""
    draws = np.random.default_rng(seed)
    moved = {n: a * draws.uniform(0.5, 1.5, a.shape) for n, a in suspect.theta_all.items()}
    return {n: a + 0.1 * draws.standard_normal(a.shape) for n, a in moved.items()}


def restless(suspect: Suspect) -> Diagnosis | None:
    """Asked again at the same θ, the gradient is another one."""
    if not can_ask(suspect):
        return None
    if ratio(at(suspect, suspect.theta_all).got - suspect.got, here(suspect).error) <= CLOSE:
        return None
    said = (
        "at the same θ it comes out differently each time: something is drawn at random in it, or a buffer keeps what "
        "was there before"
    )
    return Diagnosis(Cause.NONDETERMINISTIC, said)


def kink(suspect: Suspect) -> Diagnosis | None:
    """The gradient is wrong here and right beside: θ lies on a kink, and what is given there is no slope."""
    if not can_ask(suspect):
        return None
    most = min(_BESIDE, SAME * here(suspect).off)
    if all(at(suspect, beside(suspect, seed, _BESIDE)).off > most for seed in (1, 2)):
        return None
    said = (
        "it is right a little way off: θ lies on a kink, and what is given there lies between none of the slopes on "
        "its two sides"
    )
    return Diagnosis(Cause.KINK, said)


def stale(suspect: Suspect) -> Diagnosis | None:
    """The gradient does not follow θ: it stays, or comes one call late."""
    if not can_ask(suspect):
        return None
    first, second = (at(suspect, away(suspect, seed)) for seed in (1, 2))
    if ratio(first.got - second.got, first.expected - second.expected) <= CLOSE:
        said = "it does not change when θ does: what was computed or stored at an earlier θ is used again"
        return Diagnosis(Cause.STALE, said)
    if ratio(second.got - first.expected, second.error) <= SAME:
        said = "it is the right one of the θ before: what was stored at the last call is used before it is renewed"
        return Diagnosis(Cause.STALE, said)
    return None


def jumping(suspect: Suspect) -> Diagnosis | None:
    """The gradient jumps when θ changes in the last digits of float32, and the right one does not."""
    if not can_ask(suspect):
        return None
    before, near = here(suspect), at(suspect, beside(suspect, 3, _LAST_DIGITS))
    jump = near.got - before.got
    if ratio(jump, before.error) <= _DIGITS_OFF or ratio(near.expected - before.expected, jump) > _DIGITS_OFF:
        return None
    said = (
        "it jumps when θ changes in its seventh digit: digits are lost in a difference of nearly equal numbers, or in "
        "a sum of very unequal ones"
    )
    return Diagnosis(Cause.PRECISION, said)


def stepping(suspect: Suspect) -> Diagnosis | None:
    """The gradient is a staircase in its own part, and nearly right where the gradient is large."""
    if not can_ask(suspect):
        return None
    tiny = max(_TINY, _MANY * epsilon(suspect))
    moved = {n: a * (1 + tiny) + tiny * _TINY if n == suspect.name else a for n, a in suspect.theta_all.items()}
    near, before = at(suspect, moved), here(suspect)
    if (near.got != before.got).any() or any(at(suspect, away(suspect, seed)).off > _DIGITS_OFF for seed in (1, 2)):
        return None
    said = (
        "it is a staircase, which tiny changes of θ do not move, and nearly right elsewhere, where the gradient is "
        "larger: something in it is rounded to few digits, half precision or an integer"
    )
    return Diagnosis(Cause.PRECISION, said)


def fixed(suspect: Suspect) -> Diagnosis | None:
    """The error is the same array at every θ, up to its size: it knows nothing of the function."""
    if not can_ask(suspect):
        return None
    error, few = here(suspect).error, wrong(suspect).sum() < 3
    for seed in (1, 2):
        other = at(suspect, away(suspect, seed)).error
        size = 1.0 if few else (other * error).sum() / float((error**2).sum())
        if ratio(other - size * error, other) > SAME:
            return None
    same = "the error is the same at every θ" if few else "the error is the same at every θ, up to its size"
    said = (
        f"{same}: numbers are added to it that have nothing to do with θ, such as noise, or the targets are other ones"
    )
    return Diagnosis(Cause.UNKNOWN, said)


def part_of_it(suspect: Suspect) -> Diagnosis | None:
    """Wherever one looks, the gradient points to the side of the right one, and is smaller: a part of a sum."""
    if not can_ask(suspect) or suspect.expected.size < 3:
        return None
    seen = [here(suspect), *(at(suspect, away(suspect, seed)) for seed in range(1, 1 + _LOOKS))]
    if not all(s.cosine >= _SIDE for s in seen) or np.median([s.factor for s in seen]) > 1:
        return None
    said = (
        "at every θ it points to the side of the right one, and is smaller: one of the terms that add up to it, or "
        "of the paths by which θ acts, is left out"
    )
    return Diagnosis(Cause.MISSING_TERM, said)

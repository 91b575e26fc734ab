"""A line search for the strong Wolfe conditions, as a generator: it yields a step length and is sent φ and φ′ there.

Along φ(t) = f(θ + t d) with φ′(0) < 0 it looks for a t with

    φ(t) ≤ φ(0) + c₁ t φ′(0)        the decrease is worth the way           (sufficient decrease)
    |φ′(t)| ≤ c₂ |φ′(0)|            and what is left to gain is much less   (curvature)

The search knows one line and nothing of tensors, so R runs in lockstep are R generators that move at their own pace on
shared evaluations. A search that fails returns its best point and says why: it never raises.

Source: Nocedal & Wright (2006), Numerical Optimization, 2nd edition, algorithms 3.5 (`strong_wolfe`) and 3.6 (`_zoom`),
equation 3.59 (`_cubic_minimum`).
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

C1, C2 = 1e-4, 0.9
"""The book's constants for quasi-Newton directions."""

MAX_TRIALS = 30


class Point(NamedTuple):
    """A step length with the value and the slope of φ there."""

    t: float
    value: float
    slope: float


class Found(NamedTuple):
    """Where a search ended: a step length, which is 0 where nothing better was found, and why it failed, if it did."""

    t: float
    failure: str | None = None


Search: TypeAlias = Generator[float, tuple[float, float], Found]


@dataclass(frozen=True, slots=True)
class Wolfe:
    """The two conditions for one line. ``noise`` is the round-off of φ: a rise below it counts as none."""

    start: Point
    noise: float

    def decreases(self, point: Point) -> bool:
        """Whether φ has fallen enough; false where φ or its slope is no number."""
        allowed = self.start.value + C1 * point.t * self.start.slope + self.noise
        return math.isfinite(point.slope) and point.value <= allowed

    def gains(self, point: Point) -> bool:
        """Whether φ has fallen by more than round-off."""
        return point.value < self.start.value - self.noise

    def flat(self, point: Point) -> bool:
        """Whether the slope has become small enough."""
        return abs(point.slope) <= -C2 * self.start.slope


def strong_wolfe(value: float, slope: float, first: float = 1.0, noise: float = 0.0) -> Search:
    """Search φ from φ(0) = ``value``, φ′(0) = ``slope``; bracket a good step first, then close in on it.

    Args:
        value: φ(0).
        slope: φ′(0); where it is not negative the search ends at once.
        first: the first step length to try.
        noise: the round-off of φ.

    Yields:
        The next step length; it wants (φ, φ′) there.

    Returns:
        What it found.

    Example:
        >>> search = strong_wolfe(value=9.0, slope=-6.0, first=0.1)        # φ(t) = (t − 3)²
        >>> t = next(search)
        >>> try:
        ...     while True:
        ...         t = search.send(((t - 3) ** 2, 2 * (t - 3)))
        ... except StopIteration as end:
        ...     print(end.value)
        Found(t=1.0, failure=None)
    """
    start = Point(0.0, value, slope)
    if not (math.isfinite(value) and slope < 0):
        return Found(0.0, "the direction does not descend")
    wolfe, last, t = Wolfe(start, noise), start, first
    for trial in range(MAX_TRIALS):
        point = Point(t, *(yield t))
        if not wolfe.decreases(point) or (trial > 0 and point.value >= last.value + noise):
            return (yield from _zoom(wolfe, last, point, MAX_TRIALS - trial - 1))
        if wolfe.flat(point):
            return Found(t)
        if point.slope >= 0:
            return (yield from _zoom(wolfe, point, last, MAX_TRIALS - trial - 1))
        last, t = point, _clamp(_cubic_minimum(last, point), 2.0 * t, 10.0 * t)
    return Found(last.t, "the objective falls without end along the direction")


def _zoom(wolfe: Wolfe, low: Point, high: Point, trials: int) -> Search:
    """Close in on a good step between ``low``, the best point so far, and ``high``, with φ′(low)(high − low) < 0."""
    for _ in range(trials):
        width = high.t - low.t
        near, far = sorted((low.t + 0.1 * width, high.t - 0.1 * width))
        t = _clamp(_cubic_minimum(low, high), near, far)
        if t in (low.t, high.t):
            break
        point = Point(t, *(yield t))
        if not wolfe.decreases(point) or point.value >= low.value + wolfe.noise:
            high = point
            continue
        if wolfe.flat(point):
            return Found(t)
        if point.slope * (high.t - low.t) >= 0:
            high = low
        low = point
    return Found(low.t if wolfe.gains(low) else 0.0, "no step satisfies the strong Wolfe conditions")


def _cubic_minimum(a: Point, b: Point) -> float:
    """The minimiser of the cubic through two values and two slopes; NaN where there is none."""
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    radicand = d1 * d1 - a.slope * b.slope
    if not (math.isfinite(radicand) and radicand >= 0):
        return math.nan
    d2 = math.copysign(math.sqrt(radicand), b.t - a.t)
    denominator = b.slope - a.slope + 2 * d2
    return b.t - (b.t - a.t) * (b.slope + d2 - d1) / denominator if denominator else math.nan


def _clamp(t: float, low: float, high: float) -> float:
    """Return t within [low, high], and the middle where t is NaN."""
    return (low + high) / 2 if math.isnan(t) else min(max(t, low), high)

"""What a study of prices will do, decided before it starts and stored with its results."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from likeliest.errors import SpecificationError
from likeliest.finance.distributions import BASELINES, at_hand
from likeliest.finance.risk import LEVELS
from likeliest.study.plan import Plan

LEARNT, FORECAST = 300, 100
"""Days to learn from before the first forecast, and days to forecast, at least."""
MOST_LEARNT = 1_260
"""Days before the first forecast, at most: five years."""


@dataclass(frozen=True, slots=True)
class Walk:
    """How a study of prices walks through time.

    Attributes:
        every: days from one refit to the next; None is what the budget says.
        window: days that are learnt from; None is all there are by then.
        horizon: days ahead of the trend.
        cost: return that a rise must exceed to count, such as 0.001.
        features: ``FILE.py:NAME`` of a function of one's own, from the table of days to values for each day.

    Raises:
        SpecificationError: a number of days below one, or a window too short to learn from.
    """

    every: int | None = None
    window: int | None = None
    horizon: int = 1
    cost: float = 0.0
    features: str | None = None

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise SpecificationError(f"--every is a number of days from 1 on, found {self.every}")
        if self.horizon < 1 or self.horizon > FORECAST // 2:
            raise SpecificationError(f"--horizon is from 1 to {FORECAST // 2} days, found {self.horizon}")
        if self.window is not None and self.window < LEARNT:
            raise SpecificationError(f"--window is of {LEARNT} days or more, found {self.window}")
        if not abs(self.cost) < 1:
            raise SpecificationError(f"--cost is a return, such as 0.001 for a tenth of a per cent; found {self.cost}")

    @property
    def options(self) -> dict[str, str | None]:
        """As on the command line, what is not as usual."""
        usual = Walk()
        asked = {f"--{name}": value for name, value in asdict(self).items() if value != getattr(usual, name)}
        return {name: f"{value}" for name, value in asked.items()}


AS_USUAL = Walk()


@dataclass(frozen=True, slots=True)
class PricePlan:
    """Every choice of a study of prices.

    Attributes:
        seed: root of all randomness.
        budget: its name.
        walk: how it goes through time.
        every: days from one refit to the next.
        models: of the distribution, by name; the baselines always.
        levels: tail probabilities.
        cuts: days at which the look-ahead test changes the future of a model, and of features.
        race: seeds, learning rates and passes of the race of rules.
    """

    seed: int
    budget: str
    walk: Walk
    every: int
    models: tuple[str, ...]
    levels: tuple[float, ...] = LEVELS
    cuts: tuple[int, int] = (3, 60)
    race: tuple[int, int, float] = field(default=(5, 7, 30.0))

    @classmethod
    def of(cls, plan: Plan, walk: Walk = AS_USUAL) -> Self:
        """Return the plan of a budget: quick takes the baselines and GJR, and learns anew every quarter.

        Example:
            >>> PricePlan.of(Plan.of("quick")).every
            63
        """
        name = plan.budget or "standard"
        if plan.minutes < 5:
            return cls(plan.seed, name, walk, walk.every or 63, (*BASELINES, "gjr"), race=(3, 5, 30.0))
        return cls(plan.seed, name, walk, walk.every or (5 if plan.minutes >= 60 else 21), at_hand())

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the report."""
        return asdict(self)

"""What a study will do, decided before it starts and stored with its results."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from likeliest.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class Plan:
    """Every choice of a study. It counts work and never time, so that the same plan gives the same report.

    Attributes:
        seed: root of all randomness.
        fractions: of rows for training, validation and test.
        minutes: what the work of a study of pictures or recordings may be worth on two cores at a nominal speed; see
            `likeliest.tasks.recipe`.
        l2_grid: penalties to choose from on held-out rows, for coefficients of standardised columns.
        enough_validation: with fewer validation rows the penalty is chosen by cross-validation, over folds of the
            training and validation rows.
        folds: how many.
        hidden: widths of the net's hidden layers.
        net_rule: learning rule of the net.
        net_lr: its learning rate.
        net_passes: most passes over the training rows for the net.
        patience: passes without a better validation NLL before the net stops.
        batch_size: rows to a step; None is a power of two near 1/128 of the rows, from 32 to 512.
        race_rules: rules to race; None is all there are.
        race_seeds: seeds, each with its own split, initial θ and batch order.
        race_trials: learning rates tried per rule.
        race_passes: work each run of the race may spend.
        race_rows: the race takes at most so many rows, drawn at random.
        certificate_rows: rows on which gradients are certified.
    """

    seed: int = 0
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
    minutes: float = 15.0
    l2_grid: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
    enough_validation: int = 300
    folds: int = 5
    hidden: tuple[int, ...] = (64,)
    net_rule: str = "adam"
    net_lr: float = 1e-3
    net_passes: float = 150
    patience: int = 12
    batch_size: int | None = None
    race_rules: tuple[str, ...] | None = None
    race_seeds: int = 5
    race_trials: int = 7
    race_passes: float = 12
    race_rows: int = 2_000
    certificate_rows: int = 256

    @classmethod
    def of(cls, budget: str = "standard", *, seed: int = 0) -> Self:
        """The plan of a named budget, or of a number of minutes' worth of work on two cores, such as "5".

        With a number, everything but the net of pictures or recordings is done as under the largest named budget that
        is not above it.

        Raises:
            UnknownNameError: the budget is none of quick, standard and thorough, and no number above 0.
        """
        if budget in BUDGETS:
            return replace(cls(seed=seed), **BUDGETS[budget])
        minutes = _minutes(budget)
        name = max((n for n, plan in BUDGETS.items() if plan["minutes"] <= minutes), key=_worth, default="quick")
        return replace(cls.of(name, seed=seed), minutes=minutes)

    @property
    def budget(self) -> str | None:
        """The name or number of the budget that this plan is, or None for a plan of one's own."""
        known = (*BUDGETS, f"{self.minutes:g}")
        return next((name for name in known if Plan.of(name, seed=self.seed) == self), None)

    def batch_for(self, rows: int) -> int:
        """Rows to a step of a fit on so many rows."""
        if self.batch_size is not None:
            return self.batch_size
        return 1 << min(9, max(5, round(math.log2(max(rows, 1) / 128))))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the report."""
        return asdict(self)


BUDGETS: dict[str, dict[str, Any]] = {
    "quick": {"minutes": 1.0, "net_passes": 60, "patience": 6, "race_trials": 5, "race_passes": 10, "race_rows": 1_000},
    "standard": {"minutes": 15.0},
    "thorough": {"minutes": 60.0, "hidden": (256, 256), "net_passes": 400, "patience": 25, "race_trials": 11,
                 "race_passes": 60, "race_seeds": 10, "race_rows": 10_000},
}  # fmt: skip


def _worth(name: str) -> float:
    minutes: float = BUDGETS[name]["minutes"]
    return minutes


def _minutes(budget: str) -> float:
    try:
        minutes = float(budget)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise UnknownNameError(f"no budget {budget!r}; there are {', '.join(BUDGETS)}, and numbers of minutes above 0")
    return minutes

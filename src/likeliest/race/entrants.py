"""Who takes part in a race: rules, the learning rates that each of them tries, and why a rule may not start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch

from likeliest.errors import SpecificationError
from likeliest.local import gram_cost
from likeliest.objective import Objective
from likeliest.rules import Rule, SecondOrder, rule, rules

Given: TypeAlias = str | Rule | type[Rule]
"""A rule by its name, as an object, or as a class whose hyperparameters all have defaults."""


@dataclass(frozen=True, eq=False)
class Entrant:
    """One rule in a race.

    Attributes:
        label: its name, with a number where a name occurs twice.
        rule: the rule.
        rates: learning rates to try, rising; empty where the rule has none.
    """

    label: str
    rule: Rule
    rates: tuple[float, ...]

    @property
    def by_error(self) -> bool:
        """Whether the rule minimises something else than the NLL, and is ranked by held-out error."""
        return self.rule.criterion != "nll"

    @property
    def trials(self) -> int:
        """Number of settings that are tried, each of them one run."""
        return max(1, len(self.rates))

    def lockstep(self, dtype: torch.dtype) -> Rule:
        """The rule with all its rates at once, one a run."""
        return self.rule.with_lr(torch.tensor(self.rates, dtype=dtype)[:, None]) if self.rates else self.rule

    def alone(self, trial: int) -> Rule:
        """The rule with one of its rates."""
        return self.rule.with_lr(self.rates[trial]) if self.rates else self.rule


def entrants(given: Iterable[Given] | None, trials: int) -> tuple[Entrant, ...]:
    """Return the entrants of a race; None enters every rule of the catalogue.

    Raises:
        UnknownNameError: no rule goes by a name.
        SpecificationError: no rules at all, or a range of learning rates that is no such.
    """
    made = [_made(one) for one in ([info.name for info in rules()] if given is None else given)]
    if not made:
        raise SpecificationError("a race needs at least one rule, found none; leave rules out to enter all there are")
    seen: Counter[str] = Counter()
    found = []
    for one in made:
        seen[one.name] += 1
        label = one.name if seen[one.name] == 1 else f"{one.name} ({seen[one.name]})"
        found.append(Entrant(label, one, _rates(one, trials)))
    return tuple(found)


def _made(given: Given) -> Rule:
    if isinstance(given, str):
        return rule(given)
    return given() if isinstance(given, type) else given


def _rates(one: Rule, trials: int) -> tuple[float, ...]:
    """Log-spaced from end to end of the rule's range; a single one stands in the middle."""
    if one.lr_range is None:
        return ()
    low, high = one.lr_range
    if not 0 < low <= high < np.inf:
        raise SpecificationError(f"{one.name}: lr_range needs 0 < low ≤ high < ∞, found {one.lr_range}")
    return tuple(np.geomspace(low, high, trials).tolist()) if trials > 1 else (float(np.sqrt(low * high)),)


def refusal(entrant: Entrant, objective: Objective, budget: float) -> str | None:
    """Return why a rule cannot start on an objective within a budget of passes, or None where it can."""
    if missing := entrant.rule.needs - objective.offers:
        return f"needs {', '.join(sorted(need.upper() for need in missing))}"
    if isinstance(entrant.rule, SecondOrder):
        cost = gram_cost(objective.predictor.jacobian_widths)
        if cost > budget:
            return f"one step costs {cost:,.0f} passes, the budget is {budget:g}"
    return None

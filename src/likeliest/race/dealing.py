"""What a seed deals to every rule alike: a split, units, the base rate to start from, and an initial θ.

All rules and learning rates of a seed get the same deal, which is what pairs them; another seed has another one. Inside
a deal the columns of x, and a y that has a location and a scale, are standardised on the training rows, because a race
over learning rates needs coordinates of one size. θ stays inside; NLLs and errors come out in the user's units.

The base rate enters as an offset: at θ = 0 a linear model predicts what one would without any inputs. So no rule wins
by finding an intercept. Sequences take no offset, and recordings come as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from likeliest.data.split import Rows, split
from likeliest.errors import ShapeError, SpecificationError, TargetError
from likeliest.families import Family
from likeliest.interfaces import Need
from likeliest.objective import Objective
from likeliest.predictors import Columns, Layered, Module, Predictor
from likeliest.race.held_out import HeldOutError, loss_of
from likeliest.randomness import stream
from likeliest.rules import Rule
from likeliest.scaling import Scaling
from likeliest.sequences import is_ragged

Strata = np.ndarray | None


class _Rows(NamedTuple):
    """Rows in the units of a deal, as an objective takes them."""

    x: Tensor
    y: Tensor
    weight: Tensor | None
    offset: Any


@dataclass(frozen=True)
class _Units:
    """x̃ = (x − centre)/scale by column, ỹ = (y − shift)/unit, and η of the base rate (K,) if one is added."""

    scaling: Scaling | None
    shift: float
    unit: float
    base: Tensor | None

    @classmethod
    def of(cls, training: Objective, seed: int) -> _Units:
        family, predictor, weight = training.family, training.predictor, training.weight
        scaling = Scaling.of(training) if _is_table(training) else None
        if family.event_dims > 1:
            return cls(scaling, 0.0, 1.0, None)
        outputs = predictor.outputs or None
        base = family.null_eta(training.y, weight, outputs)
        if not bool(base.isfinite().all()):
            raise TargetError(
                f"the {training.n} training rows of seed {seed} have a base rate on the boundary, η = {base.tolist()}: "
                "y is constant there, or a class is missing; pass more rows, or stratify by y"
            )
        shift, unit = 0.0, 1.0
        if family.link == "identity" and "log_scale" in (family.columns or ()):
            shift, log_unit, *_ = base.tolist()
            unit, base = math.exp(log_unit), torch.cat((torch.zeros_like(base[:2]), base[2:]))
        return cls(scaling, shift, unit, base)

    def rows(self, raw: Objective) -> _Rows:
        """Express an objective's rows in these units."""
        x = raw.x if self.scaling is None else self.scaling.standardised(raw.x)
        y = raw.y if (self.shift, self.unit) == (0.0, 1.0) else (raw.y - self.shift) / self.unit
        return _Rows(x, y, raw.weight, self._offset(raw))

    def _offset(self, raw: Objective) -> Any:
        if self.base is None:
            return None
        base, columns = self.base.to(raw.dtype), raw.family.columns
        if columns is None or len(columns) == 1:
            return base.expand(raw.n, -1)
        return {name: value.expand(raw.n) for name, value in zip(columns, base, strict=True)}

    def penalty(self, training: Objective) -> Tensor | float:
        """The user's l2 for the coefficients of standardised columns, so that the optimum is the same model."""
        l2 = training.l2
        if l2 is None:
            return 0.0
        if self.scaling is not None:
            l2 = self.scaling.penalty(l2)
        predictor = training.predictor
        mean = next(iter(predictor.components.values())).size if isinstance(predictor, Columns) else predictor.size
        l2[:mean] *= self.unit**2
        return l2


def _is_table(objective: Objective) -> bool:
    """Whether x has columns that may be standardised: no pictures, no recordings, and no net that takes x as it is."""
    if objective.x.ndim != 2 or is_ragged(objective.x) or objective.family.event_dims > 1:
        return False
    predictor = objective.predictor
    parts = predictor.components.values() if isinstance(predictor, Columns) else (predictor,)
    return not any(map(_takes_x_as_it_is, parts))


def _takes_x_as_it_is(predictor: Predictor) -> bool:
    """Whether a net is the user's, or has a first layer that is no affine map of columns."""
    return isinstance(predictor, Module) or (isinstance(predictor, Layered) and not predictor.has_intercepts)


@dataclass(frozen=True)
class Deal:
    """What one seed deals to every rule.

    Attributes:
        seed: names the split, the initial θ and the order of batches.
        training: the penalised objective on training rows.
        validation: the unpenalised one on the held-out rows.
        test: the same on test rows, if there are any.
        theta: the initial θ (P,).
        log_unit: to be added to an NLL, so that it is in the user's unit of y.
        classes: whether errors are shares of rows decided or read wrongly, and not squared differences.
    """

    seed: int
    training: Objective
    validation: Objective
    test: Objective | None
    theta: Tensor
    log_unit: float
    classes: bool

    def by_error(self, objective: Objective, rule: Rule) -> HeldOutError:
        """Return the rows of an objective, measured by the error of what a rule has trained."""
        rows = (objective.x, objective.y, objective.weight, objective.named_offset)
        loss = loss_of(rule, objective.family, self.classes)
        return HeldOutError(objective.family, objective.predictor, *rows, loss=loss)

    def reported_error(self, mean: np.ndarray) -> np.ndarray:
        """The share of mistakes as it is; the root of a mean squared error, in the user's unit of y."""
        return mean if self.classes else np.sqrt(mean) * math.exp(self.log_unit)


def deal(
    whole: Objective, test: Objective | None, strata: Strata, fraction: float, seed: int, gap: int | None = None
) -> Deal:
    """Deal a seed.

    Args:
        whole: the objective on all rows that are not test rows.
        test: the unpenalised objective on test rows, or None.
        strata: the class of each row (n,), to be split evenly, or None.
        fraction: of the rows that are held out.
        seed: names it all.
        gap: rows that a label takes, where they are in the order of time; None splits at random.

    Raises:
        TargetError: the training rows have their base rate on the boundary.
        SpecificationError: a part of the split has no rows.
    """
    train, held = (
        _random_parts(whole.n, strata, fraction, seed) if gap is None else parts_in_time(whole.n, fraction, seed, gap)
    )
    if not len(train) or not len(held):
        raise SpecificationError(
            f"{whole.n} rows leave {len(train)} to train on and {len(held)} to validate on; pass more rows, another "
            "validation_fraction, or stratify=False"
        )
    raw = whole.subset(train)
    units = _Units.of(raw, seed)
    family, predictor = whole.family, whole.predictor
    training = Objective(family, predictor, *units.rows(raw), units.penalty(raw), names=whole.names)
    theta = predictor.init([stream(seed, "init")], training.dtype)[0]
    return Deal(
        seed,
        training,
        Objective(family, predictor, *units.rows(whole.subset(held))),
        None if test is None else Objective(family, predictor, *units.rows(test)),
        theta,
        math.log(units.unit),
        Need.DECISION in training.offers or family.event_dims > 1,
    )


def _random_parts(n: int, strata: Strata, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Of the split's three parts the third is validated on too, for the test rows are fixed."""
    fractions = (1 - fraction, fraction / 2, fraction / 2)
    train, first, second = split(n, y=strata, stratify=strata is not None, seed=seed, fractions=fractions)
    return train, np.sort(np.concatenate((first, second)))


def parts_in_time(n: int, fraction: float, seed: int, gap: int) -> tuple[Rows, Rows]:
    """Return rows before a cut in the later half, and those that come next, with gap − 1 rows between left out.

    Example:
        >>> train, held = parts_in_time(100, 0.25, seed=0, gap=5)
        >>> len(held), int(held[0] - train[-1])
        (25, 5)
    """
    many = max(1, round(fraction * n))
    cut = int(stream(seed, "cut in time").integers(min(n // 2, n - many), n - many + 1))
    return np.arange(max(cut - gap + 1, 0)), np.arange(cut, cut + many)


def strata_of(family: Family, y: Tensor, given: Any) -> Strata:
    """Return the class of each row: as given, or what y says where it names classes; texts name none.

    Raises:
        ShapeError: ``given`` has not one entry a row.
    """
    if given is False:
        return None
    if given is not None and given is not True:
        labels = np.asarray(given)
        if labels.shape != (len(y),):
            raise ShapeError(f"stratify needs one class a row, ({len(y)},); found {labels.shape}")
        return labels
    if family.event_dims > 1:
        return None
    if y.ndim > 1:
        return y.argmax(-1).numpy()
    names_classes = family.columns is None or bool(((y == 0) | (y == 1)).all())
    return y.numpy() if names_classes or given is True else None

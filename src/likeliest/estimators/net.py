"""How a net estimator learns: rows held out, standard units inside, and the result in the user's.

Inputs are standardised inside, and so is y where the family has a scale; what was learnt is then re-expressed, so that
``coefs_`` and ``intercepts_`` act on X as it was given. The penalty is in those units too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeliest.course import Budget
from likeliest.errors import SpecificationError
from likeliest.estimators.base import Estimator, Rows
from likeliest.nets import NetFit, fit_net, net_predictor
from likeliest.predictors import MLP, Columns, Predictor
from likeliest.randomness import stream
from likeliest.rules import Rule
from likeliest.rules import rule as rule_by_name
from likeliest.scaling import Scaling

PASSES, STEPS = 100, 2_000
"""The default budget of a mini-batch rule: so many passes, or as many as make so many steps."""
STEPS_BETWEEN = 50
"""A mini-batch fit is measured once a pass, or once in so many steps where a pass has fewer: held-out rows that are few
need a difference to see."""
TOLERANCE = 1e-10
"""A full-batch rule has converged when every entry of the gradient, per unit of weight, is at most this."""
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Net(Estimator):
    """η from a multilayer perceptron, learnt by `fit_net`."""

    coefs_: list[NDArray[np.float64]]
    intercepts_: list[NDArray[np.float64]]

    def __init__(
        self,
        hidden: Sequence[int] = (256,),
        activation: str = "relu",
        rule: str | Rule = "adam",
        lr: float | None = None,
        batch_size: int = 32,
        budget: float | Budget | None = None,
        l2: float = 0.0,
        validation_fraction: float = 0.1,
        patience: int = 10,
        precision: str | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.rule = rule
        self.lr = lr
        self.batch_size = batch_size
        self.budget = budget
        self.l2 = l2
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.precision = precision
        self.random_state = random_state

    def _learn(self, rows: Rows, outputs: int) -> NetFit:
        """Hold rows out, standardise by the others, fit, and keep the net in the units of X and y."""
        rule, seed = self._chosen_rule(), int(self.random_state or 0)
        width = rows.x.shape[1]
        predictor = net_predictor(self.family_, width, outputs, self.hidden, self.activation, estimate_dispersion=False)
        trained, held_out = self._split(rows, seed)
        scaling = Scaling.measure(predictor, trained.x, trained.weight)
        steps_a_pass = math.ceil(len(trained.y) / max(self.batch_size, 1))
        found = fit_net(
            self.family_,
            scaling.standardised(trained.x),
            trained.y,
            rule=rule,
            outputs=outputs,
            hidden=self.hidden,
            activation=self.activation,
            weight=trained.weight,
            validation=None if held_out is None else held_out._replace(x=scaling.standardised(held_out.x)),
            batch_size=None if rule.full_batch else self.batch_size,
            budget=self.budget if self.budget is not None or rule.full_batch else max(PASSES, STEPS / steps_a_pass),
            patience=self.patience,
            measure_every=1.0 if rule.full_batch else max(1.0, STEPS_BETWEEN / steps_a_pass),
            tolerance=TOLERANCE,
            l2=scaling.penalty(_penalty(predictor, self.l2)),
            estimate_dispersion=False,
            seed=seed,
            dtype=self._chosen_dtype(rule),
        )
        self._keep(found.predictor, scaling.to_user(found.theta))
        return found

    def _split(self, rows: Rows, seed: int) -> tuple[Rows, Rows | None]:
        """Rows to learn from, and rows to judge by, if there are enough to hold one out."""
        if not 0 <= self.validation_fraction < 1:
            raise SpecificationError(
                f"validation_fraction must be at least 0 and below 1, found {self.validation_fraction}"
            )
        order = stream(seed, "split").permutation(len(rows.y))
        held_out = math.floor(self.validation_fraction * len(order))
        return rows.take(np.sort(order[held_out:])), rows.take(np.sort(order[:held_out])) if held_out else None

    def _chosen_rule(self) -> Rule:
        rule = rule_by_name(self.rule) if isinstance(self.rule, str) else self.rule
        return rule if self.lr is None else rule.with_lr(self.lr)

    def _chosen_dtype(self, rule: Rule) -> torch.dtype:
        precision = self.precision or ("float64" if rule.full_batch else "float32")
        if precision not in _DTYPES:
            raise SpecificationError(f"precision must be one of {', '.join(_DTYPES)} or None, found {precision!r}")
        return _DTYPES[precision]

    def _keep(self, predictor: MLP | Columns, theta: Tensor) -> None:
        """Set ``coefs_`` and ``intercepts_``, one a layer."""
        mlp, own = predictor.split(theta)[0] if isinstance(predictor, Columns) else (predictor, theta)
        views = [view.numpy().copy() for view in mlp.views(own)]
        self.coefs_, self.intercepts_ = views[: len(views) // 2], views[len(views) // 2 :]

    def _forward(self, x: Tensor) -> Tensor:
        """In double precision, whatever was learnt in, so that a row's prediction does not depend on its neighbours."""
        mlp = MLP((x.shape[1], *(len(b) for b in self.intercepts_)), activation=self.activation)
        theta = np.concatenate([part.ravel() for part in (*self.coefs_, *self.intercepts_)])
        return mlp.forward(torch.from_numpy(theta), x)[0]


def _penalty(predictor: Predictor, l2: float) -> Tensor:
    """The penalty of each parameter (P,)."""
    penalty = torch.zeros(predictor.size, dtype=torch.float64)
    for part in predictor.parts.values():
        if part.penalised:
            penalty[part.slice] = l2
    return penalty

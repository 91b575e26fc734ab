"""Fully connected nets as classifiers and regressors.

Inputs are standardised inside, and so is y where the family has a scale; what was learnt is then re-expressed, so that
``coefs_`` and ``intercepts_`` act on X as it was given. The penalty is in those units too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeliest.course import Budget
from likeliest.errors import SpecificationError
from likeliest.estimators.base import Estimator, Rows
from likeliest.estimators.kinds import ChosenFamily, Classifier
from likeliest.families import Family
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


class _Net(Estimator):
    """η from a multilayer perceptron, learnt by `fit_net`."""

    hidden: Sequence[int]
    activation: str
    rule: str | Rule
    lr: float | None
    batch_size: int
    budget: float | Budget | None
    l2: float
    validation_fraction: float
    patience: int
    precision: str | None
    random_state: int | None
    coefs_: list[NDArray[np.float64]]
    intercepts_: list[NDArray[np.float64]]

    def _learn(self, rows: Rows, outputs: int) -> NetFit:
        """Hold rows out, standardise by the others, fit, and keep the net in the units of X and y."""
        rule, seed = self._chosen_rule(), int(self.random_state or 0)
        width = rows.x.shape[1]
        predictor = net_predictor(self.family_, width, outputs, self.hidden, self.activation, estimate_scale=False)
        trained, held_out = self._split(rows, seed)
        scaling = Scaling.measure(predictor, trained.x, trained.weight)
        steps_a_pass = math.ceil(len(trained.y) / self.batch_size)
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
            estimate_scale=False,
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


class NetClassifier(Classifier, _Net):
    """A fully connected net that gives the probability of each class.

    Args:
        hidden: widths of the hidden layers; none makes it logistic regression.
        activation: "relu", "tanh", "logistic" or "gelu".
        rule: the learning rule or its name. Full-batch rules, such as "lbfgs", take all rows at every step.
        lr: learning rate; None is the rule's own.
        batch_size: rows to a step.
        budget: passes over the rows, or a `Budget`. None is 100 passes, or as many as make 2,000 steps; for full-batch
            rules 1,000 steps.
        l2: the penalty ½ l2 ‖W‖² on every layer's weights beside Σ w·NLL, in the units of X.
        validation_fraction: the part of the rows that is held out to end the fit where they do best; 0 holds none out.
        patience: measurements (one a pass, or one in 50 steps) without a new held-out best before the fit ends.
        precision: "float32" or "float64"; None is double for full-batch rules, whose searches need the last digits, and
            single for the others. Predictions are always in double.
        random_state: names the initial weights, the rows held out and their order. The same number gives the same fit;
            None is 0.

    Attributes:
        coefs_: weights of each layer (inputs, outputs), which act on X as it was given.
        intercepts_: of each layer (outputs,).
        classes_: (K,), sorted.
        verdict_: why the fit ended.
        trace_: what was measured at each pass.
        n_iter_: the number of steps.
        family_: what is likely, a `Family`.
        n_features_in_: p.
        feature_names_in_: names of the columns of X, where it came with any.

    Source: Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors.

    Example:
        >>> import likeliest as lk
        >>> X = [[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0)] * 10
        >>> model = lk.NetClassifier(hidden=(8,), rule="lbfgs", l2=0.1, validation_fraction=0.0)
        >>> model.fit(X, [a != b for a, b in X]).predict([[0.0, 1.0], [1.0, 1.0]]).tolist()
        [True, False]
    """

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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows X (n, p), an array or a pandas or polars frame, and their classes y (n,).

        Args:
            X: finite numbers.
            y: labels of any sortable kind.
            sample_weight: (n,) ≥ 0; weight 0 is the row left out. Weight 2 is the row twice for full-batch rules; in
                mini-batches so on average.

        Raises:
            TargetError: fewer than two classes.
            SpecificationError: an argument of the constructor that does not fit, such as a negative l2.
        """
        found = self._learn(self._class_rows(X, y, sample_weight), self._outputs)
        return self._conclude(found.fit, found.verdict)


class NetRegressor(ChosenFamily, _Net):
    """A fully connected net that gives the mean of a number, and by its family how the number scatters about it.

    Args:
        family: the name of a family of numbers, or the family itself.
        link: how η maps to the mean; None is the family's canonical link.
        hidden: widths of the hidden layers; none makes it linear.
        activation: "relu", "tanh", "logistic" or "gelu".
        rule: the learning rule or its name; see `NetClassifier`.
        lr: learning rate; None is the rule's own.
        batch_size: rows to a step of a mini-batch rule.
        budget: see `NetClassifier`.
        l2: the penalty ½ l2 ‖W‖² on every layer's weights beside Σ w·NLL (half the deviance, where the family has a
            dispersion), in the units of X and y.
        validation_fraction: the part of the rows that is held out to end the fit where they do best; 0 holds none out.
        patience: measurements (one a pass, or one in 50 steps) without a new held-out best before the fit ends.
        precision: see `NetClassifier`.
        random_state: see `NetClassifier`.

    Attributes:
        coefs_: weights of each layer (inputs, outputs), which act on X as it was given.
        intercepts_: of each layer (outputs,).
        scale_: σ̂, where the family has one: the root of the weighted mean squared residual over all rows.
        verdict_: why the fit ended.
        trace_: what was measured at each pass; where the family has a scale, for y in units of its standard deviation
            and with the scale at 1.
        n_iter_: the number of steps.
        family_: what is likely, a `Family`.
        n_features_in_: p.
        feature_names_in_: names of the columns of X, where it came with any.

    Source: Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors.

    Example:
        >>> import likeliest as lk
        >>> X = [[i / 10] for i in range(-20, 21)]
        >>> model = lk.NetRegressor(hidden=(8,), rule="lbfgs", l2=1e-3, validation_fraction=0.0)
        >>> model.fit(X, [abs(x) for x, in X]).predict([[-1.0], [1.0]]).round(1).tolist()
        [1.0, 1.0]
    """

    def __init__(
        self,
        family: str | Family = "normal",
        link: str | None = None,
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
        self.family = family
        self.link = link
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows X (n, p), an array or a pandas or polars frame, and numbers y (n,).

        Args:
            X: finite numbers.
            y: numbers in the family's support.
            sample_weight: see `NetClassifier.fit`.

        Raises:
            UnknownNameError: no family or link of that name.
            SpecificationError: a family of classes, or an argument of the constructor that does not fit.
            SupportError: a y that the family cannot give.
        """
        self.family_ = self._chosen_family()
        rows = self._rows(X, y, sample_weight, numeric=True)
        found = self._learn(rows, 1)
        if self.family_.columns == ("mean", "log_scale"):
            residual = rows.y - self._forward(rows.x)[:, 0].numpy()
            self.scale_ = math.sqrt(np.average(residual**2, weights=rows.weight))
        return self._conclude(found.fit, found.verdict)

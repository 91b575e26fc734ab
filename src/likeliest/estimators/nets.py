"""Fully connected nets as classifiers and regressors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch

from likeliest.course import Budget
from likeliest.estimators.kinds import ChosenFamily, Classifier
from likeliest.estimators.net import Net
from likeliest.families import Family
from likeliest.glm import dispersion
from likeliest.rules import Rule


class NetClassifier(Classifier, Net):
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


class NetRegressor(ChosenFamily, Net):
    """A fully connected net that gives the mean of a number, and by its family how the number scatters about it.

    Args:
        family: the name of a family of numbers, or the family itself.
        link: how η maps to the mean; None is the family's first.
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
        extra_: the further columns of η by name, as they stand in η; a dispersion is the best given the net.
        scale_, dispersion_, df_: the same on their own scale, where the family has them.
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
        super().__init__(
            hidden, activation, rule, lr, batch_size, budget, l2, validation_fraction, patience, precision, random_state
        )
        self.family = family
        self.link = link

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows X (n, p), an array or a pandas or polars frame, and numbers y (n,).

        Args:
            X: finite numbers.
            y: numbers in the family's support; for binomial (n, 2), successes and failures.
            sample_weight: see `NetClassifier.fit`.

        Raises:
            UnknownNameError: no family or link of that name.
            SpecificationError: a family of classes, or an argument of the constructor that does not fit.
            SupportError: a y that the family cannot give.
        """
        self.family_ = self._chosen_family()
        rows = self._number_rows(X, y, sample_weight)
        found = self._learn(rows, 1)
        self._keep_extra(found.extra)
        if (name := self.family_.dispersion) is not None:
            y, weight = torch.from_numpy(rows.y), rows.weight
            self._keep_extra({name: dispersion(self.family_, self._forward(rows.x)[:, 0], y, weight)})
        return self._conclude(found.fit, found.verdict)

"""Fully connected nets as classifiers and regressors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from torch import Tensor

from likeliest.errors import SpecificationError
from likeliest.estimators.base import Rows
from likeliest.estimators.kinds import ChosenFamily, Classifier
from likeliest.estimators.net import Net, in_mini_batches
from likeliest.families import Family
from likeliest.glm import dispersion


@dataclass(kw_only=True, eq=False, repr=False)
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
        dropout: the rate at which activations of hidden layers are set to 0 while the net learns, in [0, 1).
        batch_norm: whether hidden layers are normalised over the batch; at prediction that is part of ``coefs_``.
        weight_decay: λ: weights shrink by the factor 1 − lr·λ at each step, on standardised X, whatever the rule; l2 is
            the penalty that is part of the objective.
        label_smoothing: ε in [0, 1): the share of each label that is spread over all classes.
        mixup: α of the Beta(α, α) by which rows are mixed with others of their batch; 0 mixes none.
        clip_norm: the largest norm of a gradient; None clips none.
        average: decay of an exponential moving average of the weights, such as 0.999, which is then what is kept.
        schedule: of the learning rate: "constant", "cosine", "one_cycle" or "inverse_time"; None is the rule's own.
        compute: "bfloat16" rounds the products of training batches to it; "auto" does so where this processor gains by
            it; None does not.
        device: where the net learns, such as "cuda"; None is the processor, where predictions are made in any case.
        warm_start: whether `fit` starts from the weights of the call before it.
        checkpoint: a file, or a `Checkpoint`, in which a fit keeps itself and from which it goes on.
        callbacks: called with a `Progress` at each measurement; one that returns True stops the fit.
        verbose: whether each measurement is a line on stderr.
        precision: "float32" or "float64"; None is double for full-batch rules, whose searches need the last digits, and
            single for the others. Predictions are always in double.
        random_state: names the initial weights, the rows held out and their order. The same number gives the same fit;
            None is 0.
        class_weight: how often a row of each class counts: None, "balanced" for n / (K · rows of the class), or a
            mapping from classes to weights. `predict` then chooses as if errors cost that much; `predict_proba` takes
            the weights back and gives the probabilities of the world.

    Attributes:
        coefs_: weights of each layer (inputs, outputs), which act on X as it was given.
        intercepts_: of each layer (outputs,).
        classes_: (K,), sorted.
        class_weight_: (K,).
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

    class_weight: str | Mapping[Any, float] | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: tuple[Any, ...] | None = None) -> Self:
        """Fit to rows X (n, p), an array or a pandas or polars frame, and their classes y (n,).

        Args:
            X: finite numbers.
            y: labels of any sortable kind.
            sample_weight: (n,) ≥ 0; weight 0 is the row left out. Weight 2 is the row twice for full-batch rules; in
                mini-batches so on average.
            validation: (X, y) or (X, y, sample_weight) to end the fit by, in place of a part of the rows.

        Raises:
            TargetError: fewer than two classes, or a class that is only in the validation rows.
            SpecificationError: an argument of the constructor that does not fit, such as a negative l2.
        """
        rows = self._class_rows(X, y, sample_weight)
        held_out = None
        if validation is not None:
            held_x, held_y, *weight = validation
            held_rows = self._rows(held_x, held_y, *(weight or [None]), numeric=False, reset=False)
            held_out = self._indexed(held_rows)
        self.class_weight_ = self._weights(rows)
        found = self._learn(self._weighted(rows), self._outputs, held_out and self._weighted(held_out))
        return self._conclude(found.fit, found.verdict)

    @available_if(in_mini_batches)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one more pass over rows X (n, p) and their classes y (n,); nothing is held out.

        The first call learns the scale of X, and later ones keep it; the rule remembers what it did before. After
        `fit` it goes on from what was fitted.

        Args:
            X: as for `fit`.
            y: as for `fit`.
            classes: (K,) every class there will be; the first call needs it.
            sample_weight: as for `fit`.

        Raises:
            SpecificationError: no classes at the first call, others later, balanced class weights, or an argument of
                the constructor that is for whole fits.
            TargetError: a y that is none of the classes.
        """
        first = not hasattr(self, "classes_")
        if first and classes is None:
            raise SpecificationError("partial_fit needs every class there will be at its first call; pass classes=")
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise SpecificationError(f"classes are {self.classes_.tolist()} since the first call; found {classes}")
        if self.class_weight == "balanced":
            raise SpecificationError("balanced class weights need all rows at once; pass a mapping from classes")
        rows = self._rows(X, y, sample_weight, numeric=False, reset=first)
        if first:
            self._set_classes(np.asarray(classes))
        rows = self._indexed(rows)
        self.class_weight_ = self._weights(rows)
        found = self._learn_more(self._weighted(rows), self._outputs)
        return self._note(found.fit, found.verdict)

    def _weights(self, rows: Rows) -> NDArray[np.float64]:
        """The weight of each class (K,)."""
        given, labels = self.class_weight, self.classes_.tolist()
        if given is None:
            return np.ones(len(labels))
        if given == "balanced":
            weight = None if rows.weight is None else rows.weight.numpy()
            counts = np.bincount(rows.y, weight, minlength=len(labels))
            return np.asarray(counts.sum() / (len(labels) * counts))
        if not isinstance(given, Mapping):
            raise SpecificationError(f'class_weight is None, "balanced" or a mapping from classes, found {given!r}')
        if unknown := [label for label in given if label not in labels]:
            raise SpecificationError(f"class_weight names {unknown[0]!r}, which is none of the classes {labels}")
        weights = np.asarray([given.get(label, 1.0) for label in labels], dtype=np.float64)
        if not (np.isfinite(weights) & (weights > 0)).all():
            raise SpecificationError(
                f"class weights must be positive and finite, found {dict(given)}; drop rows instead"
            )
        return weights

    def _weighted(self, rows: Rows) -> Rows:
        """Rows that count as often as their classes say."""
        if (self.class_weight_ == 1).all():
            return rows
        weight = torch.from_numpy(self.class_weight_[rows.y])
        return rows._replace(weight=weight if rows.weight is None else rows.weight * weight)

    @property
    def _eta_of_weights(self) -> Tensor:
        log_weight = torch.from_numpy(self.class_weight_).log()
        return log_weight.diff() if len(log_weight) == 2 else log_weight


@dataclass(eq=False, repr=False)
class NetRegressor(ChosenFamily, Net):
    """A fully connected net that gives the mean of a number, and by its family how the number scatters about it.

    All arguments but ``family`` and ``link`` are those of `NetClassifier`, of which it has no ``class_weight``.

    Args:
        family: the name of a family of numbers, or the family itself.
        link: how η maps to the mean; None is the family's first.
        l2: the penalty ½ l2 ‖W‖² on every layer's weights beside Σ w·NLL (half the deviance, where the family has a
            dispersion), in the units of X and y.
        mixup: mixes y, too, which families of counts do not take.
        label_smoothing: for classes; only 0 fits here.

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

    family: str | Family = "normal"
    link: str | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: tuple[Any, ...] | None = None) -> Self:
        """Fit to rows X (n, p), an array or a pandas or polars frame, and numbers y (n,).

        Args:
            X: finite numbers.
            y: numbers in the family's support; for binomial (n, 2), successes and failures.
            sample_weight: see `NetClassifier.fit`.
            validation: see `NetClassifier.fit`.

        Raises:
            UnknownNameError: no family or link of that name.
            SpecificationError: a family of classes, or an argument of the constructor that does not fit.
            SupportError: a y that the family cannot give.
        """
        self.family_ = self._chosen_family()
        rows = self._number_rows(X, y, sample_weight)
        held_out = None
        if validation is not None:
            held_x, held_y, *weight = validation
            held_out = self._number_rows(held_x, held_y, *(weight or [None]), reset=False)
        found = self._learn(rows, 1, held_out)
        self._scatter(found.extra, rows)
        return self._conclude(found.fit, found.verdict)

    @available_if(in_mini_batches)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from one more pass over rows X (n, p) and numbers y (n,); see `NetClassifier.partial_fit`.

        The first call learns the scales of X and y. A dispersion is that of the latest rows.

        Raises:
            SpecificationError: an argument of the constructor that is for whole fits.
            SupportError: a y that the family cannot give.
        """
        first = not hasattr(self, "family_")
        if first:
            self.family_ = self._chosen_family()
        rows = self._number_rows(X, y, sample_weight, reset=first)
        found = self._learn_more(rows, 1)
        self._scatter(found.extra, rows)
        return self._note(found.fit, found.verdict)

    def _scatter(self, extra: Mapping[str, float], rows: Rows) -> None:
        """Keep the further columns of η, and the best dispersion given the net."""
        self._keep_extra(extra)
        if (name := self.family_.dispersion) is not None:
            eta = self._forward(rows.x)[:, 0]
            self._keep_extra({name: dispersion(self.family_, eta, torch.from_numpy(rows.y), rows.weight)})

"""How a net estimator learns: rows held out, standard units inside, and the result in the user's.

Inputs are standardised inside, and so is y where the family has a scale; what was learnt is then re-expressed, so that
``coefs_`` and ``intercepts_`` act on X as it was given. The penalty is in those units too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import is_classifier
from torch import Tensor

from likeliest.checkpoint import Checkpoint
from likeliest.course import Budget
from likeliest.errors import ShapeError, SpecificationError
from likeliest.estimators.base import Estimator, Rows
from likeliest.nets import NetFit, NetState, fit_net, folded, net_predictor
from likeliest.predictors import MLP, Columns, Predictor
from likeliest.progress import Callback, Progress, adapted, show
from likeliest.randomness import stream
from likeliest.rules import Rule
from likeliest.rules import rule as rule_by_name
from likeliest.scaling import Scaling
from likeliest.training import Training

PASSES, STEPS = 100, 2_000
"""The default budget of a mini-batch rule: so many passes, or as many as make so many steps."""
STEPS_BETWEEN = 50
"""A mini-batch fit is measured once a pass, or once in so many steps where a pass has fewer: held-out rows that are few
need a difference to see."""
TOLERANCE = 1e-10
"""A full-batch rule has converged when every entry of the gradient, per unit of weight, is at most this."""
_DTYPES = {"float32": torch.float32, "float64": torch.float64}
_OF_WHOLE_FITS = ("average", "schedule", "checkpoint")


@dataclass(kw_only=True, eq=False, repr=False)
class Net(Estimator):
    """η from a multilayer perceptron, learnt by `fit_net`; the constructor's arguments, once for all nets."""

    hidden: Sequence[int] = (256,)
    activation: str = "relu"
    rule: str | Rule = "adam"
    lr: float | None = None
    batch_size: int = 32
    budget: float | Budget | None = None
    l2: float = 0.0
    validation_fraction: float = 0.1
    patience: int = 10
    dropout: float = 0.0
    batch_norm: bool = False
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    clip_norm: float | None = None
    average: float | None = None
    schedule: str | None = None
    compute: Any = None
    device: str | None = None
    warm_start: bool = False
    checkpoint: str | Path | Checkpoint | None = None
    callbacks: Sequence[Callback] = ()
    verbose: bool = False
    precision: str | None = None
    random_state: int | None = 0

    def _learn(self, rows: Rows, outputs: int, held_out: Rows | None = None) -> NetFit:
        """Hold rows out where none were given, standardise by the others, fit, and keep the net in the user's units."""
        rule, seed = self._chosen_rule(), self._seed
        trained, held_out = self._split(rows, seed) if held_out is None else (rows, held_out)
        predictor = self._predictor(rows, outputs, rule)
        scaling = Scaling.measure(predictor, trained.x, trained.weight)
        steps_a_pass = math.ceil(len(trained.y) / max(self.batch_size, 1))
        budget = self.budget
        if budget is None and not rule.full_batch:
            budget = max(PASSES, STEPS / steps_a_pass)
        found = fit_net(
            self.family_,
            scaling.standardised(trained.x),
            trained.y,
            validation=None if held_out is None else held_out._replace(x=scaling.standardised(held_out.x)),
            budget=budget,
            patience=self.patience,
            measure_every=1.0 if rule.full_batch else max(1.0, STEPS_BETWEEN / steps_a_pass),
            theta=self._earlier(scaling) if self.warm_start else None,
            checkpoint=self._chosen_checkpoint(),
            seed=seed,
            **self._settings(trained, outputs, rule, scaling),
        )
        self._keep(found, scaling)
        self._state: NetState | None = None
        self._calls = 0
        return found

    def _learn_more(self, rows: Rows, outputs: int) -> NetFit:
        """One pass over the rows, from where the last call ended, in its units and with what its rule remembers."""
        for name in _OF_WHOLE_FITS:
            if getattr(self, name) is not None:
                raise SpecificationError(f"{name} is for whole fits, and partial_fit is one pass; leave it out")
        rule = self._chosen_rule()
        predictor = self._predictor(rows, outputs, rule)
        before = getattr(self, "_scaling", None)
        scaling = Scaling.measure(predictor, rows.x, rows.weight) if before is None else Scaling(predictor, *before)
        state = getattr(self, "_state", None)
        self._calls = getattr(self, "_calls", 0) + 1
        found = fit_net(
            self.family_,
            scaling.standardised(rows.x),
            rows.y,
            budget=1,
            theta=self._earlier(scaling) if state is None else None,
            after=state,
            seed=int(stream(self._seed, "partial_fit", self._calls).integers(2**62)) if self._calls > 1 else self._seed,
            **self._settings(rows, outputs, rule, scaling),
        )
        self._keep(found, scaling)
        self._state = found.state
        return found

    def _settings(self, rows: Rows, outputs: int, rule: Rule, scaling: Scaling) -> dict[str, Any]:
        """What a fit and a pass have in common."""

        def on_x(seen: Progress) -> Progress:
            return seen.replaced(theta=scaling.to_user(seen.theta))

        told = (*self.callbacks, *((show,) if self.verbose else ()))
        return {
            "rule": rule,
            "outputs": outputs,
            "hidden": self.hidden,
            "activation": self.activation,
            "weight": rows.weight,
            "batch_size": None if rule.full_batch else self.batch_size,
            "tolerance": TOLERANCE,
            "l2": scaling.penalty(_penalty(scaling.predictor, self.l2)),
            "estimate_dispersion": False,
            "training": self._training,
            "dtype": self._chosen_dtype(rule),
            "device": self.device,
            "callbacks": [adapted(tell, on_x) for tell in told],
        }

    @property
    def _training(self) -> Training:
        return Training(**{field.name: getattr(self, field.name) for field in fields(Training)})

    @property
    def _seed(self) -> int:
        return int(self.random_state or 0)

    def _predictor(self, rows: Rows, outputs: int, rule: Rule) -> MLP | Columns:
        return net_predictor(
            self.family_,
            rows.x.shape[1],
            outputs,
            self.hidden,
            self.activation,
            estimate_dispersion=False,
            training=self._training,
            dtype=self._chosen_dtype(rule),
        )

    def _split(self, rows: Rows, seed: int) -> tuple[Rows, Rows | None]:
        """Rows to learn from, and rows to judge by, if there are enough to hold one out: of each class its share."""
        if not 0 <= self.validation_fraction < 1:
            raise SpecificationError(
                f"validation_fraction must be at least 0 and below 1, found {self.validation_fraction}"
            )
        order = stream(seed, "split").permutation(len(rows.y))
        held_out = math.floor(self.validation_fraction * len(order))
        if is_classifier(self):
            order = order[np.argsort(_evenly(rows.y[order]), kind="stable")]
        return rows.take(np.sort(order[held_out:])), rows.take(np.sort(order[:held_out])) if held_out else None

    def _chosen_rule(self) -> Rule:
        rule = rule_by_name(self.rule) if isinstance(self.rule, str) else self.rule
        return rule if self.lr is None else rule.with_lr(self.lr)

    def _chosen_dtype(self, rule: Rule) -> torch.dtype:
        precision = self.precision or ("float64" if rule.full_batch else "float32")
        if precision not in _DTYPES:
            raise SpecificationError(f"precision must be one of {', '.join(_DTYPES)} or None, found {precision!r}")
        return _DTYPES[precision]

    def _chosen_checkpoint(self) -> Checkpoint | None:
        given = self.checkpoint
        return given if given is None or isinstance(given, Checkpoint) else Checkpoint(given)

    def _earlier(self, scaling: Scaling) -> Tensor | None:
        """θ of an earlier call on standardised inputs; None where there was none."""
        theta: Tensor | None = getattr(self, "_theta", None)
        if theta is None:
            return None
        if len(theta) != scaling.predictor.size:
            raise ShapeError(
                f"the earlier net has {len(theta)} parameters and this one {scaling.predictor.size}; go on with the "
                "same columns, classes, hidden and batch_norm, or clone the estimator"
            )
        return scaling.from_user(theta)

    def _keep(self, found: NetFit, scaling: Scaling) -> None:
        """Set ``coefs_`` and ``intercepts_``, one a layer, and what a later call goes on from."""
        self._theta, self._scaling = scaling.to_user(found.theta), (scaling.centre, scaling.scale)
        mlp: Predictor = found.predictor
        own = self._theta
        if isinstance(mlp, Columns):
            mlp, own = mlp.split(own)[0]
        assert isinstance(mlp, MLP)
        weights, intercepts = folded(mlp, own)
        self.coefs_: list[NDArray[np.float64]] = [weight.numpy().copy() for weight in weights]
        self.intercepts_: list[NDArray[np.float64]] = [intercept.numpy().copy() for intercept in intercepts]

    def _forward(self, x: Tensor) -> Tensor:
        """In double precision, whatever was learnt in, so that a row's prediction does not depend on its neighbours."""
        mlp = MLP((x.shape[1], *(len(b) for b in self.intercepts_)), activation=self.activation)
        theta = np.concatenate([part.ravel() for part in (*self.coefs_, *self.intercepts_)])
        return mlp.forward(torch.from_numpy(theta), x)[0]


def in_mini_batches(net: Net) -> bool:
    """Whether a net has a rule for mini-batches, without which it has no ``partial_fit``."""
    if (rule := net._chosen_rule()).full_batch:
        raise SpecificationError(f"partial_fit steps in mini-batches, and {rule.name} takes all rows; try adam")
    return True


def _evenly(strata: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers in (0, 1) by which to sort rows, so that any beginning has its share of each stratum: (n,)."""
    at = np.empty(len(strata))
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        at[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return at


def _penalty(predictor: Predictor, l2: float) -> Tensor:
    """The penalty of each parameter (P,)."""
    penalty = torch.zeros(predictor.size, dtype=torch.float64)
    for part in predictor.parts.values():
        if part.penalised:
            penalty[part.slice] = l2
    return penalty

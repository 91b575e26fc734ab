"""What all estimators share: rows and weights checked once, η at the centre, and verdicts that warn."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor

from likeliest.errors import AliasingWarning, BoundaryWarning, ConvergenceWarning, LikeliestWarning, SeparationWarning
from likeliest.families import Family
from likeliest.fit import Fit
from likeliest.interfaces import Trace, Verdict, VerdictKind

_WARNINGS: dict[VerdictKind, type[LikeliestWarning]] = {
    VerdictKind.SEPARATED: SeparationWarning,
    VerdictKind.ALIASED: AliasingWarning,
    VerdictKind.BOUNDARY: BoundaryWarning,
}


class Rows(NamedTuple):
    """Validated training rows: x (n, p) in double precision, y (n,) or (n, 2), and weights (n,) above 0 or None."""

    x: Tensor
    y: NDArray[Any]
    weight: Tensor | None

    def take(self, index: NDArray[np.intp]) -> Self:
        """Return some of the rows."""
        return type(self)(self.x[index], self.y[index], None if self.weight is None else self.weight[index])


class Estimator(BaseEstimator):
    """A model on one family, fitted by maximum likelihood; subclasses say how they learn and what η is."""

    family_: Family
    n_features_in_: int
    n_iter_: int
    trace_: Trace
    verdict_: Verdict

    @abstractmethod
    def _forward(self, x: Tensor) -> Tensor:
        """The predictor's output (n, K) for the rows of x (n, p)."""

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, *, numeric: bool, several: bool = False, reset: bool = True
    ) -> Rows:
        """Check what `fit` was given. A row of weight 0 is left out, for that is what its weight says.

        Numeric y are made numbers; where they are several a row, the family judges their shape. Without ``reset`` the
        columns have to be those of an earlier call.
        """
        X, y = validate_data(
            self, X, y, dtype=np.float64, order="C", y_numeric=numeric, multi_output=several, reset=reset
        )
        y = y.astype(np.float64) if numeric else y
        if sample_weight is None:
            return Rows(_tensor(X), y, None)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return Rows(_tensor(X), y, _tensor(weight)).take(np.flatnonzero(weight))

    def _new_rows(self, X: Any) -> Tensor:
        """Check what is to be predicted."""
        check_is_fitted(self)
        return _tensor(validate_data(self, X, dtype=np.float64, order="C", reset=False))

    @property
    def _names(self) -> tuple[str, ...] | None:
        """Names of the columns of X, where it came with any."""
        return tuple(self.feature_names_in_) if hasattr(self, "feature_names_in_") else None

    def _conclude(self, found: Fit, verdict: Verdict) -> Self:
        """Keep how a fit ended, and warn where that was short of an optimum, at the line that called `fit`."""
        self.verdict_, self.trace_, self.n_iter_ = verdict, found.trace, found.state.step
        if not verdict.good:
            warnings.warn(str(verdict), _WARNINGS.get(verdict.kind, ConvergenceWarning), stacklevel=3)
        return self

    def _note(self, found: Fit, verdict: Verdict) -> Self:
        """Keep how one pass of many ended, and warn at the line that called `partial_fit` where θ was lost."""
        self.n_iter_ = getattr(self, "n_iter_", 0) + found.state.step
        self.verdict_, self.trace_ = verdict, found.trace
        if verdict.kind is VerdictKind.NON_FINITE:
            warnings.warn(str(verdict), ConvergenceWarning, stacklevel=3)
        return self


def _tensor(values: NDArray[np.float64]) -> Tensor:
    """A tensor on the same memory, or on a copy where that is read-only, which torch has no word for."""
    return torch.from_numpy(values if values.flags.writeable else values.copy())

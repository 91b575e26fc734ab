"""The two kinds of estimator: classes with their probabilities, and numbers with their mean. All follows from η."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from torch import Tensor

from likeliest.errors import SpecificationError, SupportError, TargetError
from likeliest.estimators.base import Estimator, Rows
from likeliest.families import Family, family
from likeliest.interfaces import Eta


class Classifier(ClassifierMixin, Estimator):
    """One of K classes: bernoulli on one column of η where K = 2, categorical on K columns otherwise."""

    classes_: NDArray[Any]

    def _class_rows(self, X: Any, y: Any, sample_weight: Any) -> Rows:
        """Check the rows, set ``classes_`` and ``family_``, and return the rows with each class as its index."""
        rows = self._rows(X, y, sample_weight, numeric=False)
        check_classification_targets(rows.y)
        self._set_classes(rows.y)
        return self._indexed(rows)

    def _set_classes(self, labels: Any) -> None:
        """Set ``classes_`` to the labels there are, and ``family_`` to what their number calls for."""
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise TargetError(
                f"a classifier needs at least two classes; found one class, {self.classes_[0]!r}, in all "
                f"{len(labels)} rows of positive weight; collect rows of another"
            )
        self.family_ = family("bernoulli" if len(self.classes_) == 2 else "categorical")

    def _indexed(self, rows: Rows) -> Rows:
        """Rows with each class as its index."""
        if odd := np.setdiff1d(rows.y, self.classes_).tolist():
            known = ", ".join(map(repr, self.classes_.tolist()))
            raise TargetError(f"y holds {odd[0]!r}, which is none of the classes {known}; name all of them at first")
        return rows._replace(y=np.searchsorted(self.classes_, rows.y))

    @property
    def _outputs(self) -> int:
        """Number of columns of η."""
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    @property
    def _eta_of_weights(self) -> Tensor:
        """What weights of classes added to η, (1,) or (K,): taken off, η gives the probabilities of the world."""
        return torch.zeros(1, dtype=torch.float64)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """η of each row: the log-odds of the second of two classes (n,), or one column a class (n, K)."""
        eta = self._forward(self._new_rows(X)).numpy()
        return eta[:, 0] if eta.shape[1] == 1 else eta

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row, (n,)."""
        eta = self.decision_function(X)
        labels: NDArray[Any] = self.classes_[(eta > 0).astype(int) if eta.ndim == 1 else eta.argmax(1)]
        return labels

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Log p(class | x), (n, K), computed from η: exact where the probability itself rounds to 0 or 1."""
        eta = self._forward(self._new_rows(X)) - self._eta_of_weights
        every = torch.arange(len(self.classes_))
        return torch.stack([self.family_.log_prob(eta, k.expand(len(eta))) for k in every], 1).numpy()

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """p(class | x), (n, K)."""
        return np.exp(self.predict_log_proba(X))


class Regressor(RegressorMixin, Estimator):
    """A number: its mean is predicted, and its family says how it scatters."""

    extra_: dict[str, float]

    def _number_rows(self, X: Any, y: Any, sample_weight: Any, *, reset: bool = True) -> Rows:
        """Check the rows, of which y has as many columns as ``family_`` wants."""
        return self._rows(X, y, sample_weight, numeric=True, several=self.family_.y_columns > 1, reset=reset)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """E[y | x] of each row, (n,); of successes and failures, the share of successes."""
        eta = self._eta(self._new_rows(X))
        mean: NDArray[np.float64] = self.family_.mean(eta).numpy()
        return mean

    def predict_quantile(self, X: Any, level: float = 0.5) -> NDArray[np.float64]:
        """The number that y stays below with a probability of ``level`` in each row, (n,).

        Raises:
            SpecificationError: the level lies outside (0, 1).

        Example:
            >>> import likeliest as lk
            >>> model = lk.GLMRegressor(family="laplace").fit([[0.0], [1.0], [2.0], [3.0]], [1.0, 2.0, 90.0, 4.0])
            >>> model.predict_quantile([[4.0]], 0.5).round(6).tolist()
            [5.0]
        """
        if not 0 < level < 1:
            raise SpecificationError(f"level must lie between 0 and 1, found {level}")
        x = self._new_rows(X)
        found = self.family_.quantile(self._eta(x), torch.tensor(level, dtype=torch.float64))
        quantile: NDArray[np.float64] = found.expand(len(x)).numpy()
        return quantile

    def _eta(self, x: Tensor) -> Eta:
        """η of the rows of x: the predictor's output alone, or beside the constants of the further columns."""
        first = self._forward(x)
        if not self.extra_:
            return first
        return first[:, 0], *(first.new_tensor([value]) for value in self.extra_.values())

    def _keep_extra(self, extra: Mapping[str, float]) -> None:
        """Set ``extra_``, and what it has the logarithm of by its own name: ``scale_``, ``dispersion_``, ``df_``."""
        self.extra_ = dict(extra)
        for name, value in extra.items():
            if name.startswith("log_"):
                setattr(self, f"{name.removeprefix('log_')}_", math.exp(value))


class ChosenFamily(Regressor):
    """A regressor whose user names the family."""

    family: str | Family
    link: str | None

    def _chosen_family(self) -> Family:
        if isinstance(self.family, Family):
            chosen = self.family
            if self.link not in (None, chosen.link):
                raise SpecificationError(f"link={self.link!r} beside a family of link {chosen.link!r}; leave link out")
        else:
            chosen = family(self.family, self.link)
        if chosen.columns is None:
            raise SpecificationError(f"{chosen.name} is a family of classes; use LogisticRegression or NetClassifier")
        return chosen

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predictions; of successes and failures, that of their shares, each counted by its trials."""
        if self.family_.y_columns == 1:
            return float(super().score(X, y, sample_weight))
        counts = np.asarray(y, dtype=np.float64)
        trials = counts.sum(1)
        weight = trials if sample_weight is None else trials * np.asarray(sample_weight)
        return float(super().score(X, counts[:, 0] / np.where(trials > 0, trials, 1), weight))

    def __sklearn_tags__(self) -> Tags:
        """Say whether y must be positive."""
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = not _takes_negatives(self._chosen_family())
        return tags


def _takes_negatives(chosen: Family) -> bool:
    """Whether −1 lies in a family's support."""
    try:
        chosen.check_support(torch.tensor([-1.0]))
    except SupportError:
        return False
    return True

"""Linear, logistic and generalised linear regression, fitted to the optimum or with a reason why there is none.

Coefficients minimise Σ w·NLL + ½ l2 ‖W‖² with a free intercept; families with a dispersion take half the deviance in
place of the NLL, so that `LinearRegression` with l2 = a is ridge regression with alpha = a.

Source: McCullagh and Nelder (1989), Generalized linear models, 2nd edition.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeliest.estimators.base import Estimator, Rows
from likeliest.estimators.kinds import ChosenFamily, Classifier, Regressor
from likeliest.families import Family, family
from likeliest.glm import LinearFit, fit_linear


class _Linear(Estimator):
    """η = X Wᵀ + b, learnt by `fit_linear`."""

    l2: float
    fit_intercept: bool
    coef_: NDArray[np.float64]
    intercept_: Any

    def _learn(self, rows: Rows, outputs: int = 1) -> LinearFit:
        return fit_linear(
            self.family_,
            rows.x,
            rows.y,
            outputs=outputs,
            weight=rows.weight,
            l2=self.l2,
            intercept=self.fit_intercept,
            names=self._names,
        )

    def _forward(self, x: Tensor) -> Tensor:
        coef = torch.from_numpy(np.atleast_2d(self.coef_))
        return x @ coef.mT + torch.as_tensor(self.intercept_, dtype=torch.float64)


class LogisticRegression(Classifier, _Linear):
    """Logistic regression; for K > 2 classes the multinomial one, whose K rows of coefficients sum to zero.

    Where the classes are separable the likelihood has no maximum: `fit` then returns finite coefficients that separate
    them, the verdict ``separated`` with the columns, and a `SeparationWarning`. With a penalty, such as l2=1, there is
    one.

    Args:
        l2: the penalty ½ l2 ‖W‖² beside Σ w·NLL, in the units of X; scikit-learn's 1/C.
        fit_intercept: whether there is an intercept, which is never penalised.

    Attributes:
        coef_: (1, p) for two classes, (K, p) for more; of many equally good ones the smallest.
        intercept_: (1,) or (K,).
        classes_: (K,), sorted.
        verdict_: whether the optimum exists and was reached.
        trace_: what was measured at each step.
        n_iter_: the number of Newton steps, or of L-BFGS steps where there are thousands of coefficients.
        family_: what is likely, a `Family`.
        n_features_in_: p.
        feature_names_in_: names of the columns of X, where it came with any.

    Source: Cox (1958), The regression analysis of binary sequences.

    Example:
        >>> import likeliest as lk
        >>> model = lk.LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], ["no", "yes", "no", "yes"])
        >>> model.verdict_.kind.value, model.predict([[4.0]]).tolist(), model.predict_proba([[4.0]]).round(3).tolist()
        ('converged', ['yes'], [[0.094, 0.906]])
    """

    def __init__(self, l2: float = 0.0, fit_intercept: bool = True) -> None:
        self.l2 = l2
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows X (n, p), an array or a pandas or polars frame, and their classes y (n,).

        Args:
            X: finite numbers.
            y: labels of any sortable kind.
            sample_weight: (n,) ≥ 0; weight 2 is the row twice, weight 0 the row left out.

        Raises:
            TargetError: fewer than two classes.
            SpecificationError: l2 is negative.
        """
        found = self._learn(self._class_rows(X, y, sample_weight), self._outputs)
        self.coef_, self.intercept_ = found.weight.mT.contiguous().numpy(), found.bias.numpy()
        return self._conclude(found.fit, found.verdict)


class _LinearRegressor(Regressor, _Linear):
    """One column of η, and a constant for each further column that the family has."""

    def _learn_number(self, X: Any, y: Any, sample_weight: Any) -> LinearFit:
        found = self._learn(self._number_rows(X, y, sample_weight))
        self.coef_, self.intercept_ = found.weight[:, 0].numpy(), float(found.bias[0])
        self._keep_extra(found.extra)
        return found


class LinearRegression(_LinearRegressor):
    """Least squares, with the spread that maximises the likelihood; l2 > 0 makes it ridge regression.

    Args:
        l2: the penalty ½ l2 ‖w‖² beside ½ Σ w (y − μ)², in the units of X and y; the alpha of scikit-learn's Ridge.
        fit_intercept: whether there is an intercept, which is never penalised.

    Attributes:
        coef_: (p,); where columns depend on each other the smallest of the equally good ones.
        intercept_: a number.
        scale_: σ̂, the root of the weighted mean squared residual (divisor Σw); 0 where the columns reproduce y.
        verdict_: ``converged``, ``aliased`` with the columns, or ``boundary`` for a perfect fit.
        trace_: what was measured at each step.
        n_iter_: the number of Newton steps.
        family_: what is likely, a `Family`.
        n_features_in_: p.
        feature_names_in_: names of the columns of X, where it came with any.

    Source: Gauss (1809), Theoria motus; Hoerl and Kennard (1970), Ridge regression.

    Example:
        >>> import likeliest as lk
        >>> model = lk.LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.5])
        >>> model.coef_.round(6).tolist(), round(model.intercept_, 6), round(model.scale_, 6)
        ([2.25], 0.916667, 0.117851)
    """

    def __init__(self, l2: float = 0.0, fit_intercept: bool = True) -> None:
        self.l2 = l2
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows X (n, p), an array or a pandas or polars frame, and numbers y (n,).

        Args:
            X: finite numbers.
            y: finite numbers.
            sample_weight: (n,) ≥ 0; weight 2 is the row twice, weight 0 the row left out.

        Raises:
            SpecificationError: l2 is negative.
        """
        self.family_ = family("normal")
        found = self._learn_number(X, y, sample_weight)
        return self._conclude(found.fit, found.verdict)


class GLMRegressor(ChosenFamily, _LinearRegressor):
    """A generalised linear model: the mean of y is a function of a weighted sum of the columns.

    Rates go with their exposure as weight: y = count / exposure, sample_weight = exposure. Of successes and failures,
    the two columns of y for the family binomial, the share of successes is predicted.

    Args:
        family: the name of a family of numbers, or the family itself.
        link: how η maps to the mean; None is the family's first.
        l2: the penalty ½ l2 ‖w‖² beside Σ w·NLL (half the deviance, where the family has a dispersion), in the units of
            X and y.
        fit_intercept: whether there is an intercept, which is never penalised.

    Attributes:
        coef_: (p,).
        intercept_: a number.
        extra_: the further columns of η by name, as they stand in η: ``log_scale``, ``log_dispersion``, ``log_df``.
        scale_, dispersion_, df_: the same on their own scale, where the family has them.
        verdict_: whether the optimum exists and was reached.
        trace_: what was measured at each step.
        n_iter_: the number of Newton steps.
        family_: what is likely, a `Family`.
        n_features_in_: p.
        feature_names_in_: names of the columns of X, where it came with any.

    Source: Nelder and Wedderburn (1972), Generalized linear models.

    Example:
        >>> import likeliest as lk
        >>> model = lk.GLMRegressor().fit([[0.0], [1.0], [2.0], [3.0]], [1, 2, 4, 8])
        >>> round(float(model.coef_[0]), 6), model.predict([[4.0]]).round(6).tolist()
        (0.693147, [16.0])
    """

    def __init__(
        self, family: str | Family = "poisson", link: str | None = None, l2: float = 0.0, fit_intercept: bool = True
    ) -> None:
        self.family = family
        self.link = link
        self.l2 = l2
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows X (n, p), an array or a pandas or polars frame, and numbers y (n,).

        Args:
            X: finite numbers.
            y: numbers in the family's support; for binomial (n, 2), successes and failures.
            sample_weight: (n,) ≥ 0; weight 2 is the row twice, weight 0 the row left out.

        Raises:
            UnknownNameError: no family or link of that name.
            SpecificationError: a family of classes, or l2 is negative.
            SupportError: a y that the family cannot give.
        """
        self.family_ = self._chosen_family()
        found = self._learn_number(X, y, sample_weight)
        return self._conclude(found.fit, found.verdict)

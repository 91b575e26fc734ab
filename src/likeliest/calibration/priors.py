"""From the priors that a classifier was trained under to those of the world."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from likeliest.calibration.base import Floats, log_of, normalised, probabilities
from likeliest.errors import ShapeError, SupportError


def correct_priors(p: ArrayLike, weight: ArrayLike) -> Floats:
    """Return q_k ∝ p_k / w_k: true probabilities of a classifier that was fitted with a weight for each class.

    A row of class k that counts w_k times makes class k as much commoner than it is, and the classifier learns
    p_k ∝ w_k P(k | x). Dividing by w_k takes that back; so it does for classes that were sampled at rates w_k.

    Args:
        p: probabilities (n, K), or of class 1 of two (n,), of the weighted classifier.
        weight: (K,) > 0, the weights it was fitted with, up to a factor.

    Source: Elkan (2001), The foundations of cost-sensitive learning, theorem 2; King and Zeng (2001), Logistic
    regression in rare events data, section 4.1.

    Raises:
        ShapeError: there is not one weight a class.
        SupportError: a weight is not positive and finite, or rows of p are no probabilities.

    Example:
        >>> correct_priors([[0.5, 0.5]], [1.0, 9.0]).round(6).tolist()                # class 1 counted nine times
        [[0.9, 0.1]]
    """
    p, weight = probabilities(p), np.asarray(weight, np.float64)
    if weight.shape != p.shape[1:]:
        raise ShapeError(f"a prior correction needs one weight for each of {p.shape[1]} classes, found {weight.shape}")
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise SupportError(f"class weights must be positive and finite, found {weight.tolist()}")
    return normalised(log_of(p) - np.log(weight))

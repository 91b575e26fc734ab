"""What lacks is a term: a penalty, a mean that every row shares, a few outer products of the sum over rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from likeliest.certify.causes.matching import explains, known, number, tolerance, wrong
from likeliest.certify.suspect import Cause, Diagnosis, Suspect

_ENOUGH = 3
_KEPT, _BROKEN = 1e-3, 0.03


def penalty(suspect: Suspect) -> Diagnosis | None:
    """The error is the gradient of a penalty: a multiple of θ, of its signs, or of its differences."""
    off = wrong(suspect)
    if off.sum() < _ENOUGH or not np.isfinite(suspect.theta).all():
        return None
    error = np.where(off, suspect.got - suspect.expected, 0.0)
    for said, columns in _penalties(suspect.theta):
        basis = np.stack([np.where(off, c, 0.0).reshape(-1) for c in columns], 1)
        if off.sum() < _ENOUGH * len(columns) or np.ptp(basis[off.reshape(-1)], axis=0).min() == 0:
            continue
        factors = np.linalg.lstsq(basis, error.reshape(-1), rcond=None)[0]
        if explains(suspect, suspect.expected + (basis @ factors).reshape(error.shape), tolerance(suspect)):
            return Diagnosis(Cause.MISSING_TERM, _penalised(said, factors))
    return None


def _penalties(theta: np.ndarray) -> Iterator[tuple[str, tuple[np.ndarray, ...]]]:
    yield "½‖θ‖²", (theta,)
    yield "‖θ‖₁", (np.sign(theta),)
    yield "½‖θ‖² and ‖θ‖₁", (theta, np.sign(theta))
    yield "¼ Σθ⁴", (theta**3,)
    for axis, length in enumerate(theta.shape):
        if length > 2:
            steps = np.diff(theta, axis=axis)
            yield f"½ Σ(differences along axis {axis})²", (-np.diff(steps, axis=axis, prepend=0, append=0),)


def _penalised(said: str, factors: np.ndarray) -> str:
    size = " and ".join(number(abs(float(f))) for f in factors)
    if (factors < 0).all():
        return f"what is missing is {size} times the gradient of {said}: a penalty that the function has"
    return f"what is too much is {size} times the gradient of {said}: a penalty that the function does not have"


def shared(suspect: Suspect) -> Diagnosis | None:
    """The error is the same along an axis, or a straight line in what the layer was given.

    So it is with what a normalisation's mean and variance, or a softmax's sum, send back to all that they were made of.
    """
    if not known(suspect).all():
        return None
    expected, error, given = suspect.expected, suspect.got - suspect.expected, suspect.theta
    for axis, length in enumerate(expected.shape):
        ones = np.ones_like(expected)
        for columns, what in (
            ((ones,), f"is the same along axis {axis}: the term that a mean or a sum over it sends back"),
            (
                (given,),
                f"is along axis {axis} a multiple of what goes in: the term that a variance or a norm sends back",
            ),
            (
                (ones, given),
                f"is along axis {axis} a straight line in what goes in: the terms of a mean and a variance",
            ),
        ):
            if length < len(columns) + 2:
                continue
            fitted = _fit_along(error, columns, axis)
            if fitted is not None and explains(suspect, expected + fitted, 2 * tolerance(suspect)):
                return Diagnosis(Cause.MISSING_TERM, f"what is missing {what}")
    return None


def _softmax(given: np.ndarray, axis: int) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        p = np.exp(given - given.max(axis, keepdims=True))
        return np.asarray(p / p.sum(axis, keepdims=True))


def _fit_along(error: np.ndarray, columns: tuple[np.ndarray, ...], axis: int) -> np.ndarray | None:
    """Least squares for each line along an axis."""
    lines = [np.moveaxis(a, axis, -1) for a in (error, *columns)]
    basis = np.stack(lines[1:], -1)
    if not np.isfinite(basis).all():
        return None
    factors = np.linalg.pinv(basis) @ lines[0][..., None]
    return np.asarray(np.moveaxis((basis @ factors)[..., 0], -1, axis))


def indicator(suspect: Suspect) -> Diagnosis | None:
    """The same number is missing from some of the entries: the 1 of an indicator, as of the label."""
    off = wrong(suspect)
    if off.sum() < _ENOUGH or off.all():
        return None
    size = float((suspect.got - suspect.expected)[off].mean())
    if not explains(suspect, suspect.expected + off * size, tolerance(suspect)):
        return None
    said = (
        f"{int(off.sum())} of {off.size} entries are too {'large' if size > 0 else 'small'} by the same number, "
        f"{number(abs(size))}: an indicator is left out, as the label's 1 in p − y"
    )
    return Diagnosis(Cause.MISSING_TERM, said)


def few_products(suspect: Suspect) -> Diagnosis | None:
    """The error is a sum of few outer products, and the gradient one of many: some rows of the data are left out."""
    if suspect.expected.ndim < 2 or not known(suspect).all():
        return None
    rows = suspect.expected.shape[0]
    error, expected = ((a.reshape(rows, -1)) for a in (suspect.got - suspect.expected, suspect.expected))
    full = _rank(expected, suspect)
    rank = _rank(error, suspect)
    if min(error.shape) < 4 or not 0 < rank <= full // 3 or _narrow(error, suspect):
        return None
    count = "one outer product" if rank == 1 else f"{rank} outer products"
    said = (
        f"what is missing is {count}, where the whole has {full} or more: a row of the data or a step in time is left "
        "out of the sum, or a term that all rows share, as of their mean"
    )
    return Diagnosis(Cause.MISSING_TERM, said)


def _rank(a: np.ndarray, suspect: Suspect) -> int:
    values = np.linalg.svd(a, compute_uv=False)
    noise = tolerance(suspect).max() * (math.sqrt(a.shape[0]) + math.sqrt(a.shape[1]))
    return int((values > max(noise, 1e-9 * values[0])).sum())


def _narrow(error: np.ndarray, suspect: Suspect) -> bool:
    """Whether the error lies in a few rows or columns, which makes its rank small whatever it is."""
    off = np.abs(error) > tolerance(suspect).max()
    return bool(min(off.any(0).sum(), off.any(1).sum()) < 4)


def conserved(suspect: Suspect) -> Diagnosis | None:
    """The right gradient obeys a law of conservation and the wrong one does not.

    Where adding one number to all changes nothing, as in a softmax or before a mean is taken out, its sum is 0; where
    a common factor changes nothing, as before a norm or a variance is divided by, it is orthogonal to θ. A term that
    is left out of such a layer's backward pass breaks that law; a wrong gradient from above does not.
    """
    if suspect.probe is None or len(suspect.theta_all) < 2:
        return None
    expected, got = suspect.probe(suspect.theta_all)
    for name, theta in suspect.theta_all.items():
        everything = tuple(range(theta.ndim))
        sums = [(axis,) for axis in everything] + [tuple(a for a in everything if a != axis) for axis in everything]
        for axes, (factor, law, layer) in itertools.product(sums, _laws(theta)):
            if _broken(expected[name] * factor, got[name] * factor, axes):
                where = f"ax{'i' if len(axes) == 1 else 'e'}s {', '.join(map(str, axes))}"
                said = f"along {where} of {name} the entries should {law}, and do not"
                return Diagnosis(Cause.MISSING_TERM, f"{said}: the term by way of {layer} is left out")
    return None


def _laws(theta: np.ndarray) -> Iterator[tuple[np.ndarray, str, str]]:
    yield np.ones_like(theta), "sum to 0", "the mean or the sum that a layer takes out"
    yield theta, "be orthogonal to what they belong to", "the norm or the variance that a layer divides by"


def _broken(right: np.ndarray, other: np.ndarray, axes: tuple[int, ...]) -> bool:
    """Whether sums over some axes vanish for the right gradient, slice by slice, and for the wrong one do not."""
    if not axes or math.prod(right.shape[a] for a in axes) < 3 or right.sum(axes).size < 2:
        return False
    kept = np.linalg.norm(right.sum(axes)) <= _KEPT * np.linalg.norm(np.abs(right).sum(axes))
    return bool(kept and np.linalg.norm(other.sum(axes)) > _BROKEN * np.linalg.norm(np.abs(other).sum(axes)))

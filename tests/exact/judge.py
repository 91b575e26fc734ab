"""How far from exact a family is, in units of the error that it may make.

The bound of a result is N ulp(result) + N Σ_k |∂result/∂η_k| ulp(η_k) + N ε: the exact answer to an η at most N ulp
away. N = 4 and ε = 2⁻⁵² in double precision, 8 and 2⁻²³ in single. Single trials and classes have the first term alone.
A result of ±inf counts as the nearest number beyond the largest.

    from tests.exact.judge import worst
    print(worst(lk.family("gamma", "log"), [((0.5, -3.0), (1.2,))], np.float64))
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from mpmath import mp, mpf

import likeliest as lk

from .arithmetic import DOUBLE, SINGLE, Jet, settled
from .points import Point
from .references import is_strict, reference

FORMATS = {np.float64: (DOUBLE, 4, mpf(2) ** -52), np.float32: (SINGLE, 8, mpf(2) ** -23)}
FLOOR = mpf(2) ** -100


@dataclass(frozen=True)
class Error:
    """One result beside the exact one; ``ratio`` is the error in units of its bound, ``ulps`` in ulps of the result."""

    what: str
    point: Point
    got: float
    exact: str
    ratio: float
    ulps: float

    def __str__(self) -> str:
        eta, y = self.point
        return (
            f"{self.what} at η = {eta}, y = {y}: got {self.got!r}, exact {self.exact}; "
            f"{self.ratio:.3g} times the bound, {self.ulps:.3g} ulp"
        )


def worst(family: lk.families.Family, given: Sequence[Point], dtype: type) -> Error:
    """The largest error in units of its bound over some points, of log_prob, score, both in one, and a row alone."""
    return max(errors(family, given, dtype, own(family, given, dtype)), key=lambda error: error.ratio)


def own(family: lk.families.Family, given: Sequence[Point], dtype: type) -> dict[str, np.ndarray]:
    """What the family itself says, by what it was asked; a row alone may go another way than one among extreme ones."""
    log_prob, score = evaluated(family, given, dtype, together=False)
    both = evaluated(family, given, dtype, together=True)
    alone = [evaluated(family, [point], dtype, together=True) for point in given]
    wide = np.full_like(score, np.nan)
    for row, (_, slopes) in zip(wide, alone, strict=True):
        row[: slopes.shape[1]] = slopes[0]
    return {
        "log_prob": log_prob,
        "score": score,
        "log_prob in one": both[0],
        "score in one": both[1],
        "log_prob alone": np.concatenate([value for value, _ in alone]),
        "score alone": wide,
    }


def errors(
    family: lk.families.Family, given: Sequence[Point], dtype: type, results: Mapping[str, np.ndarray]
) -> Iterator[Error]:
    """Every error of some results: log_prob… (n,) and score… (n, K), by whomever they are."""
    for i, point in enumerate(given):
        jet, strict = exact(family, point), is_strict(family, _exactly(point[1]))
        judged: set[tuple[bool, int, float]] = set()
        for what, values in results.items():
            scored = what.startswith("score")
            for j, target in enumerate(jet.score if scored else (jet.value,)):
                got = float(values[i, j] if scored else values[i])
                if (scored, j, got) in judged:
                    continue
                judged.add((scored, j, got))
                name = f"{what}[{family.columns[j] if family.columns else j}]" if scored else what
                slopes = () if strict else jet.hessian[j] if scored else jet.score
                yield _error(name, point, got, target, slopes, dtype)


def exact(family: lk.families.Family, point: Point) -> Jet:
    """The exact log p, score and Hessian at a point."""
    return _exact(family, point)


@lru_cache(None)
def _exact(family: lk.families.Family, point: Point) -> Jet:
    eta, y = map(_exactly, point)
    floor = mpf(0) if is_strict(family, y) else FLOOR
    return settled(lambda: reference(family)(eta, y), floor)


def _exactly(numbers: tuple[float, ...]) -> tuple[mpf, ...]:
    return tuple(map(mpf, numbers))


def _error(what: str, point: Point, got: float, target: mpf, slopes: tuple[mpf, ...], dtype: type) -> Error:
    form, n, epsilon = FORMATS[dtype]
    bound = n * form.ulp(target)
    if slopes:
        moved = (abs(slope) * form.ulp(mpf(eta)) for slope, eta in zip(slopes, point[0], strict=True))
        bound += n * mp.fsum(moved) + n * epsilon
    missed = math.inf if math.isnan(got) else _distance(got, target, form.largest)
    return Error(what, point, got, mp.nstr(target, 20), float(missed / bound), float(missed / form.ulp(target)))


def _distance(got: float, target: mpf, largest: mpf) -> mpf:
    if math.isinf(got):
        beyond = target if got > 0 else -target
        return max(mpf(0), largest - beyond)
    return abs(mpf(got) - target)


def evaluated(
    family: lk.families.Family, given: Sequence[Point], dtype: type, *, together: bool
) -> tuple[np.ndarray, np.ndarray]:
    """log_prob (n,) and score (n, K) at the points, all of one width in one call."""
    width = max(len(eta) for eta, _ in given)
    log_prob, score = np.full(len(given), np.nan), np.full((len(given), width), np.nan)
    for k in {len(eta) for eta, _ in given}:
        rows = [i for i, (eta, _) in enumerate(given) if len(eta) == k]
        eta, y = tensors(family, [given[i] for i in rows], dtype)
        values, slopes = (
            family.log_prob_and_score(eta, y) if together else (family.log_prob(eta, y), family.score(eta, y))
        )
        slopes = torch.stack(torch.broadcast_tensors(*slopes), -1) if isinstance(slopes, tuple) else slopes
        log_prob[rows], score[np.ix_(rows, range(k))] = values.double().numpy(), slopes.double().numpy()
    return log_prob, score


def tensors(
    family: lk.families.Family, given: Sequence[Point], dtype: type
) -> tuple[torch.Tensor | tuple[torch.Tensor, ...], torch.Tensor]:
    """η and y of the points as a family takes them."""
    eta = torch.from_numpy(np.array([eta for eta, _ in given], dtype=dtype))
    y = torch.from_numpy(np.array([y for _, y in given], dtype=dtype))
    y = y if y.shape[1] > 1 else y[:, 0]
    several = family.columns is not None and len(family.columns) > 1
    return eta.unbind(-1) if several else eta, y.long() if family.columns is None else y

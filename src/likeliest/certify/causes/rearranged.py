"""The right numbers in the wrong places: transposed, shifted, permuted, or one for many."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from likeliest.certify.causes.matching import along, explains, known, runs, tolerance, wrong
from likeliest.certify.suspect import Cause, Diagnosis, Suspect

_AXES = 5
_SHIFTS = 64


def transposed(suspect: Suspect) -> Diagnosis | None:
    """Axes are exchanged, or the numbers were laid out in one order and read in another."""
    shape = suspect.expected.shape
    if sum(length > 1 for length in shape) < 2 or len(shape) > _AXES:
        return None
    for order in itertools.permutations(range(len(shape))):
        for rearrange, done in ((_relaid, "transposed"), (_reread, "read in the wrong order of axes")):
            if _moved(suspect, partial(rearrange, order=order)):
                how = "" if len(shape) == 2 else f", axes in the order {order}"
                exact = tuple(shape[o] for o in order) == shape
                laid = "" if exact else f" and forced back into the shape {shape}"
                return Diagnosis(Cause.TRANSPOSED, f"it is the right one {done}{how}{laid}")
    return None


def _relaid(a: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return a.transpose(order).reshape(a.shape)


def _reread(a: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return a.reshape([a.shape[o] for o in order]).transpose(np.argsort(order))


def reversed_axes(suspect: Suspect) -> Diagnosis | None:
    """Axes run backwards: a convolution's kernel is flipped, or time."""
    axes = [axis for axis, length in enumerate(suspect.expected.shape) if length > 1]
    for count in range(1, len(axes) + 1):
        for some in itertools.combinations(axes, count):
            if _moved(suspect, partial(np.flip, axis=some)):
                which = f"axis {some[0]}" if count == 1 else f"axes {', '.join(map(str, some))}"
                hint = "" if suspect.expected.ndim < 3 else ": a convolution for a correlation?"
                return Diagnosis(Cause.PERMUTED, f"it is the right one turned round along {which}{hint}")
    return None


def rolled(suspect: Suspect) -> Diagnosis | None:
    """Every entry has slipped by the same number of places, round and round."""
    shape = suspect.expected.shape
    for shift in _shifts(shape):
        if all(2 * abs(by) < shape[axis] for axis, by in enumerate(shift) if by) and _moved(
            suspect, partial(np.roll, shift=shift, axis=tuple(range(len(shape))))
        ):
            return _by(shift, "what leaves on one side comes in at the other")
    return None


def slipped(suspect: Suspect) -> Diagnosis | None:
    """Every entry has slipped by the same number of places, and something else has come in behind."""
    for shift in _shifts(suspect.expected.shape):
        predicted = _filled(suspect.expected, shift, np.nan)
        if explains(suspect, predicted, tolerance(suspect)) and _overlaps(suspect, predicted):
            return _by(shift, "off by one in an index, perhaps of time" if max(map(abs, shift)) == 1 else "")
    return None


def _shifts(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Shifts along one axis, the short ones first; then by one along several."""
    for by in range(1, _SHIFTS):
        for axis, length in enumerate(shape):
            if by <= length // 2:
                for step in (by, -by):
                    yield tuple(step if a == axis else 0 for a in range(len(shape)))
    if len(shape) <= _AXES:
        yield from (s for s in itertools.product((0, 1, -1), repeat=len(shape)) if np.count_nonzero(s) > 1)


def _filled(a: np.ndarray, shift: tuple[int, ...], fill: float) -> np.ndarray:
    out = np.full(a.shape, fill)
    into = tuple(slice(max(by, 0), length + min(by, 0)) for by, length in zip(shift, a.shape, strict=True))
    out_of = tuple(slice(max(-by, 0), length - max(by, 0)) for by, length in zip(shift, a.shape, strict=True))
    out[into] = a[out_of]
    return out


def _overlaps(suspect: Suspect, predicted: np.ndarray) -> bool:
    """Whether a shift says enough: of at least two wrong entries, and a third of all."""
    said = np.isfinite(predicted)
    return int((said & wrong(suspect)).sum()) >= 2 and said.sum() >= said.size / 3


def _by(shift: tuple[int, ...], how: str) -> Diagnosis:
    by = " and ".join(f"by {step} along axis {axis}" for axis, step in enumerate(shift) if step)
    return Diagnosis(Cause.SHIFTED, f"it is the right one shifted {by}" + (f": {how}" if how else ""))


def permuted(suspect: Suspect) -> Diagnosis | None:
    """Rows, columns or single entries are in another order."""
    expected, got = suspect.expected, suspect.got
    if not known(suspect).all() or wrong(suspect).sum() < 2:
        return None
    for axis in range(expected.ndim):
        moved = np.flatnonzero(wrong(suspect).any(tuple(a for a in range(expected.ndim) if a != axis)))
        if len(moved) < 2:
            continue
        source = _matched(np.moveaxis(expected, axis, 0)[moved], np.moveaxis(got, axis, 0)[moved])
        order = np.arange(expected.shape[axis])
        order[moved] = moved[source]
        if _moved(suspect, partial(np.take, indices=order, axis=axis), strict=True):
            what = along(axis, expected.ndim)
            said = f"its {what} are in another order: {runs(moved)} hold what belongs to {runs(order[moved])}"
            return Diagnosis(Cause.PERMUTED, said)
    flat, moved = np.arange(expected.size), np.flatnonzero(wrong(suspect))
    by_got, by_expected = (np.argsort(a.reshape(-1)[moved], kind="stable") for a in (got, expected))
    flat[moved[by_got]] = moved[by_expected]
    if expected.ndim > 1 and _moved(suspect, partial(_reordered, order=flat), strict=True):
        return Diagnosis(
            Cause.PERMUTED,
            "it holds the right numbers in another order: they are laid out in one way and read in another",
        )
    return None


def _reordered(a: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.asarray(a.reshape(-1)[order].reshape(a.shape))


def _matched(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """For each row of ``got`` the row of ``expected`` that ranks as it does, along a random direction."""
    along_ = np.random.default_rng(0).standard_normal(math.prod(expected.shape[1:]))
    rank = np.empty(len(expected), int)
    by_got = np.argsort(got.reshape(len(got), -1) @ along_, kind="stable")
    rank[by_got] = np.argsort(expected.reshape(len(expected), -1) @ along_, kind="stable")
    return rank


def exchanged(suspect: Suspect) -> Diagnosis | None:
    """It is the gradient of another part."""
    for name, (expected, _) in suspect.others.items():
        if expected.size == suspect.expected.size > 1 and explains(
            suspect, expected.reshape(suspect.expected.shape), tolerance(suspect), strict=True
        ):
            return Diagnosis(Cause.PERMUTED, f"it is the right gradient of {name}: the parts are exchanged")
    return None


def broadcast(suspect: Suspect) -> Diagnosis | None:
    """The sum or the mean of the right gradient over some axes stands for all that lies along them."""
    for axes in _constant_along(suspect):
        for name, reduced in (("sum", np.sum), ("mean", np.mean)):
            total = np.broadcast_to(reduced(suspect.expected, axes, keepdims=True), suspect.got.shape)
            if explains(suspect, total, tolerance(suspect) * suspect.got.size):
                said = f"it is the same {_where(suspect, axes)}, the {name} of the right one"
                return Diagnosis(Cause.BROADCAST, f"{said}: what should have been kept apart is added up")
    return None


def constant(suspect: Suspect) -> Diagnosis | None:
    """One number stands for all that lie along some axes, and it is not known which."""
    for axes in _constant_along(suspect):
        said = f"it is the same {_where(suspect, axes)}: an axis was lost, and came back by broadcasting"
        return Diagnosis(Cause.BROADCAST, said)
    return None


def _constant_along(suspect: Suspect) -> Iterator[tuple[int, ...]]:
    """The axes along which the wrong gradient is constant, as many as possible first."""
    if not known(suspect).all():
        return
    axes = [axis for axis, length in enumerate(suspect.got.shape) if length > 1]
    for count in range(len(axes), 0, -1):
        for some in itertools.combinations(axes, count):
            mean = np.broadcast_to(suspect.got.mean(some, keepdims=True), suspect.got.shape)
            if explains(suspect, mean, tolerance(suspect)):
                yield some


def _where(suspect: Suspect, axes: tuple[int, ...]) -> str:
    if len(axes) == suspect.got.ndim:
        return "everywhere"
    return f"along ax{'i' if len(axes) == 1 else 'e'}s {', '.join(map(str, axes))}"


def repeated(suspect: Suspect) -> Diagnosis | None:
    """Several rows hold the gradient of one."""
    expected, got = suspect.expected, suspect.got
    if not known(suspect).all():
        return None
    for axis in range(expected.ndim):
        rows = math.prod(expected.shape) // max(expected.shape[axis], 1)
        if expected.shape[axis] < 3 or rows < 2:
            continue
        order = _nearest(np.moveaxis(expected, axis, 0), np.moveaxis(got, axis, 0))
        if _moved(suspect, partial(np.take, indices=order, axis=axis), strict=True):
            what = along(axis, expected.ndim)
            twice = np.flatnonzero(np.bincount(order, minlength=len(order)) > 1)
            said = f"several of its {what} hold what belongs to one: {runs(twice)} come more than once"
            return Diagnosis(Cause.BROADCAST, said)
    return None


def _nearest(expected: np.ndarray, got: np.ndarray) -> np.ndarray:
    """For each row of ``got`` the nearest row of ``expected`` along a random direction."""
    direction = np.random.default_rng(0).standard_normal(math.prod(expected.shape[1:]))
    keys, wanted = (a.reshape(len(a), -1) @ direction for a in (expected, got))
    ranked = np.argsort(keys)
    above = np.searchsorted(keys[ranked], wanted).clip(1, len(keys) - 1)
    lower, upper = ranked[above - 1], ranked[above]
    return np.asarray(np.where(np.abs(keys[lower] - wanted) <= np.abs(keys[upper] - wanted), lower, upper))


def _moved(suspect: Suspect, rearrange: Callable[[np.ndarray], np.ndarray], *, strict: bool = False) -> bool:
    """Whether a rearrangement of the right gradient explains the wrong one."""
    allowed = tolerance(suspect)
    there = allowed if np.ndim(suspect.allowed) == 0 else rearrange(allowed)
    return explains(suspect, rearrange(suspect.expected), allowed + there, strict=strict)

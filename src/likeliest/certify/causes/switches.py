"""Parts switched off one after the other, to see which of them the error sits in.

In a chain of layers a gradient is a product of what comes forward and what comes back. A part that is scaled to almost
nothing takes a factor, or a path, out of that product, and the error goes or stays.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from likeliest.certify.causes.elsewhere import SAME, Seen, at, can_ask, here, ratio
from likeliest.certify.causes.matching import CLOSE, wrong
from likeliest.certify.suspect import Arrays, Cause, Diagnosis, Suspect

OFF = 1e-3
"""What a part is multiplied by to switch it off."""
_GONE = 20 * OFF
_PARTS, _SLICES = 16, 32
_LIFTS = (100.0, 1000.0)
_WRONG_DERIVATIVE = "the derivative of an activation is left out, or wrong, or taken at the wrong place"


def bent(suspect: Suspect) -> Diagnosis | None:
    """The error sits in the derivative of an activation: where activations are straight lines it is a mere factor.

    Weights and biases that are small keep all activations near 0, where every smooth one is a line: its derivative is
    one number f′(0). A bias far up puts a rectifier on its line of slope 1.
    """
    if suspect.elementwise:
        return Diagnosis(Cause.NONLINEARITY, f"{_WRONG_DERIVATIVE}: entry by entry the factor is another one")
    if not can_ask(suspect) or wrong(suspect).sum() < 2 or here(suspect).off_a_factor <= CLOSE:
        return None
    names = _wrong_parts(suspect)
    if _straight(suspect, names) and not any(_carries(suspect, n, names) for n in names):
        said = f"{_WRONG_DERIVATIVE}: near 0, where activations are straight lines, the error is one factor"
        return Diagnosis(Cause.NONLINEARITY, said)
    lifted = list(_lifted(suspect, names))
    if lifted and all(_on_the_line(suspect, bias, theta) for bias, theta in lifted):
        said = f"{_WRONG_DERIVATIVE}: where a large bias puts all units on their line, it is right"
        return Diagnosis(Cause.NONLINEARITY, said)
    return _left_out(suspect)


def _left_out(suspect: Suspect) -> Diagnosis | None:
    """With all that comes after near 0, a part acts on its own gradient by the activation's derivative alone."""
    order = list(suspect.theta_all)
    own = order.index(suspect.name)
    quiet = _scaled(suspect, tuple(order[own + 1 :]))
    start = at(suspect, quiet)
    for factor in (-1.0, 2.0):
        moved = at(suspect, quiet | {suspect.name: factor * quiet[suspect.name]})
        follows = ratio(moved.expected - start.expected, start.expected) > 10 * SAME
        if not follows or ratio(moved.got - start.got, start.got) > OFF + SAME * OFF:
            return None
    said = f"{_WRONG_DERIVATIVE}: it does not change with its own part, on which only that derivative acts"
    return Diagnosis(Cause.NONLINEARITY, said)


def _straight(suspect: Suspect, names: tuple[str, ...]) -> bool:
    """Whether a factor for each part is all that is wrong where the wrong parts are small."""
    assert suspect.probe is not None
    expected, got = suspect.probe(_scaled(suspect, names))
    sizes = {n: float(np.linalg.norm(expected[n])) for n in names if expected[n].size > 1}
    seen = [n for n, size in sizes.items() if size > 1e-6 * max(sizes.values())]
    off = {n: Seen(expected[n], got[n]).off_a_factor for n in seen}
    if suspect.name in off:
        where = wrong(suspect)
        off[suspect.name] = Seen(expected[suspect.name][where], got[suspect.name][where]).off_a_factor
    return max(off.values(), default=1.0) <= SAME and off.get(suspect.name, 1.0) <= 0.1 * here(suspect).off_a_factor


def _carries(suspect: Suspect, name: str, names: tuple[str, ...]) -> bool:
    """Whether the error goes with one part alone, and not with all the others that are wrong."""
    rest = tuple(n for n in names if n != name)
    if not rest or at(suspect, _scaled(suspect, (name,))).off > _GONE:
        return False
    return not _straight(suspect, rest)


def _lifted(suspect: Suspect, names: tuple[str, ...]) -> Iterator[tuple[str, Arrays]]:
    """Θ with the bias beside the suspect far up, and all after it so small that the output stays where it is."""
    order = list(suspect.theta_all)
    own = order.index(suspect.name)
    shape = suspect.expected.shape
    biases = [n for n in names if suspect.theta_all[n].ndim == 1 and suspect.theta_all[n].size in shape]
    if not biases or len(order) == 1:
        return
    bias = min(biases, key=lambda n: abs(order.index(n) - own))
    last = max(order.index(bias), own)
    for lift in _LIFTS:
        moved = {n: a / lift if order.index(n) > last else a for n, a in suspect.theta_all.items()}
        yield bias, moved | {bias: suspect.theta_all[bias] + lift}


def _on_the_line(suspect: Suspect, bias: str, theta: Arrays) -> bool:
    """Whether the gradient is right there, and the units are not dead instead."""
    assert suspect.probe is not None
    (start, _), (expected, got) = suspect.probe(suspect.theta_all), suspect.probe(theta)
    lift = float((theta[bias] - suspect.theta_all[bias]).max())
    later = sum(a.ndim > 1 for n, a in theta.items() if not np.array_equal(a, suspect.theta_all[n]))
    alive = ratio(expected[bias], start[bias]) > SAME * lift**-later
    return alive and Seen(expected[suspect.name], got[suspect.name]).off <= _gone(suspect)


def lost_path(suspect: Suspect) -> Diagnosis | None:
    """A path through a part, or the one around it, is missing: with the part switched off the rest is seen alone."""
    for name, stays, comes, off in _switched(suspect):
        if off <= _gone(suspect) and stays > OFF:
            said = f"what is missing goes through {name}: with {name} near 0 the gradient is right"
            return Diagnosis(Cause.MISSING_TERM, said)
        if name != suspect.name and comes <= _GONE < 0.1 * stays:
            said = f"what is missing goes around {name}: with {name} near 0 nothing is left of the gradient"
            return Diagnosis(Cause.MISSING_TERM, said)
    return None


def lost_slice(suspect: Suspect) -> Diagnosis | None:
    """The path through one row, column or tap of a later part is missing."""
    order = list(suspect.theta_all)
    if not can_ask(suspect):
        return None
    places = [
        (name, axis, index)
        for name in order[order.index(suspect.name) + 1 :]
        for axis, length in enumerate(suspect.theta_all[name].shape)
        for index in range(length)
        if suspect.theta_all[name].ndim > 1
    ]
    for name, axis, index in places[:_SLICES]:
        part = suspect.theta_all[name].copy()
        np.moveaxis(part, axis, 0)[index] *= OFF
        if at(suspect, {**suspect.theta_all, name: part}).off <= _gone(suspect):
            said = f"what is missing goes through {name} at {index} along axis {axis}: with that near 0 it is right"
            return Diagnosis(Cause.MISSING_TERM, said)
    return None


def old_copy(suspect: Suspect) -> Diagnosis | None:
    """A part or an activation in the gradient is not that of this θ: what should vanish or change with it does not."""
    if not can_ask(suspect) or len(suspect.theta_all) > _PARTS:
        return None
    names = _wrong_parts(suspect)
    for name in suspect.theta_all:
        if any(_lives_on(suspect, name, other) for other in names if other != name):
            said = f"with {name} near 0 nothing should come back through it, yet it does: an old copy of {name} is used"
            return Diagnosis(Cause.STALE, said)
    return _unmoved(suspect)


def _lives_on(suspect: Suspect, name: str, other: str) -> bool:
    """Whether another part's gradient stays when a part is switched off, with which it should go."""
    assert suspect.probe is not None
    right, before = (arrays[other] for arrays in suspect.probe(suspect.theta_all))
    expected, got = (arrays[other] for arrays in suspect.probe(_scaled(suspect, (name,))))
    return ratio(expected, right) <= _GONE < 0.1 * min(ratio(got, right), ratio(got, before))


def _switched(suspect: Suspect) -> Iterator[tuple[str, float, float, float]]:
    """What stays, part by part that is switched off: of the right gradient, of the other, and the error of that."""
    if not can_ask(suspect) or not 1 < len(suspect.theta_all) <= _PARTS:
        return
    before = here(suspect)
    for name in suspect.theta_all:
        there = at(suspect, _scaled(suspect, (name,)))
        yield name, ratio(there.expected, before.expected), ratio(there.got, before.got), there.off


def _unmoved(suspect: Suspect) -> Diagnosis | None:
    """With all from the part on near 0, what comes back is fixed; what comes forward moves with the parts before."""
    if not can_ask(suspect) or len(suspect.theta_all) > _PARTS:
        return None
    order = list(suspect.theta_all)
    own = order.index(suspect.name)
    quiet = _scaled(suspect, tuple(order[own:]))
    start = at(suspect, quiet)
    for name in order[:own]:
        moved = at(suspect, {n: -0.7 * a if n == name else a for n, a in quiet.items()})
        if ratio(moved.expected - start.expected, start.expected) < 10 * SAME:
            continue
        if ratio(moved.got - start.got, start.got) <= SAME:
            said = f"it does not change with {name} as it should: activations are used that were stored at an earlier θ"
            return Diagnosis(Cause.STALE, said)
    return None


def _gone(suspect: Suspect) -> float:
    """What is left of an error that has gone; an error of few entries is small beside the gradient to begin with."""
    return min(_GONE, 0.1 * here(suspect).off)


def _scaled(suspect: Suspect, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Θ with some parts switched off."""
    return {n: OFF * a if n in names else a for n, a in suspect.theta_all.items()}


def _wrong_parts(suspect: Suspect) -> tuple[str, ...]:
    """The parts whose gradient is wrong, the suspect among them."""
    assert suspect.probe is not None
    expected, got = suspect.probe(suspect.theta_all)

    def off(name: str) -> bool:
        return bool(np.abs(got[name] - expected[name]).max() > SAME * np.abs(expected[name]).max())

    return tuple(name for name in suspect.theta_all if name == suspect.name or off(name))

"""What a diagnosis needs: the wrong array beside the right one, and experiments at other θ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.compare import Check, whole
from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Arrays, Probe, Suspect
from likeliest.interfaces import Part

AFFORDABLE = 2048
"""Without a witness of the whole gradient, entries are differentiated one by one; of this many parameters, no more."""
_STEP = 1e-3


def suspected(
    problem: Problem,
    theta: Tensor,
    checks: Sequence[Check],
    check: Check,
    expected: np.ndarray,
    elementwise: bool = False,
) -> Suspect:
    """All that is known of a wrong part, of which ``expected`` (size,) is right."""
    known = {c.name: np.full(c.part.size, np.nan) if c.expected is None else c.expected for c in checks}
    values = {c.name: theta[c.part.slice].numpy().reshape(c.part.shape) for c in checks}
    bound = float(np.max(check.found.bound[np.isfinite(check.found.bound)], initial=0.0))
    return Suspect(
        name=check.name,
        expected=expected.reshape(check.part.shape),
        got=check.got.reshape(check.part.shape),
        allowed=check.rounding + bound if check.expected is None else check.closeness,
        theta=values[check.name],
        sizes=problem.sizes,
        dtype=problem.dtype,
        elementwise=elementwise,
        others={
            c.name: (known[c.name].reshape(c.part.shape), c.got.reshape(c.part.shape)) for c in checks if c is not check
        },
        theta_all=values,
        probe=probing(problem, check),
    )


def probing(problem: Problem, check: Check) -> Probe | None:
    """A function that compares the gradient under check with its witness at any θ, part by part."""
    if check.witness is None and len(problem.theta) > AFFORDABLE:
        return None

    def probe(theta: Arrays) -> tuple[Arrays, Arrays]:
        flat = problem.theta.clone()
        for name, part in problem.parts.items():
            flat[part.slice] = torch.from_numpy(np.ascontiguousarray(theta[name], dtype=np.float64)).reshape(-1)
        flat = problem.rounded(flat)
        got = problem.gradient(flat)
        expected = None if check.witness is None else whole(check.witness, flat)
        right = Quick(problem, flat) if expected is None else _by_part(problem, expected)
        return right, _by_part(problem, got)

    return probe


class Quick(Mapping[str, np.ndarray]):
    """The gradient at θ by differences, each part when it is asked for: most experiments look at one of them."""

    def __init__(self, problem: Problem, theta: Tensor) -> None:
        self._problem, self._theta, self._known = problem, theta, dict[str, np.ndarray]()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._known:
            part = self._problem.parts[name]
            self._known[name] = quick(self._problem, self._theta, part).reshape(part.shape).numpy()
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._problem.parts)

    def __len__(self) -> int:
        return len(self._problem.parts)


def quick(problem: Problem, theta: Tensor, part: Part) -> Tensor:
    """A part's gradient (size,) by one central difference an entry, with one Richardson step."""
    found = theta.new_empty(part.size)
    steps = torch.tensor([1.0, -1.0, 2.0, -2.0], dtype=theta.dtype)
    for place, entry in enumerate(range(part.start, part.slice.stop)):
        h = _STEP * max(1.0, abs(float(theta[entry])))
        points = theta.repeat(4, 1)
        points[:, entry] += h * steps
        f = problem.values(points)
        found[place] = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * h)
    return found


def _by_part(problem: Problem, flat: Tensor) -> Arrays:
    return {name: flat[part.slice].reshape(part.shape).numpy() for name, part in problem.parts.items()}

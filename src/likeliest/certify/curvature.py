"""Second-order products beside differences: Hessian and Fisher products are certified as gradients are.

A product v ↦ Av is right if for every v it is the derivative along v of a map that is known by then: a Hessian product
that of the gradient, a Fisher product that of the gradient of its quadratic model, Jᵀ F (η(θ′) − η(θ)). Each part is
looked at through random projections w, for wᵀAv = ∂(wᵀg)/∂v is one slope. What needs no such map, symmetry and
curvature that is not negative, is looked at in `symmetry`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.causes import diagnose
from likeliest.certify.certificate import Certificate, Finding
from likeliest.certify.differences import SAFETY, noise, slopes
from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Suspect
from likeliest.certify.symmetry import ORDER, Product, crooked
from likeliest.interfaces import Part
from likeliest.randomness import stream

Map: TypeAlias = Callable[[Tensor], Tensor]
"""θ′ (P,) → a vector (P,)."""

DIRECTIONS, PROJECTIONS = 2, 3
_REMEMBERED = 2**24
_ASIDE = 2.0**-6


@dataclass(frozen=True)
class Curvature:
    """A product to be certified.

    Attributes:
        name: "Hessian product" or "Fisher product".
        product: (θ, v) → Av.
        derivative_of: θ → the map whose derivative at θ along v is Av; None where there is none to compare with.
        against: that map in words.
        semidefinite: whether vᵀAv ≥ 0.
        further: θ → what else is wrong with it, asked where it agrees with differences.
    """

    name: str
    product: Product
    derivative_of: Callable[[Tensor], Map] | None
    against: str = "the gradient"
    semidefinite: bool = False
    further: Callable[[Tensor], tuple[Finding, ...]] = lambda theta: ()


class _Agreement(NamedTuple):
    """What differences said of a product along one v.

    Attributes:
        wrong: the parts that differ.
        resolution: by how much one entry has to be off to be seen, relative to its part's largest.
        kinked: whether θ lies on a kink.
    """

    wrong: set[str]
    resolution: float
    kinked: bool


def with_curvatures(
    certificate: Certificate, problem: Problem, curvatures: Iterable[Curvature], seed: int
) -> Certificate:
    """The certificate of a gradient, with what is wrong with second-order products.

    Where the gradient is wrong, nothing is known by its differences, and the message says that the product was not
    certified.
    """
    gradient_is_right = certificate.passed
    for curvature in curvatures:
        if gradient_is_right or curvature.derivative_of is None:
            certificate = _certified(certificate, problem, curvature, seed)
        else:
            said = f"{curvature.name}: not certified, for the gradient is wrong; mend that first."
            certificate = replace(certificate, message=f"{certificate.message} {said}")
    return certificate


def _certified(certificate: Certificate, problem: Problem, curvature: Curvature, seed: int) -> Certificate:
    theta, place = problem.theta, "at θ"
    found, resolution, kinked = _compared(problem, theta, curvature, seed)
    if kinked:
        theta, place = _aside(problem, seed), "a little way from θ, for at θ itself it lies on a kink"
        found, resolution, _ = _compared(problem, theta, curvature, seed)
    found = found or curvature.further(theta)
    found = found or crooked(problem, theta, curvature.name, curvature.product, curvature.semidefinite, seed)
    wrong = {f.part for f in found}
    parts = tuple(replace(p, passed=p.passed and p.part not in wrong) for p in certificate.parts)
    said = f"{certificate.message} {curvature.name} {place}: {_heard(curvature, resolution)}."
    return replace(certificate, parts=parts, findings=(*certificate.findings, *found), message=said)


def _heard(curvature: Curvature, resolution: float) -> str:
    kinds = ["symmetry"]
    if curvature.derivative_of is not None:
        kinds.append(f"differences of {curvature.against} along {DIRECTIONS} directions, resolution {resolution:.1e}")
    if curvature.semidefinite:
        kinds.append("vᵀFv ≥ 0")
    return ", ".join(kinds)


def _aside(problem: Problem, seed: int) -> Tensor:
    theta = problem.theta
    size = theta.abs().clamp(min=float(theta.abs().mean()) or 1.0)
    draws = stream(seed, "aside").uniform(-1.0, 1.0, len(theta))
    return problem.rounded(theta + _ASIDE * size * torch.from_numpy(draws))


def _compared(
    problem: Problem, theta: Tensor, curvature: Curvature, seed: int
) -> tuple[tuple[Finding, ...], float, bool]:
    """The parts in which Av is not the derivative along v, the nearest to the output first; resolution; kinks."""
    if curvature.derivative_of is None:
        return (), np.inf, False
    mapped = _remembered(curvature.derivative_of(theta))
    wrong: dict[str, Finding] = {}
    resolutions, kinked = [], False
    for k in range(DIRECTIONS):
        v = _unit(theta, seed, k)
        product = curvature.product(theta, v)
        seen = _agreement(problem, theta, mapped, v, product, seed)
        resolutions.append(seen.resolution)
        kinked |= seen.kinked
        for name in seen.wrong - set(wrong):
            wrong[name] = _finding(problem, theta, curvature, mapped, name, v, product)
    return tuple(wrong[name] for name in reversed(list(problem.parts)) if name in wrong), min(resolutions), kinked


def _unit(theta: Tensor, seed: int, k: int) -> Tensor:
    drawn = torch.from_numpy(stream(seed, "curvature", k).standard_normal(len(theta)))
    unit: Tensor = drawn / drawn.norm()
    return unit


def _remembered(mapped: Map) -> Map:
    """The same map, which does not compute twice what is asked of it for several projections."""
    known: dict[bytes, Tensor] = {}

    def remembering(theta: Tensor) -> Tensor:
        key = theta.numpy().tobytes()
        if key not in known:
            if len(known) * len(theta) >= _REMEMBERED:
                known.clear()
            known[key] = mapped(theta)
        return known[key]

    return remembering


def _agreement(problem: Problem, theta: Tensor, mapped: Map, v: Tensor, product: Tensor, seed: int) -> _Agreement:
    overall = float(product.abs().max()) or 1.0
    wrong, resolution, kinked = set(), 0.0, False
    for name, part in problem.parts.items():
        own = product[part.slice]
        allowed = []
        for k in range(PROJECTIONS):
            w = torch.from_numpy(stream(seed, "projection", k, part.start).choice((-1.0, 1.0), part.size))
            slope, bound, kink = _slope(mapped, theta, part, w, v)
            kinked |= kink
            allowed.append(bound + ORDER * float(problem.epsilon.max()) * float(own.norm()))
            if not kink and not abs(float(w @ own) - slope) <= allowed[-1]:
                wrong.add(name)
        largest = float(own.abs().max())
        resolution = max(resolution, min(allowed) / (largest if largest > min(allowed) else overall))
    return _Agreement(wrong, resolution, kinked)


def _slope(mapped: Map, theta: Tensor, part: Part, w: Tensor, v: Tensor) -> tuple[float, float, bool]:
    """∂(wᵀg)/∂v of a part, with a bound on its error, and whether θ lies on a kink."""

    def along(points: Tensor) -> Tensor:
        return torch.tensor([float(w @ mapped(p)[part.slice]) for p in points], dtype=torch.float64)

    found = slopes(along, theta, [v], noise(along, theta, float(along(theta[None])[0])))
    return float(found.slope[0]), float(found.bound[0]), bool(found.kink[0])


def _finding(
    problem: Problem, theta: Tensor, curvature: Curvature, mapped: Map, name: str, v: Tensor, product: Tensor
) -> Finding:
    """The worst entry of a part of Av, with a diagnosis and the blocks of A that it comes from."""
    part = problem.parts[name]
    expected = _differenced(problem, theta, mapped, v)[part.slice].numpy().reshape(part.shape)
    got = product[part.slice].numpy().reshape(part.shape)
    at = theta[part.slice].numpy().reshape(part.shape)
    allowed = _negligible(problem, expected)
    diagnosis = diagnose(Suspect(name, expected, got, allowed, at, problem.sizes, problem.dtype))
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(got - expected))), part.shape))
    pair = f"expected {expected[index]:.6g}, got {got[index]:.6g}"
    said = f"{name}{list(index) if index else ''}: {curvature.name} along a random v: {pair}"
    said += f"{_blocks(problem, theta, curvature, mapped, part, v)}."
    said += f" Probable cause: {diagnosis.cause}; {diagnosis.detail}."
    return Finding(
        name, index, float(expected[index]), float(got[index]), diagnosis.cause, said, None, diagnosis.factor
    )


def _differenced(problem: Problem, theta: Tensor, mapped: Map, v: Tensor) -> Tensor:
    """The derivative (P,) of a map along v, by two central differences with one Richardson step."""
    h = math.pow(float(problem.epsilon.max()), 0.2) * max(1.0, float(theta.norm())) / float(v.norm())
    near, far = (mapped(theta + s * v) - mapped(theta - s * v) for s in (h, 2 * h))
    slope: Tensor = (8 * near - far) / (12 * h)
    return slope


def _negligible(problem: Problem, expected: np.ndarray) -> float:
    largest = float(np.abs(expected).max())
    return largest * SAFETY * math.pow(float(problem.epsilon.max()), 0.75)


def _blocks(problem: Problem, theta: Tensor, curvature: Curvature, mapped: Map, part: Part, v: Tensor) -> str:
    """Which parts of v the error comes with, where not all do: the columns of A whose block is wrong."""
    wrong = []
    for name, other in problem.parts.items():
        inside = torch.zeros_like(v)
        inside[other.slice] = v[other.slice]
        expected = _differenced(problem, theta, mapped, inside)[part.slice].numpy()
        apart = curvature.product(theta, inside)[part.slice].numpy() - expected
        if float(np.abs(apart).max()) > _negligible(problem, expected):
            wrong.append(name)
    return "" if len(wrong) in (0, len(problem.parts)) else f", and only where v moves {' and '.join(wrong)}"

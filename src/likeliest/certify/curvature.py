"""Second-order products beside differences of the gradient: Hessian and Fisher products are certified as gradients are.

A product v ↦ Hv is right if it is symmetric, uᵀHv = vᵀHu, and if for every v it is the derivative of the gradient along
v. A Fisher information is symmetric and has no negative curvature, vᵀFv ≥ 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from likeliest.certify.causes import diagnose
from likeliest.certify.certificate import Certificate, Finding
from likeliest.certify.differences import SAFETY, noise, slopes
from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Cause, Suspect
from likeliest.interfaces import Part
from likeliest.randomness import stream

Product: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(θ, v) → the product (P,), flat and in double precision."""

DIRECTIONS, PROJECTIONS = 2, 3
_ORDER = 256.0
"""Two products of one matrix may differ by so many last digits, for both are sums over all rows."""


@dataclass(frozen=True)
class Curvature:
    """A product to be certified.

    Attributes:
        name: "Hessian product" or "Fisher product".
        product: (θ, v) → Hv.
        gradient: whose derivative along v it is; None where there is none to compare with.
        semidefinite: whether vᵀFv ≥ 0.
    """

    name: str
    product: Product
    gradient: Callable[[Tensor], Tensor] | None
    semidefinite: bool = False


def with_curvature(
    certificate: Certificate, problem: Problem, theta: Tensor, curvature: Curvature, seed: int
) -> Certificate:
    """The certificate of a gradient with what is wrong with a second-order product."""
    directions = [_unit(theta, seed, k) for k in range(DIRECTIONS)]
    products = [curvature.product(theta, v) for v in directions]
    found = _differing(problem, theta, curvature, directions, products, seed)
    found = (
        found
        or _asymmetric(problem, curvature, directions, products)
        or _negative(problem, curvature, directions, products)
    )
    kinds = "symmetry" + (", differences of the gradient" if curvature.gradient else "")
    kinds += ", vᵀFv ≥ 0" if curvature.semidefinite else ""
    message = f"{certificate.message} {curvature.name}: {kinds}, along {DIRECTIONS} directions."
    wrong = {f.part for f in found}
    parts = tuple(replace(p, passed=p.passed and p.part not in wrong) for p in certificate.parts)
    return replace(certificate, parts=parts, findings=(*certificate.findings, *found), message=message)


def _unit(theta: Tensor, seed: int, k: int) -> Tensor:
    drawn = torch.from_numpy(stream(seed, "curvature", k).standard_normal(len(theta)))
    unit: Tensor = drawn / drawn.norm()
    return unit


def _differing(
    problem: Problem, theta: Tensor, curvature: Curvature, directions: list[Tensor], products: list[Tensor], seed: int
) -> tuple[Finding, ...]:
    """The parts in which Hv is not the derivative of the gradient along v, the nearest to the output first."""
    if curvature.gradient is None:
        return ()
    wrong: dict[str, Finding] = {}
    for v, product in zip(directions, products, strict=True):
        for name, part in problem.parts.items():
            if name not in wrong and not _agrees(problem, theta, curvature, part, v, product, seed):
                wrong[name] = _finding(problem, theta, curvature, name, v, product)
    return tuple(wrong[name] for name in reversed(list(problem.parts)) if name in wrong)


def _agrees(
    problem: Problem, theta: Tensor, curvature: Curvature, part: Part, v: Tensor, product: Tensor, seed: int
) -> bool:
    """Whether random projections w of a part have wᵀHv = ∂(wᵀg)/∂v, but for round-off."""
    gradient = curvature.gradient
    assert gradient is not None
    for k in range(PROJECTIONS):
        w = torch.from_numpy(stream(seed, "projection", k, part.start).choice((-1.0, 1.0), part.size))

        def along(points: Tensor, w: Tensor = w) -> Tensor:
            return torch.tensor([float(w @ gradient(p)[part.slice]) for p in points], dtype=torch.float64)

        sigma = noise(along, theta, float(along(theta[None])[0]))
        found = slopes(along, theta, [v], sigma)
        rounding = _ORDER * float(problem.epsilon.max()) * float(product[part.slice].abs().sum())
        if not found.kink[0] and abs(float(w @ product[part.slice]) - found.slope[0]) > found.bound[0] + rounding:
            return False
    return True


def _finding(problem: Problem, theta: Tensor, curvature: Curvature, name: str, v: Tensor, product: Tensor) -> Finding:
    """The worst entry of a part of Hv, with a diagnosis."""
    gradient, part = curvature.gradient, problem.parts[name]
    assert gradient is not None
    h = float(problem.epsilon.max()) ** 0.2 * max(1.0, float(theta.norm()))
    near, far = ((gradient(theta + s * v) - gradient(theta - s * v))[part.slice] for s in (h, 2 * h))
    expected = ((8 * near - far) / (12 * h)).numpy().reshape(part.shape)
    got = product[part.slice].numpy().reshape(part.shape)
    allowed = SAFETY * float(problem.epsilon.max()) ** 0.75 * float(np.abs(expected).max())
    at = theta[part.slice].numpy().reshape(part.shape)
    diagnosis = diagnose(Suspect(name, expected, got, allowed, at, problem.sizes, problem.dtype))
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(got - expected))), part.shape))
    pair = f"expected {expected[index]:.6g}, got {got[index]:.6g}"
    said = f"{name}{list(index) if index else ''}: {curvature.name} along a random v: {pair}."
    said += f" Probable cause: {diagnosis.cause}; {diagnosis.detail}."
    return Finding(
        name, index, float(expected[index]), float(got[index]), diagnosis.cause, said, None, diagnosis.factor
    )


def _asymmetric(
    problem: Problem, curvature: Curvature, directions: list[Tensor], products: list[Tensor]
) -> tuple[Finding, ...]:
    u, v = directions
    one, other = float(u @ products[1]), float(v @ products[0])
    size = max(float(p.norm()) for p in products)
    if abs(one - other) <= _ORDER * float(problem.epsilon.max()) * size:
        return ()
    part = list(problem.parts)[-1]
    said = f"{curvature.name}: not symmetric, uᵀHv = {one:.6g} and vᵀHu = {other:.6g} for random u and v."
    return (Finding(part, None, one, other, Cause.UNKNOWN, said),)


def _negative(
    problem: Problem, curvature: Curvature, directions: list[Tensor], products: list[Tensor]
) -> tuple[Finding, ...]:
    for v, product in zip(directions, products, strict=True):
        curved = float(v @ product)
        if curvature.semidefinite and curved < -_ORDER * float(problem.epsilon.max()) * float(product.norm()):
            part = list(problem.parts)[-1]
            said = (
                f"{curvature.name}: vᵀFv = {curved:.6g} for a random v, where a Fisher information is never negative."
            )
            return (Finding(part, None, 0.0, curved, Cause.SIGN, said),)
    return ()

"""What a second-order product has to be by itself: symmetric, and for a Fisher information never negative.

Random directions inside one part at a time, u_a and v_b, tell which block is at fault: u_aᵀAv_b = v_bᵀAu_a. Negative
curvature is sought by Lanczos' iteration, for along a random direction many positive curvatures hide one that is not.

Source: Golub and Van Loan (2013), Matrix computations, section 10.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from likeliest.certify.certificate import Finding
from likeliest.certify.problem import Problem
from likeliest.certify.suspect import Cause
from likeliest.randomness import stream

Product: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(θ, v) → Av (P,), flat and in double precision."""

ORDER = 256.0
"""Two products of one matrix may differ by so many last digits, for both are sums over all rows."""
STEPS = 16


def crooked(
    problem: Problem, theta: Tensor, name: str, product: Product, semidefinite: bool, seed: int
) -> tuple[Finding, ...]:
    """Where a product is not symmetric, or negative where it must not be; the worst place alone."""
    u, v = ([_inside(problem, part, seed, k) for part in problem.parts] for k in range(2))
    found = _asymmetric(problem, name, u, v, [[product(theta, d) for d in each] for each in (u, v)])
    if found or not semidefinite:
        return found
    return _negative(problem, name, lambda d: product(theta, d), u, seed)


def _inside(problem: Problem, part: str, seed: int, k: int) -> Tensor:
    """A random direction (P,) of unit length that moves one part alone."""
    place = problem.parts[part]
    drawn = torch.zeros_like(problem.theta)
    drawn[place.slice] = torch.from_numpy(stream(seed, "inside", k, place.start).standard_normal(place.size))
    unit: Tensor = drawn / drawn.norm()
    return unit


def _asymmetric(
    problem: Problem, name: str, u: list[Tensor], v: list[Tensor], products: list[list[Tensor]]
) -> tuple[Finding, ...]:
    images_u, images_v = products
    one, other = torch.stack(u) @ torch.stack(images_v).mT, torch.stack(images_u) @ torch.stack(v).mT
    sizes = torch.maximum(*(torch.stack([p.norm() for p in images]) for images in (images_u, images_v)))
    apart = (one - other).abs() / torch.maximum(sizes[:, None], sizes).clamp(min=torch.finfo(torch.float64).tiny)
    if bool((apart <= ORDER * float(problem.epsilon.max())).all()):
        return ()
    a, b = sorted(divmod(int(torch.maximum(apart, apart.mT).nan_to_num(torch.inf).argmax()), len(u)))
    names = list(problem.parts)
    within = f"within {names[a]}" if a == b else f"for u in {names[a]} and v in {names[b]}"
    pair = f"uᵀAv = {float(one[a, b]):.6g} and vᵀAu = {float(other[a, b]):.6g}"
    said = f"{name}: not symmetric {within}: {pair} for random u and v."
    return (Finding(names[b], None, float(other[a, b]), float(one[a, b]), Cause.UNKNOWN, said),)


def _negative(
    problem: Problem, name: str, product: Callable[[Tensor], Tensor], inside: list[Tensor], seed: int
) -> tuple[Finding, ...]:
    whole = torch.from_numpy(stream(seed, "lanczos").standard_normal(len(problem.theta)))
    size = 0.0  # of the matrix and not of one image: along a null direction the image itself is round-off
    for direction in (*inside, _flattest(product, whole)):
        image = product(direction)
        curved, size = float(direction @ image), max(size, float(image.norm()))
        if not curved >= -ORDER * float(problem.epsilon.max()) * size:
            shares = {part: -float(direction[p.slice] @ image[p.slice]) for part, p in problem.parts.items()}
            part = max(shares, key=lambda n: shares[n])
            said = (
                f"{name}: vᵀFv = {curved:.6g} for a v of unit length, most of it in {part}, where a Fisher information "
                "is never negative."
            )
            return (Finding(part, None, 0.0, curved, Cause.SIGN, said),)
    return ()


def _flattest(product: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """A unit vector (P,) of nearly the least curvature vᵀAv, by Lanczos' iteration with full orthogonalisation."""
    basis: list[Tensor] = [start / start.norm()]
    images: list[Tensor] = []
    for _ in range(min(STEPS, len(start))):
        images.append(product(basis[-1]))
        rest = images[-1].clone()
        for _ in range(2):
            for b in basis:
                rest -= (b @ rest) * b
        if not float(rest.norm()) > 1e-10 * float(images[-1].norm()):
            break
        basis.append(rest / rest.norm())
    spanned = torch.stack(basis[: len(images)])
    reduced = spanned @ torch.stack(images).mT
    if not bool(torch.isfinite(reduced).all()):
        return basis[0]
    _, vectors = torch.linalg.eigh((reduced + reduced.mT) / 2)
    flattest: Tensor = spanned.mT @ vectors[:, 0]
    flattest /= flattest.norm()
    return flattest

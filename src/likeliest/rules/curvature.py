"""d = −C⁻¹g for a curvature C that may be singular or indefinite, run by run.

Columns of x in different units make C badly scaled without making it singular. So every C is first scaled to a diagonal
of ±1: S = D⁻¹ C D⁻¹ with D² = |diag C|. A pivot of S is then 1 − R² of a column given the earlier ones, and whether it
is zero has the same answer in any units.

    regular        S = LLᵀ, and no pivot is round-off     d = −D⁻¹ S⁻¹ D⁻¹ g
    singular       S = QΛQᵀ, some λ are round-off         those directions are left out, and the step is the shortest
    indefinite     some λ < 0                             |λ| in place of λ: away from a saddle, never towards it
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def newton_direction(matrix: Tensor, grad: Tensor, gauge: Tensor | None = None, damping: float = 0.0) -> Tensor:
    """Return −(C + damping · I)⁺ g: (P,) or (R, P).

    Args:
        matrix: C, symmetric: (P, P) or (R, P, P).
        grad: g: (P,) or (R, P).
        gauge: orthonormal directions G (P, q) with C G = 0 and Gᵀg = 0, or None. C + c GGᵀ is solved in place of C,
            which moves nothing along G.
        damping: added to the diagonal.

    A run whose C or g is not finite gets a direction of zeros; it does not touch the others.
    """
    p = grad.shape[-1]
    c, g = matrix.reshape(-1, p, p), grad.reshape(-1, p)
    if gauge is not None:
        c = c + c.diagonal(dim1=-2, dim2=-1).abs().mean(-1)[:, None, None] * (gauge @ gauge.mT)
    if damping:
        c = c + damping * torch.eye(p, dtype=c.dtype, device=c.device)
    return -_solve(c, g).reshape(grad.shape)


def _solve(c: Tensor, g: Tensor) -> Tensor:
    """C⁺g of every run: by Cholesky where C is safely positive definite, by eigenvalues where it is not.

    What is not finite is not regular either: no pivot that comes of it is larger than anything.
    """
    scale = c.diagonal(dim1=-2, dim2=-1).abs().sqrt()
    scale.masked_fill_(scale == 0, 1.0)
    s = c / (scale.unsqueeze(-1) * scale.unsqueeze(-2))
    factor, info = torch.linalg.cholesky_ex(s)
    pivots = factor.diagonal(dim1=-2, dim2=-1).amin(-1)
    regular = (info == 0) & (pivots > math.sqrt(_round_off(s))) & g.isfinite().all(-1)
    solution = torch.cholesky_solve((g / scale).unsqueeze(-1), factor).squeeze(-1).div_(scale)
    for run in [run for run, fine in enumerate(regular.tolist()) if not fine]:
        usable = bool(c[run].isfinite().all() & g[run].isfinite().all())
        solution[run] = _spectral_solve(s[run], g[run], scale[run]) if usable else 0.0
    return solution


def _spectral_solve(s: Tensor, g: Tensor, scale: Tensor) -> Tensor:
    """D⁻¹ |S|⁺ D⁻¹ g, less its part in the null space of C = D S D, which changes nothing but the length."""
    values, vectors = torch.linalg.eigh(s)
    size = values.abs()
    null = size <= _round_off(s) * size.amax()
    inverse = torch.where(null, 0.0, 1 / size)
    solution = (vectors @ (inverse * (vectors.mT @ (g / scale)))) / scale
    basis, _ = torch.linalg.qr(vectors[:, null] / scale[:, None])
    shortest: Tensor = solution - basis @ (basis.mT @ solution)
    return shortest


def _round_off(s: Tensor) -> float:
    """How large a pivot or eigenvalue of S may come out where it is zero in exact arithmetic."""
    return 10 * s.shape[-1] * torch.finfo(s.dtype).eps

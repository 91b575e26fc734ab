"""`check_gradient`: any gradient against witnesses that do not share its derivation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from likeliest.certify.certificate import Certificate
from likeliest.certify.curvature import Curvature, with_curvatures
from likeliest.certify.functions import function_problem
from likeliest.certify.judge import certify
from likeliest.certify.layers import layer_at_fault
from likeliest.certify.modules import Loss, double_backward, left_as_found, module_problem, taken_apart
from likeliest.certify.problem import Layout
from likeliest.certify.symmetry import Product
from likeliest.errors import SpecificationError
from likeliest.interfaces import Part


def check_gradient(
    fun: Callable[[Any], Any] | None = None,
    grad: Callable[[Any], Any] | None = None,
    theta: Any = None,
    *,
    module: nn.Module | None = None,
    loss: Loss | None = None,
    batch: Any = None,
    parts: Mapping[str, slice | Part] | None = None,
    seed: int = 0,
    order: int = 1,
    hessian: Callable[[Any, Any], Any] | None = None,
    fisher: Callable[[Any, Any], Any] | None = None,
) -> Certificate:
    """Certify that a gradient is right at θ, or say where it is not and why.

    Either a function with its gradient, or a torch module with a loss on a batch, whose gradient is the one that
    ``backward`` leaves behind: with custom ``autograd.Function`` classes it can be wrong. The witnesses are central
    differences in the finest precision that the code accepts; and autograd, forward mode or a complex step wherever the
    code allows them and differences agree with them.

    Args:
        fun: θ → a number.
        grad: θ → ∂fun/∂θ, shaped like θ.
        theta: a NumPy array or a torch tensor of any shape, or a mapping from names to them in forward order; both
            functions get what is of its kind, shapes and dtypes.
        module: in the mode, train or eval, in which it is to be checked; it is left as found.
        loss: (output, y) → a scalar.
        batch: (x, y), where x may be a tuple of inputs.
        parts: names for slices of the flattened θ; None is one part named "theta", or the names of the mapping.
        seed: names the sample of entries and the random directions.
        order: 2 certifies second-order products as well: those below, or a module's double backward.
        hessian: (θ, v) → Hv, shaped like θ: compared with differences of ``grad``, and symmetric.
        fisher: (θ, v) → Fv, shaped like θ: symmetric, and vᵀFv ≥ 0.

    Raises:
        ShapeError: the gradient is not shaped like θ.
        SpecificationError: θ has no floating-point entries, or neither way of calling is complete.

    Example:
        >>> import likeliest as lk, numpy as np
        >>> lk.check_gradient(lambda t: np.sum(t**3), lambda t: 3 * t**2, np.array([1.0, -2.0])).passed
        True
        >>> certificate = lk.check_gradient(lambda t: np.sum(t**3), lambda t: -3 * t**2, np.array([1.0, -2.0]))
        >>> certificate.findings[0].cause.value, certificate.findings[0].index
        ('sign', (1,))
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
        >>> lk.check_gradient(module=net, loss=torch.nn.MSELoss(), batch=(torch.ones(4, 2), torch.ones(4, 1))).passed
        True
    """
    if module is not None:
        if loss is None or batch is None or any(given is not None for given in (fun, grad, theta, parts)):
            raise SpecificationError("a module is checked by module=, loss= and batch=, and nothing else")
        return _check_module(module, loss, batch, seed, order)
    if fun is None or grad is None or theta is None:
        raise SpecificationError("check_gradient needs fun, grad and theta, or module=, loss= and batch=")
    if order > 1 and hessian is None and fisher is None:
        raise SpecificationError("order=2 needs hessian or fisher, each (θ, v) → a product shaped like θ")
    problem = function_problem(fun, grad, theta, parts)
    layout = Layout(theta, parts)

    def flat(product: Callable[[Any, Any], Any]) -> Product:
        return lambda at, v: layout.flat(product(layout.like(at), layout.like(v)))

    products = []
    if order > 1 and hessian is not None:
        products.append(Curvature("Hessian product", flat(hessian), lambda at: problem.gradient))
    if order > 1 and fisher is not None:
        products.append(Curvature("Fisher product", flat(fisher), None, semidefinite=True))
    return with_curvatures(certify(problem, seed), problem, products, seed)


def _check_module(module: nn.Module, loss: Loss, batch: Any, seed: int, order: int) -> Certificate:
    inputs, target = taken_apart(batch)
    with left_as_found(module):
        problem = module_problem(module, loss, inputs, target)
        certificate = certify(problem, seed, locate=lambda at: layer_at_fault(module, loss, inputs, target, seed))
        double = Curvature(
            "Hessian product", double_backward(module, loss, inputs, target), lambda at: problem.gradient
        )
        return with_curvatures(certificate, problem, (double,) if order > 1 else (), seed)

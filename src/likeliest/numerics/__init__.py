"""Functions of tensors that families stand on: exact in the tails, with defined limits at ±inf.

Two conventions hold throughout. NaN comes out only where NaN went in. And what is differentiable in mathematics is
differentiable here by autograd, ties and zeros included, so that autograd can judge the derivatives made by hand.
"""

from likeliest.numerics.stable import (
    exp_above_tangent,
    exp_below,
    finite,
    gap,
    log_sum_exp_below,
    weighted_mean,
    xmul,
)

__all__ = ["exp_above_tangent", "exp_below", "finite", "gap", "log_sum_exp_below", "weighted_mean", "xmul"]

"""Functions of tensors that families stand on: exact in the tails, with defined limits at ±inf.

Two conventions hold throughout. NaN comes out only where NaN went in. And what is differentiable in mathematics is
differentiable here by autograd, ties and zeros included, so that autograd can judge the derivatives made by hand.
"""

from likeliest.numerics.double_double import exp_pair, two_product
from likeliest.numerics.gamma import (
    log1p_below_tangent,
    log_gamma_half_step,
    log_gamma_half_step_curvature,
    log_gamma_half_step_slope,
    log_gamma_half_steps,
    log_poisson_peak,
    stirling_curvature,
    stirling_error,
    stirling_errors,
    stirling_slope,
)
from likeliest.numerics.gaussian import (
    gaussian_power,
    hazard_excess,
    normal_hazards,
    normal_log_tails,
    normal_tails,
)
from likeliest.numerics.stable import (
    exp_above_tangent,
    exp_below,
    finite,
    gap,
    is_within,
    log_sum_exp_below,
    plus,
    polynomial,
    sum_of_powers,
    weighted_mean,
    xmul,
)

__all__ = [
    "exp_above_tangent",
    "exp_below",
    "exp_pair",
    "finite",
    "gap",
    "gaussian_power",
    "hazard_excess",
    "is_within",
    "log1p_below_tangent",
    "log_gamma_half_step",
    "log_gamma_half_step_curvature",
    "log_gamma_half_step_slope",
    "log_gamma_half_steps",
    "log_poisson_peak",
    "log_sum_exp_below",
    "normal_hazards",
    "normal_log_tails",
    "normal_tails",
    "plus",
    "polynomial",
    "stirling_curvature",
    "stirling_error",
    "stirling_errors",
    "stirling_slope",
    "sum_of_powers",
    "two_product",
    "weighted_mean",
    "xmul",
]

"""Learning rules: θ → θ′ given a local view of the objective. Import `rule` and `rules`, or a class by its name."""

from likeliest.rules.adaptive import Adagrad, Adam, AdamW, RMSprop
from likeliest.rules.base import Rule
from likeliest.rules.catalogue import RuleInfo, rule, rules
from likeliest.rules.clipping import Clipped
from likeliest.rules.damped import LevenbergMarquardt
from likeliest.rules.decay import Decayed
from likeliest.rules.error_signal import ErrorSignal, delta_rule, perceptron
from likeliest.rules.first_order import SGD, GradientDescent, Momentum, Nesterov
from likeliest.rules.quasi_newton import LBFGS
from likeliest.rules.schedules import Constant, Cosine, InverseTime, OneCycle, Scaled, Schedule, Warmup
from likeliest.rules.second_order import SecondOrder, irls, newton

__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clipped",
    "Constant",
    "Cosine",
    "Decayed",
    "ErrorSignal",
    "GradientDescent",
    "InverseTime",
    "LevenbergMarquardt",
    "Momentum",
    "Nesterov",
    "OneCycle",
    "RMSprop",
    "Rule",
    "RuleInfo",
    "Scaled",
    "Schedule",
    "SecondOrder",
    "Warmup",
    "delta_rule",
    "irls",
    "newton",
    "perceptron",
    "rule",
    "rules",
]

"""Rules by name, for the command line, plans and reports."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from likeliest.errors import SpecificationError, UnknownNameError
from likeliest.interfaces import Need
from likeliest.rules.adaptive import Adagrad, Adam, AdamW, RMSprop
from likeliest.rules.base import Rule
from likeliest.rules.damped import LevenbergMarquardt
from likeliest.rules.error_signal import delta_rule, perceptron
from likeliest.rules.first_order import SGD, GradientDescent, Momentum, Nesterov
from likeliest.rules.quasi_newton import LBFGS
from likeliest.rules.second_order import irls, newton

RULES: Mapping[str, Callable[..., Rule]] = {
    "gradient_descent": GradientDescent,
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "lbfgs": LBFGS,
    "newton": newton,
    "irls": irls,
    "levenberg_marquardt": LevenbergMarquardt,
    "perceptron": perceptron,
    "delta_rule": delta_rule,
}
"""What makes each rule; every hyperparameter has a default."""


class RuleInfo(NamedTuple):
    """What a catalogue says about a rule."""

    name: str
    needs: frozenset[Need]
    full_batch: bool
    criterion: str
    formula: str
    source: str
    lr_range: tuple[float, float] | None


def rule(name: str, **hyperparameters: Any) -> Rule:
    """Make a learning rule by its name.

    Args:
        name: one of `rules`.
        **hyperparameters: those of the rule, such as ``lr``; each has a default.

    Raises:
        UnknownNameError: no rule has that name.
        SpecificationError: the rule has no such hyperparameter, or its value lies outside its range.

    Example:
        >>> import likeliest as lk
        >>> lk.rule("momentum", lr=0.05).formula
        'm ← μm + g;  θ ← θ − lr·m'
    """
    if name not in RULES:
        raise UnknownNameError(f"no rule is called {name!r}; {_hint(name, list(RULES))}")
    make = RULES[name]
    known = list(inspect.signature(make).parameters)
    for given in hyperparameters:
        if given not in known:
            raise SpecificationError(f"{name} has no hyperparameter {given!r}; {_hint(given, known)}")
    return make(**hyperparameters)


def rules() -> tuple[RuleInfo, ...]:
    """Return what is known about every rule, in the order of their kinds.

    Example:
        >>> [info.name for info in rules() if info.full_batch]
        ['gradient_descent', 'lbfgs', 'newton', 'irls', 'levenberg_marquardt']
    """
    return tuple(_describe(make()) for make in RULES.values())


def _describe(made: Rule) -> RuleInfo:
    return RuleInfo(*(getattr(made, field) for field in RuleInfo._fields))


def _hint(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=3)
    return f"did you mean {' or '.join(close)}?" if close else f"there is {', '.join(known)}"

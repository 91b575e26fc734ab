"""Maximum-likelihood learning that you can see, check and trust.

A model is a probability function (a *family*) on top of a function of the inputs (a *predictor*); a *rule* turns the
pulled-back score into the next parameters. The names below are the public face of the package::

    import likeliest as lk

    model = lk.LogisticRegression(l2=1.0).fit(X, y)
    report = lk.study("digits")

Importing the package loads nothing but this file and the exceptions; PyTorch loads when a name is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from likeliest import errors
from likeliest._version import __version__

__all__ = [
    "MLP",
    "Budget",
    "Certificate",
    "Checkpoint",
    "Columns",
    "Constant",
    "Draw",
    "Family",
    "Fit",
    "Fixed",
    "GLMRegressor",
    "Layered",
    "Linear",
    "LinearRegression",
    "LogisticRegression",
    "Model",
    "Module",
    "Need",
    "NetClassifier",
    "NetRegressor",
    "Objective",
    "Plan",
    "Progress",
    "Race",
    "RangeTest",
    "ResidualNet",
    "Rule",
    "SoundNet",
    "SpeechNet",
    "Study",
    "Trace",
    "Verdict",
    "VerdictKind",
    "__version__",
    "augment",
    "check_gradient",
    "egarch",
    "errors",
    "ewma",
    "families",
    "family",
    "find_lr",
    "fit",
    "garch",
    "har",
    "layers",
    "load",
    "preferred_compute",
    "race",
    "rule",
    "rules",
    "study",
]

_MODULES = ("augment",)
"""Public names that are modules of the same name."""
_NAMES = {
    **{name: (name,) for name in _MODULES},
    "certify": ("Certificate", "check_gradient"),
    "checkpoint": ("Checkpoint",),
    "course": ("Budget",),
    "estimators": ("GLMRegressor", "LinearRegression", "LogisticRegression", "NetClassifier", "NetRegressor"),
    "families": ("Family", "families", "family"),
    "fit": ("Fit", "fit"),
    "interfaces": ("Draw", "Need", "Trace", "Verdict", "VerdictKind"),
    "model": ("Model", "load"),
    "objective": ("Objective",),
    "predictors": (
        "MLP",
        "Columns",
        "Constant",
        "Fixed",
        "Layered",
        "Linear",
        "Module",
        "ResidualNet",
        "SoundNet",
        "SpeechNet",
        "egarch",
        "ewma",
        "garch",
        "har",
        "layers",
        "preferred_compute",
    ),
    "progress": ("Progress",),
    "race": ("Race", "race"),
    "range_test": ("RangeTest", "find_lr"),
    "rules": ("Rule", "rule", "rules"),
    "study": ("Plan", "Study", "study"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}


class _Package(ModuleType):
    """The package as an object: loads a public name when it is first used, and guards it.

    The guard: importing ``likeliest.fit`` makes Python bind that module as the attribute ``fit`` of the package, and
    ``lk.fit(...)`` would then call a module or a function, depending on who imported what before. So no submodule takes
    the place of a public name; ``from likeliest.fit import Budget`` looks in ``sys.modules`` and needs no attribute.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=self)
        home = importlib.import_module(f"{__name__}.{_HOME[name]}")
        value = home if name in _MODULES else getattr(home, name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOME})


sys.modules[__name__].__class__ = _Package

if TYPE_CHECKING:
    from likeliest.certify import Certificate, check_gradient
    from likeliest.checkpoint import Checkpoint
    from likeliest.course import Budget
    from likeliest.estimators import (
        GLMRegressor,
        LinearRegression,
        LogisticRegression,
        NetClassifier,
        NetRegressor,
    )
    from likeliest.families import Family, families, family
    from likeliest.fit import Fit, fit
    from likeliest.interfaces import Draw, Need, Trace, Verdict, VerdictKind
    from likeliest.model import Model, load
    from likeliest.objective import Objective
    from likeliest.predictors import (
        MLP,
        Columns,
        Constant,
        Fixed,
        Layered,
        Linear,
        Module,
        ResidualNet,
        SoundNet,
        SpeechNet,
        egarch,
        ewma,
        garch,
        har,
        layers,
        preferred_compute,
    )
    from likeliest.progress import Progress
    from likeliest.race import Race, race
    from likeliest.range_test import RangeTest, find_lr
    from likeliest.rules import Rule, rule, rules
    from likeliest.study import Plan, Study, study

"""The whole exam, and all that whoever is examined may import of it."""

from __future__ import annotations

from . import features, joins, labels, models, outputs, panels, scaling, selection
from .cases import Case, sample_table

__all__ = ["Case", "all_cases", "sample_table"]

MODULES = (features, scaling, labels, joins, panels, selection, models, outputs)


def all_cases() -> tuple[Case, ...]:
    """Every case, the leaky and the clean mixed."""
    return tuple(case for module in MODULES for case in module.CASES)

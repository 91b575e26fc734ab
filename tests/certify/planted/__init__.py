"""Gradients with planted bugs, written before the checker that they examine.

Every file here that has ``CASES`` belongs to the exam. The files named ``*_held_out`` are not imported, let alone run,
until the checker is finished.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from .case import ARCHITECTURES, CAUSES, Planted

__all__ = ["ARCHITECTURES", "CAUSES", "Planted", "planted"]


def planted(held_out: bool) -> tuple[Planted, ...]:
    """All cases of the files that are held out, or of those that are not."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    modules = [import_module(f".{stem}", __name__) for stem in stems if stem.endswith("_held_out") == held_out]
    return tuple(case for module in modules for case in getattr(module, "CASES", ()))

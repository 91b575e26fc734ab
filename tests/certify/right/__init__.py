"""A thousand right gradients, of which a certificate must accuse none, and a needle that it must find.

On a kink, right is what lies in Clarke's subdifferential: relu's slope at 0 anywhere in [0, 1], the sign of 0 anywhere
in [−1, 1], and any sharing of a gradient among those that tie for a maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from .hand_nets import hand_nets
from .linear_models import Named, linear_models
from .needle import needles
from .scenes import scenes
from .torch_functions import torch_functions
from .torch_modules import large_nets, nets

__all__ = ["needles", "right_gradients"]


def right_gradients() -> Iterator[Named]:
    """1,000 names with fresh arguments of ``check_gradient``; a third are in float32."""
    return chain(linear_models(), hand_nets(), torch_functions(), nets(), scenes(), large_nets())

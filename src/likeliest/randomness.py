"""Counter-based randomness: every random number has an address, and no draw depends on how many came before it.

A stream is named by ``(seed, role, counters)``, for example ``stream(0, "shuffle", epoch)``. The same name gives the
same numbers on every machine, whatever else was drawn in between, so a resumed fit equals an uninterrupted one and run
i of a lockstep fit equals the same run alone.

Philox is the generator: Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3. What every
row of a training batch needs for itself, such as its dropout mask, comes from `likeliest.uniforms`.
"""

from __future__ import annotations

import hashlib

import numpy as np

_WORD = 2**64 - 1
COUNTERS = 3
"""How many counters a stream can take: the fourth word of Philox' counter counts the draws themselves."""


def stream(seed: int, role: str, *counters: int) -> np.random.Generator:
    """Return the generator at the address (seed, role, counters).

    Args:
        seed: any integer; the user's seed.
        role: what the numbers are for ("init", "shuffle", "split", …); two roles never share numbers.
        counters: up to three integers ≥ 0, such as the run, the epoch and the row.

    Example:
        >>> first, again = stream(0, "shuffle", 3), stream(0, "shuffle", 3)
        >>> bool(first.random() == again.random())
        True
    """
    if len(counters) > COUNTERS:
        raise ValueError(f"a stream takes at most {COUNTERS} counters, found {len(counters)}: {counters}")
    digest = hashlib.blake2b(role.encode(), digest_size=8).digest()
    key = (int(seed) & _WORD) | (int.from_bytes(digest, "little") << 64)
    position = sum((int(c) & _WORD) << (64 * (i + 1)) for i, c in enumerate(counters))
    return np.random.Generator(np.random.Philox(key=key, counter=position))

"""Random numbers for each row of a batch: one vectorised hash of their address, which makes no generator at all.

Apart from `likeliest.randomness`, whose streams need NumPy alone.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import torch
from torch import Tensor


def uniforms(seed: int, role: str, epoch: int, rows: Tensor, k: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return k numbers in [0, 1) for each row, (n, k), every one a function of (seed, role, epoch, row, column) alone.

    Rows draw the same numbers in any batch and order, on any number of threads, and on the processor as on the
    accelerator: all is integer arithmetic modulo 2^64. Row r and column pair c have the counter a + r R + c C, which
    SplitMix64's finaliser scrambles, with b added bit by bit between its two products; the key (a, b), 128 bits, is a
    digest of (seed, role, epoch). R and C spread the counters so evenly that no two rows and columns below 2^30 share
    one. float32 takes the upper 24 bits of either half of a hash, float64 the upper 53 of a whole one: column j does
    not depend on k, but on the dtype.

    Args:
        seed: any integer.
        role: what the numbers are for ("dropout", "shift", …); two roles never share numbers.
        epoch: any integer.
        rows: (n,) int64, on the device that the numbers are wanted on.
        k: numbers for each row.
        dtype: float32 (multiples of 2⁻²⁴) or float64 (multiples of 2⁻⁵³).

    Raises:
        ValueError: another dtype.

    Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, with the constants of Stafford
    (2011), Better bit mixing; random access by counters as in Salmon et al. (2011).

    Example:
        >>> batch = uniforms(0, "dropout", 3, torch.tensor([7, 1]), 4)
        >>> bool((batch[1] == uniforms(0, "dropout", 3, torch.tensor([1]), 4)[0]).all())
        True
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"uniforms come as float32 or float64, not {dtype}; cast the result")
    halved = dtype == torch.float32
    start, key = _key(int(seed), role, int(epoch))
    columns = torch.arange((k + 1) // 2 if halved else k, device=rows.device)
    counters = torch.empty((len(rows), len(columns)), dtype=torch.int64, device=rows.device)
    torch.add((rows.long() * _ROW + start)[:, None], columns * _COLUMN, out=counters)
    bits = _mixed(counters, key)
    if halved:
        bits = bits.view(torch.int32)
    digits = 24 if halved else 53
    # The shift keeps the sign: what comes are integers around 0, of which half a unit makes numbers from 0.
    bits = bits.bitwise_right_shift_(bits.itemsize * 8 - digits)
    return bits.to(dtype).mul_(2.0**-digits).add_(0.5)[:, :k]


def _signed(word: int) -> int:
    """The int64 of the same bits."""
    return word - 2**64 if word >> 63 else word


# Steps of a two-dimensional lattice without short vectors: 2^64 over the plastic number and over its square, made odd.
_ROW, _COLUMN = _signed(0xC13FA9A902A6328F), _signed(0x91E10DA5C79E7B1D)
_FIRST, _SECOND = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


@lru_cache
def _key(seed: int, role: str, epoch: int) -> tuple[int, int]:
    """128 bits of (seed, role, epoch), as two int64."""
    digest = hashlib.blake2b(f"{seed} {epoch} {role}".encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little", signed=True), int.from_bytes(digest[8:], "little", signed=True)


def _mixed(z: Tensor, key: int) -> Tensor:
    """SplitMix64's finaliser, in place, keyed between its products; z is int64."""
    scratch = torch.empty_like(z)
    _fold(z, 30, scratch).mul_(_FIRST).bitwise_xor_(key)
    _fold(z, 27, scratch).mul_(_SECOND)
    return _fold(z, 31, scratch)


def _fold(z: Tensor, by: int, scratch: Tensor) -> Tensor:
    """Write z ^ (z >> by) over z, with zeros shifted in: int64 shifts its sign in, which the mask takes off."""
    torch.bitwise_right_shift(z, by, out=scratch)
    return z.bitwise_xor_(scratch.bitwise_and_((1 << (64 - by)) - 1))

"""The precision in which products of training batches are computed."""

from __future__ import annotations

from typing import Literal

import torch

Compute = Literal["bfloat16"] | None
DTYPES: dict[str, torch.dtype] = {"bfloat16": torch.bfloat16}
_WORTH = 2e7
"""Operations of a batch's forward pass from which bfloat16 pays, measured with AVX512-BF16 on dense nets."""


def preferred_compute(flops: float | None = None, device: str | torch.device = "cpu") -> Compute:
    """The ``compute`` that makes training faster on this machine's processor or accelerator.

    Args:
        flops: of the forward pass of a training batch, ``predictor.flops`` times its rows; below 20 million float32 is
            faster on processors, for a product of small matrices is spent on bringing them into form. None asks for
            large ones.
        device: where it is trained.

    Returns:
        "bfloat16" where the hardware multiplies it (AVX512-BF16, AMX, CUDA from compute capability 8), else None.

    Example:
        >>> import likeliest as lk
        >>> lk.preferred_compute() in ("bfloat16", None)
        True
        >>> lk.preferred_compute(lk.MLP((64, 32, 10)).flops * 32) is None
        True
    """
    if torch.device(device).type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else None
    if flops is not None and flops < _WORTH:
        return None
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # older torch does not tell
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else None

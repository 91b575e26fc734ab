"""What all tests share: one thread each, because pytest runs one process a core, and reproducible numbers."""

import os

# What torch wants of cuBLAS before its algorithms count as deterministic; it is read when CUDA starts.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

# No deadline, for a shared core is no stopwatch. CI repeats its examples; elsewhere hypothesis looks for new ones.
settings.register_profile("likeliest", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("likeliest")


@pytest.fixture(autouse=True)
def _the_same_numbers_in_every_run():
    """What is drawn from torch's own generator, as some planted cases do, is the same whatever ran before."""
    torch.manual_seed(0)

"""What all tests share: one thread each, because pytest runs one process a core, and reproducible numbers."""

import gc
import os
from pathlib import Path

# What torch wants of cuBLAS before its algorithms count as deterministic; it is read when CUDA starts.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
# What use_deterministic_algorithms(True) does, without the import of torch's compiler, which takes it two seconds.
torch.set_deterministic_debug_mode("error")

# No deadline, for a shared core is no stopwatch. CI repeats its examples; elsewhere hypothesis looks for new ones.
settings.register_profile("likeliest", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("likeliest")


# Collecting 11,000 tests makes millions of objects that all stay. Python would look through them for cycles again and
# again, which is a third of the time that collecting takes; afterwards they are set aside for good.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _the_same_numbers_in_every_run():
    """What is drawn from torch's own generator, as some planted cases do, is the same whatever ran before."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def fsdd() -> Path:
    """The folder of 3,000 spoken digits, or a skip that says where they come from."""
    places = [Path(__file__).parents[2] / "shared" / "data" / "fsdd"]
    if given := os.environ.get("LIKELIEST_DATA"):
        places.insert(0, Path(given) / "fsdd")
    for place in places:
        if (place / "0_george_0.wav").is_file():
            return place
    pytest.skip(
        "needs the Free Spoken Digit Dataset; get it with: "
        "git clone https://github.com/Jakobovski/free-spoken-digit-dataset, and set LIKELIEST_DATA to a folder whose "
        "folder fsdd holds its recordings"
    )

"""Small steps run on one thread, large ones on as many as there were, and the number is always given back."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import likeliest as lk
from likeliest.threads import SMALL, operations, threads_for


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def inside(predictor, rows: int) -> int:
    with threads_for(predictor, rows):
        return torch.get_num_threads()


def test_one_thread_for_small_steps_and_all_for_others():
    net = lk.MLP((64, 32, 10))
    assert inside(net, 32) == 1
    assert inside(net, math.ceil(SMALL / (3 * net.flops)) + 1) == 2
    assert inside(lk.Columns(net, log_scale=lk.Constant()), 32) == 1
    assert inside(lk.Module(nn.Linear(2, 1), outputs=1), 1) == 2, "what a module does is not known"
    assert torch.get_num_threads() == 2


def test_operations_are_those_of_the_products():
    assert operations(lk.MLP((5, 7, 3))) == 2 * (5 * 7 + 7 * 3)
    assert operations(lk.Columns(lk.Linear(4), log_scale=lk.Constant())) == 10 + 2


def test_a_fit_gives_the_threads_back_even_when_it_fails():
    x = np.ones((20, 2))
    objective = lk.Objective(lk.family("bernoulli"), lk.Linear(2), x, np.arange(20) % 2)
    seen = []

    def fail(progress):
        seen.append(torch.get_num_threads())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        lk.fit(objective, "sgd", batch_size=5, callbacks=[fail])
    assert seen == [1]
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("compute", [None, "bfloat16"])
@pytest.mark.parametrize("sizes", [(10, 16, 2), (64, 32, 10)])
def test_small_nets_have_the_same_bytes_whatever_the_number_of_threads(sizes, compute):
    numbers = torch.Generator().manual_seed(0)
    x = torch.randn(256, sizes[0], generator=numbers)
    y = torch.randint(0, sizes[-1], (256,), generator=numbers)
    objective = lk.Objective(lk.family("categorical"), lk.MLP(sizes, compute=compute), x, y)

    def theta(threads: int) -> torch.Tensor:
        torch.set_num_threads(threads)
        return lk.fit(objective, "adam", batch_size=32, budget=2).theta

    assert torch.equal(theta(1), theta(2))

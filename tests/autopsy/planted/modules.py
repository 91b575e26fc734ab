"""Failures inside a module of the user's: undefined layers, states that explode, half precision that overflows."""

from typing import Any

import torch
from torch import Tensor, nn

import likeliest as lk

from ..cases import Planted, classes, inputs, outcomes, regression, sequences

REFUNDS = (8, 130, 131, 402, 777)
SILENT = (33, 250, 251, 604)


class LogAmount(nn.Module):
    """The log of the first column, which is an amount of money, beside the others."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((torch.log(x[:, :1]), x[:, 1:]), 1)


class UnitLength(nn.Module):
    """Rows divided by their length, with a little added to it: 0 stays 0, but the root of 0 has no derivative."""

    def forward(self, x: Tensor) -> Tensor:
        return x / (torch.sqrt((x**2).sum(-1, keepdim=True)) + 1e-6)


class Recurrence(nn.Module):
    """h ← relu(W h + U x_t), over all times, with W a rotation times 1.8."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.enter = nn.Parameter(torch.empty(width, channels))
        self.again = nn.Parameter(torch.empty(width, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.enter, std=0.3)
        nn.init.orthogonal_(self.again, gain=1.8)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], len(self.again))
        for at_time in x.unbind(1):
            h = torch.relu(h @ self.again.T + at_time @ self.enter.T)
        return h


class HalfLinear(nn.Linear):
    """A linear layer whose product is taken in half precision, whose largest number is 65,504."""

    compute = torch.float16

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.to(self.compute), self.bias.to(self.compute)
        return nn.functional.linear(x.to(self.compute), weight, bias).float()


class HalfAttention(nn.Module):
    """Attention over time by one query, its exponentials in half precision and without the maximum taken off."""

    compute = torch.float16

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.query)

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.exp((x @ self.query).to(self.compute))
        share = weight / weight.sum(1, keepdim=True)
        return (share.float().unsqueeze(-1) * x).sum(1)


def refunds() -> dict[str, Any]:
    x, y = outcomes(1_000, 5, seed=31)
    x[:, 0] = torch.exp(x[:, 0])
    x[list(REFUNDS), 0] *= -1
    net = nn.Sequential()
    net.add_module("log_amount", LogAmount())
    net.add_module("hidden", nn.Linear(5, 16))
    net.add_module("bend", nn.ReLU())
    net.add_module("head", nn.Linear(16, 1))
    objective = lk.Objective(lk.family("bernoulli"), lk.Module(net, outputs=1), x, y)
    return {"objective": objective, "rule": lk.rule("adam", lr=3e-3), "batch_size": 32, "budget": 4, "seed": 31}


def silent_rows() -> dict[str, Any]:
    x, y = classes(800, 6, 3, seed=32)
    x[list(SILENT)] = 0.0
    net = nn.Sequential()
    net.add_module("embedding", nn.Linear(6, 12, bias=False))
    net.add_module("unit_length", UnitLength())
    net.add_module("head", nn.Linear(12, 3))
    objective = lk.Objective(lk.family("categorical"), lk.Module(net, outputs=3), x, y)
    return {"objective": objective, "rule": lk.rule("momentum", lr=0.05), "batch_size": 40, "budget": 3, "seed": 32}


def recurrence() -> dict[str, Any]:
    x, y = sequences(300, 400, 2, seed=33)
    net = nn.Sequential()
    net.add_module("recurrence", Recurrence(2, 16))
    net.add_module("head", nn.Linear(16, 1))
    columns = lk.Columns(mean=lk.Module(net, outputs=1), log_scale=lk.Fixed(0.0))
    objective = lk.Objective(lk.family("normal"), columns, x, y)
    return {"objective": objective, "rule": lk.rule("adam", lr=1e-3), "batch_size": 50, "budget": 2, "seed": 33}


def deep_chain() -> dict[str, Any]:
    x, y = outcomes(500, 10, seed=34)
    torch_layers: list[nn.Module] = [nn.Linear(10, 32), nn.ReLU()]
    for _ in range(50):
        torch_layers += [nn.Linear(32, 32), nn.ReLU()]
    net = nn.Sequential(*torch_layers, nn.Linear(32, 1))
    generator = torch.Generator().manual_seed(34)
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(2 * torch.randn(layer.weight.shape, generator=generator))  # no fan-in
                layer.bias.zero_()
    objective = lk.Objective(lk.family("bernoulli"), lk.Module(net, outputs=1, start="given"), x, y)
    return {"objective": objective, "rule": lk.rule("sgd", lr=1e-3), "batch_size": 25, "budget": 2, "seed": 34}


def half_head() -> dict[str, Any]:
    x, y = regression(1_600, 8, seed=35)
    net = nn.Sequential()
    net.add_module("hidden", nn.Linear(8, 32))
    net.add_module("bend", nn.Tanh())
    net.add_module("head", HalfLinear(32, 1))
    columns = lk.Columns(mean=lk.Module(net, outputs=1), log_scale=lk.Fixed(10.0))
    objective = lk.Objective(lk.family("normal"), columns, x, 62_000 + 8_000 * y)
    return {"objective": objective, "rule": lk.rule("adam", lr=20.0), "batch_size": 40, "budget": 12, "seed": 35}


def half_attention() -> dict[str, Any]:
    x, _ = sequences(640, 24, 8, seed=36)
    z = torch.from_numpy(inputs(640, 8, seed=37))
    x = 1.2 * x + z[:, None]
    net = nn.Sequential()
    net.add_module("attention", HalfAttention(8))
    net.add_module("head", nn.Linear(8, 2))
    objective = lk.Objective(lk.family("categorical"), lk.Module(net, outputs=2), x, (z[:, 0] > 0).long())
    return {"objective": objective, "rule": lk.rule("adam", lr=1e-2), "batch_size": 32, "budget": 5, "seed": 36}


CASES = (
    Planted(
        "refunds",
        refunds,
        frozenset({"log_amount"}),
        frozenset({"forward"}),
        "layer",
        "a layer takes the log of amounts, of which five are negative",
        rows=frozenset(REFUNDS),
    ),
    Planted(
        "silent_rows",
        silent_rows,
        frozenset({"unit_length", "embedding"}),
        frozenset({"backward"}),
        "layer",
        "four rows of zeros are scaled to unit length: forward all is finite, backward the root of 0 makes NaN",
        rows=frozenset(SILENT),
    ),
    Planted(
        "recurrence",
        recurrence,
        frozenset({"recurrence", "mean.recurrence"}),
        frozenset({"forward"}),
        "exploding_state",
        "a relu recurrence over 400 times multiplies its state by more than 1 at each",
    ),
    Planted(
        "deep_chain",
        deep_chain,
        frozenset({"88"}),
        frozenset({"forward"}),
        "exploding_state",
        "51 relu layers of 32 start with a standard deviation of 2 a weight, eight times what keeps their scale",
    ),
    Planted(
        "half_head",
        half_head,
        frozenset({"head", "mean.head"}),
        frozenset({"forward"}),
        "precision",
        "the last product is in half precision, and targets of about 65,504 are learnt until it overflows",
        late=True,
    ),
    Planted(
        "half_attention",
        half_attention,
        frozenset({"attention"}),
        frozenset({"forward"}),
        "precision",
        "exponentials of attention in half precision, where e^11.1 overflows",
    ),
)

"""Ten failures that the autopsy was not developed on: none of them is run before it is finished.

No test imports this file until then.
"""

from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import likeliest as lk
from likeliest.families import Automatic
from likeliest.rules import Constant, Warmup

from .cases import Planted, classes, counts, inputs, regression

# Steps that are too large.


def word_counts() -> dict[str, Any]:
    x, y = counts(600, 40, seed=11)
    objective = lk.Objective(lk.family("poisson"), lk.MLP((40, 32, 1)), x, y)
    return {"objective": objective, "rule": lk.rule("rmsprop", lr=1.0), "batch_size": 50, "budget": 20, "seed": 11}


def long_warmup() -> dict[str, Any]:
    x, y = classes(640, 12, 5, seed=12)
    net = nn.Sequential(
        OrderedDict(
            first=nn.Linear(12, 32),
            bend1=nn.LeakyReLU(0.1),
            second=nn.Linear(32, 32),
            bend2=nn.LeakyReLU(0.1),
            third=nn.Linear(32, 32),
            bend3=nn.LeakyReLU(0.1),
            last=nn.Linear(32, 5),
        )
    )
    objective = lk.Objective(lk.family("categorical"), lk.Module(net, outputs=5), x, y)
    rule = lk.rule("momentum", lr=Warmup(steps=600, then=Constant(1.5)))
    return {"objective": objective, "rule": rule, "batch_size": 32, "budget": 50, "seed": 12}


# Data that should not be there.

BROKEN_READING = 171


def broken_reading() -> dict[str, Any]:
    x, y = classes(320, 9, 3, seed=13)
    net = nn.Sequential(
        OrderedDict(widen=nn.Linear(9, 24), norm=nn.BatchNorm1d(24), bend=nn.ReLU(), narrow=nn.Linear(24, 3))
    )
    objective = lk.Objective(lk.family("categorical"), lk.Module(net, outputs=3), x, y)
    objective.x[BROKEN_READING, 5] = float("nan")
    return {"objective": objective, "rule": lk.rule("adam", lr=1e-3), "batch_size": 40, "budget": 10, "seed": 13}


NO_DATA_ROW, NO_DATA = 402, -3.4e38


def no_data_value() -> dict[str, Any]:
    x, y = classes(500, 6, 4, seed=14, apart=1.5)
    objective = lk.Objective(lk.family("categorical"), lk.MLP((6, 64, 32, 4)), x, y)
    objective.x[NO_DATA_ROW] = NO_DATA
    return {"objective": objective, "rule": lk.rule("adamw", lr=1e-3), "batch_size": 64, "budget": 10, "seed": 14}


UNWEIGHABLE = frozenset({88, 305})


def weights_divided_by_nothing() -> dict[str, Any]:
    x, y = regression(450, 7, seed=15)
    shares = np.random.default_rng(15).dirichlet(np.ones(450)).astype(np.float32) * 450
    mean = lk.MLP((7, 20, 1), activation="tanh")
    columns = lk.Columns(mean=mean, log_scale=lk.Constant(), log_df=lk.Fixed(1.5))
    objective = lk.Objective(lk.family("student_t"), columns, x, y, weight=shares)
    assert objective.weight is not None
    objective.weight[sorted(UNWEIGHABLE)] = float("nan")
    return {"objective": objective, "rule": lk.rule("nesterov", lr=1e-2), "batch_size": 30, "budget": 10, "seed": 15}


# Likelihoods of the user's own.


class WeibullCensored(Automatic):
    """Lifetimes of shape 2 whose end was seen where y > 0, and was not by the time −y where y < 0."""

    columns = ("log_scale",)

    def log_prob(self, eta: Any, y: Tensor) -> Tensor:
        """The log of the density, or of the probability to live longer."""
        scale = torch.exp(eta[..., 0])
        z = y.abs() / scale
        survival = torch.exp(-z * z)
        density = 2 * z / scale * survival
        return torch.log(torch.where(y > 0, density, survival))


def lifetimes() -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(16)
    x = inputs(400, 5, seed=16)
    scale = np.exp(0.9 * x[:, 0])
    life = scale * rng.weibull(2, size=400)
    seen = rng.random(400) < 0.7
    return torch.from_numpy(x), torch.from_numpy(np.where(seen, life, -life).astype(np.float32))


def long_lives() -> dict[str, Any]:
    x, y = lifetimes()
    objective = lk.Objective(WeibullCensored(), lk.MLP((5, 16, 1), activation="tanh"), x, y)
    return {"objective": objective, "rule": lk.rule("adam", lr=5e-3), "batch_size": 25, "budget": 30, "seed": 16}


class Tobit(Automatic):
    """A normal number of deviation 1 of which nothing below 0 is seen."""

    columns = ("mean",)

    def log_prob(self, eta: Any, y: Tensor) -> Tensor:
        """The log of the density above 0, and of the probability of no more than 0 there."""
        mean = eta[..., 0]
        below = torch.log(torch.special.ndtr(-mean))
        above = -0.5 * (y - mean) ** 2 - 0.9189385332046727
        return torch.where(y > 0, above, below)

    def supports(self, y: Tensor) -> Tensor:
        """Numbers of at least 0."""
        return y >= 0


def spending() -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(17)
    x = rng.uniform(-1, 1, size=(500, 4)).astype(np.float32)
    y = np.maximum(6 + 12 * x[:, 0] + 4 * x[:, 1] + rng.normal(size=500), 0)
    return torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))


def nothing_spent() -> dict[str, Any]:
    x, y = spending()
    objective = lk.Objective(Tobit(), lk.MLP((4, 24, 1)), x, y)
    return {"objective": objective, "rule": lk.rule("adagrad", lr=0.05), "batch_size": 25, "budget": 60, "seed": 17}


# Nets whose numbers leave their range, or have none.


class Compounding(nn.Module):
    """h ← A h + B x over a series, read on a logarithmic scale: η is the mean of log(1 + |h|)."""

    def __init__(self) -> None:
        super().__init__()
        self.drive = nn.Linear(2, 6, bias=False)
        self.carry = nn.Linear(6, 6, bias=False)
        with torch.no_grad():
            self.carry.weight.copy_(1.8 * torch.eye(6))
            self.drive.weight.copy_(torch.tensor([0.1, 0.5]).expand(6, 2))

    def forward(self, x: Tensor) -> Tensor:
        """η (n, 1) of series (n, time, 2)."""
        h = x.new_zeros(len(x), 6)
        for driven in self.drive(x).unbind(1):
            h = self.carry(h) + driven
        return torch.log1p(h.abs()).mean(1, keepdim=True)


def ages() -> np.ndarray:
    """How many steps ago each account was opened: before that there is nothing."""
    return np.random.default_rng(18).integers(40, 121, size=240)


def compounding() -> dict[str, Any]:
    rng, age = np.random.default_rng((18, 1)), ages()
    noise = rng.normal(size=(240, 120))
    opened = (np.arange(120) >= 120 - age[:, None]).astype(np.float64)
    x = torch.from_numpy(np.stack([noise * opened, opened], -1).astype(np.float32))
    y = torch.from_numpy((np.log(2.2) * age + rng.normal(size=240)).astype(np.float32))
    mean = lk.Module(Compounding(), outputs=1, start="given")
    columns = lk.Columns(mean=mean, log_scale=lk.Fixed(1.0))
    objective = lk.Objective(lk.family("laplace"), columns, x, y)
    return {"objective": objective, "rule": lk.rule("adam", lr=5e-3), "batch_size": 24, "budget": 12, "seed": 18}


class HalfScores(nn.Module):
    """How much each step of a series looks at each other: queries times keys, in half precision."""

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(n, time, time) in float16."""
        return queries.half() @ keys.half().mT


class Attention(nn.Module):
    """One head that looks over a series."""

    def __init__(self) -> None:
        super().__init__()
        self.queries, self.keys, self.values = nn.Linear(5, 16), nn.Linear(5, 16), nn.Linear(5, 16)
        self.scores, self.shares = HalfScores(), nn.Softmax(-1)
        self.readout = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        """η (n, 2) of series (n, time, 5)."""
        shares = self.shares(self.scores(self.queries(x), self.keys(x)).float() / 4)
        eta: Tensor = self.readout(torch.tanh(shares @ self.values(x)).mean(1))
        return eta


def volumes() -> np.ndarray:
    """How loud each recording is."""
    return np.geomspace(0.2, 150, 300)[np.random.default_rng(19).permutation(300)]


def loud_recordings() -> dict[str, Any]:
    rng = np.random.default_rng((19, 1))
    noise, y = rng.normal(size=(300, 10, 5)), rng.integers(2, size=300)
    x = volumes()[:, None, None] * (noise + 0.5 * y[:, None, None])
    net = lk.Module(Attention(), outputs=2)
    objective = lk.Objective(lk.family("categorical"), net, torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y))
    return {"objective": objective, "rule": lk.rule("adam", lr=1e-3), "batch_size": 30, "budget": 10, "seed": 29}


EMPTY = frozenset({31, 207, 380})


class Shares(nn.Module):
    """Each number as a share of its row's sizes."""

    def forward(self, x: Tensor) -> Tensor:
        """Rows whose sizes add up to 1."""
        return x / x.abs().sum(-1, keepdim=True)


def empty_documents() -> dict[str, Any]:
    rng = np.random.default_rng(20)
    y = rng.integers(2, size=400)
    words = rng.poisson(np.where(y[:, None] == np.arange(30) % 2, 0.8, 0.3)).astype(np.float32)
    words[:, 0] += 1
    words[sorted(EMPTY)] = 0
    net = nn.Sequential(
        OrderedDict(
            topics=nn.Linear(30, 12, bias=False),
            shares=Shares(),
            bend=nn.Tanh(),
            narrow=nn.Linear(12, 1),
        )
    )
    outcome = torch.from_numpy(y.astype(np.float32))
    objective = lk.Objective(lk.family("bernoulli"), lk.Module(net, outputs=1), torch.from_numpy(words), outcome)
    return {"objective": objective, "rule": lk.rule("nesterov", lr=1e-2), "batch_size": 40, "budget": 10, "seed": 20}


def _where(found: np.ndarray) -> frozenset[int]:
    return frozenset(np.flatnonzero(found).tolist())


def _far_above_nothing() -> frozenset[int]:
    x, y = spending()
    return _where(((12 * x[:, 0] + 4 * x[:, 1] > 6) & (y > 0)).numpy())


CASES = (
    Planted(
        name="word_counts",
        make=word_counts,
        layers=frozenset({"log_prob", "score"}),
        phases=frozenset({"likelihood"}),
        cause="learning_rate",
        sentence="RMSprop's first step is ten times its rate, here 1 where 0.001 is right: η is in the thousands",
    ),
    Planted(
        name="long_warmup",
        make=long_warmup,
        layers=frozenset({"second", "third", "last"}),  # which of them is first hangs on the last digits of 100 steps
        phases=frozenset({"forward"}),
        cause="learning_rate",
        sentence="a warm-up that learns well at small rates climbs to one of momentum that no deep net stands",
        late=True,
    ),
    Planted(
        name="broken_reading",
        make=broken_reading,
        layers=frozenset({"x"}),
        phases=frozenset({"data"}),
        rows=frozenset({BROKEN_READING}),
        cause="input",
        sentence="one cell of one row is NaN, and batch normalisation would spread it over its whole batch",
    ),
    Planted(
        name="no_data_value",
        make=no_data_value,
        layers=frozenset({"x", "layer1"}),
        phases=frozenset({"data", "forward"}),
        rows=frozenset({NO_DATA_ROW}),
        cause="input",
        sentence="one row holds the number −3.4e38 by which maps say that there are no data",
    ),
    Planted(
        name="weights_divided_by_nothing",
        make=weights_divided_by_nothing,
        layers=frozenset({"weight"}),
        phases=frozenset({"data"}),
        rows=UNWEIGHABLE,
        cause="target",
        sentence="two rows have the weight 0/0",
    ),
    Planted(
        name="long_lives",
        make=long_lives,
        layers=frozenset({"log_prob"}),
        phases=frozenset({"likelihood"}),
        rows=_where((lifetimes()[1].abs() > 7).numpy()),
        cause="loss",
        sentence="the log of a survival probability e^(−z²), which is 0 in single precision from z = 10 on",
    ),
    Planted(
        name="nothing_spent",
        make=nothing_spent,
        layers=frozenset({"score"}),
        phases=frozenset({"likelihood"}),
        rows=_far_above_nothing(),
        cause="loss",
        sentence="the branch that torch.where leaves out is a log of 0: its slope is 0 · inf where the value is finite",
    ),
    Planted(
        name="compounding",
        make=compounding,
        layers=frozenset({"carry", "mean.carry"}),
        phases=frozenset({"forward"}),
        rows=_where(ages() > 105),
        cause="exploding_state",
        sentence="a linear state that grows 1.8-fold at each of up to 120 steps passes 3e38 as it learns to grow",
    ),
    Planted(
        name="loud_recordings",
        make=loud_recordings,
        layers=frozenset({"scores"}),
        phases=frozenset({"forward"}),
        rows=_where(volumes() > 60),
        cause="precision",
        sentence="queries times keys in float16 pass 65,504 for loud rows; in float32 they are moderate",
    ),
    Planted(
        name="empty_documents",
        make=empty_documents,
        layers=frozenset({"shares"}),
        phases=frozenset({"forward"}),
        rows=EMPTY,
        cause="layer",
        sentence="a layer divides each row by the sum of its sizes, which is 0 for documents without words",
    ),
)

"""Probes yield what layers give and what goes back through them, in order, and leave θ as it is."""

import pytest
import torch
from torch import nn

import likeliest as lk
from likeliest.interfaces import Draw
from likeliest.randomness import stream

X = torch.from_numpy(stream(0, "x").normal(size=(7, 5)).astype("float32"))
U = torch.from_numpy(stream(0, "u").normal(size=(7, 3)).astype("float32"))
DRAW = Draw(0, 0, torch.arange(7))


class Pair(nn.Module):
    """A submodule that gives a tuple."""

    def forward(self, x):
        return x.tanh(), {"again": x * 2}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.pair, self.bend, self.head = nn.Linear(5, 8), Pair(), nn.ReLU(inplace=True), nn.Linear(8, 3)

    def forward(self, x):
        a, more = self.pair(self.enter(x))
        return 3 * self.head(self.bend(a + more["again"]))


def start(predictor):
    return predictor.init([stream(0, "init")])[0]


def names(probe):
    return [name for name, *_ in probe]


PREDICTORS = {
    "module": lk.Module(Net(), outputs=3),
    "norm": lk.Module(nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)), outputs=3),
    "mlp": lk.MLP((5, 8, 8, 3), batch_norm=True, dropout=0.2),
    "columns": lk.Columns(lk.MLP((5, 4, 2)), last=lk.Module(nn.Sequential(nn.Linear(5, 1)), outputs=1)),
}


@pytest.mark.parametrize("draw", [None, DRAW], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", PREDICTORS)
def test_the_last_is_eta_and_theta_stays(name, draw):
    predictor = PREDICTORS[name]
    theta = start(predictor)
    kept = theta.clone()
    *_, (last, eta) = predictor.probe(theta, X, draw)
    assert torch.equal(theta, kept)
    expected = predictor.forward(theta.clone(), X, draw)[0]
    assert last == "eta"
    torch.testing.assert_close(eta, torch.stack(expected, -1) if isinstance(expected, tuple) else expected)


def test_a_module_yields_its_submodules_as_they_finish():
    predictor = PREDICTORS["module"]
    theta = start(predictor)
    met = [(name, output.clone()) for name, output in predictor.probe(theta, X)]
    assert [name for name, _ in met] == ["enter", "pair", "pair", "bend", "head", "eta"]
    net = predictor.load_into(theta)
    entered = net.enter(X)
    torch.testing.assert_close(met[0][1], entered)
    torch.testing.assert_close(met[1][1], entered.tanh())
    torch.testing.assert_close(met[2][1], 2 * entered)
    torch.testing.assert_close(met[4][1], net.head(torch.relu(entered.tanh() + 2 * entered)))


@pytest.mark.parametrize("name", PREDICTORS)
def test_what_goes_back_to_parts_is_the_pullback(name):
    predictor = PREDICTORS[name]
    theta = start(predictor)
    u = U.unbind(-1) if name == "columns" else U
    found = [values for _, values, by_row in predictor.probe_back(theta, X, u, DRAW) if not by_row]
    out = torch.zeros_like(theta)
    predictor.pullback(theta, predictor.forward(theta.clone(), X, DRAW)[1], u, out)
    assert sum(v.numel() for v in found) == predictor.size
    torch.testing.assert_close(torch.cat(found).sort().values, out.sort().values)


def test_a_derivative_by_an_output_has_the_name_of_what_follows():
    predictor = PREDICTORS["module"]
    theta = start(predictor)
    by_row = [(name, values) for name, values, rows in predictor.probe_back(theta, X, U) if rows]
    assert [name for name, _ in by_row] == ["eta", "head", "bend", "pair", "pair"]
    torch.testing.assert_close(by_row[0][1], 3 * U)
    net = predictor.load_into(theta)
    torch.testing.assert_close(by_row[1][1], 3 * U @ net.head.weight)


def test_columns_put_their_names_in_front():
    assert names(PREDICTORS["columns"].probe(start(PREDICTORS["columns"]), X)) == [
        "0.layer1", "0.activation1", "0.layer2", "last.0", "eta",
    ]  # fmt: skip

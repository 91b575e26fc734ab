"""One data set, its three models, and the first chapters of its sample report."""

from __future__ import annotations

import math

import numpy as np
import sample_models as m
import torch
from scipy import stats
from sklearn.model_selection import train_test_split

FAMILIES = {
    "bernoulli": (
        "logit",
        "Two classes, so each row is a coin of its own bias.",
        "log p(y | η) = y·η − log(1 + exp η)",
        "p = 1 / (1 + exp(−η))",
        "∂ log p / ∂η = y − p",
    ),
    "categorical": (
        "softmax",
        "Ten classes without an order, so each row is a die of its own.",
        "log p(y | η) = η_y − log Σₖ exp ηₖ",
        "pₖ = exp ηₖ / Σⱼ exp ηⱼ",
        "∂ log p / ∂ηₖ = [y = k] − pₖ",
    ),
    "normal": (
        "identity",
        "A number with 214 different values, so each row is a normal around its own mean.",
        "log p(y | μ, σ) = −½ ((y − μ) / σ)² − log σ − ½ log 2π",
        "μ = η",
        "∂ log p / ∂η = (y − μ) / σ²",
    ),
}


def wilson(hits: float, n: int) -> list[float]:
    """95 % Wilson interval."""
    interval = stats.binomtest(round(hits), n).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]


def histogram(label: str, values: np.ndarray, edges: np.ndarray) -> dict:
    """Counts of values, those beyond the edges in the outermost bins."""
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return {"label": label, "edges": edges.tolist(), "counts": counts.tolist()}


class Sample:
    """One data set, its three models and every chapter of its report."""

    def __init__(self, kind: str, bunch, target: str, name: str, seed: int = 0) -> None:
        self.kind, self.name, self.target, self.seed = kind, name, target, seed
        self.raw, self.columns = bunch.data, [str(c) for c in bunch.feature_names]
        self.classes = None if kind == "normal" else [str(c) for c in bunch.target_names]
        self.y = bunch.target.astype(float)
        rows, strata = np.arange(len(self.y)), None if kind == "normal" else self.y
        rest, self.test = train_test_split(rows, test_size=0.2, random_state=seed, stratify=strata)
        strata = None if strata is None else strata[rest]
        self.train, self.validation = train_test_split(rest, test_size=0.25, random_state=seed, stratify=strata)
        keep = self.raw[self.train].std(0) > 0
        self.left_out = [c for c, k in zip(self.columns, keep, strict=True) if not k]
        self.raw, self.columns = self.raw[:, keep], [c for c, k in zip(self.columns, keep, strict=True) if k]
        x = (self.raw - self.raw[self.train].mean(0)) / self.raw[self.train].std(0)
        self.centre, self.scale = (self.y[self.train].mean(), self.y[self.train].std()) if kind == "normal" else (0, 1)
        self.x, self.t = torch.tensor(x), torch.tensor((self.y - self.centre) / self.scale)
        self.sets = {r: (self.x[getattr(self, r)], self.t[getattr(self, r)]) for r in ("train", "validation", "test")}
        self.outputs = len(self.classes) if kind == "categorical" else 1
        self.hidden = 32
        self.fit()

    def fit(self) -> None:
        """The linear model at l2 = 0 and at the l2 that validation rows choose, and the net."""

        def loss(model) -> float:
            return float(
                m.nll(self.kind, model(self.sets["validation"][0]), self.sets["validation"][1]).detach().mean()
            )

        def fitted(l2: float):
            return m.fit_linear(m.linear(self.x.shape[1], self.outputs).double(), self.kind, *self.sets["train"], l2)

        path = {l2: fitted(l2) for l2 in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)}
        self.l2 = min(path, key=lambda l2: loss(path[l2]))
        first = m.net(self.x.shape[1], self.hidden, self.outputs, 0).double()
        self.models = {
            "linear_unpenalised": fitted(0.0),
            "linear": path[self.l2],
            "net": m.fit_net(first, self.kind, self.sets),
        }

    def eta(self, model, role: str = "test"):
        return model(self.sets[role][0]).detach()

    def sigma(self, model) -> float:
        if self.kind != "normal":
            return 1.0
        return float((self.sets["train"][1] - self.eta(model, "train")[:, 0]).std())

    def nll(self, model, role: str) -> np.ndarray:
        value = m.nll(self.kind, self.eta(model, role), self.sets[role][1], self.sigma(model)).numpy()
        return value + math.log(self.scale)

    def probabilities(self, model) -> np.ndarray:
        p = m.mean(self.kind, self.eta(model)).numpy()
        return np.hstack([1 - p, p]) if self.kind == "bernoulli" else p

    def data(self) -> dict:
        roles = {r: getattr(self, r) for r in ("train", "validation", "test")}
        columns = [
            {
                "name": c,
                "kind": "number",
                "missing": 0,
                "levels": None,
                "encoded": 1,
                "low": float(v.min()),
                "median": float(np.median(v)),
                "high": float(v.max()),
            }
            for c, v in zip(self.columns, self.raw[self.train].T, strict=True)
        ]
        classes = self.classes and [
            {"name": c} | {r: int((self.y[rows] == i).sum()) for r, rows in roles.items()}
            for i, c in enumerate(self.classes)
        ]
        edges = np.linspace(self.y.min(), self.y.max(), 25)
        explanation = (
            "214 different numbers: a quantity; --family overrides"
            if classes is None
            else f"text with {len(classes)} different values: a category; --family overrides"
        )
        return {
            "name": self.name,
            "source": self.name,
            "rows": len(self.y),
            "columns": columns,
            "notes": [],
            "left_out": [{"name": c, "reason": "constant on the training rows"} for c in self.left_out],
            "inputs": self.x.shape[1],
            "split": {r: len(v) for r, v in roles.items()}
            | {"method": ("shuffled" if classes is None else "stratified by class") + ", seed 0"},
            "duplicates": {"count": 0, "examples": []},
            "target": {
                "name": self.target,
                "kind": "number" if classes is None else "classes",
                "explanation": explanation,
                "classes": classes,
                "histogram": None if classes else histogram("all rows", self.y, edges),
            },
        }

    def probability(self, name: str) -> dict:
        eta, y = self.eta(self.models[name]), self.sets["test"][1].numpy()
        if self.kind == "normal":
            sigma, residual = self.sigma(self.models[name]) * self.scale, (y - eta[:, 0].numpy()) * self.scale
            grid = np.linspace(-4 * sigma, 4 * sigma, 121)
            return {
                "model": name,
                "x_title": f"residual y − μ of {self.target}",
                "y_title": "density p(y | μ, σ)",
                "curves": [
                    {"label": "normal density", "x": grid.tolist(), "y": stats.norm.pdf(grid, scale=sigma).tolist()}
                ],
                "histograms": [histogram("test rows", residual, np.linspace(-4 * sigma, 4 * sigma, 31))],
                "explanation": f"σ = {sigma:.1f}; a residual beyond 2σ is expected of 5 % of rows and seen in "
                f"{np.mean(abs(residual) > 2 * sigma):.0%}.",
            }
        if self.kind == "bernoulli":
            value, groups, title = eta[:, 0].numpy(), y, "η"
        else:
            own = eta[torch.arange(len(y)), torch.tensor(y).long()]
            rest = eta.clone()
            rest[torch.arange(len(y)), torch.tensor(y).long()] = -math.inf
            value, groups, title = (
                (own - rest.logsumexp(1)).numpy(),
                y,
                "margin of the true class, η_y − log Σ_{k≠y} exp ηₖ",
            )
        reach = float(np.quantile(abs(value), 0.98)) * 1.1
        grid, edges = np.linspace(-reach, reach, 161), np.linspace(-reach, reach, 33)
        unsure = int((abs(value) < 1).sum())
        y_title = f"P({self.target} = {self.classes[1]} | η)" if self.kind == "bernoulli" else "P(true class | η)"
        return {
            "model": name,
            "x_title": title,
            "y_title": y_title,
            "curves": [{"label": "logistic function", "x": grid.tolist(), "y": (1 / (1 + np.exp(-grid))).tolist()}],
            "histograms": [histogram(c, value[groups == i], edges) for i, c in enumerate(self.classes)],
            "explanation": f"{unsure} of {len(y)} test rows lie within 1 of 0, where the model is unsure.",
        }

    def calibration(self, model) -> dict:
        rng, n = np.random.default_rng(0), len(self.test)
        if self.kind == "normal":
            z = stats.norm.cdf((self.sets["test"][1] - self.eta(model)[:, 0]).numpy() / self.sigma(model))
            levels = np.arange(0.1, 1, 0.1)
            seen = [float((z <= q).mean()) for q in levels]
            draws = abs((rng.random((500, n))[:, :, None] <= levels).mean(1) - levels).mean(1)
            bins = [
                dict(
                    zip(
                        ("count", "confidence", "observed", "low", "high"),
                        (n, float(q), s, *wilson(s * n, n)),
                        strict=True,
                    )
                )
                for q, s in zip(levels, seen, strict=True)
            ]
            ece = float(abs(np.array(seen) - levels).mean())
        else:
            p = self.probabilities(model)
            top, right = p.max(1), p.argmax(1) == self.y[self.test]
            order = np.array_split(np.argsort(top, kind="stable"), 15)
            bins = [
                {
                    "count": len(o),
                    "confidence": float(top[o].mean()),
                    "observed": float(right[o].mean()),
                    "low": wilson(right[o].sum(), len(o))[0],
                    "high": wilson(right[o].sum(), len(o))[1],
                }
                for o in order
            ]
            hits = rng.random((500, n)) < top
            draws = sum(abs(hits[:, o].mean(1) - top[o].mean()) * len(o) for o in order) / n
            ece = sum(abs(b["observed"] - b["confidence"]) * b["count"] for b in bins) / n
        low, high = np.quantile(draws, [0.025, 0.975])
        inside = ece <= high
        return {
            "bins": bins,
            "ece": ece,
            "ece_expected": float(draws.mean()),
            "ece_interval": [float(low), float(high)],
            "statement": f"As calibrated as {n} rows can show."
            if inside
            else f"Worse calibrated than {n} rows of a perfect model would look.",
        }

"""One table of all families and links for the contracts: what each is in scipy, and how its expectations are taken."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import special, stats

import likeliest as lk
from likeliest.families import Family
from likeliest.interfaces import Eta

F64 = torch.float64
TRIALS = 12
"""Of each row of the binomial, whose mean, sample and Fisher information are those of one of them."""


@dataclass(frozen=True)
class Case:
    """A family, how to draw η and y for it, and what it is in scipy.

    Attributes:
        first: numbers of a shape → values of η's first column inside the link's domain.
        draw: some y of the support, whatever η is.
        law: η (…, K) → a frozen scipy distribution of `variable`(y).
        outcomes: η (K,) → points y and weights for which Σ w p(y|η) f(y) is E[f(y)].
        event: the axes of a sequence's η, whose numbers all stand in one here: (T, K).
    """

    family: Family
    outputs: int
    first: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    draw: Callable[[np.random.Generator, int], np.ndarray]
    law: Callable[[np.ndarray], Any]
    outcomes: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    event: tuple[int, ...] = ()

    def __str__(self) -> str:
        return "-".join(map(str, (self.name, self.family.link, *self.family.settings.values())))

    @property
    def name(self) -> str:
        return self.family.name

    @property
    def columns(self) -> int:
        """How many columns η has, as a family is told."""
        return self.event[-1] if self.event else self.outputs

    def flat(self, seed: int, *lead: int) -> torch.Tensor:
        rng = np.random.default_rng(seed)
        flat = rng.normal(size=(*lead, self.outputs))
        if self.family.columns is not None:
            flat[..., 0] = self.first(rng, lead)
            flat[..., 1:] *= 0.7
            if self.name == "student_t":
                flat[..., 2] += 3  # so many degrees of freedom that there are a mean and a variance
        return torch.from_numpy(flat)

    def eta(self, flat: torch.Tensor) -> Eta:
        several = self.family.columns is not None and len(self.family.columns) > 1
        return flat.unbind(-1) if several else flat.unflatten(-1, self.event) if self.event else flat

    def flatten(self, eta: Eta) -> torch.Tensor:
        if isinstance(eta, tuple):
            return torch.stack(torch.broadcast_tensors(*eta), -1)
        return eta.flatten(-len(self.event)) if self.event else eta

    def y(self, rng: np.random.Generator, n: int) -> torch.Tensor:
        return torch.from_numpy(self.draw(rng, n))

    def variable(self, y: torch.Tensor) -> np.ndarray:
        """Y as scipy takes it: of successes and failures, the successes; of a text, its place among all texts."""
        if self.name == "ctc":
            return place(y.numpy())
        return y[..., 0].numpy() if self.name == "binomial" else y.numpy()

    def one(self, flat: torch.Tensor) -> Any:
        """Scipy's law of one trial, whose mean and sample a family of trials has."""
        return trials(self.family.link, 1)(flat.numpy()) if self.name == "binomial" else self.law(flat.numpy())

    def log_p(self, flat: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        """Log p by scipy."""
        law = self.law(flat.numpy())
        return (law.logpmf if self.family.discrete else law.logpdf)(self.variable(y))

    def row_and_outcomes(self, seed: int) -> tuple[Eta, torch.Tensor, torch.Tensor]:
        """One η repeated over all outcomes, the outcomes, and their probabilities by scipy."""
        flat = self.flat(seed)
        y, weight = map(torch.from_numpy, self.outcomes(flat.numpy()))
        with np.errstate(all="ignore"):
            p = np.exp(self.log_p(flat, y))
        return self.eta(flat.expand(len(y), -1)), y, weight * torch.from_numpy(p)


# --- links ------------------------------------------------------------------------------------------------------------

PROBABILITY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logit": lambda eta: 1 / (1 + np.exp(-eta)),
    "probit": stats.norm.cdf,
    "cloglog": lambda eta: -np.expm1(-np.exp(eta)),
    "loglog": lambda eta: np.exp(-np.exp(-eta)),
    "cauchit": stats.cauchy.cdf,
    "log": np.exp,
    "identity": lambda eta: eta,
}
MEAN: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "log": np.exp,
    "inverse": lambda eta: 1 / eta,
    "identity": lambda eta: eta,
}


def anywhere(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape)


def moderate(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Where scipy, which goes by p and 1 − p, has digits left for both."""
    return rng.uniform(-2, 1, shape)


INSIDE = {
    "log": lambda rng, shape: -0.1 - rng.exponential(size=shape),
    "identity": lambda rng, shape: rng.uniform(0.05, 0.95, shape),
    "probit": moderate,
    "cloglog": moderate,
    "loglog": lambda rng, shape: -moderate(rng, shape),
}
"""Draws of η in the domain of a probability's link, where that is not everywhere."""


def positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.exp(rng.normal(size=shape))


# --- expectations -----------------------------------------------------------------------------------------------------


def counted(top: int) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    return lambda eta: (np.arange(top), np.ones(top))


def half_line() -> tuple[np.ndarray, np.ndarray]:
    """The double-exponential rule on (0, ∞): exact to rounding for what is smooth inside, whatever its tails."""
    t = np.arange(-5.5, 5.5, 1 / 64)
    x = np.exp(math.pi / 2 * np.sinh(t))
    return x, x * math.pi / 2 * np.cosh(t) / 64


def line(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half a line above the location and half a line below, for there may be a kink between."""
    x, weight = half_line()
    scale = math.exp(eta[1])
    return eta[0] + scale * np.concatenate((-x, x)), scale * np.concatenate((weight, weight))


def from_zero(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return half_line()


# --- laws -------------------------------------------------------------------------------------------------------------


def softmax(eta: np.ndarray) -> np.ndarray:
    e = np.exp(eta - eta.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Labels:
    """scipy's multinomial of one trial, asked with labels."""

    def __init__(self, p: np.ndarray) -> None:
        self.p = p

    def logpmf(self, y: np.ndarray) -> np.ndarray:
        return stats.multinomial.logpmf(np.eye(self.p.shape[-1])[y], 1, self.p)

    def mean(self) -> np.ndarray:
        return self.p

    def cdf(self, y: np.ndarray) -> np.ndarray:
        below = np.concatenate((np.zeros_like(self.p[..., :1]), self.p.cumsum(-1)), -1)
        return np.take_along_axis(below, np.asarray(y, int)[..., None] + 1, -1)[..., 0]


FRAMES, COLUMNS = 3, 3
"""Of a sequence: so few that all its paths can be listed."""
PATHS = np.array(list(itertools.product(range(COLUMNS), repeat=FRAMES)))
TEXTS = [text for u in range(FRAMES + 1) for text in itertools.product(range(1, COLUMNS), repeat=u)]
"""All that so many frames could say; the last ones, with the same label twice in a row, need more of them."""


def said(path: np.ndarray) -> tuple[int, ...]:
    return tuple(int(label) for label, _ in itertools.groupby(path) if label)


SAYS = np.array([TEXTS.index(said(path)) for path in PATHS])


def filled_up(texts: list[tuple[int, ...]]) -> np.ndarray:
    return np.array([text + (0,) * (FRAMES - len(text)) for text in texts])


def place(y: np.ndarray) -> np.ndarray:
    """Where each text (n, U) stands among `TEXTS`: (n,)."""
    return np.array([TEXTS.index(tuple(int(label) for label in row if label)) for row in y])


class Texts(Labels):
    """What the paths through some frames say, by listing them all: asked with places among `TEXTS`."""

    def __init__(self, eta: np.ndarray) -> None:
        self.frames = softmax(eta.reshape(*eta.shape[:-1], FRAMES, COLUMNS))
        each = self.frames[..., np.arange(FRAMES), PATHS].prod(-1)
        super().__init__(np.stack([each[..., k == SAYS].sum(-1) for k in range(len(TEXTS))], -1))

    def logpmf(self, y: np.ndarray) -> np.ndarray:
        shape = np.broadcast_shapes(y.shape, self.p.shape[:-1])
        p = np.broadcast_to(self.p, (*shape, self.p.shape[-1]))
        with np.errstate(divide="ignore"):
            return np.log(np.take_along_axis(p, np.broadcast_to(y, shape)[..., None], -1)[..., 0])

    def mean(self) -> np.ndarray:
        return self.frames


def enumerated(eta: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Log p of a text (U,) by its paths, for autograd: η is (T · K,)."""
    rows = eta.unflatten(-1, (FRAMES, COLUMNS)).log_softmax(-1)[torch.arange(FRAMES), torch.from_numpy(PATHS)].sum(-1)
    return rows[torch.from_numpy(place(y[None].numpy())[0] == SAYS)].logsumexp(0)


def texts(rng: np.random.Generator, n: int) -> np.ndarray:
    return filled_up([TEXTS[k] for k in rng.integers(len(TEXTS), size=n)])


def outcomes_of_texts(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return filled_up(TEXTS), np.ones(len(TEXTS))


def negative_binomial(eta: np.ndarray) -> Any:
    k = np.exp(-eta[..., 1])
    return stats.nbinom(k, k / (k + np.exp(eta[..., 0])))


def asymmetric_laplace(level: float) -> Callable[[np.ndarray], Any]:
    """In scipy's parameters: κ = √(τ/(1 − τ)), and a scale times √(τ(1 − τ))."""
    kappa, root = math.sqrt(level / (1 - level)), math.sqrt(level * (1 - level))
    return lambda eta: stats.laplace_asymmetric(kappa, eta[..., 0], np.exp(eta[..., 1]) / root)


def gamma(link: str) -> Callable[[np.ndarray], Any]:
    return lambda eta: stats.gamma(np.exp(-eta[..., 1]), scale=MEAN[link](eta[..., 0]) * np.exp(eta[..., 1]))


def draws(what: str, *parameters: float) -> Callable[[np.random.Generator, int], np.ndarray]:
    return lambda rng, n: getattr(rng, what)(*parameters, size=n)


def poisson(eta: np.ndarray) -> Any:
    return stats.poisson(np.exp(eta[..., 0]))


def trials(link: str, number: int) -> Callable[[np.ndarray], Any]:
    return lambda eta: stats.binom(number, PROBABILITY[link](eta[..., 0]))


def outcomes_of_trials(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    k = np.arange(TRIALS + 1.0)
    return np.stack((k, TRIALS - k), -1), np.ones(TRIALS + 1)


def successes(rng: np.random.Generator, n: int) -> np.ndarray:
    k = rng.integers(0, TRIALS + 1, n)
    return np.stack((k, TRIALS - k), -1).astype(float)


def located(law: Any) -> Callable[[np.ndarray], Any]:
    return lambda eta: law(loc=eta[..., 0], scale=np.exp(eta[..., 1]))


def student_t(eta: np.ndarray) -> Any:
    return stats.t(np.exp(eta[..., 2]), eta[..., 0], np.exp(eta[..., 1]))


def standardised_student_t(eta: np.ndarray) -> Any:
    excess = np.exp(eta[..., 2])
    return stats.t(2 + excess, eta[..., 0], np.exp(eta[..., 1]) * np.sqrt(excess / (2 + excess)))


class Hansen:
    """The skewed t as Hansen (1994) writes it, on scipy's t; its mean and spread by quadrature on either side."""

    def __init__(self, eta: np.ndarray) -> None:
        self.location, self.scale = eta[..., 0], np.exp(eta[..., 1])
        excess, self.skew = np.exp(eta[..., 2]), np.tanh(eta[..., 3])
        df = 2 + excess
        c = special.gamma((df + 1) / 2) / (np.sqrt(math.pi * excess) * special.gamma(df / 2))
        self.a = 4 * self.skew * c * excess / (df - 1)
        self.b = np.sqrt(1 + 3 * self.skew**2 - self.a**2)
        self.t = stats.t(df, scale=np.sqrt(excess / df))

    @property
    def mode(self) -> np.ndarray:
        return self.location - self.scale * self.a / self.b

    def logpdf(self, y: np.ndarray) -> np.ndarray:
        t = self.b * (y - self.location) / self.scale + self.a
        return np.log(self.b / self.scale) + self.t.logpdf(t / (1 + np.sign(t) * self.skew))

    def cdf(self, y: np.ndarray) -> np.ndarray:
        t = self.b * (y - self.location) / self.scale + self.a
        side = 1 + np.sign(t) * self.skew
        below = self.t.cdf(t / side)
        return np.where(t < 0, side * below, (1 - self.skew) / 2 + side * (below - 0.5))

    def ppf(self, level: float) -> np.ndarray:
        low = (1 - self.skew) * self.t.ppf(np.minimum(level / (1 - self.skew), 0.5))
        high = (1 + self.skew) * self.t.ppf(np.maximum(0.5 + (level - (1 - self.skew) / 2) / (1 + self.skew), 0.5))
        return self.location + self.scale * (low + high - self.a) / self.b

    def mean(self) -> np.ndarray:
        return self.mode + self._moment(1)

    def std(self) -> np.ndarray:
        return np.sqrt(self._moment(2) - self._moment(1) ** 2)

    def _moment(self, power: int) -> np.ndarray:
        """About the mode."""
        x, weight = (part.reshape(-1, *([1] * self.mode.ndim)) for part in half_line())
        with np.errstate(all="ignore"):
            sides = [(sign * x) ** power * np.exp(self.logpdf(self.mode + sign * x)) for sign in (1, -1)]
            return np.nansum(weight * np.nan_to_num(sum(sides), posinf=0.0), 0)


def around_mode(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, weight = line(np.array([0.0, eta[1]]))
    return Hansen(eta).mode + y, weight


def reals(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.standard_t(3, n)


def case(family: Family) -> Case:
    """The case of a family.

    Raises:
        LookupError: it is not yet in this table, and so cannot be judged.
    """
    link, inside = family.link, INSIDE.get(family.link, anywhere)
    table = {
        "bernoulli": lambda: (1, inside, draws("integers", 0, 2), trials(link, 1), counted(2)),
        "binomial": lambda: (1, inside, successes, trials(link, TRIALS), outcomes_of_trials),
        "categorical": lambda: (4, anywhere, draws("integers", 0, 4), lambda eta: Labels(softmax(eta)), counted(4)),
        "poisson": lambda: (1, anywhere, draws("poisson", 2.0), poisson, counted(150)),
        "negative_binomial": lambda: (
            2,
            anywhere,
            draws("negative_binomial", 1, 0.2),
            negative_binomial,
            counted(6000),
        ),
        "normal": lambda: (2, anywhere, reals, located(stats.norm), line),
        "laplace": lambda: (2, anywhere, reals, located(stats.laplace), line),
        "asymmetric_laplace": lambda: (2, anywhere, reals, asymmetric_laplace(family.level), line),
        "student_t": lambda: (3, anywhere, reals, student_t, line),
        "standardised_student_t": lambda: (3, anywhere, reals, standardised_student_t, line),
        "skewed_student_t": lambda: (4, anywhere, reals, Hansen, around_mode),
        "ctc": lambda: (FRAMES * COLUMNS, anywhere, texts, Texts, outcomes_of_texts, (FRAMES, COLUMNS)),
        "gamma": lambda: (2, anywhere if link == "log" else positive, draws("gamma", 2.0), gamma(link), from_zero),
    }
    if family.name not in table:
        raise LookupError(f"tests/contracts/laws.py has no case for {family}; write it first")
    return Case(family, *table[family.name]())


def all_cases() -> list[Case]:
    """Every family with every link, and a pinball loss off the median."""
    found = list(lk.families())
    if any(family.name == "asymmetric_laplace" for family in found):
        found.append(lk.family("asymmetric_laplace", level=0.2))
    return [case(family) for family in found]

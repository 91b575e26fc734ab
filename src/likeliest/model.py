"""A fitted model as one value: encoder + predictor + family + θ + target. It predicts, evaluates, saves and loads.

A model file is a safetensors file whose one tensor is θ and whose metadata is JSON: data and no code, whoever wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from likeliest._version import __version__
from likeliest.data import TableEncoder, Target
from likeliest.errors import LikeliestError, ModelFileError, NotOnOfferError, UnknownNameError
from likeliest.families import Automatic, Family
from likeliest.families import from_json as family_from_json
from likeliest.files import atomic_write
from likeliest.interfaces import Eta
from likeliest.predictors import Predictor, columns_of
from likeliest.predictors import from_json as predictor_from_json

SCHEMA = 1
"""Version of the model file's layout; a file with a higher one is refused."""
_ENCODERS = {"table": TableEncoder}
_FIT = "write one with: likeliest fit DATA -o MODEL"
_DAMAGED = f"if it is one of ours it is damaged: copy it again, or {_FIT}"


class Encoder(Protocol):
    """How raw rows become x: a small value that was learnt, and lives in the model file."""

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs' names."""
        ...

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns to be read as text from a file."""
        ...

    def encode(self, raw: Any) -> NDArray[Any]:
        """Raw rows as x (n, …)."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the model file."""
        ...


@dataclass(frozen=True)
class Prediction:
    """What a model says of n rows.

    Attributes:
        labels: the likeliest class of each row, or the mean of a number.
        probabilities: (n, K), one column a class; None for a number.
        classes: the K class labels; None for a number.
        intervals: for a number, ``sigma``, ``q05`` and ``q95``, each (n,).
    """

    labels: NDArray[Any]
    probabilities: NDArray[np.float64] | None
    classes: tuple[Any, ...] | None
    intervals: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def to_frame(self) -> pl.DataFrame:
        """A table: ``row``, ``prediction``, then ``p_CLASS`` a class, or ``mean``, ``sigma``, ``q05``, ``q95``."""
        columns: dict[str, Any] = {"row": np.arange(1, len(self.labels) + 1), "prediction": self.labels}
        if self.probabilities is not None and self.classes is not None:
            return pl.DataFrame(columns | {f"p_{c}": self.probabilities[:, k] for k, c in enumerate(self.classes)})
        return pl.DataFrame(columns | {"mean": self.labels} | dict(self.intervals))


@dataclass(frozen=True)
class Model:
    """A fitted model.

    Attributes:
        encoder: raw rows → x.
        target: what is predicted, with its classes.
        family: p(y | η).
        predictor: η = f(x; θ).
        theta: (P,) in double precision.
        notes: plain values about the fit (verdict, rule, l2, title), carried along in the file.

    Example:
        >>> import likeliest as lk
        >>> model = lk.load("digits.likeliest")                     # doctest: +SKIP
        >>> model.predict(frame).to_frame()                         # doctest: +SKIP
    """

    encoder: Encoder
    target: Target
    family: Family
    predictor: Predictor
    theta: Tensor
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether probabilities are the family's mean at one η: neither calibrated nor averaged over views."""
        return True

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns to be read as text from a file, so that the level or class "007" does not turn into 7."""
        named = self.target.classes is not None and isinstance(self.target.classes[0], str)
        return (*self.encoder.text_columns, *((self.target.name,) if named else ()))

    def eta(self, x: NDArray[np.float64]) -> Eta:
        """η for encoded rows (n, p), in double precision."""
        with torch.no_grad():
            return self.predictor.forward(self.theta, torch.as_tensor(x, dtype=torch.float64))[0]

    def log_prob(self, x: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """Log p(y | x) of each row, (n,), for encoded rows and targets."""
        wanted = torch.as_tensor(y)
        wanted = wanted if self.family.columns is None else wanted.double()
        return np.asarray(self.family.log_prob(self.eta(x), wanted).expand(len(y)))

    def probabilities(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Class probabilities (n, K) for encoded rows."""
        mean = np.asarray(self.family.mean(self.eta(x)))
        return mean if mean.ndim == 2 else np.column_stack((1 - mean, mean))

    def mean(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean of a number (n,), for encoded rows."""
        return np.asarray(self.family.mean(self.eta(x)).expand(len(x)))

    def predict(self, frame: pl.DataFrame) -> Prediction:
        """Predict raw rows.

        Raises:
            ColumnError: a column is missing, or a cell is not what was learnt; the message names it.
        """
        x = self.encoder.encode(frame)
        if self.target.classes is not None:
            probabilities = self.probabilities(x)
            return Prediction(self.target.decode(probabilities.argmax(1)), probabilities, self.target.classes)
        return Prediction(self.mean(x), None, None, self._intervals(x))

    def _intervals(self, x: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """``sigma``, ``q05`` and ``q95`` (n,); what a family of somebody's own does not give is left out."""
        eta = self.eta(x)
        asked: dict[str, Callable[[], Tensor]] = {
            "sigma": lambda: self.family.deviation(eta),
            "q05": lambda: self.family.quantile(eta, torch.tensor(0.05, dtype=torch.float64)),
            "q95": lambda: self.family.quantile(eta, torch.tensor(0.95, dtype=torch.float64)),
        }
        found = {}
        for name, ask in asked.items():
            with suppress(NotOnOfferError):
                found[name] = np.asarray(ask().expand(len(x))).copy()
        return found

    def eta_columns(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """η as a plain array (n, K), constant columns spread over the rows."""
        return np.column_stack([np.asarray(c.expand(len(x))) for c in columns_of(self.eta(x))])

    def save(self, path: str | Path) -> None:
        """Write the model file; what was there before stays until the new file is complete.

        Raises:
            OutputError: the file cannot be written.
            SpecificationError: the predictor is code (a torch module) and not data.
        """
        values = {
            "schema": SCHEMA,
            "likeliest": __version__,
            "encoder": {"kind": _kind(self.encoder), "value": self.encoder.to_json()},
            "target": self.target.to_json(),
            "family": self.family.to_json(),
            "predictor": self.predictor.to_json(),
            "notes": dict(self.notes),
        }
        content = save({"theta": self.theta.double().contiguous()}, {"likeliest": json.dumps(values, sort_keys=True)})
        atomic_write(Path(path), content)

    @classmethod
    def load(cls, path: str | Path, families: Iterable[type[Automatic]] = ()) -> Self:
        """Read a model file. Nothing in it is ever executed.

        Args:
            path: where it is.
            families: the classes of families of your own that it may have been saved with.

        Raises:
            ModelFileError: the file is missing, is no model file, is damaged, was written by a newer likeliest, or
                holds a family of somebody's own that is not among those given.
        """
        theta, values = _read(Path(path))
        if values["schema"] > SCHEMA:
            raise ModelFileError(
                f"{path} was written by likeliest {values.get('likeliest')} (layout {values['schema']}); this is "
                f"{__version__}, which reads layouts up to {SCHEMA}; update likeliest"
            )
        family = _own_family(values.get("family"), families, path)
        try:
            model = cls(
                _ENCODERS[values["encoder"]["kind"]].from_json(values["encoder"]["value"]),
                Target.from_json(values["target"]),
                family or family_from_json(values["family"]),
                predictor_from_json(values["predictor"]),
                theta,
                values["notes"],
            )
        except (KeyError, TypeError, ValueError, AttributeError, LikeliestError) as error:
            raise ModelFileError(f"{path}: a part of the model cannot be read ({error!r}); {_DAMAGED}") from error
        needed = (model.predictor.size,)
        if theta.dtype != torch.float64 or theta.shape != needed or theta.isnan().any():
            raise ModelFileError(
                f"{path}: expected θ of shape {needed} in float64 without NaN, found shape {tuple(theta.shape)} in "
                f"{str(theta.dtype).removeprefix('torch.')} with {int(theta.isnan().sum())} NaN; {_DAMAGED}"
            )
        return model


def _kind(encoder: Encoder) -> str:
    """The name under which an encoder of this type is found again."""
    return next(kind for kind, known in _ENCODERS.items() if type(encoder) is known)


def _read(path: Path) -> tuple[Tensor, dict[str, Any]]:
    """θ and the rest, of a file that is one of ours."""
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; `likeliest fit DATA -o {path.name}` writes one")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata, names = file.metadata() or {}, list(file.keys())
            theta = file.get_tensor("theta") if "theta" in names else None
        values = json.loads(metadata.get("likeliest", "null"))
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise ModelFileError(f"{path}: expected a likeliest model file, found none ({error}); {_DAMAGED}") from error
    if theta is None or not isinstance(values, dict) or not isinstance(values.get("schema"), int):
        raise ModelFileError(f"{path}: expected a likeliest model file, found safetensors from elsewhere; {_FIT}")
    return theta, values


def _own_family(values: Any, families: Iterable[type[Automatic]], path: str | Path) -> Family | None:
    """The family of a file that was saved with one of somebody's own; None for those that likeliest knows."""
    if not isinstance(values, dict) or "class" not in values:
        return None
    try:
        return family_from_json(values, families)
    except (UnknownNameError, TypeError) as error:
        raise ModelFileError(f"{path}: {error}") from error


def load(path: str | Path, families: Iterable[type[Automatic]] = ()) -> Model:
    """Read a model file: see `Model.load`."""
    return Model.load(path, families)

"""A fitted model as one value: encoder + predictor + family + θ + target. It predicts, evaluates, saves and loads.

A model file is a safetensors file whose one tensor is θ and whose metadata is JSON: data and no code, whoever wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from likeliest._version import __version__
from likeliest.augment import Views, views_from_json
from likeliest.calibration import Calibrator, Identity, calibrate
from likeliest.calibration import from_json as calibrator_from_json
from likeliest.data import TableEncoder, Target
from likeliest.data.images import FlatPixels, ImageEncoder, Pictures
from likeliest.data.sounds import MeanSpectra, MelFrames, Recordings, SoundEncoder
from likeliest.dictation import Frames, frames_of, log_probs, transcripts_of
from likeliest.errors import LikeliestError, ModelFileError, NotOnOfferError, UnknownNameError
from likeliest.families import Automatic, Family
from likeliest.families import from_json as family_from_json
from likeliest.families.base import single
from likeliest.files import atomic_write
from likeliest.finance.encoder import PriceEncoder
from likeliest.interfaces import Eta
from likeliest.objective import COMPACT
from likeliest.prediction import Encoder, Prediction
from likeliest.predictors import Predictor, columns_of
from likeliest.predictors import from_json as predictor_from_json
from likeliest.speech import Transcriber

SCHEMA = 1
"""Version of the layout of a model file of a table."""
LATER = 2
"""That of a file with a calibrator, or of pictures, which older likeliests refuse."""
NEWEST = 3
"""That of a file of sounds or prices, which those of before refuse; here higher ones are."""
TOGETHER = 256
"""Pictures or recordings that are evaluated at once."""
_ENCODERS = {
    "table": TableEncoder,
    "image": ImageEncoder,
    "pixels": FlatPixels,
    "sound": SoundEncoder,
    "mean_spectra": MeanSpectra,
    "mel_frames": MelFrames,
    "prices": PriceEncoder,
}
_FIT = "write one with: likeliest fit DATA -o MODEL"
_DAMAGED = f"if it is one of ours it is damaged: copy it again, or {_FIT}"


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
        calibrator: what class probabilities go through last.
        views: how pictures are looked at, or clips of sound heard, several times; class probabilities are the mean.
        transcriber: for recordings whose texts are read, how frames become texts.

    Pictures and recordings are evaluated in single precision, in blocks of a fixed size: what is said of one does not
    depend on how many others there are.

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
    calibrator: Calibrator = field(default_factory=Identity)
    views: Views | None = None
    transcriber: Transcriber | None = None

    @property
    def plain(self) -> bool:
        """Whether probabilities are the family's mean at one η: neither calibrated nor averaged over views."""
        return self.views is None and isinstance(self.calibrator, Identity)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns to be read as text from a file, so that the level or class "007" does not turn into 7."""
        named = self.target.classes is not None and isinstance(self.target.classes[0], str)
        return (*self.encoder.text_columns, *((self.target.name,) if named else ()))

    def eta(self, x: NDArray[Any]) -> Eta:
        """η for encoded rows (n, p), pictures (n, H, W, C) or clips (n, S), in double precision."""
        rows = torch.as_tensor(x)
        if rows.dtype in COMPACT:
            return self._over_blocks(rows, self._eta_of_block)
        with torch.no_grad():
            return self.predictor.forward(self.theta, rows.double())[0]

    def frames(self, x: Any) -> Iterator[Frames]:
        """Log-probabilities (T, K) of the frames of each encoded recording, one recording at a time."""
        return frames_of(self.predictor, self._single, x)

    @cached_property
    def _single(self) -> Tensor:
        return self.theta.float()

    def _eta_of_block(self, rows: Tensor) -> Tensor:
        with torch.no_grad():
            return single(self.predictor.forward(self._single, rows)[0]).double()

    def _mean_over_views(self, rows: Tensor) -> Tensor:
        """Class probabilities of a block, the mean over its views."""
        assert self.views is not None
        return self.views.averaged(lambda view: self.family.mean(self._eta_of_block(view)), rows)

    @staticmethod
    def _over_blocks(rows: Tensor, ask: Callable[[Tensor], Tensor]) -> Tensor:
        """What ``ask`` says of all rows, block by block; the last block is filled up with black or silent ones."""
        answers = []
        for block in rows.split(TOGETHER):
            missing = TOGETHER - len(block)
            whole = torch.cat((block, block.new_zeros(missing, *block.shape[1:]))) if missing else block
            answers.append(ask(whole)[: len(block)])
        return torch.cat(answers)

    def log_prob(self, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
        """Log p(y | x) of each row, (n,), for encoded rows and targets."""
        if not self.plain:
            own = self.probabilities(x)[np.arange(len(y)), np.asarray(y, np.int64)]
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(own))
        if self.family.event_dims > 1:
            return log_probs(self.family, self.frames(x), y)
        wanted = torch.as_tensor(y)
        wanted = wanted if self.family.columns is None else wanted.double()
        return np.asarray(self.family.log_prob(self.eta(x), wanted).expand(len(y)))

    def probabilities(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Class probabilities (n, K) for encoded rows, calibrated."""
        given = self._uncalibrated(x)
        return given if isinstance(self.calibrator, Identity) else self.calibrator.apply(given)

    def _uncalibrated(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Class probabilities (n, K): the family's, or its mean over the views."""
        if self.views is not None:
            mean = np.asarray(self._over_blocks(torch.as_tensor(x), self._mean_over_views))
        else:
            mean = np.asarray(self.family.mean(self.eta(x)))
        return mean if mean.ndim == 2 else np.column_stack((1 - mean, mean))

    def calibrated(
        self, x: NDArray[Any], y: NDArray[Any], weight: NDArray[np.float64] | None = None, *, seed: int = 0
    ) -> Self:
        """Return this model with the calibrator that `calibrate` chooses on held-out rows; often that is none.

        What was chosen, and the cross-validated NLL of all candidates, stands in ``notes["calibration"]``. A calibrator
        that the model had before plays no part.

        Args:
            x: encoded rows that decided nothing of the fit.
            y: their encoded targets (n,).
            weight: how many rows each stands for, (n,).
            seed: names the folds.

        Raises:
            NotOnOfferError: the target is a number.

        Example:
            >>> model = lk.load("digits.likeliest").calibrated(x, y)     # doctest: +SKIP
            >>> model.notes["calibration"]["statement"]                   # doctest: +SKIP
        """
        if self.target.classes is None:
            raise NotOnOfferError("only class probabilities are calibrated; this model predicts a number")
        choice = calibrate(self._uncalibrated(x), y, weight, seed=seed)
        return replace(self, calibrator=choice.calibrator, notes={**self.notes, "calibration": choice.to_json()})

    def mean(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """The mean of a number (n,), for encoded rows."""
        return np.asarray(self.family.mean(self.eta(x)).expand(len(x)))

    def predict(self, raw: pl.DataFrame | Pictures | Recordings) -> Prediction:
        """Predict raw rows.

        Raises:
            ColumnError: a column is missing, or a cell is not what was learnt; the message names it.
        """
        if self.transcriber is not None:
            assert isinstance(raw, Recordings)
            assert isinstance(self.encoder, SoundEncoder | MelFrames)
            said = transcripts_of(raw, self.encoder, self.transcriber, self.frames)
            return Prediction(np.array([t.text for t in said]), None, None, files=raw.names, transcripts=tuple(said))
        x = self.encoder.encode(raw)
        if self.target.classes is not None:
            probabilities = self.probabilities(x)
            labels = self.target.decode(probabilities.argmax(1))
            files = raw.names if isinstance(raw, Pictures | Recordings) else None
            return Prediction(labels, probabilities, self.target.classes, files=files)
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

    def eta_columns(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """η as a plain array (n, K), constant columns spread over the rows."""
        return np.column_stack([np.asarray(c.expand(len(x))) for c in columns_of(self.eta(x))])

    @property
    def _layout(self) -> int:
        """The oldest layout that the model's file can have, so that as many versions as may be read it."""
        if isinstance(self.encoder, SoundEncoder | MeanSpectra | MelFrames | PriceEncoder):
            return NEWEST
        return SCHEMA if self.plain and isinstance(self.encoder, TableEncoder) else LATER

    def save(self, path: str | Path) -> None:
        """Write the model file; what was there before stays until the new file is complete.

        Raises:
            OutputError: the file cannot be written.
            SpecificationError: the predictor is code (a torch module) and not data.
        """
        values: dict[str, Any] = {
            "schema": self._layout,
            "likeliest": __version__,
            "encoder": {"kind": _kind(self.encoder), "value": self.encoder.to_json()},
            "target": self.target.to_json(),
            "family": self.family.to_json(),
            "predictor": self.predictor.to_json(),
            "notes": dict(self.notes),
            **({} if isinstance(self.calibrator, Identity) else {"calibrator": self.calibrator.to_json()}),
            **({} if self.views is None else {"views": self.views.to_json()}),
            **({} if self.transcriber is None else {"transcriber": self.transcriber.to_json()}),
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
        if values["schema"] > NEWEST:
            raise ModelFileError(
                f"{path} was written by likeliest {values.get('likeliest')} (layout {values['schema']}); this is "
                f"{__version__}, which reads layouts up to {NEWEST}; update likeliest"
            )
        family = _own_family(values.get("family"), families, path)
        try:
            encoder: Any = _ENCODERS[values["encoder"]["kind"]]
            target = Target.from_json(values["target"])
            model = cls(
                encoder.from_json(values["encoder"]["value"]),
                target,
                family or family_from_json(values["family"]),
                predictor_from_json(values["predictor"]),
                theta,
                values["notes"],
                _calibrator(values["calibrator"], target) if "calibrator" in values else Identity(),
                views_from_json(values["views"]) if "views" in values else None,
                Transcriber.from_json(values["transcriber"]) if "transcriber" in values else None,
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


def _calibrator(values: Any, target: Target) -> Calibrator:
    """The calibrator of a file, tried on as many classes as the target has."""
    calibrator, classes = calibrator_from_json(values), len(target.classes or ())
    calibrator.apply(np.full((1, classes), 1 / max(classes, 1)))
    return calibrator


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

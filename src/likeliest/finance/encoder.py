"""How prices become what a model of returns takes; with the prices that it was learnt from, for the day after them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from likeliest.data.prices import Prices, PriceSeries
from likeliest.errors import ColumnError, InputError
from likeliest.finance.days import Days, Floats, Inputs, table_of
from likeliest.finance.features import Feature, standard_features

GAP = np.timedelta64(10, "D")
"""Between the last price that a model knows and the first of later ones, at most."""
SAME = 5e-3
"""Between two returns of one day, of one asset: adjustments for dividends move some by more, but few."""
_COLUMNS: dict[Inputs, tuple[str, ...]] = {
    "returns": ("close",),
    "measured": ("open", "high", "low", "close"),
    "features": ("open", "high", "low", "close", "volume"),
}


@dataclass(frozen=True, eq=False)
class PriceEncoder:
    """Prices of one asset → x (n + 1, …), a row for each day with a return and one for the day after.

    Attributes:
        history: what the model was learnt from, the columns that it takes.
        inputs: what x holds; see `likeliest.finance.days`.
        features: by name, of the standard ones.
    """

    history: PriceSeries
    inputs: Inputs
    features: tuple[str, ...] = ()

    @classmethod
    def learn(cls, series: PriceSeries, inputs: Inputs) -> Self:
        """Keep of a series what a model of these inputs takes."""
        held = {name: values for name, values in series.columns().items() if name in _COLUMNS[inputs]}
        kept = PriceSeries.of(series.name, series.dates, held)
        named = tuple(f.name for f in standard_features(table_of(kept))) if inputs == "features" else ()
        return cls(kept, inputs, named)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of x."""
        of_series = ("return",) if self.inputs == "returns" else ("return", "measured variance")
        return self.features if self.inputs == "features" else of_series

    @property
    def described(self) -> str:
        """See `likeliest.prediction.Encoder`."""
        return f"on {len(self.features)} features" if self.features else "on the returns before"

    @property
    def text_columns(self) -> tuple[str, ...]:
        """None."""
        return ()

    def encode(self, raw: Prices | PriceSeries | None) -> NDArray[np.float64]:
        """Return x (n + 1, …) of the history and what came later; see `joined`."""
        return self.days(raw).x(self.inputs)

    def days(self, raw: Prices | PriceSeries | None = None) -> Days:
        """Return the days of the history and what came later."""
        series = self.joined(raw)
        return Days.of(series, self._features(series))

    def _features(self, series: PriceSeries) -> tuple[Feature, ...]:
        known = {feature.name: feature for feature in standard_features(table_of(series))}
        if missing := [name for name in self.features if name not in known]:
            raise ColumnError(
                f"{series.name}: expected columns for the features {', '.join(missing[:3])}, found "
                f"{', '.join(series.columns())}; give high, low and volume as the model learnt them"
            )
        return tuple(known[name] for name in self.features)

    def joined(self, raw: Prices | PriceSeries | None) -> PriceSeries:
        """Return the prices that a forecast stands on: the history, or given ones with the history before them.

        Where given prices begin inside the history, the part before them is put in their unit, for a dividend or split
        since moves all adjusted prices alike.

        Raises:
            UnknownNameError: there are several assets, and the model's is not among them.
            InputError: more than ten days lie between the history and the given prices, their returns differ on
            days that both have, or there are several prices a day.
            ColumnError: they lack a column that the model needs.
        """
        if raw is None:
            return self.history
        given = self._asset(raw)
        if lacking := [name for name in self.history.columns() if name not in given.columns()]:
            raise ColumnError(
                f"{given.name}: expected the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}, which the model "
                f"learnt from; found {', '.join(given.columns())}"
            )
        if given.intraday != self.history.intraday:
            raise InputError(f"{given.name}: expected one price a day, as the model learnt; keep the last of each day")
        self._refuse_others(given)
        first, last = given.dates[0], self.history.dates[-1]
        if first - last > GAP:
            raise InputError(
                f"{given.name}: expected prices from {last} on, where the model's end; found the first on {first}. "
                "Give those between too, for volatility remembers them"
            )
        before = int(np.searchsorted(self.history.dates, first))
        own = {name: values for name, values in given.columns().items() if name in self.history.columns()}
        if before == 0:
            return PriceSeries.of(given.name, given.dates, own)
        shared = before < len(self.history) and self.history.dates[before] == first
        unit = given.close[0] / self.history.close[before] if shared else 1.0
        past = self.history.take(slice(0, before))
        joined = {
            name: np.concatenate((past.columns()[name] * (1.0 if name == "volume" else unit), values))
            for name, values in own.items()
        }
        return PriceSeries.of(given.name, np.concatenate((past.dates, given.dates)), joined)

    def _refuse_others(self, given: PriceSeries) -> None:
        """Refuse prices whose returns are not the history's on days that both have: they are of another asset."""
        _, own, other = np.intersect1d(self.history.dates[1:], given.dates[1:], return_indices=True)
        differ = np.abs(self.history.returns[own] - given.returns[other]) > SAME
        if len(own) and 10 * differ.sum() > len(own):
            day = self.history.dates[1:][own[differ.argmax()]]
            raise InputError(
                f"{given.name}: expected the prices of {self.history.name}, found other returns on {differ.sum()} of "
                f"{len(own)} days that the model knows, the first on {str(day)[:10]}; fit a model to these prices"
            )

    def _asset(self, raw: Prices | PriceSeries) -> PriceSeries:
        if isinstance(raw, PriceSeries):
            return raw
        return raw.series[0] if len(raw.series) == 1 else raw[self.history.name]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        unit, _ = np.datetime_data(self.history.dates.dtype)
        columns: dict[str, Floats] = self.history.columns()
        return {
            "asset": self.history.name,
            "unit": unit,
            "dates": self.history.dates.astype(np.int64).tolist(),
            "columns": {name: [None if np.isnan(v) else v for v in c.tolist()] for name, c in columns.items()},
            "inputs": self.inputs,
            "features": list(self.features),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        dates = np.array(values["dates"], np.int64).astype(f"M8[{values['unit']}]")
        columns = {name: np.array(column, np.float64) for name, column in values["columns"].items()}
        series = PriceSeries.of(values["asset"], dates, columns)
        return cls(series, values["inputs"], tuple(values["features"]))

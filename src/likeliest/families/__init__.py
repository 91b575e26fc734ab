"""What is likely: probability functions p(y | η), by name.

``family("bernoulli")`` is the family with its canonical link; `families` lists all there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from likeliest.errors import UnknownNameError
from likeliest.families.base import Canonical, Family
from likeliest.families.bernoulli import Bernoulli
from likeliest.families.categorical import Categorical
from likeliest.families.normal import Normal
from likeliest.families.poisson import Poisson

__all__ = ["Bernoulli", "Canonical", "Categorical", "Family", "Normal", "Poisson", "families", "family", "from_json"]

# Of several links of a family the canonical one comes first: it is the default.
_CATALOGUE: tuple[type[Family], ...] = (Bernoulli, Categorical, Normal, Poisson)


def family(name: str, link: str | None = None) -> Family:
    """Return a family by name.

    Args:
        name: ``"bernoulli"``, ``"categorical"``, ``"normal"`` or ``"poisson"``.
        link: how η maps to the mean; the canonical link if None.

    Raises:
        UnknownNameError: there is no such family, or it has no such link.

    Example:
        >>> import likeliest as lk
        >>> lk.family("poisson").score_formula
        'y − e^η'
    """
    links = {kind.link: kind for kind in _CATALOGUE if kind.name == name}
    if not links:
        raise UnknownNameError(_unknown("family", name, {kind.name for kind in _CATALOGUE}))
    if link is not None and link not in links:
        raise UnknownNameError(_unknown(f"link of {name}", link, links))
    return links[link]() if link is not None else next(iter(links.values()))()


def families() -> tuple[Family, ...]:
    """Return every family with each of its links; what they are stands in their fields.

    Example:
        >>> import likeliest as lk
        >>> [(f.name, f.link) for f in lk.families()]
        [('bernoulli', 'logit'), ('categorical', 'softmax'), ('normal', 'identity'), ('poisson', 'log')]
    """
    return tuple(kind() for kind in _CATALOGUE)


def from_json(values: Mapping[str, Any]) -> Family:
    """Return the family that `Family.to_json` wrote down.

    Raises:
        UnknownNameError: this version knows no such family or link.

    Example:
        >>> from_json(Poisson().to_json())
        Poisson()
    """
    return family(values["name"], values["link"])


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    meant = get_close_matches(name, names, n=1)
    hint = f"did you mean {meant[0]!r}? " if meant else ""
    return f"no {what} goes by the name {name!r}; {hint}There are: {', '.join(names)}"

"""What families of trials share: one column of η, and a link by name that makes a probability of it."""

from __future__ import annotations

from dataclasses import dataclass

from likeliest.errors import UnknownNameError
from likeliest.families.base import Family
from likeliest.families.links import LINKS, Link


@dataclass(frozen=True)
class Trials(Family):
    """Outcomes of trials that succeed with the probability p = g⁻¹(η); η is (…, n, 1).

    Args:
        link: the name of the link g.

    Raises:
        UnknownNameError: there is no such link.
    """

    link: str = "logit"

    discrete = True
    links = tuple(LINKS)
    columns = ("mean",)

    def __post_init__(self) -> None:
        if self.link not in LINKS:
            raise UnknownNameError(
                f"no link of {self.name} goes by the name {self.link!r}; there are {', '.join(LINKS)}"
            )

    @property
    def _link(self) -> Link:
        return LINKS[self.link]

    @property
    def canonical(self) -> bool:
        """Whether the score is the number of successes less the one expected."""
        return self.link == "logit"

    @property
    def domain(self) -> tuple[float, float]:
        """Where η must lie for p to be a probability."""
        return self._link.domain

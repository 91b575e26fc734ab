"""`race`: deal every seed, run every rule on it, and judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from likeliest.errors import NotOnOfferError, SpecificationError
from likeliest.families import Family
from likeliest.families import family as family_by_name
from likeliest.objective import Objective
from likeliest.predictors import Predictor
from likeliest.race.dealing import Deal, deal, strata_of
from likeliest.race.entrants import Entrant, Given, entrants, refusal
from likeliest.race.judging import judge
from likeliest.race.result import Race, Skipped
from likeliest.race.trials import Trials, run_trials

Progress = Callable[[int, int, str], None]
"""(done, of how many, rule) after each rule on each seed."""


def race(
    x: Any,
    y: Any,
    *,
    family: Family | str,
    predictor: Predictor,
    rules: Iterable[Given] | None = None,
    seeds: int | Sequence[int] = 5,
    budget: float = 20.0,
    l2: float = 0.0,
    weight: Any = None,
    batch_size: int | None = 32,
    trials: int = 7,
    validation_fraction: float = 0.25,
    stratify: Any = None,
    gap: int | None = None,
    names: Sequence[str] | None = None,
    test: tuple[Any, Any] | None = None,
    progress: Progress | None = None,
) -> Race:
    """Race learning rules on one model and one data set, under one protocol.

    Each seed draws its own split into training and validation rows, its own initial θ and its own order of batches; all
    rules and learning rates share them, which pairs them. Every rule tries as many learning rates, log-spaced over its
    own range, and is judged at the one of least median work to the target (see `likeliest.race.target`); that setting
    is then run again, alone, for its seconds. Work is counted in row-gradient evaluations and given in passes over the
    training rows, so that a race with the same seeds repeats.

    Args:
        x: (n, …) rows, encoded. Columns are standardised on the training rows of each seed, unless a `Module` takes
            them.
        y: (n,) targets, or (n, K) probabilities; those of a location and a scale are standardised too, and every run
            starts at the base rate. NLLs and errors come in the units of y.
        family: p(y | η), or its name.
        predictor: η = f(x; θ).
        rules: names, rules or classes of rules; None enters all in the catalogue. A rule of one's own needs ``step``,
            and ``lr_range`` where it has a learning rate.
        seeds: how many, counted from 0, or which.
        budget: passes that each run may spend; a Hessian counts as its cost.
        l2: penalty ½ l2 ‖w‖² in the units of x, y and the sum of NLLs.
        weight: (n,) ≥ 0.
        batch_size: rows in a mini-batch of the rules that use them; None runs all rules on full batches.
        trials: learning rates for each rule that has one.
        validation_fraction: of the rows, held out on each seed.
        stratify: None splits evenly by the classes that y names, if it does; else (n,) classes, or False.
        gap: for rows in the order of time: each seed cuts them elsewhere, learns from those before the cut and
            validates on the rows that come next, with fewer than so many rows between left out, as many as a label
            takes. None splits at random.
        names: of the columns of x, for messages.
        test: (x, y) of test rows, the same for all seeds; nothing is chosen on them.
        progress: called after each rule on each seed.

    Returns:
        A `Race`. Rules whose needs are not on offer, or of which one step costs more than the budget, are in
        ``skipped``.

    Raises:
        SpecificationError: no rules, seeds or trials, or a budget or fraction out of range.
        UnknownNameError: no family or rule goes by that name.
        ShapeError: x, y, weight, names or predictor do not fit together.
        SupportError: a y lies outside the family's support.
        TargetError: the base rate of some training rows lies on the boundary: y is constant, or a class is missing.
        KeyboardInterrupt: on Ctrl-C; half a race shows nothing.

    Example:
        >>> import likeliest as lk, torch
        >>> x = torch.linspace(-1, 1, 80)[:, None]
        >>> y = (x[:, 0] + 0.5 * torch.sin(40 * x[:, 0]) > 0).float()
        >>> done = lk.race(x, y, family="bernoulli", predictor=lk.Linear(1), rules=["lbfgs", "sgd"], seeds=3, budget=10)
        >>> sorted(row["rule"] for row in done.table)
        ['lbfgs', 'sgd']
    """
    chosen = family_by_name(family) if isinstance(family, str) else family
    entered = entrants(rules, trials)
    drawn = _checked(seeds, trials, budget, validation_fraction, gap)
    whole = Objective(chosen, predictor, x, y, weight, l2=l2, names=names)
    held = None if test is None else whole.held_out(*test)
    strata = strata_of(chosen, whole.y, stratify)

    def dealt(seed: int) -> Deal:
        return deal(whole, held, strata, validation_fraction, seed, gap)

    run = _run(entered, drawn, dealt, float(budget), batch_size, progress)
    model = f"{chosen.name} family on {type(predictor).__name__}, {whole.predictor.size:,} parameters"
    return judge(
        model,
        run.trials,
        run.skipped,
        drawn,
        dealt,
        budget=float(budget),
        trials_each=trials,
        batch_size=batch_size,
    )


def _checked(
    seeds: int | Sequence[int], trials: int, budget: float, fraction: float, gap: int | None
) -> tuple[int, ...]:
    """Check the numbers of a protocol; return its seeds."""
    drawn = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not drawn or len(set(drawn)) < len(drawn):
        raise SpecificationError(f"a race needs at least one seed, and each only once; found {seeds}")
    if trials < 1:
        raise SpecificationError(f"trials must be at least 1, found {trials}")
    if not (0 < budget < math.inf):
        raise SpecificationError(f"budget must be a finite number of passes above 0, found {budget}")
    if not (0 < fraction < 1):
        raise SpecificationError(f"validation_fraction must lie between 0 and 1, found {fraction}")
    if gap is not None and gap < 1:
        raise SpecificationError(f"a gap is a number of rows from 1 on, found {gap}")
    return drawn


@dataclass
class _Run:
    """Trials of each entrant by seed, and those that did not run."""

    trials: dict[Entrant, list[Trials]]
    skipped: list[Skipped]


def _run(
    entered: Sequence[Entrant],
    seeds: Sequence[int],
    dealt: Callable[[int], Deal],
    budget: float,
    batch_size: int | None,
    progress: Progress | None,
) -> _Run:
    """Run all entrants on all seeds; one that cannot run is skipped from then on."""
    run = _Run({entrant: [] for entrant in entered}, [])
    for at, seed in enumerate(seeds):
        cards = dealt(seed)
        for entrant in list(run.trials):
            if reason := _try(run.trials, entrant, cards, budget, batch_size):
                run.skipped.append(Skipped(entrant.label, reason))
                del run.trials[entrant]
            if progress is not None:
                progress(at * len(entered) + entered.index(entrant) + 1, len(seeds) * len(entered), entrant.label)
    return run


def _try(
    trials: Mapping[Entrant, list[Trials]], entrant: Entrant, cards: Deal, budget: float, batch_size: int | None
) -> str | None:
    """Run one entrant on one seed, or return why it cannot."""
    if reason := refusal(entrant, cards.training, budget):
        return reason
    try:
        trials[entrant].append(run_trials(entrant, cards, budget, batch_size))
    except NotOnOfferError as error:
        return str(error).split(";")[0]
    return None

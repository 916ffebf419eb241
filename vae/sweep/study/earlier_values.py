"""What a value of an earlier search is where one of the two searches trains with several seeds: single, or a mean."""

from collections.abc import Mapping
from statistics import fmean

from optuna.trial import FrozenTrial, TrialState, create_trial

from vae.sweep.study.seeds import values_by_seed

N_SEEDS_KEY = "hydra.sweeper.seeds"
"""Where a record has the number of seeds; one of single runs lacks it."""
_OF_ITS_FIRST_SEED = "pruned within the first seed"


def seeds_in(config: Mapping[str, str]) -> int:
    """With how many seeds the trials of a recorded search are trained."""
    return int(config.get(N_SEEDS_KEY, 1))


def difference_of_values(before: int, now: int) -> str:
    """What the earlier values are, beside those of a search with another number of seeds; "" where they are the same.

    >>> difference_of_values(1, 3)
    'its values are of single runs, those of this search means over 3 seeds'
    """
    return "" if before == now else f"its values are {_values(before)}, those of this search {_values(now)}"


def _values(seeds: int) -> str:
    return f"means over {seeds} seeds" if seeds > 1 else "of single runs"


def among_seeds(trial: FrozenTrial, before: int, now: int) -> FrozenTrial | str:
    """A trial of a search with `before` seeds as one of a search with `now` seeds, or why it is none.

    A mean and a single value estimate the same, so a complete trial is told as it is. The steps of a pruned one mean
    another thing: epochs of a single run, otherwise seeds. With several seeds now it has its last value where trials
    of this search have theirs. In a search of single runs, one that has come through a seed is complete.
    """
    if before == now or trial.state != TrialState.PRUNED:
        return trial
    if now > 1:
        last = trial.last_step
        reported = {} if last is None else {now + 1: trial.intermediate_values[last]}
        return _ended(trial, TrialState.PRUNED, None, reported)
    by_seed = values_by_seed(trial)
    if not by_seed:
        return _OF_ITS_FIRST_SEED
    return _ended(trial, TrialState.COMPLETE, [fmean(values) for values in zip(*by_seed.values(), strict=True)], {})


def _ended(
    trial: FrozenTrial, state: TrialState, values: list[float] | None, reported: dict[int, float]
) -> FrozenTrial:
    ended = create_trial(
        state=state,
        values=values,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=trial.user_attrs,
        system_attrs=trial.system_attrs,
        intermediate_values=reported,
    )
    ended.number = trial.number
    ended.datetime_start, ended.datetime_complete = trial.datetime_start, trial.datetime_complete
    return ended

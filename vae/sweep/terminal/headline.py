"""The first lines of a sweep: what is optimised, how, where, and over which space."""

import os
from collections.abc import Mapping, Sequence

from optuna import Study
from optuna.study import StudyDirection

from vae.sweep.execution.executors import crowding_text, executor_text
from vae.sweep.setup import Setup
from vae.sweep.space.samplers import named_with_limit
from vae.sweep.terminal.words import parameter_text
from vae.text import counted, goal_text, wrap_parts


def first_lines(setup: Setup, study: Study, width: int) -> str:
    """What a sweep is about to do on its study, and below it what deserves a remark; `width` as for `headline`."""
    settings, space = setup.settings, setup.plan.space
    pruner, n_seeds = settings.pruner.get("name", "none"), len(setup.seeds)
    of_seeds = f" of {'up to ' if settings.race else ''}{n_seeds} seeds" if n_seeds else ""
    facts = [
        *([setup.remark] if setup.remark else []),
        f"{named_with_limit(settings.sampler['name'])}, {'no' if pruner == 'none' else pruner} pruning",
        f"{counted(setup.policy.goal.total, 'trial')}{of_seeds}, {executor_text(setup.program, settings)}",
        os.path.relpath(setup.place.folder),
    ]
    words = {key: parameter_text(key, dist) + space.condition_text(key) for key, dist in space.params.items()}
    remarks = [*space.left_out, *setup.ignored, *setup.search.remarks(), crowding_text(setup.program, settings)]
    return "\n".join([headline(study, setup.objective_names, facts, words, width), *filter(None, remarks)])


def headline(study: Study, names: Sequence[str], facts: Sequence[str], space: Mapping[str, str], width: int) -> str:
    """What is about to happen: what is optimised, how and where, and below it the space.

    Args:
        study: the study.
        names: what the objectives are called.
        facts: how, and where.
        space: key -> its distribution in words.
        width: columns of the terminal, at which lines are broken.
    """
    directions = zip(study.directions, names, strict=True)
    goals = [goal_text(name, direction == StudyDirection.MAXIMIZE) for direction, name in directions]
    first = wrap_parts("", [f"study {study.study_name}", " and ".join(goals), *facts], width)
    return f"{first}\n{wrap_parts('space  ', [f'{key} {text}' for key, text in space.items()], width)}"

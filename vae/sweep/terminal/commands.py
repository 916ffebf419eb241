"""Commands as they are typed: the one that goes on with this sweep, and the one that trains a trial again."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vae.config.command_line import config_options, program_words, split_options, typed_words
from vae.config.composed import recorded_overrides, task_config
from vae.config.quoting import command, literal, override
from vae.config.trust import allowing_overrides
from vae.nested import REFERENCE, bare, flatten, select, within, without
from vae.sweep.study.results import groups_beyond_overlay

_PLACE = ("hydra.sweep.dir", "hydra.sweeper.study_name", "hydra.sweeper.storage")
"""Keys that decide which study is meant."""


def again_command(
    config: DictConfig,
    overrides: Sequence[str],
    overlay: tuple[Path, str, Sequence[str]] | None = None,
    sweeps: bool = False,
) -> str:
    """The line that trains a trial again.

    Args:
        config: of the trial's job.
        overrides: of the trial's job.
        overlay: the file that holds the config, the group through which the program takes it, and the keys that are
            not in it; None: the program takes none.
        sweeps: whether such a command would be a sweep again, because the config says so.
    """
    mode = ["hydra.mode=RUN"] if sweeps else []
    start = [*program_words(), *config_options(config.hydra), *mode]
    if overlay is None:
        return command([*start, *overrides])
    best, group, leave_out = overlay
    values: Any = OmegaConf.to_container(task_config(config), resolve=False)
    allowing = allowing_overrides(flatten(without(values, leave_out)))
    beyond = groups_beyond_overlay(config, group)
    beyond += [each.replace("/", ".") for each in beyond]
    stronger = [each for each in overrides if within(bare(each.partition("=")[0]), beyond)]
    return command([*start, override(group, literal(os.path.relpath(best))), *stronger, *allowing])


def over_seeds_command(again: str, seed_key: str, seeds: Iterable[int], searches: bool) -> str:
    """The line `again` for all seeds of a trial: as a plain grid, or one after the other where `-m` would search.

    >>> over_seeds_command("python app.py x=1", "seed", (1, 2), searches=True)
    'for seed in 1 2; do python app.py x=1 seed=$seed; done'
    """
    if searches:
        return f"for seed in {' '.join(map(str, seeds))}; do {again} {seed_key}=$seed; done"
    return f"{again} -m {seed_key}={','.join(map(str, seeds))}"


def command_line() -> str:
    """What was typed, without the path of the interpreter and its own flags."""
    return command([*program_words(), *typed_words()])


def go_on_command(config: DictConfig) -> str:
    """The line that goes on with a sweep, also where its place was not typed, or is made from the time."""
    options, typed = split_options(typed_words())
    keys = {bare(word.partition("=")[0]) for word in typed}
    record = config.hydra.overrides
    given = [*recorded_overrides(record.task), *recorded_overrides(record.hydra)]
    given_keys = {bare(each.partition("=")[0]) for each in given}
    raw: Any = OmegaConf.to_container(config, resolve=False)
    pinned = []
    for key in _named_by(raw, _PLACE):
        moves = "${now:" in str(select(raw, key))
        if moves or (key in given_keys and key not in keys):
            pinned.append(override(key, literal(str(OmegaConf.select(config, key)))))
    options = ["-m" if option == "--multirun" else option for option in options]
    return command([*program_words(), *options, *typed, *pinned])


def _named_by(raw: dict[str, Any], keys: Sequence[str]) -> list[str]:
    """These keys and those that their values refer to, each once."""
    found: dict[str, None] = {}
    waiting = list(keys)
    while waiting:
        key = waiting.pop(0)
        if key not in found:
            found[key] = None
            waiting += REFERENCE.findall(str(select(raw, key)))
    return list(found)

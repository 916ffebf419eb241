"""Studies beside a search's own, of runs of known configurations: its best trials again, its trials seed by seed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from optuna.samplers import RandomSampler

from vae.sweep.setup import Setup
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.opening import Record, Search, open_study


def open_companion(setup: Setup, suffix: str, pruner: Mapping[str, Any], owner: str) -> Ledger:
    """Opens the study `<name of the search's study><suffix>`, whose trials are all queued and never suggested."""
    settings = setup.settings
    record = Record(space={}, directions=setup.search.record.directions, objectives=[], config={})
    place = replace(setup.place, name=f"{setup.place.name}{suffix}")
    study, storage = open_study(place, Search(record, RandomSampler(), pruner), settings.heartbeat_seconds)
    return Ledger(study, storage, owner=owner, grace_seconds=settings.grace_seconds)

"""A sweep's folder -> records. The study is read once and copied into memory, its storage is left alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import setup_globals
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import FrozenTrial, TrialState

from vae.errors import UserError
from vae.report.read.records import Records, Run
from vae.run.folder import RunFolder, Scalar, read_folder
from vae.sweep.attributes import ASKED, FACTS, REASON, RECORD
from vae.sweep.study.ledger import lease_of
from vae.sweep.study.results import confirmations
from vae.sweep.study.storage import absolute, open_storage
from vae.sweep.terminal.words import space_text

STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}
UNNAMED = "value"
"""What a sweep calls the value of a job if it was not told better."""
_CONFIRM = "-confirm"


def read_study(folder: Path) -> Records:
    """Raises UserError if the folder's study cannot be found or read."""
    stored, name = _open(folder)
    trials = stored.get_trials()
    runs, damaged = [], {}
    for trial in trials:
        place = trial_folder(folder, trial)
        found = read_folder(place) if place else RunFolder()
        if place and found.damaged_lines:
            damaged[str(place / "metrics.jsonl")] = found.damaged_lines
        runs.append(_run(trial, found))
    record = stored.user_attrs.get(RECORD, {})
    asked = stored.user_attrs.get(ASKED, {})
    study = _in_memory(stored, trials)
    return Records(
        title=name,
        runs=runs,
        study=study,
        objectives=_objectives(asked.get("objectives", ()), trials, len(stored.directions)),
        space={key: _space(text, key, trials) for key, text in record.get("space", {}).items()},
        command=asked.get("command", ""),
        again=_again(folder),
        wanted=asked.get("total"),
        confirmed=confirmations(study, _confirmations_of(stored)),
        damaged=damaged,
    )


def locate(folder: Path) -> tuple[str, str] | None:
    """Storage and name of a sweep's study; None where the folder is not a sweep's."""
    file = folder / "multirun.yaml"
    own = f"sqlite:///{(folder / 'study.db').resolve()}" if (folder / "study.db").is_file() else None
    if not file.is_file():
        return (own, "") if own else None
    setup_globals()  # resolvers that interpolations in the sweep's config may use
    config = OmegaConf.load(file)
    try:
        sweeper: Any = OmegaConf.select(config, "hydra.sweeper")
        if "study_name" not in (sweeper or {}):
            return (own, "") if own else None
        name = sweeper.study_name or Path(str(config.hydra.sweep.dir)).name
        return (absolute(sweeper.storage) if sweeper.storage else own or "", name)
    except OmegaConfBaseException:
        return (own, "") if own else None


def trial_folder(folder: Path, trial: FrozenTrial) -> Path | None:
    """Where a trial's files lie, also where the whole sweep has been moved since."""
    noted = trial.user_attrs.get("folder")
    names = [Path(str(noted)).name] if noted else []
    names += [f"trial_{trial.number:04d}", str(trial.number)]
    places = [folder / name for name in names] + ([Path(str(noted))] if noted else [])
    return next((place for place in places if place.is_dir()), None)


def _open(folder: Path) -> tuple[optuna.Study, str]:
    found = locate(folder)
    if found is None or not found[0]:
        raise UserError(f"{folder} holds no study: there is neither a study.db nor a multirun.yaml that names one.")
    where, name = found
    storage = open_storage(where)
    names = [n for n in optuna.get_all_study_names(storage) if not n.endswith(_CONFIRM)]
    chosen = name if name in names else folder.resolve().name if folder.resolve().name in names else None
    if chosen is None and len(names) == 1:
        chosen = names[0]
    if chosen is None:
        raise UserError(
            f"{folder}: {where} holds no study {name or folder.name}. It has: {', '.join(names) or 'none'}."
        )
    return optuna.load_study(study_name=chosen, storage=storage, sampler=optuna.samplers.RandomSampler()), chosen


def _run(trial: FrozenTrial, found: RunFolder) -> Run:
    facts: dict[str, Scalar] = {**trial.user_attrs.get(FACTS, {}), **found.facts}
    began, ended = trial.datetime_start, trial.datetime_complete
    steps = sorted(trial.intermediate_values.items())
    reported: dict[str, list[float | None]] = {
        "epoch": [step for step, _ in steps],
        "reported": [value for _, value in steps],
    }
    attributes = {k: v for k, v in trial.user_attrs.items() if k == "folder" or k == "wandb_id"}
    return Run(
        name=str(trial.number),
        state=STATES[trial.state],
        params=dict(trial.params),
        values=tuple(trial.values or ()),
        facts={**facts, **attributes},
        curves=found.curves or (reported if steps else {}),
        pictures=found.pictures,
        span=(began.timestamp(), ended.timestamp()) if began and ended else None,
        owner=lease_of(trial).owner,
        reason=str(trial.user_attrs.get(REASON, "")) if trial.state != TrialState.RUNNING else "",
    )


def _in_memory(stored: optuna.Study, trials: Sequence[FrozenTrial]) -> optuna.Study:
    study = optuna.create_study(directions=stored.directions, study_name=stored.study_name)
    study.add_trials(trials)
    return study


def _confirmations_of(stored: optuna.Study) -> optuna.Study:
    """The study of the repetitions; an empty one where nothing was confirmed."""
    name = f"{stored.study_name}{_CONFIRM}"
    if name not in optuna.get_all_study_names(stored._storage):
        return optuna.create_study(directions=stored.directions)
    again = optuna.load_study(study_name=name, storage=stored._storage, sampler=optuna.samplers.RandomSampler())
    return _in_memory(again, again.get_trials())


def _space(text: str, key: str, trials: Sequence[FrozenTrial]) -> str:
    """`2..64 log`, with the condition that the recorded text may end in; that text for a key that no trial had."""
    found = next((trial.distributions[key] for trial in trials if key in trial.distributions), None)
    written, condition, where = text.partition(" if ")
    return f"{space_text(found) if found else written}{condition}{where}"


def _objectives(names: Sequence[str], trials: Sequence[FrozenTrial], count: int) -> list[str]:
    """Names of the objectives. A value without one is called by the metric that equals it in every trial."""
    if names and set(names) != {UNNAMED}:
        return list(names)
    if count > 1:
        return [f"value_{i}" for i in range(count)]
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    recorded = [trial.user_attrs.get(FACTS, {}) for trial in complete]
    shared = sorted(set.intersection(*map(set, recorded))) if recorded else []
    shared.sort(key=lambda name: not name.startswith("val/"))
    equal = (n for n in shared if all(f[n] == t.value for f, t in zip(recorded, complete, strict=True)))
    return [next(equal, UNNAMED)]


def _again(folder: Path) -> str:
    best = folder / "best.yaml"
    lines = best.read_text(encoding="utf-8").splitlines() if best.is_file() else []
    return next((line.removeprefix("# Again: ") for line in lines if line.startswith("# Again: ")), "")

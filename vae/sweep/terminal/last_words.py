"""The last words of a sweep, and the files that it leaves: also after Ctrl-C, and when it stops itself."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from vae.sweep.attributes import REASON
from vae.sweep.setup import Setup
from vae.sweep.study import results
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.results import Confirmed
from vae.sweep.terminal.words import value_text
from vae.text import ENDLESS, wrap_parts

Say = Callable[[str], None]
_MOST_FRONT_LINES = 10
_FILES = ("trials.csv", "study.db", "sweep.log")


def sum_up(setup: Setup, ledger: Ledger, confirmed: Sequence[Confirmed], say: Say, width: int = ENDLESS) -> None:
    """Writes trials.csv, best.yaml or pareto/, optimization_results.yaml, and says what was found and where it is."""
    study, folder = ledger.study, setup.folder
    results.write_trials(study, folder / "trials.csv")
    say("")
    say(" · ".join(counted(ledger, setup.policy.total)) or "no trials")
    for reason, numbers in reasons(ledger).items():
        say(f"failed  {', '.join(f'#{n}' for n in numbers)}  {reason}")
    for found in confirmed:
        say(f"confirmed  #{found.trial.number}  {found.mean:.6g} ± {found.spread:.2g} over {found.seeds} seeds")
    best = results.best_trials(study, confirmed)
    results.write_optimization_results(study, best, folder / "optimization_results.yaml")
    for left_over in (folder / "pareto").glob("trial_*.yaml"):
        left_over.unlink()  # the front may have moved since the last session
    written = [_write_best(setup, study, trial) for trial in best]
    shares = results.importances(study)
    if shares:
        say(wrap_parts("importance  ", [f"{key} {share:.2f}" for key, share in shares.items()], width))
    several = len(study.directions) > 1
    for trial, (path, again) in list(zip(best, written, strict=True))[:_MOST_FRONT_LINES]:
        line, command = f"best  #{trial.number}  {value_text(trial)}  {os.path.relpath(path)}", f"again: {again}"
        apart = "   " if len(line) + len(command) + 3 <= width else "\n      "
        say(line if several else line + apart + command)
    if several and best:
        more = f"{len(best) - _MOST_FRONT_LINES} more, and " if len(best) > _MOST_FRONT_LINES else ""
        say(f"      {more}how to train each again: at the top of its file in {os.path.relpath(folder / 'pareto')}")
    there = [name for name in _FILES if (folder / name).exists()]
    offline = "*/wandb/offline-run-*"
    if next(folder.glob(offline), None):
        say(f"W&B  wandb sync {os.path.relpath(folder)}/{offline}")
    say(f"results  {os.path.relpath(folder)}: {', '.join(there)}")


def counted(ledger: Ledger, total: float) -> list[str]:
    """`12 complete`, `3 pruned`: how many there are in each state; what waits, and for what."""
    counts = ledger.counts()
    names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
    parts = [f"{counts[state]} {name}" for state, name in names.items() if counts[state]]
    waiting, running = counts[TrialState.WAITING], counts[TrialState.RUNNING]
    if running:
        parts.append(f"{running} running in another process")
    if waiting:
        reached = counts[TrialState.COMPLETE] + counts[TrialState.PRUNED] >= total
        parts.append(f"{waiting} in the queue for {'a larger n_trials' if reached else 'the next start'}")
    return parts


def reasons(ledger: Ledger) -> dict[str, list[int]]:
    """Why trials have failed -> which of them."""
    found: dict[str, list[int]] = {}
    for trial in ledger.trials(TrialState.FAIL):
        found.setdefault(str(trial.user_attrs.get(REASON, "no reason recorded")), []).append(trial.number)
    return found


def _write_best(setup: Setup, study: Study, trial: FrozenTrial) -> tuple[Path, str]:
    """best.yaml, or a member of the Pareto front; the file and the command that trains it again."""
    several = len(study.directions) > 1
    path = setup.folder / (f"pareto/trial_{trial.number:04d}.yaml" if several else "best.yaml")
    path.parent.mkdir(exist_ok=True)
    group = setup.settings.experiment_group
    repeats = setup.plan.repeats(trial)
    again = results.again_command(repeats, group, path)
    values = ", ".join(f"{value!r}" for value in trial.values)
    about = [f"Trial {trial.number} of study {study.study_name}: {values}", f"Again: {again}"]
    leave_out = [*setup.settings.ignore_on_resume, *([group] if group else [])]
    results.write_best(setup.compose(trial.number, repeats), path, about, leave_out)
    return path, again

"""The last words of a sweep, and the files that it leaves, also after Ctrl-C and when it stops itself."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from vae.config.composed import CONFIG_ERRORS
from vae.config.quoting import command
from vae.states import RunState
from vae.sweep.attributes import FACTS, REASON, SUBDIR
from vae.sweep.setup import Setup
from vae.sweep.study import results
from vae.sweep.study.lease import of_another_program
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.results import Confirmed
from vae.sweep.study.seeds import values_by_seed
from vae.sweep.study.trials_file import write_trials
from vae.sweep.terminal.commands import again_command, over_seeds_command
from vae.sweep.terminal.words import value_text
from vae.text import ENDLESS, counted, measured_text, wrap_parts

_MOST_FRONT_LINES = 10
_ENDED = (RunState.COMPLETE, RunState.PRUNED, RunState.FAILED)
_FILES = ("trials.csv", "study.db", "sweep.log")


def sum_up(
    setup: Setup, ledger: Ledger, confirmed: Sequence[Confirmed], say: Callable[[str], None], width: int = ENDLESS
) -> None:
    """Writes the files of the results, and says what was found and where it is.

    Args:
        setup: the sweep.
        ledger: the study's trials.
        confirmed: the trials that were run again with fresh seeds, best first.
        say: prints a line.
        width: columns that a line may have.
    """
    study, folder = ledger.study, setup.place.folder
    write_trials(study, folder / "trials.csv")
    say("")
    say(" · ".join(counts_text(ledger, setup.policy.goal.total)) or "no trials")
    for reason, numbers in reasons(ledger).items():
        say(f"failed  {', '.join(f'#{n}' for n in numbers)}  {reason}")
    for one in confirmed:
        seeds, spread = counted(one.seeds, "seed"), " (standard deviation)" if one.seeds > 1 else ""
        say(f"confirmed  #{one.trial.number}  {measured_text(one.mean, one.spread)} over {seeds}{spread}")
    best = results.best_trials(study, confirmed)
    results.write_optimization_results(study, best, folder / "optimization_results.yaml")
    for left_over in (folder / "pareto").glob("trial_*.yaml"):
        left_over.unlink()  # the front may have moved since the last session
    written = [_write_best(setup, study, trial) for trial in best]
    shares = results.importances(study)
    if shares:
        say(wrap_parts("importance  ", [f"{key} {share:.2f}" for key, share in shares.items()], width))
    elif reason := results.why_no_importances(study):
        say(f"importance  left out: {reason}")
    several = len(study.directions) > 1
    for line, again in written[:_MOST_FRONT_LINES]:
        apart = "   " if len(line) + len(again) + 3 <= width else "\n      "
        say(line if several else f"{line}{apart}{again}")
    if several and best:
        more = f"{len(best) - _MOST_FRONT_LINES} more, and " if len(best) > _MOST_FRONT_LINES else ""
        say(f"      {more}how to train each again: at the top of its file in {os.path.relpath(folder / 'pareto')}")
    depths = {len(Path(str(trial.user_attrs.get(SUBDIR, trial.number))).parts) for trial in ledger.trials()}
    for offline in (f"{'*/' * depth}wandb/offline-run-*" for depth in sorted(depths)):
        if next(folder.glob(offline), None):
            say(f"W&B  {command(['wandb', 'sync', os.path.relpath(folder)])}/{offline}")
    there = [name for name in _FILES if (folder / name).exists()]
    say(f"results  {os.path.relpath(folder)}: {', '.join(there)}")


def counts_text(ledger: Ledger, total: float) -> list[str]:
    """`12 complete`, `3 pruned`: how many trials there are in each state, and what those in the queue wait for."""
    counts = ledger.counts()
    parts = [f"{counts[state]} {state}" for state in _ENDED if counts[state]]
    if counts[RunState.RUNNING]:
        parts.append(f"{counts[RunState.RUNNING]} running in another process")
    foreign = sum(map(of_another_program, ledger.trials()))
    if foreign:
        parts.append(f"{foreign} left alone: another program runs {'it' if foreign == 1 else 'them'}, without a lease")
    if counts[RunState.WAITING]:
        reached = counts[RunState.COMPLETE] + counts[RunState.PRUNED] >= total
        waits_for = "a larger n_trials" if reached else "the next start"
        parts.append(f"{counts[RunState.WAITING]} in the queue for {waits_for}")
    return parts


def reasons(ledger: Ledger) -> dict[str, list[int]]:
    """Why trials have failed -> their numbers."""
    numbers: dict[str, list[int]] = {}
    for trial in ledger.trials(TrialState.FAIL):
        numbers.setdefault(str(trial.user_attrs.get(REASON, "no reason recorded")), []).append(trial.number)
    return numbers


def _write_best(setup: Setup, study: Study, trial: FrozenTrial) -> tuple[str, str]:
    """Writes best.yaml, or a member of the Pareto front. Returns a line about it, and how to train the trial again."""
    several = len(study.directions) > 1
    path = setup.place.folder / (f"pareto/trial_{trial.number:04d}.yaml" if several else "best.yaml")
    path.parent.mkdir(exist_ok=True)
    group = setup.settings.experiment_group
    overrides = setup.plan.repeats(trial)
    n_seeds = len(values_by_seed(trial))
    over = f" (mean and standard deviation over {counted(n_seeds, 'seed')})" if n_seeds else ""
    line = f"best  #{trial.number}  {value_text(trial)}{over}"
    try:
        config = setup.program.job_config(trial.number, overrides)
    except CONFIG_ERRORS as error:  # a trial of another program, with keys that this one lacks
        path.unlink(missing_ok=True)
        return line, f"another program's, which this one cannot train: {str(error).splitlines()[0]}"
    facts = trial.user_attrs.get(FACTS, {})
    kept = {key: facts[name] for key, name in (setup.settings.from_facts or {}).items() if name in facts}
    leave_out = [*setup.settings.ignore_on_resume, *([group] if group else [])]
    overlay = (path, group, leave_out) if group else None
    sweeps = (not n_seeds or not group) and setup.program.sweeps_unasked([] if group else overrides)
    again = again_command(config, overrides, overlay, sweeps)
    if n_seeds:
        again = over_seeds_command(again, str(setup.settings.seed_key), values_by_seed(trial), searches=not group)
    values = ", ".join(f"{value!r}" for value in trial.values)
    about = [f"Trial {trial.number} of study {study.study_name}: {values}", f"Again: {again}"]
    results.write_best(config, path, about=about, leave_out=leave_out, kept=kept, group=group)
    complete = sum(each.state == TrialState.COMPLETE for each in study.get_trials(deepcopy=False))
    among = f" (best of {complete})" if complete > 1 and not several else ""
    collapsed = " · its posterior has collapsed: the decoder ignores z" if facts.get("collapsed") else ""
    return f"{line}{among}{collapsed}  {os.path.relpath(path)}", f"again: {again}"

"""What a user may set under `hydra.sweeper`: typed, with a docstring under every field. No optuna is imported here.

Hydra imports this file at every start of every program in the environment, so it holds data classes and nothing else.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Confirm:
    """Runs the best trials again with fresh seeds once the search has ended, and ranks them by their mean."""

    top: int = 0
    """How many of the best trials; 0: off."""
    seeds: int = 3
    """How many fresh seeds for each of them."""


@dataclass
class StopWhen:
    """Ends a search before its n_trials, by the first of these that is met: what runs is finished, and nothing begins.

    A study that has ended so begins nothing either when it is resumed, unless the rule is changed.
    """

    value: float | None = None
    """The best value is at least this good; null: off. One objective only."""
    trials_without_better: int | None = None
    """So many trials of the study, complete or pruned, have ended since its best one; null: off. One objective only."""
    hours: float | None = None
    """This command has searched for so long, other sessions not included; null: off. Confirmations come on top."""


@dataclass
class Sweeper:
    """Everything under `hydra.sweeper`."""

    _target_: str = "hydra_plugins.vae_optuna.optuna_sweeper.OptunaSweeper"
    _recursive_: bool = False
    """Hydra instantiates nothing of what is below: of a sampler given by `_target_` only the class's name is used."""
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": "none"}])
    sampler: Any = None
    """The sampler: an option of the group hydra/sweeper/sampler."""
    pruner: Any = None
    """The pruner: an option of the group hydra/sweeper/pruner."""
    params: Any = None
    """The space: dotted key -> choice, range, interval, as on the command line, which wins over this."""
    conditions: Any = None
    """Conditional keys: {optimizer.momentum: {optimizer: [sgd, rmsprop]}} sweeps the first where the second fits."""
    search_space: Any = None
    """The form that earlier sweepers took, {x: {type: float, low: 0, high: 1, step: 0.5}}, both ends included; it is
    read where there are no params."""
    custom_search_space: str | None = None
    """`module.function(cfg, trial)` that suggests more keys with Optuna's own `trial.suggest_...`."""
    direction: Any = "minimize"
    """minimize | maximize (also with s), or a list of them for several objectives."""
    objectives: list[str] | None = None
    """Names of metrics that a job records, to be used as the objectives; null: what the job returns."""
    value_name: str = "value"
    """Name of the returned value in the table."""
    steps: int | None = None
    """Last step that a whole trial reports, shown in the table as 7/20; null: unknown."""
    constraints: Any = None
    """Metric -> bound: {test/active_units: ">= 5"}. A trial outside its bounds is kept, but is never the best."""
    n_trials: int | None = 20
    """Total of complete and pruned trials in the study, earlier sessions included; null: all of a finite space."""
    stop_when: StopWhen | None = field(default_factory=StopWhen)
    """Ends the search by the first of {value: 95.2, trials_without_better: 15, hours: 2}; null: only by n_trials."""
    seeds: int = 1
    """Seeds with which each suggestion is trained: the program's own seed and those that follow it, the same for every
    trial. The trial's value is the mean over them. 1: one run per trial."""
    race: float = 0.3
    """With several seeds: a trial gets no further seed once it is worse than the best one at this level of Wilcoxon's
    signed-rank test, paired by seed. Two seeds, both worse, have 0.25, three 0.125, four 0.0625; 0: off."""
    n_jobs: int = 2
    """Runs at a time."""
    slots: bool = True
    """Run trials in n_jobs worker processes that live as long as the sweep; false: in this process. Only where the
    launcher is basic; the other launchers get batches of n_jobs."""
    storage: str | None = None
    """Where the study is kept: an SQLAlchemy URL, journal:FILE, env:NAME (a URL in that environment variable, for
    URLs with a password); null: study.db in the sweep's folder."""
    study_name: str | None = None
    """Name of the study; null: the name of the sweep's folder."""
    trial_timeout_seconds: float | None = None
    """A trial that runs longer than this is stopped and fails; null: no limit."""
    max_failure_rate: float = 0.5
    """The sweep stops when more than this share of n_trials has failed; 0: at the first failure, 1: never."""
    max_retries: int = 2
    """How often a trial that was killed or lost is run again."""
    same_error_limit: int = 3
    """The sweep stops when so many trials in a row end in the same exception and no trial of the study has succeeded: a
    bug, not bad luck. Once one has, failures count only for max_failure_rate: a region of the space fails."""
    duplicates: str = "reuse"
    """What is done with a suggestion that has been tried before: reuse its value, reseed (run it with a fresh seed), or
    run it again."""
    seed_key: str | None = None
    """Config key of the seed, for seeds, reseed and confirm; null: the program has none."""
    threads_key: str | None = None
    """Config key of a job's number of threads, to be named where slots have more threads than the machine has cores;
    null: the program has none."""
    enqueue: list[Any] = field(default_factory=lambda: ["default"])
    """What to begin with: `default` (the program's own values, where the space contains them), or {key: value}."""
    confirm: Confirm = field(default_factory=Confirm)
    """Runs the best trials again with fresh seeds at the end."""
    resume_overrides: list[str] = field(default_factory=list)
    """Overrides for a trial that is run again, for example [trainer.resume=true]."""
    ignore_on_resume: list[str] = field(default_factory=list)
    """Keys and groups that may differ when a study is resumed, for example [tracking, notes]."""
    warm_start: Any = None
    """The folder of an earlier search, or a list of them: its trials are known to the sampler, and are neither counted
    nor among the results; null: none."""
    check: str | None = None
    """`module:function` that is called with each corner's config before the study exists and raises what is wrong."""
    compare: str | None = None
    """`module:function` of the configs of trials at the corners of the space, and of `objectives`, called before the
    study exists: raises where their values cannot be ranked, and returns overrides that all trials get."""
    added_later: Any = None
    """Key of the program's config that a study of an earlier version lacks -> the value that it stands for there."""
    from_facts: Any = None
    """Config key -> a fact that each job records, from which best.yaml takes it: {trainer.threads: threads}."""
    remark: str | None = None
    """`module:function` from the program's config to a sentence for the sweep's first lines; "": nothing is said."""
    experiment_group: str | None = None
    """Config group through which the program takes best.yaml, for the command that is printed; null: every override."""
    heartbeat_seconds: float = 5.0
    """How often a running trial gives a sign of life."""
    grace_seconds: float = 30.0
    """A running trial that gives no sign of life for longer than this is taken over."""
    storage_wait_seconds: float = 300.0
    """How long a study's storage that does not answer is waited for, and the lock of its folder, before the sweep ends;
    trials go on meanwhile. 0: not at all."""
    report_every_seconds: float | None = 10.0
    """How often report.html is rewritten while the sweep runs; 0: only at the end; null: never."""
    zip: Any = None
    """Keys that go together, searched as one: {model.latent_size: [2, 10], model.hidden_size: [100, 400]} is a choice
    of 2 with 100 and 10 with 400, beside what else is searched. Alone, each entry is run once; null: there is none."""
    list: Any = None
    """The same, given entry by entry: [{model.latent_size: 2}, {model.latent_size: 10, seed: 1}], or the name of a CSV
    file: its first line has the dotted keys, each cell below a YAML value, and where a cell is empty the key is not
    set; null: there is none."""


@dataclass
class PlainGrid:
    """A plain grid, `-m model.latent_size=2,5,10`: each combination of the given values is a job.

    With a list, each combination is run with each entry of it, all of the first entry before those of the second.
    """

    _target_: str = "hydra_plugins.vae_optuna.grid_sweeper.GridSweeper"
    max_batch_size: int | None = None
    """Jobs that a launcher gets at a time, as in Hydra's own sweeper; null: all of them, or n_jobs."""
    params: dict[str, Any] | None = None
    """Key -> its values, as on the command line, which wins over this."""
    n_jobs: int | None = None
    """Jobs at a time. With the basic launcher, more than one are run in worker processes, and null is one after the
    other in this process; with another launcher they are its batch."""
    zip: Any = None
    """A list in which keys go together: {model.latent_size: [2, 10], model.hidden_size: [100, 400]} has the two entries
    2 with 100, and 10 with 400; null: there is none."""
    list: Any = None
    """A list of entries that set their keys, [{model.latent_size: 2}, {model.latent_size: 10, seed: 1}], or the name of
    a CSV file: its first line has the dotted keys, each cell below a YAML value, and where a cell is empty the key is
    not set; null: there is none."""

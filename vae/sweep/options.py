"""Samplers and pruners by name, with Optuna's own parameters. Hydra imports this at every start: data classes only."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Sampler:
    """The parameters of every sampler."""

    name: str = "tpe"
    """Name of the sampler."""
    seed: int | None = None
    """Seed of the search: the same trials in the same order with one slot; null: a new search every time."""


@dataclass
class Tpe(Sampler):
    """Tree-structured Parzen estimator (https://arxiv.org/abs/2304.11127): for tens to thousands of trials."""

    n_startup_trials: int | None = None
    """Random trials before the model takes over; null: Optuna's own, 10."""
    n_ei_candidates: int = 24
    """Candidates drawn per trial, of which the best is taken."""
    multivariate: bool = True
    """Model the keys together."""
    group: bool = False
    """Model conditional keys in groups; switched on where the space has conditions."""
    constant_liar: bool = True
    """Keep parallel trials apart from each other."""
    prior_weight: float | None = None
    """Weight of the prior; null: Optuna's own."""


@dataclass
class Gp(Sampler):
    """Gaussian process: for expensive trials, up to a few hundred of them."""

    name: str = "gp"
    n_startup_trials: int = 10
    """Random trials before the model takes over."""
    deterministic_objective: bool = False
    """The same trial gives the same value, without noise."""


@dataclass
class CmaEs(Sampler):
    """Covariance matrix adaptation (https://arxiv.org/abs/1604.00772): numbers only, hundreds of trials and more."""

    name: str = "cmaes"
    x0: dict[str, Any] | None = None
    """Where to begin, key by key; null: the middle."""
    sigma0: float | None = None
    """First step size; null: a sixth of the narrowest key."""
    n_startup_trials: int = 1
    """Random trials before the model takes over."""
    consider_pruned_trials: bool = False
    """Learn from pruned trials as well."""
    popsize: int | None = None
    """Trials per generation; null: from the number of keys."""
    use_separable_cma: bool = False
    """A diagonal covariance, for many keys."""
    with_margin: bool = False
    """Keep integer keys from getting stuck on one value (https://arxiv.org/abs/2205.13482)."""
    lr_adapt: bool = False
    """Adapt the learning rate, for noisy values (https://arxiv.org/abs/2304.03473)."""


@dataclass
class Random(Sampler):
    """Independent draws."""

    name: str = "random"


@dataclass
class Qmc(Sampler):
    """A low-discrepancy sequence: covers the space more evenly than random draws."""

    name: str = "qmc"
    qmc_type: str = "sobol"
    """sobol | halton."""
    scramble: bool = True
    """Scramble the sequence by the seed."""


@dataclass
class Nsga2(Sampler):
    """Genetic search for two or three objectives."""

    name: str = "nsga2"
    population_size: int = 50
    """Trials per generation."""
    mutation_prob: float | None = None
    """Probability that a key mutates; null: one over the number of keys."""
    crossover_prob: float = 0.9
    """Probability that two parents are crossed."""
    swapping_prob: float = 0.5
    """Probability that a key is swapped in a crossover."""


@dataclass
class Nsga3(Nsga2):
    """Genetic search for many objectives."""

    name: str = "nsga3"
    dividing_parameter: int = 3
    """Divisions of each objective's reference line."""


@dataclass
class Grid(Sampler):
    """Every combination once; the space must be finite."""

    name: str = "grid"


@dataclass
class BruteForce(Sampler):
    """Every combination once, conditional keys included; the space must be finite."""

    name: str = "brute_force"


@dataclass
class Pruner:
    """No pruning: every trial runs to its end."""

    name: str = "none"
    """Name of the pruner."""


@dataclass
class Median(Pruner):
    """Stops a trial that is worse than the median of the others at the same step."""

    name: str = "median"
    n_startup_trials: int = 5
    """Trials that must be complete before any is stopped."""
    n_warmup_steps: int = 0
    """Reports of a trial before it can be stopped."""
    interval_steps: int = 1
    """Steps between two decisions."""
    n_min_trials: int = 1
    """Trials that must have reported at a step."""


@dataclass
class Percentile(Median):
    """Stops a trial outside the best percentile at the same step."""

    name: str = "percentile"
    percentile: float = 25.0
    """Share of trials that is continued, in percent."""


@dataclass
class SuccessiveHalving(Pruner):
    """Continues the best share of the trials at each rung, asynchronously: ASHA (https://arxiv.org/abs/1810.05934)."""

    name: str = "successive_halving"
    min_resource: Any = "auto"
    """Steps before the first rung, or auto."""
    reduction_factor: int = 4
    """One in so many trials is continued at each rung."""
    min_early_stopping_rate: int = 0
    """Rungs that are skipped at the beginning."""
    bootstrap_count: int = 0
    """Trials that must have reached a rung before it decides."""


@dataclass
class Hyperband(Pruner):
    """Successive halving in several brackets of different patience (https://arxiv.org/abs/1603.06560)."""

    name: str = "hyperband"
    min_resource: int = 1
    """Steps before the first rung."""
    max_resource: Any = "auto"
    """Steps of a whole trial, or auto: learned from the first complete trials."""
    reduction_factor: int = 3
    """One in so many trials is continued at each rung."""
    bootstrap_count: int = 0
    """Trials that must have reached a rung before it decides."""


@dataclass
class Patient(Pruner):
    """Stops a trial that has not improved for a while, or lets another pruner decide then."""

    name: str = "patient"
    patience: int = 5
    """Steps without improvement."""
    min_delta: float = 0.0
    """Improvement that counts."""
    wrapped: dict[str, Any] | None = None
    """The pruner to ask, for example {name: median, n_startup_trials: 3}; null: stop at once."""


@dataclass
class Threshold(Pruner):
    """Stops a trial that reports a value outside an interval."""

    name: str = "threshold"
    lower: float | None = None
    """Lowest value that may be reported; null: none."""
    upper: float | None = None
    """Highest value that may be reported; null: none."""
    n_warmup_steps: int = 0
    """Reports of a trial before it can be stopped."""
    interval_steps: int = 1
    """Steps between two decisions."""


@dataclass
class Wilcoxon(Pruner):
    """Signed-rank test against the best trial; for reports of independent folds or instances."""

    name: str = "wilcoxon"
    p_threshold: float = 0.1
    """p-value at which a trial is stopped."""
    n_startup_steps: int = 2
    """Reports of a trial before it can be stopped."""


SAMPLERS = {
    "tpe": Tpe,
    "gp": Gp,
    "cmaes": CmaEs,
    "random": Random,
    "qmc": Qmc,
    "nsga2": Nsga2,
    "nsga3": Nsga3,
    "grid": Grid,
    "brute_force": BruteForce,
    "nsgaii": Nsga2,
    "motpe": Tpe,
}
"""Options of hydra/sweeper/sampler. The last two are the names that the published sweeper uses."""
PRUNERS = {
    "none": Pruner,
    "median": Median,
    "percentile": Percentile,
    "successive_halving": SuccessiveHalving,
    "hyperband": Hyperband,
    "patient": Patient,
    "threshold": Threshold,
    "wilcoxon": Wilcoxon,
}
"""Options of hydra/sweeper/pruner."""

"""The whole config of a run, and every option of every group."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from vae.config.resume import Resume, parse_resume
from vae.config.schema.data import ArraysConfig, DataConfig, EmnistConfig, FolderConfig
from vae.config.schema.evaluation import EvaluationConfig
from vae.config.schema.fields import OPEN, number
from vae.config.schema.likelihood import DiscretisedLogisticConfig, GaussianConfig, LikelihoodConfig
from vae.config.schema.model import ConvConfig, HierarchicalConfig, MlpConfig, ModelConfig, OwnConfig
from vae.config.schema.objective import CapacityConfig, ElboConfig, ImportanceWeightedConfig, ObjectiveConfig
from vae.config.schema.optimizer import AdamConfig, OptimizerConfig, RmspropConfig, SgdConfig
from vae.config.schema.prior import FlowConfig, PriorConfig, VampConfig
from vae.config.schema.tracking import TrackingConfig, WandbConfig
from vae.config.schema.trainer import TrainerConfig
from vae.config.selection import Selection, parse_selection


@dataclass
class RunConfig:
    """The whole config of a run: the chosen option of each group, and the keys that belong to no group.

    `vae.config.typed` makes it of what Hydra composed.

    >>> from vae.config.schema import MlpConfig, RunConfig
    >>> RunConfig(model=MlpConfig(latent_size=2)).model.latent_size
    2
    """

    data: DataConfig = MISSING
    model: ModelConfig = MISSING
    prior: PriorConfig = MISSING
    likelihood: LikelihoodConfig = MISSING
    objective: ObjectiveConfig = MISSING
    optimizer: OptimizerConfig = MISSING
    trainer: TrainerConfig = MISSING
    evaluation: EvaluationConfig = MISSING
    tracking: TrackingConfig = MISSING
    callbacks: dict[str, Any] = field(default_factory=dict, metadata=OPEN)
    """Steps of your own in a run: NAME -> `my_package.module:factory`, or a mapping with `name` and `parameters`."""
    selection: str = "auto"
    """What selects the epoch and is the value of the run: val/elbo; val/iwae_kN, the bound with N importance samples
    (up to 5 after each epoch, all at the end); auto: val/elbo, but in a search over objectives val/iwae_k50;
    val/NAME: what one of `callbacks` logs, higher is better."""
    seed: int = number(0, at_least=0, at_most=2**63 - 1)
    """Seed of weights, batches and noise."""
    study: str = "${now:%Y-%m-%d_%H-%M-%S}"
    """Name of a multirun: its folder under multirun/ and its W&B group."""
    trust: bool = False
    """Take from a recorded config (trainer.resume=DIR, experiment=FILE.yaml) also what could run code: a user's own
    my_package.module:factory, settings of Hydra, resolvers. Said on the command line only."""
    notes: str = ""
    """A line about the purpose of the run; kept with the run and in W&B."""

    @property
    def selected_by(self) -> Selection:
        """`selection`, parsed."""
        return parse_selection(self.selection, may_be_own=bool(self.callbacks))

    @property
    def resume(self) -> Resume:
        """`trainer.resume`, parsed."""
        return parse_resume(self.trainer.resume)


SCHEMA: Mapping[str, Mapping[str, type]] = {
    "data": {"image_set": DataConfig, "emnist": EmnistConfig, "arrays": ArraysConfig, "folder": FolderConfig},
    "model": {"mlp": MlpConfig, "conv": ConvConfig, "hierarchical": HierarchicalConfig, "own": OwnConfig},
    "prior": {"standard_normal": PriorConfig, "vamp": VampConfig, "flow": FlowConfig},
    "likelihood": {
        "bernoulli": LikelihoodConfig,
        "gaussian": GaussianConfig,
        "discretised_logistic": DiscretisedLogisticConfig,
    },
    "objective": {"elbo": ElboConfig, "capacity": CapacityConfig, "importance_weighted": ImportanceWeightedConfig},
    "optimizer": {"adam": AdamConfig, "rmsprop": RmspropConfig, "sgd": SgdConfig},
    "trainer": {"default": TrainerConfig},
    "evaluation": {"default": EvaluationConfig},
    "tracking": {"none": TrackingConfig, "wandb": WandbConfig},
}
"""Group -> option of `/schema/<group>/<option>` -> its dataclass."""
_MORE_NAMES: Mapping[type, tuple[str, ...]] = {
    LikelihoodConfig: ("continuous_bernoulli",),
    ImportanceWeightedConfig: ("dreg",),
    AdamConfig: ("adamw",),
}


def names_of(option: type) -> tuple[str, ...]:
    """What `GROUP.name` may be with the keys of a dataclass; any other data set has those of `DataConfig`."""
    return (str(getattr(option, "name", option.__name__)), *_MORE_NAMES.get(option, ()))

"""The typed schema of every config group: a docstring under every field with its meaning, unit and off value.

YAML under `conf/` holds values only. Each option inherits its types from a dataclass here through
`/schema/<group>/<option>@_here_`, so that a key that an option does not have is refused when the config is composed.
Bounds and choices are in the fields' metadata; `vae.config.check` reads them.
"""

from vae.config.schema.data import ArraysConfig, DataConfig, EmnistConfig, FolderConfig
from vae.config.schema.evaluation import EvaluationConfig
from vae.config.schema.likelihood import DiscretisedLogisticConfig, GaussianConfig, LikelihoodConfig
from vae.config.schema.model import ACTIVATION_NAMES, ConvConfig, HierarchicalConfig, MlpConfig, ModelConfig, OwnConfig
from vae.config.schema.objective import CapacityConfig, ElboConfig, ImportanceWeightedConfig, ObjectiveConfig
from vae.config.schema.optimizer import AdamConfig, OptimizerConfig, RmspropConfig, SgdConfig
from vae.config.schema.prior import FlowConfig, PriorConfig, VampConfig
from vae.config.schema.run import SCHEMA, RunConfig, names_of
from vae.config.schema.tracking import TrackingConfig, WandbConfig
from vae.config.schema.trainer import TrainerConfig

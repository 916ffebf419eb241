"""Studies as a sweep leaves them: an SQLite file, and a folder per trial."""

import json
import math
import random
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from PIL import Image

from vae.sweep.attributes import FACTS, FOLDER, LEASE, REASON

SPACE = {
    "model.latent_size": IntDistribution(2, 64, log=True),
    "optimizer.lr": FloatDistribution(1e-4, 1e-2, log=True),
    "model.activation": CategoricalDistribution(("relu", "tanh")),
}
EPOCHS = 5


class Study:
    """A folder under multirun/ and what was written into it."""

    def __init__(self, folder: Path, trials: list[FrozenTrial]) -> None:
        self.folder, self.trials = folder, trials
        folder.mkdir(parents=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            storage=f"sqlite:///{folder / 'study.db'}", study_name=folder.name, direction="maximize"
        )
        study.add_trials(trials)
        for number, trial in enumerate(trials):
            self._write(number, trial)

    def _write(self, number: int, trial: FrozenTrial) -> None:
        place = self.folder / f"trial_{number:04d}"
        place.mkdir()
        rows = [{"epoch": e, "val/elbo": v, "val/rate": float(e)} for e, v in trial.intermediate_values.items()]
        (place / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        if trial.state.is_finished():
            (place / "summary.json").write_text(json.dumps({**trial.user_attrs.get(FACTS, {}), FOLDER: str(place)}))
        if trial.state == TrialState.COMPLETE:
            for kind in ("samples", "reconstruction"):
                shade = 10 * number % 256
                Image.new("L", (96, 96), shade).save(place / f"{kind}_epoch_{EPOCHS:03d}.png")


def make_trials(count: int, seed: int = 0) -> list[FrozenTrial]:
    """Random configurations: each fifth is pruned, the last has failed."""
    draw = random.Random(seed)
    trials = []
    for number in range(count):
        params = {
            "model.latent_size": draw.randint(2, 64),
            "optimizer.lr": 10 ** draw.uniform(-4, -2),
            "model.activation": draw.choice(("relu", "tanh")),
        }
        state = TrialState.PRUNED if number % 5 == 4 else TrialState.COMPLETE
        state = TrialState.FAIL if number == count - 1 else state
        reached = 2 if state == TrialState.PRUNED else EPOCHS
        best = -100 - abs(math.log10(params["optimizer.lr"]) + 3) * 10 - draw.random()
        curve = {epoch: best - 30 / epoch for epoch in range(1, reached + 1)}
        facts = {"val/elbo": curve[reached], "test/elbo": curve[reached] - 1, "epochs": reached, "seconds": 1.5}
        attributes = {FACTS: facts, LEASE: ["owner", 0.0]}
        if state == TrialState.FAIL:
            attributes[REASON] = "the loss became non-finite </script><script>document.title='broken'</script>"
        trials.append(
            create_trial(
                state=state,
                value=None if state == TrialState.FAIL else curve[reached],
                params=params,
                distributions=SPACE,
                intermediate_values=curve,
                user_attrs=attributes,
            )
        )
    return trials


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Thirty trials."""
    return Study(tmp_path / "multirun" / "sizes", make_trials(30))

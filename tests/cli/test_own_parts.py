"""Parts of a user's own under the commands: set, swept, recorded, trusted, resumed."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml
from support import environment

import vae as library
from vae.errors import UserError

LAB = """
    from vae.objectives import Elbo, Terms

    class Weighted:
        samples = 1
        def __init__(self, weight: float = 1.0):
            self.weight = weight
        def scheduled_value(self, step):
            return 1.0
        def __call__(self, model, x, eps=None, y=None, scheduled=None):
            loss, distortion, rate = Elbo()(model, x, eps, y)
            return Terms(distortion + self.weight * rate, distortion, rate)

    def brightness(model, images, scale: float = 1.0):
        return scale * float(images.images.float().mean())

    def shares(model, images):
        return {"dark": 0.75, "bright": 0.25}

    def broken(model, images):
        return "bright"
"""
SHORT = ("data=digits", "tracking=none", "trainer.epochs=1", "data.train_images=256", "model.hidden_size=8")
OWN = ("objective.name=my_lab:Weighted", "objective.parameters.weight=4")


@pytest.fixture(autouse=True)
def lab(tmp_path):
    (tmp_path / "my_lab.py").write_text(textwrap.dedent(LAB))


def latest() -> Path:
    return Path("results/latest").resolve()


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_an_objective_of_ones_own_is_swept_and_its_parameter_is_what_beta_is(vae):
    grid = vae("-m", *SHORT, OWN[0], "objective.parameters.weight=1,4", "study=weights", "~hydra.callbacks.report")
    assert grid.code == 0, grid
    assert "objective.parameters.weight=" in grid.out
    losses = [rows(Path(f"multirun/weights/trial_000{i}"))[0]["train/loss"] for i in range(2)]
    assert vae(*SHORT, "objective=beta", "objective.beta=4").code == 0
    assert losses[1] == pytest.approx(rows(latest())[0]["train/loss"], rel=1e-5)
    assert losses[0] < losses[1]


def test_a_run_with_own_parts_is_resumed_and_loaded_where_it_is_trusted(vae):
    assert vae(*SHORT, *OWN).code == 0
    folder = latest()
    refused = vae(f"trainer.resume={folder}", "trainer.epochs=2")
    assert refused.code == 2
    assert "objective.name='my_lab:Weighted' or trust=true" in refused.err
    other = vae(f"trainer.resume={folder}", "trainer.epochs=2", "trust=true", "objective.parameters.weight=5")
    assert "objective.parameters.weight: 4.0 in the run, 5.0 now" in other.err
    assert vae(f"trainer.resume={folder}", "trainer.epochs=2", "trust=true").code == 0
    assert [row["epoch"] for row in rows(folder)] == [1, 2]
    with pytest.raises(UserError, match=r"my_lab:Weighted"):
        library.load(folder)
    assert library.load(folder, trust=True).config.objective.parameters.weight == 4.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("objective.parameters.wieght=4",), "objective.parameters.wieght: my_lab:Weighted has no such parameter"),
        (("-m", "objective.parameters.weight=1,x"), "objective.parameters.weight must be a number"),
        (("-m", "sweep=tpe", "objective.parameters.wieght=interval(1,2)"), "It has: weight. Did you mean weight?"),
        (("evaluation.metrics.elbow=my_lab:brightness",), "evaluation.metrics.elbow: that is a metric of this program"),
        (("evaluation.metrics.mine=my_lab:absent",), "evaluation.metrics.mine: my_lab:absent could not be imported"),
        (("optimizer.name=torch.optim:NAdam", "optimizer.parameters.momentum_decay=-1"), "Invalid momentum_decay"),
        (("prior.parameters.scale=2",), "prior.parameters.scale: prior=standard_normal has no parameters"),
    ],
)
def test_mistakes_are_found_before_anything_is_created(vae, words, message):
    result = vae(*SHORT, OWN[0], *words)
    assert result.code == 2, result
    assert message in result.err
    assert not Path("results").exists()
    assert not Path("multirun").exists()


def test_metrics_of_ones_own_are_recorded_like_the_others(vae):
    mapping = ("evaluation.metrics.twice.name=my_lab:brightness", "evaluation.metrics.twice.parameters.scale=2")
    assert vae(*SHORT, "evaluation.metrics.once=my_lab:brightness", *mapping).code == 0
    summary = json.loads((latest() / "summary.json").read_text())
    assert summary["test/twice"] == pytest.approx(2 * summary["test/once"])
    from vae.cli import evaluate

    quick = ("pictures=false", "latents=false", "probes=false", "frechet=false")
    measured = vae("results/latest", "metrics.part=my_lab:shares", *quick, main=evaluate.main)
    assert measured.code == 0, measured
    assert "part_dark" in measured.out
    broken = vae("results/latest", "metrics.part=my_lab:broken", *quick, main=evaluate.main)
    assert "my_lab:broken must return a finite number, or a mapping of names to such" in broken.err


def test_a_file_of_the_group_experiment_may_hold_parameters(vae, tmp_path):
    (tmp_path / "mine/experiment").mkdir(parents=True)
    held = {"objective": {"name": "my_lab:Weighted", "parameters": {"weight": 3}}}
    (tmp_path / "mine/experiment/heavy.yaml").write_text("# @package _global_\n" + yaml.safe_dump(held))
    assert vae("--config-dir=mine", *SHORT, "experiment=heavy", "objective.parameters.weight=2").code == 0
    config = yaml.safe_load((latest() / ".hydra/config.yaml").read_text())
    assert config["objective"]["parameters"] == {"weight": 2}


def test_the_current_folder_is_importable_under_a_console_script(tmp_path):
    start = "import sys; sys.path.pop(0); from vae.cli.train import main; main()"  # a script has its own folder there
    words = [sys.executable, "-c", start, *SHORT, *OWN, "--cfg", "job"]
    assert subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True).returncode == 0
    words = [sys.executable, "-c", start, *SHORT, OWN[0], "objective.parameters.nothing=1"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert "my_lab:Weighted has no such parameter. It has: weight" in done.stderr

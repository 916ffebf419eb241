"""A relative path means the folder in which the command was typed, also for a job that leaves it."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import Result, start, summary_of

from vae.config import RunConfig, seen_from
from vae.config.schema import SCHEMA

Vae = Callable[..., Result]
SHORT = ["tracking=none", "trainer.epochs=1", "model.hidden_size=8", "data.batch_size=8", "hydra.job.chdir=true"]


@pytest.fixture(autouse=True)
def _own_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (60, 8, 8), dtype=np.uint8)
    (tmp_path / "own").mkdir()
    np.savez(tmp_path / "own" / "set.npz", images=images, labels=np.arange(60) % 3)
    for i, image in enumerate(images):
        folder = tmp_path / "pictures" / f"class_{i % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")


OWN_SETS = ["data=arrays data.path=own/set.npz", "data=folder data.path=./pictures data.image_size=8"]


@pytest.mark.parametrize("data", OWN_SETS)
@pytest.mark.parametrize("kind", ["run", "grid"])
def test_a_job_that_leaves_the_folder_finds_the_images(data: str, kind: str, vae: Vae, tmp_path: Path) -> None:
    where = ["-m", "study=s", "seed=1"] if kind == "grid" else ["hydra.run.dir=here"]
    done = vae(*where, *SHORT, *data.split())
    assert done.code == 0, done
    assert Path.cwd() == tmp_path
    folder = tmp_path / ("multirun/s/trial_0000" if kind == "grid" else "here")
    assert summary_of(folder)["state"] == "finished"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["own", "pictures", "multirun" if kind == "grid" else "here"]
    )


def test_a_run_that_left_the_folder_is_resumed_evaluated_and_is_the_latest(vae: Vae, tmp_path: Path) -> None:
    from vae.cli import evaluate

    data = OWN_SETS[0].split()
    done = vae(*SHORT, *data)
    assert done.code == 0, done
    latest = tmp_path / "results" / "latest"
    assert summary_of(latest)["state"] == "finished"
    again = vae("trainer.resume=results/latest", "trainer.epochs=2")
    assert again.code == 0, again
    assert summary_of(latest)["epochs"] == 2
    assert vae("run=results/latest", "latents=true", "pictures=false", main=evaluate.main).code == 0


def test_a_search_whose_jobs_leave_the_folder_finds_the_images(tmp_path: Path) -> None:
    words = ["-m", "sweep=random", "study=s", "sweep.n_trials=2", "sweep.n_jobs=1", "sweep.params={seed:'1,2'}"]
    sweep = start(tmp_path, *words, *SHORT, *OWN_SETS[0].split(), "sweep.report_every_seconds=null")
    out, err = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, out + err
    assert {summary_of(folder)["state"] for folder in (tmp_path / "multirun" / "s").glob("trial_*")} == {"finished"}


def test_every_key_that_is_a_path_is_seen_from_the_folder_of_the_command() -> None:
    """Over the schema: a path stays where it is absolute, at home or no path, and nothing else is changed."""
    seen = set()
    for group, options in SCHEMA.items():
        for kind in options.values():
            places = [f.name for f in fields(kind) if "path" in f.metadata]
            named = [f.name for f in fields(kind) if f.name in ("path", "root", "resume", "file", "folder", "dir")]
            assert places == named
            for name in places:
                seen.add(f"{group}.{name}")
                for given, wanted in [("a/b", "/home/a/b"), ("/a", "/a"), ("~/a", "~/a"), ("../a", "/home/../a")]:
                    config = RunConfig(**{group: kind(**{name: given})})
                    assert getattr(getattr(seen_from(config, Path("/home")), group), name) == wanted
            assert seen_from(RunConfig(**{group: kind()}), Path("/home")) == RunConfig(**{group: kind()})
    assert seen == {"data.path", "data.root", "trainer.resume"}

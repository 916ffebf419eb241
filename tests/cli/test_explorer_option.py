"""When explore.html is written: by single runs, by vae-eval, and by jobs of a multirun where it is asked for."""

import json

from vae.cli import evaluate

TINY = (
    "data=digits",
    "data.train_images=64",
    "data.pixels=threshold",
    "model.hidden_size=8",
    "model.latent_size=2",
    "trainer.epochs=1",
    "trainer.precision=fp32",
    "tracking=none",
)
QUIET = ("k=1", "latents=false", "probes=false", "frechet=false", "pictures=false")


def test_a_single_run_writes_it_and_vae_eval_writes_it_again(vae, tmp_path):
    assert vae(*TINY, "hydra.run.dir=run").code == 0
    page = tmp_path / "run" / "explore.html"
    text = page.read_text(encoding="utf-8")
    assert "<h1>digits · mlp</h1>" in text
    page.unlink()
    result = vae("run", *QUIET, "explorer=never", main=evaluate.main)
    assert (result.code, "explore" in result.out, page.exists()) == (0, False, False), result
    result = vae("run", *QUIET, main=evaluate.main)
    assert result.code == 0, result
    assert "explore.html: the latent space, to explore in a browser" in result.out
    assert page.read_text(encoding="utf-8") == text
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["settings"]["explorer"] == "always"
    assert vae("run", *QUIET, "split=train", main=evaluate.main).code == 0
    assert "training images" in (tmp_path / "run" / "explore_train.html").read_text(encoding="utf-8")
    result = vae("run", "explorer=sometimes", main=evaluate.main)
    assert (result.code, "Choices: always, auto, never" in result.err) == (2, True), result


def test_jobs_of_a_multirun_write_it_only_where_it_is_asked_for(vae, tmp_path):
    result = vae("-m", "~hydra.callbacks.report", *TINY, "study=s", "evaluation.explorer=auto,always")
    assert result.code == 0, result
    pages = (tmp_path / "multirun" / "s").rglob("explore.html")
    assert [page.parent.name for page in pages] == ["trial_0001"]

"""The commands of examples/own_model/README.md, cut short."""

import json

import optuna
import pytest
import torch
from support import ROOT

SHORT = ("data=digits", "trainer.epochs=1")
NO_REPORT = "sweep.report_every_seconds=null"


def test_one_run_a_grid_and_a_search(example):
    own = example("own_model")
    one, grid, search, all_together = own.commands
    own.run(one, *SHORT)
    own.run(grid, *SHORT)
    sizes = [json.loads(path.read_text())["parameters"] for path in own.folder.glob("multirun/widths/*/summary.json")]
    assert len(set(sizes)) == 4, "width and depth reach the factory"
    own.run(search, *SHORT, "sweep.n_trials=3", NO_REPORT)
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{own.folder / 'multirun/search/study.db'}")
    assert len(study.trials) == 3
    assert set(study.trials[0].params) == {"model.latent_size", "+model.parameters.width", "optimizer.lr"}
    assert "best val elbo" in own.run(all_together, *SHORT)


@pytest.mark.parametrize("n_labels", [0, 4])
def test_z_reaches_every_layer_of_the_decoder(n_labels, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "own_model"))
    from my_models import skip

    model = skip(3, image_shape=(1, 8, 8), width=16, depth=3, n_labels=n_labels)
    assert [layer.in_features for layer in model.decoder.hidden] == [16 + 3 + n_labels] * 2
    labels = torch.arange(4) if n_labels else None
    assert model(torch.rand(4, 1, 8, 8), labels)[0].shape == (4, 1, 8, 8)
